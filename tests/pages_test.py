#!/usr/bin/env python3
"""Chromium and axe-core judge every page, in three languages and two widths (tests/pages/run.mjs)."""
import re, subprocess, unittest

import harness
from harness import Node, ROOT
from settlements_test import DAY, Edge


class Pages(unittest.TestCase):
    def test_every_page_passes(self):
        node = Node(persons=5000)
        try:
            node.start()
            edge = Edge(node, "pages")  # so that the page of settlements has something to show
            for number, day in ((1, DAY), (2, DAY - 30)):
                self.assertEqual(edge.send(edge.batch(number, 7200 * 1000, day=day)).status, 200)
            done = subprocess.run(["node", f"{ROOT}/tests/pages/run.mjs", f"http://127.0.0.1:{node.port}"],
                                  capture_output=True, text=True, timeout=800)
        finally:
            node.remove()
        print(done.stdout[-6000:], done.stderr[-3000:])
        self.assertEqual(done.returncode, 0)
        passed = re.search(r"^(\d+) passed, 0 failed", done.stdout, re.M)
        self.assertTrue(passed and int(passed.group(1)) > 20, "too few checks ran")


if __name__ == "__main__":
    harness.main()
