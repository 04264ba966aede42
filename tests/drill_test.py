#!/usr/bin/env python3
"""`dayaq drill`: the smoke drill on a system of its own, with a kill, a standstill, a full disk and an edge's death, and one
on PostgreSQL, which is killed and frozen. Their JSON and a report are judged, and files that are wrong are refused with the
line."""
import json, os, re, shutil, subprocess, tempfile, time, unittest
from html.parser import HTMLParser

from harness import ROOT, main, program

DRILLS = f"{ROOT}/country/az/drills"


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


class Played(unittest.TestCase):
    """A drill that was played once for all tests of a class. What depends on how quick the machine is isn't asked."""
    FILE = None

    @classmethod
    def setUpClass(cls):
        cls.out = tempfile.mkdtemp(prefix="dayaq-drill-test-")
        before = set(os.listdir(tempfile.gettempdir()))
        cls.done = drill(f"{DRILLS}/{cls.FILE}.yaml", cls.out, "--json")
        cls.left = [name for name in set(os.listdir(tempfile.gettempdir())) - before if name.startswith("dayaq-drill-")]
        cls.report = json.loads(cls.done.stdout) if cls.done.stdout.startswith("{") else {}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.out)

    def nothing_is_lost(self, faults):
        report = self.report
        self.assertTrue(report, self.done.stderr)
        for what in ("lost", "doubled", "wrongly_taken"):
            self.assertEqual(report[what], 0, what)
        self.assertTrue(report["audit_verified"])
        self.assertEqual([(one["whom"], one["how"]) for one in report["faults"]], faults)
        for one in report["faults"]:
            self.assertIsNotNone(one["recovered_s"], one)
            self.assertLess(one["recovered_s"], 60, one)

    def every_message_is_answered_rightly(self):
        messages = self.report["messages"]
        self.assertGreater(messages["sent"], 150)
        self.assertGreater(messages["permits"], 50)
        for what in ("unanswered", "kept_unanswered", "granted_wrongly", "permits_lost"):
            self.assertEqual(messages[what], 0, what)
        self.assertEqual(messages["sent"], messages["right"] + messages["careful"] + messages["wrong"])
        self.assertGreaterEqual(messages["right"] + messages["careful"], 0.98 * messages["sent"], messages["wrong_examples"])
        self.assertLessEqual(messages["answers_twice"], messages["marked_twice"])
        self.assertGreater(messages["redelivered"], 0)  # the gateway came again while nobody was there
        kinds = messages["kinds"]
        self.assertEqual(messages["sent"], sum(kind["messages"] for kind in kinds.values()))
        self.assertTrue({"no reason", "a character missing", "plain", "polite"} <= set(kinds), set(kinds))

    def it_leaves_nothing_behind(self):
        self.assertEqual([name for name in self.left if not name.startswith("dayaq-drill-test")], [])


