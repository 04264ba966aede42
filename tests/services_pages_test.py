#!/usr/bin/env python3
"""The person's pages of e-services in headless Chromium (tests/services_pages/person.mjs): found, applied for one question a
page, sent twice and counted once, gone on with on another device, paid, shown and printed; at a counter; every page judged.
Then what the pages have counted and what the log says."""
import json, os, re, sqlite3, subprocess, unittest

import harness
import services_stand
from harness import ROOT


class ServicesPages(unittest.TestCase):
    def test_a_citizen_and_a_counter(self):
        node, persons = services_stand.start()
        try:
            services_stand.publish(node, f"{ROOT}/tests/services_pages/sure.yaml")
            done = subprocess.run(["node", f"{ROOT}/tests/services_pages/person.mjs", f"http://localhost:{node.port}",
                                   json.dumps(persons)] + ([os.environ["SHOTS"]] if "SHOTS" in os.environ else []),
                                  capture_output=True, text=True, timeout=1500)
            print(done.stdout[-6000:], done.stderr[-3000:])
            self.assertEqual(done.returncode, 0)
            passed = re.search(r"^(\d+) passed, 0 failed", done.stdout, re.M)
            self.assertTrue(passed and int(passed.group(1)) > 500, "too few checks ran")
            self.assertEqual(node.stop(), 0)  # flushes what was counted
            self.counted(node)
        finally:
            node.remove()

    def counted(self, node):
        db = sqlite3.connect(f"{node.data}/dayaq.db")
        rows = {(service, field): (shown, answered) for service, field, shown, answered in
                db.execute("SELECT service, field, SUM(shown), SUM(answered) FROM service_questions GROUP BY 1, 2")}
        self.assertGreaterEqual(rows[("everything", "seats")][0], 2)
        self.assertEqual(rows[("everything", "seats")][1], 2)   # answered, and changed before it was sent
        self.assertEqual(rows[("everything", "which")][1], 0)   # shown, and then taken away by a "no"
        self.assertEqual(rows[("everything", "*")][1], 1)       # sent once
        self.assertEqual(rows[("leaving-home", "*")][1], 1)     # four taps, one application
        cases = [r[0] for r in db.execute("SELECT service FROM cases ORDER BY service")]
        self.assertEqual(cases, ["everything", "leaving-home", "service-centre-appointment", "service-centre-appointment", "sure"])


if __name__ == "__main__":
    harness.main()
