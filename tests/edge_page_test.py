#!/usr/bin/env python3
"""The edge's own page in Chromium (three languages, two widths, axe), its metrics, and the dashboard that shows them."""
import json, os, re, subprocess, time, unittest

import harness
from edge_harness import Edge, mobile, tv
from harness import ROOT, free_port


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.edge = Edge(subscriptions=100, diameter=True, radius=True, tv=True, edges=2, siblings=[
            {"name": "edge-2", "number": 2, "url": f"http://127.0.0.1:{free_port()}", "token_file": "http.token"}]).start()
        deadline, i = time.monotonic() + 16, 0  # three points of the charts, with something to draw
        while time.monotonic() < deadline:
            i += 1
            lease = {"lease": f"l{i}", "subscription": f"mobile:{mobile(i % 100)}", "service": "data:all"}
            cls.edge.post("/v1/leases/reserve", lease)
            cls.edge.post("/v1/leases/release", {**lease, "number": 1, "used": 100_000})
            cls.edge.get("/tv/authorize", headers={"X-Original-URI": "/hls/news/1.ts", "X-Line-Id": tv(i % 100)})
            time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        cls.edge.remove()

    def test_the_page_passes_in_chromium(self):
        done = subprocess.run(["node", f"{ROOT}/tests/pages/edge.mjs", f"http://127.0.0.1:{self.edge.ports['http']}"],
                              capture_output=True, text=True, timeout=200)
        print(done.stdout[-3000:], done.stderr[-2000:])
        self.assertEqual(done.returncode, 0)
        passed = re.search(r"^(\d+) passed, 0 failed", done.stdout, re.M)
        self.assertTrue(passed and int(passed.group(1)) >= 40, "too few checks ran")

    def test_refreshing_is_the_readers_choice(self):
        self.assertIsNone(self.edge.get("/", token=None).headers["Refresh"])
        self.assertEqual(self.edge.get("/?refresh=1", token=None).headers["Refresh"], "5")

    def test_every_metric_of_the_dashboard_is_exported_and_the_other_way_round(self):
        with open(f"{ROOT}/deploy/grafana/dayaq-edge.json") as file:
            dashboard = json.load(file)
        shown = set()
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                shown |= set(re.findall(r"\bdayaq_\w+", target["expr"]))
        self.assertGreater(len(shown), 40)
        exported = {name.split("{")[0] for name in self.edge.metrics()}
        self.assertEqual(shown - exported, set(), "on the dashboard, but not exported")
        mine = {name for name in exported if name.startswith("dayaq_edge_")}
        self.assertEqual(mine - shown, set(), "exported, but on no panel")

    def test_the_exposition_is_what_prometheus_reads(self):
        text = self.edge.get("/metrics", token=None).text
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [-+]?(\d[\d.e+-]*|Inf|NaN))$')
        families = re.findall(r"^# TYPE (\w+)", text, re.M)
        self.assertEqual(len(families), len(set(families)))


if __name__ == "__main__":
    harness.main()
