#!/usr/bin/env python3
"""A disk that fills up: writes are refused with a clear error, reading goes on, and it recovers by itself."""
import os, subprocess, tempfile, time, unittest

import harness
from harness import Node


class DiskFull(unittest.TestCase):
    def setUp(self):
        # A small file system of its own; mounting needs root, which CI has.
        self.folder = tempfile.mkdtemp(prefix="dayaq-full-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", self.folder], check=True)
        self.node = Node(persons=2000, folder=os.path.join(self.folder, "node"))
        self.node.start()

    def tearDown(self):
        self.node.remove()
        subprocess.run(["umount", self.folder], check=True)

    def attest(self, person):
        return self.node.post("/v1/attestations", {"person": person, "status": "health_worker", "until": "2028-01-01"},
                              key=self.node.key("hospital"))

    def test_writes_are_refused_reads_go_on_and_it_recovers(self):
        persons = [row.split(",")[0] for row in self.node.cli("export", "persons").stdout.splitlines()[1:]]
        self.assertEqual(self.attest(persons[0]).status, 201)
        ballast = os.path.join(self.folder, "ballast")
        with open(ballast, "wb") as out:
            try:
                while True:
                    out.write(b"x" * 65536)
                    out.flush()
            except OSError:
                pass
        refused = None
        for person in persons[1:1500]:
            answer = self.attest(person)
            if answer.status != 201:
                refused = answer
                break
        self.assertIsNotNone(refused, "the disk never filled up")
        self.assertEqual(refused.status, 503)
        self.assertEqual(refused.json["code"], "store.full")
        self.assertEqual(self.node.get("/").status, 200)
        self.assertEqual(self.node.get("/v1/audit/checkpoint").status, 200)
        self.assertEqual(self.node.get("/health/ready").status, 503)
        self.assertEqual(self.node.get("/health/live").status, 200)
        os.remove(ballast)
        deadline = time.monotonic() + 10
        while self.attest(persons[-1]).status not in (200, 201):
            self.assertLess(time.monotonic(), deadline, "it doesn't recover")
            time.sleep(0.1)
        self.assertEqual(self.node.get("/health/ready").status, 200)
        self.node.stop()
        self.assertEqual(self.node.cli("audit", "verify").returncode, 0)
        self.assertEqual(self.node.cli("check").returncode, 0)


if __name__ == "__main__":
    harness.main()
