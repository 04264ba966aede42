#!/usr/bin/env python3
"""The digital ID's pages in headless Chromium (tests/pages/identity.mjs): two made-up persons enrol, sign in with
passkeys and codes, consent, connect a device, log out of two clients at once; every page is judged."""
import json, os, re, subprocess, time, unittest

import harness
from harness import Node, ROOT
from identity_cards import IdentityCards  # noqa: F401  (tests of this program too)

PERSON = re.compile(r"FIN (\w+)  activation code ([\w-]+)  ([^,\n]+)(, official of .*)?")


class IdentityPages(unittest.TestCase):
    def test_a_citizen_and_an_official(self):
        node = Node(persons=3000)
        try:
            node.start("--welcome", "--url", f"http://localhost:{node.port}")
            log = os.path.join(node.folder, "log")
            for _ in range(100):
                with open(log, encoding="utf-8") as file:
                    persons = PERSON.findall(file.read())
                if len(persons) == 2:
                    break
                time.sleep(0.1)
            self.assertEqual(len(persons), 2, "the welcome names no demonstration persons")
            given = json.dumps([{"fin": fin, "code": code, "name": name.strip()} for fin, code, name, _ in persons])
            done = subprocess.run(["node", f"{ROOT}/tests/pages/identity.mjs", f"http://localhost:{node.port}", given],
                                  capture_output=True, text=True, timeout=1500)
            print(done.stdout[-6000:], done.stderr[-3000:])
            if done.returncode != 0:
                with open(log, encoding="utf-8") as file:
                    print(file.read()[-3000:])
            self.assertEqual(done.returncode, 0)
            passed = re.search(r"^(\d+) passed, 0 failed", done.stdout, re.M)
            self.assertTrue(passed and int(passed.group(1)) > 500, "too few checks ran")
        finally:
            node.remove()


if __name__ == "__main__":
    harness.main()
