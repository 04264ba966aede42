#!/usr/bin/env python3
"""Chromium and axe-core judge every page, in three languages and two widths (tests/pages/run.mjs)."""
import re, subprocess, unittest

import harness
from harness import Node, ROOT


class Pages(unittest.TestCase):
    def test_every_page_passes(self):
        node = Node(persons=5000)
        try:
            node.start()
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
