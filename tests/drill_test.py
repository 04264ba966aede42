#!/usr/bin/env python3
"""`dayaq drill`: the smoke drill on a system of its own, with a kill and a standstill; its JSON and its report are judged,
and files that are wrong are refused with the line."""
import json, os, re, shutil, subprocess, tempfile, unittest
from html.parser import HTMLParser

from harness import ROOT, main, program

SMOKE = f"{ROOT}/country/az/drills/smoke.yaml"


def drill(file, out, *more):
    return subprocess.run([program("dayaq"), "drill", file, "--country", f"{ROOT}/country/az", "--web", f"{ROOT}/web",
                           "--out", out, *more], capture_output=True, text=True, timeout=240)


class Structure(HTMLParser):
    """Counts what a report must have, and whether its tags are closed."""
    VOID = {"meta", "line", "rect", "circle", "polyline", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.counts, self.texts = [], {}, []

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, data):
        self.texts.append(data)


class Smoke(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.out = tempfile.mkdtemp(prefix="dayaq-drill-test-")
        before = set(os.listdir(tempfile.gettempdir()))
        cls.done = drill(SMOKE, cls.out, "--json")
        cls.left = [name for name in set(os.listdir(tempfile.gettempdir())) - before if name.startswith("dayaq-drill-")]
        cls.report = json.loads(cls.done.stdout) if cls.done.stdout.startswith("{") else {}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.out)

    def test_nothing_is_lost_or_doubled_through_a_kill_and_a_standstill(self):
        report = self.report
        self.assertTrue(report, self.done.stderr)
        self.assertGreater(report["receipts"], 300)
        for what in ("lost", "doubled", "wrongly_taken"):
            self.assertEqual(report[what], 0, what)
        self.assertTrue(report["audit_verified"])
        self.assertEqual({second["fault"] for second in report["seconds"]}, {"", "killed", "stood still"})
        self.assertGreater(report["recovered_s"], 0.2)
        self.assertLess(report["recovered_s"], 8)

    def test_the_sums_add_up(self):
        total, seconds = self.report["total"], self.report["seconds"]
        for name in ("offered", "answered", "refused", "failed", "retried", "wrong"):
            self.assertEqual(total[name], sum(second[name] for second in seconds), name)
        self.assertEqual(total["offered"], total["answered"] + total["refused"] + total["failed"] + total["wrong"])
        self.assertEqual(total["wrong"], 0)
        self.assertGreater(total["retried"], 0)  # who was struck by the faults asked again
        self.assertEqual(self.done.returncode == 0, self.report["ready"])
        self.assertEqual(self.report["ready"], all(one["holds"] for one in self.report["verdicts"]))

    def test_the_ramp_says_to_what_it_holds(self):
        steps = self.report["ramp"]
        self.assertEqual(self.report["held_to"], max([step["rate"] for step in steps if step["held"]], default=0))
        self.assertTrue(self.report["breaks_first"])
        self.assertGreater(max(step["writer"] for step in steps), 0)  # its threads were found
        self.assertGreater(max(step["connections"] for step in steps), 0)

    def test_the_report_is_one_page_that_stands_alone(self):
        with open(f"{self.out}/smoke.html") as file:
            html = file.read()
        page = Structure()
        page.feed(html)
        self.assertEqual(page.open, [])
        self.assertEqual(page.counts["h1"], 1)
        self.assertGreaterEqual(page.counts["figure"], 4)
        self.assertEqual(page.counts["title"], 1 + page.counts["figure"])  # the page's, and each chart's
        self.assertIsNone(re.search(r"(src|href)=", html))
        self.assertNotIn("<script", html)
        self.assertLess(len(html), 60_000)

    def test_it_leaves_nothing_behind(self):
        self.assertEqual([name for name in self.left if not name.startswith("dayaq-drill-test")], [])


class Files(unittest.TestCase):
    def refuse(self, text):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/bad.yaml", "w") as file:
                file.write(text)
            done = drill(f"{folder}/bad.yaml", folder)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("drill.file", done.stderr)
        return done.stderr

    def test_what_is_wrong_is_named_with_its_line(self):
        for text, line, words in [("title: x\npersons: 5\n", 2, "persons"), ("title: x\npeek: 5\n", 2, "peek"),
                                  ("title: x\ncurve: [0, 0]\n", 2, "curve"), ("title: x\ncurve: [1, -1]\n", 2, "curve"),
                                  ("title: x\nfaults:\n  - {at: 1, what: burn}\n", 3, "kill or freeze"),
                                  ("title: x\nbroken: much\n", 2, "number"), ("peak: 5\n", 1, "title"),
                                  ("- 1\n", 1, "mapping"), ("title: [\n", 2, "YAML")]:
            with self.subTest(text=text):
                said = self.refuse(text)
                self.assertIn(f"Line {line}:", said)
                self.assertIn(words, said)


if __name__ == "__main__":
    main()