class Smoke(Played):
    FILE = "smoke"

    def test_nothing_is_lost_or_doubled_through_any_fault(self):
        self.nothing_is_lost([("dayaqd", "kill"), ("dayaqd", "freeze"), ("disk", "full"), ("edge", "kill")])
        self.assertGreater(self.report["receipts"], 50)
        self.it_leaves_nothing_behind()

    def test_every_message_is_answered_as_it_should_be(self):
        self.every_message_is_answered_rightly()

    def test_a_full_disk_turns_applications_away(self):
        at = next(one["at"] for one in self.report["faults"] if one["whom"] == "disk")
        struck = [second for second in self.report["seconds"] if at - 1 <= second["at"] <= at + 1]
        self.assertGreater(sum(second["refused"] for second in struck), 0)

    def test_an_edge_answers_while_the_centre_is_down_and_again_after_its_own_death(self):
        edge, faults = self.report["edge"], {(one["whom"], one["how"]): one for one in self.report["faults"]}
        self.assertGreater(edge["answered"], 30)
        self.assertEqual(edge["differed"], 0)
        killed = faults["dayaqd", "kill"]
        self.assertGreater(killed["edge_answered"], 0.7 * killed["edge_asked"])  # it decides by itself; a slow machine
        own = faults["edge", "kill"]
        self.assertLess(own["edge_answered"], own["edge_asked"])
        self.assertGreater(own["edge_answered"], 0)

    def test_whoever_waits_at_the_door_keeps_their_place(self):
        web = self.report["web"]
        self.assertGreater(web["admitted"], 20)
        self.assertGreater(web["told_to_wait"], 5)  # the waiting room is reached, signed in or not
        self.assertEqual(web["places_changed"], 0)

    def test_the_sums_add_up(self):
        total, seconds = self.report["total"], self.report["seconds"]
        counts = ("offered", "answered", "waiting", "refused", "failed", "retried", "wrong")
        for name in counts:
            self.assertEqual(total[name], sum(second[name] for second in seconds), name)
            self.assertEqual(total[name], sum(door[name] for door in total["doors"].values()), name)
        self.assertEqual(total["offered"], sum(total[name] for name in counts[1:5]) + total["wrong"])
        self.assertEqual(total["wrong"], 0)
        self.assertGreater(total["retried"], 0)  # who was struck by the faults asked again
        self.assertEqual(self.done.returncode == 0, self.report["ready"])
        self.assertEqual(self.report["ready"], all(one["holds"] for one in self.report["verdicts"]))

    def test_the_ramp_says_to_what_it_holds_and_what_breaks(self):
        steps = self.report["ramp"]
        self.assertEqual(self.report["held_to"], max([step["rate"] for step in steps if step["held"]], default=0))
        self.assertTrue(self.report["breaks_first"] and self.report["why"])
        self.assertTrue(all(bool(step["because"]) != step["held"] for step in steps))
        self.assertGreater(max(step["writer"] for step in steps), 0)  # its threads were found
        self.assertGreater(max(step["connections"] for step in steps), 0)

    def test_the_report_is_one_page_that_stands_alone(self):
        with open(f"{self.out}/smoke.html", encoding="utf-8") as file:
            html = file.read()
        page = Structure()
        page.feed(html)
        self.assertEqual(page.open, [])
        self.assertEqual(page.counts["title"], 1 + 2 * page.counts["figure"])  # the page's, and each drawing's
        self.assertIsNone(re.search(r"(src|href)=", html))
        self.assertNotIn("<script", html)
        self.assertLess(len(html), 200_000)
        done = subprocess.run(["node", f"{ROOT}/tests/pages/drill.mjs", f"{self.out}/smoke.html"], capture_output=True,
                              text=True, timeout=200)
        self.assertRegex(done.stdout, r"(?m)^\d\d passed, 0 failed", done.stdout[-2000:] + done.stderr[-1000:])


class OnPostgreSQL(Played):
    FILE = "postgresql"

    def test_nothing_is_lost_or_doubled_while_the_database_dies_and_stands_still(self):
        self.nothing_is_lost([("database", "kill"), ("database", "freeze")])
        self.every_message_is_answered_rightly()
        self.it_leaves_nothing_behind()


class Struck(unittest.TestCase):
    def test_a_drill_that_is_killed_leaves_no_process_and_no_folder(self):
        def of(folder):
            lines = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines()
            return [line for line in lines if folder in line]

        def folders():
            return {name for name in os.listdir(tempfile.gettempdir()) if name.startswith("dayaq-drill-")}

        before = folders()
        with tempfile.TemporaryDirectory(prefix="dayaq-test-") as out:
            process = subprocess.Popen([program("dayaq"), "drill", f"{DRILLS}/smoke.yaml", "--country", f"{ROOT}/country/az",
                                        "--web", f"{ROOT}/web", "--out", out], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            try:
                until, mine = time.monotonic() + 120, None
                while mine is None and time.monotonic() < until:  # its dayaqd runs
                    mine = next((name for name in folders() - before if any("dayaqd" in line for line in of(name))), None)
                    time.sleep(0.05)
                self.assertIsNotNone(mine)
            finally:
                process.kill()
                process.wait()
            until = time.monotonic() + 60
            while (of(mine) or mine in folders()) and time.monotonic() < until:
                time.sleep(0.1)
            self.assertEqual((of(mine), mine in folders()), ([], False))


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
                                  ("title: x\nfaults:\n  - {at: 1, dayaqd: burn}\n", 3, "kill or freeze"),
                                  ("title: x\nfaults:\n  - {at: 1, database: kill}\n", 3, "database: postgresql"),
                                  ("title: x\nfaults:\n  - {at: 1, edge: freeze}\n", 3, "lasts"),
                                  ("title: x\nsms: 0.5\n", 2, "messages"), ("title: x\npages: 1\nweb: 1\n", 1, "together"),
                                  ("title: x\nbroken: much\n", 2, "number"), ("peak: 5\n", 1, "title"),
                                  ("- 1\n", 1, "mapping"), ("title: [\n", 2, "YAML")]:
            with self.subTest(text=text):
                said = self.refuse(text)
                self.assertIn(f"Line {line}:", said)
                self.assertIn(words, said)


if __name__ == "__main__":
    main()
