#!/usr/bin/env python3
"""The list of zero-rated resources from the country pack to a bearer: signed and numbered by a real dayaqd, kept by a real
dayaq-edge, installed by name over Gx in the npm client, and its version back at the centre in settlements."""
import csv, io, json, os, shutil, sqlite3, subprocess, tempfile, threading, time, unittest

import harness
from edge_harness import Edge
from harness import ROOT, Node

SERVICES = [{"service": "data:education", "context": "32251@3gpp.org"}]  # all that this network tells apart


class Bearers:
    """gx.js with a bearer for each subscriber; its lines as they come."""

    def __init__(self, edge, *subscribers):
        self.process = subprocess.Popen(["node", "gx.js", str(edge.ports["diameter"]), "azercell.example", *subscribers],
                                        cwd=f"{ROOT}/tests/diameter", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(map(json.loads, self.process.stdout)))
        self.reader.start()

    def wait(self, fits, seconds=15):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if fits(line):
                    return line
            time.sleep(0.02)
        raise AssertionError(f"not among {self.lines}")

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=15)
        self.reader.join()
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return errors


class Resources(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dayaq-resources-")
        self.country = os.path.join(self.folder, "az")
        shutil.copytree(f"{ROOT}/country/az", self.country)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.node = Node(persons=2000, country=self.country)
        self.addCleanup(self.node.remove)
        self.node.start()
        self.edge = Edge(node=self.node, services=SERVICES, diameter=True,
                         extra={"settle_every": "1s", "resources_every": "1s"})
        self.addCleanup(self.edge.remove)
        self.edge.start()

    def wait(self, what, wanted, seconds=20):
        deadline = time.monotonic() + seconds
        while (seen := what()) != wanted:
            self.assertLess(time.monotonic(), deadline, f"{seen} and not {wanted}: {self.edge.log_text()[-2000:]}")
            time.sleep(0.05)

    def version(self):
        return int(self.edge.metrics()["dayaq_edge_resources_version"])

    def settled_by(self):
        edges = self.node.get("/v1/settlements", key=self.node.key("azercell")).json["edges"]
        return edges[0]["resources"] if edges else None

    def subscribers(self):
        """(granted learning resources, not granted them)"""
        rows = csv.DictReader(io.StringIO(self.node.cli("export", "subscriptions").stdout))
        numbers = [row["number"] for row in rows if row["kind"] == "mobile" and row["provider"] == "azercell"][:400]
        answers = self.edge.post("/v1/decide", [{"subscription": f"mobile:{n}", "service": "data:education"} for n in numbers]).json
        outcomes = [answer["outcome"] for answer in answers]
        return numbers[outcomes.index("granted")], numbers[next(i for i, o in enumerate(outcomes) if o != "granted")]

    def use(self, subscriber, lease):
        lease = {"lease": lease, "subscription": f"mobile:{subscriber}", "service": "data:education"}
        self.assertEqual(self.edge.post("/v1/leases/reserve", lease).json["outcome"], "granted")
        self.assertEqual(self.edge.post("/v1/leases/release", {**lease, "number": 1, "used": 1000}).status, 200)

    def restart_centre(self, change):
        self.node.stop()
        change()
        self.node.start()

    def rename_the_rule(self):
        path = os.path.join(self.country, "traffic.yaml")
        with open(path) as file:
            text = file.read()
        self.assertEqual(text.count("rules: [dayaq-education]"), 1)
        with open(path, "w") as file:
            file.write(text.replace("rules: [dayaq-education]", "rules: [edu-2, edu-3]\n  bases: [edu-group]"))

    def forget_the_versions(self):
        (database,) = [os.path.join(folder, name) for folder, _, names in os.walk(self.node.data) for name in names
                       if name.endswith(".db")]
        with sqlite3.connect(database) as connection:
            connection.execute("delete from feed_resources")
        connection.close()

    def test_the_list_is_asked_for_with_its_etag_and_by_operators_alone(self):
        first = self.node.get("/v1/feed/resources", key=self.node.key("azercell"))
        self.assertEqual((first.status, first.text.splitlines()[:2]), (200, ["dayaq-resources 1", "version 1"]))
        self.assertIn("\nclass education\nrule dayaq-education\ndomain edu.az\n", first.text)
        etag = first.headers["ETag"]
        again = self.node.get("/v1/feed/resources", key=self.node.key("azercell"), headers={"If-None-Match": etag})
        self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", etag))
        self.assertEqual(self.node.get("/v1/feed/resources").status, 401)
        self.assertEqual(self.node.get("/v1/feed/resources", key=self.node.key("hospital")).status, 403)

    def test_rules_reach_bearers_and_versions_come_back_in_settlements(self):
        self.wait(self.version, 1)
        granted, other = self.subscribers()
        bearers = Bearers(self.edge, granted, other)
        try:
            told = bearers.wait(lambda line: line.get("subscriber") == granted)
            self.assertEqual((told["result"], told["install"], told["remove"]), ("DIAMETER_SUCCESS", ["dayaq-education"], []))
            told = bearers.wait(lambda line: line.get("subscriber") == other)
            self.assertEqual((told["result"], told["install"]), ("DIAMETER_SUCCESS", []))
            self.use(granted, "first")
            self.wait(self.settled_by, 1)

            self.restart_centre(self.rename_the_rule)
            self.wait(self.version, 2)
            told = bearers.wait(lambda line: line.get("asked_again") == granted)
            self.assertEqual((told["install"], told["remove"]), (["edu-2", "edu-3", "edu-group"], ["dayaq-education"]))
            self.use(granted, "second")
            self.wait(self.settled_by, 2)
        finally:
            self.assertEqual(bearers.end(), "")

        # Without the centre, after a restart, all is as it was.
        self.node.stop()
        self.assertEqual(self.edge.stop(), 0)
        self.edge.start()
        self.assertEqual(self.version(), 2)
        bearers = Bearers(self.edge, granted)
        try:
            self.assertEqual(bearers.wait(lambda line: "subscriber" in line)["install"], ["edu-2", "edu-3", "edu-group"])
        finally:
            self.assertEqual(bearers.end(), "")
        self.assertIn(">2<", self.edge.get("/?lang=en").text.split("List of free resources, version")[1][:60])

        # A centre that begins its versions again isn't believed.
        self.forget_the_versions()
        self.node.start()
        self.wait(lambda: "resources.older" in self.edge.log_text(), True)
        self.assertEqual(self.version(), 2)
        self.wait(lambda: self.edge.metrics()["dayaq_edge_resources_refused_total"] >= 1, True)


if __name__ == "__main__":
    harness.main()
