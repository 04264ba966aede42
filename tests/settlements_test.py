#!/usr/bin/env python3
"""Settlements at a real node: batches of an enrolled edge, the wrong callers, the command line, and kill -9 in the middle:
what was confirmed is there, once."""
import base64, csv, datetime, http.client, io, json, os, random, threading, time, unittest

import edge_harness
import harness
from harness import Node
from settlement_wire import EdgeKey, batch, line

MEDIA = {"Content-Type": "application/vnd.dayaq.settlement"}
DAY = (datetime.date(2026, 11, 21) - datetime.date(1970, 1, 1)).days
ROUNDS = 100 if os.environ.get("DAYAQ_SOAK") else 12


def voice_of_health_workers(node):
    """The number of the measure that gives 600 minutes of voice, as the operator's feed defines it."""
    for said in node.get("/v1/feed?limit=4096", key=node.key("azercell")).json["lines"]:
        for benefit in said.get("define", {}).get("benefits", []):
            if benefit["gives"] == "voice" and benefit.get("quota") == 36000:
                return said["define"]["measure"]
    raise AssertionError("the feed defines no such measure")


class Edge:
    """An enrolled edge of azercell, whose batches hold voice of one measure."""

    def __init__(self, node, name):
        self.node, self.name, self.key = node, name, EdgeKey()
        made = node.post("/v1/edges", {"name": name, "public_key": base64.b64encode(self.key.public).decode()},
                         key=node.key("azercell"))
        assert made.status == 201, made.text
        self.token = made.json["token"]
        self.measure = voice_of_health_workers(node)

    def batch(self, number, units=60, measure=None, day=DAY):
        lines = [line(self.measure if measure is None else measure, day, units)]
        return batch(self.key, "azercell", self.name, number, lines, number * 10 - 9, number * 10)

    def send(self, content, token=None, timeout=10):
        return self.node.request("POST", "/v1/settlements", content, key=token or self.token, headers=MEDIA, timeout=timeout)


class Settlements(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(persons=2000)
        cls.node.start()

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def own_sum(self, measure):
        sums = self.node.get("/v1/settlements", key=self.node.key("azercell")).json["sums"]
        return next((s for s in sums if s["measure"] == measure), None)

    def test_a_batch_is_stored_once_and_priced_by_the_law(self):
        edge = Edge(self.node, "first")
        before = (self.own_sum(edge.measure) or {"units": 0})["units"]
        content = edge.batch(1, 3600)
        first = edge.send(content)
        self.assertEqual(first.status, 200, first.text)
        self.assertEqual(edge.send(content).text, first.text)
        gap = edge.send(edge.batch(3))
        self.assertEqual((gap.status, gap.json["code"]), (409, "settlement.gap"))
        self.assertEqual(gap.headers["Dayaq-Settlement-Next"], "2")
        other = edge.send(edge.batch(1, 3601))
        self.assertEqual((other.status, other.json["code"]), (409, "settlement.other_bytes"))
        stored = self.own_sum(edge.measure)
        self.assertEqual(stored["units"] - before, 3600)
        self.assertEqual(stored["owed_qepik"], round(stored["units"] * 3 / 60))
        self.assertNotIn("code", stored)  # an operator knows measures by number
        of_officials = self.node.get("/v1/settlements?operator=azercell", key=self.node.key()).json["sums"]
        self.assertIn("health-workers-calls", [s.get("code") for s in of_officials])

    def test_the_wrong_caller_is_refused(self):
        edge = Edge(self.node, "second")
        good = edge.batch(1)
        self.assertEqual(self.node.request("POST", "/v1/settlements", good, headers=MEDIA).status, 401)
        self.assertEqual(edge.send(good, token=self.node.key("hospital")).status, 403)  # another scope
        self.assertEqual(edge.send(good, token=self.node.key("admin")).json["code"], "settlement.operator")
        bent = bytearray(good)
        bent[-70] ^= 1
        self.assertEqual(edge.send(bytes(bent)).json["code"], "settlement.signature")
        stranger = batch(edge.key, "azercell", "nobody", 1, [], 1, 1)
        self.assertEqual(edge.send(stranger).json["code"], "settlement.not_enrolled")
        self.assertEqual(edge.send(b"DYQS").status, 400)
        self.assertEqual(edge.send(b"x" * (9 << 20)).status, 413)
        for method, path in (("GET", "/v1/settlements"), ("POST", "/v1/settlements/reconcile")):
            self.assertEqual(self.node.request(method, path).status, 401)
            self.assertEqual(self.node.request(method, path, key=self.node.key("hospital")).status, 403)
            self.assertEqual(self.node.request(method, path + "?operator=bakcell", key=self.node.key("azercell")).status, 403)

    def test_an_ended_edge_may_still_settle_with_its_operators_key(self):
        edge = Edge(self.node, "third")
        self.assertEqual(edge.send(edge.batch(1)).status, 200)
        ended = self.node.post("/v1/edges/third/end", {}, key=self.node.key("azercell"))
        self.assertEqual(ended.status, 200, ended.text)
        self.assertEqual(edge.send(edge.batch(2)).status, 401)  # its own token has ended with it
        self.assertEqual(edge.send(edge.batch(2), token=self.node.key("azercell")).status, 200)

    def test_the_command_line_shows_and_reconciles(self):
        edge = Edge(self.node, "fourth")
        day = DAY + 40  # of this test alone
        self.assertEqual(edge.send(edge.batch(1, 600, day=day)).status, 200)
        shown = self.node.cli("settlement", "show", "--from", "2026-12-31", "--until", "2027-01-01").stdout
        self.assertIn("special-quarantine/health-workers-calls", shown)
        self.assertIn("0.30", shown)  # ten minutes of 3 qepik
        path = os.path.join(self.node.folder, "records.csv")

        def reconcile(*rows):
            with open(path, "w") as out:
                out.write("day,measure,benefit,traffic_class,units\n" + "".join(row + "\n" for row in rows))
            return self.node.cli("settlement", "reconcile", path, "--operator", "azercell", check=False)

        same = reconcile("2026-12-31,special-quarantine/health-workers-calls,voice,,600")
        self.assertEqual(same.returncode, 0, same.stdout + same.stderr)
        self.assertIn("0 differences", same.stdout)
        differs = reconcile("2026-12-31,special-quarantine/health-workers-calls,voice,,660",
                            "2026-12-31,special-quarantine/learning-resources,data,education,5")
        self.assertEqual(differs.returncode, 1)
        self.assertIn("other_amount", differs.stdout)
        self.assertIn("missing_here", differs.stdout)
        self.assertIn("2 differences", differs.stdout)
        wrong = reconcile("31.12.2026,special-quarantine/health-workers-calls,voice,,660")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("records.csv:2:", wrong.stderr)


class ARealEdge(unittest.TestCase):
    """dayaq-edge follows a dayaqd; what its HTTP API counts comes back as settlements, whatever is away or killed."""

    def setUp(self):
        self.node = Node(persons=2000).start()
        self.edge = edge_harness.Edge(node=self.node, operator="azercell", name="baku-1", extra={"settle_every": "1s"})
        self.edge.start()

    def tearDown(self):
        self.edge.remove()
        self.node.remove()

    def learners(self, wanted):
        """Subscriptions that are granted free learning traffic, by the edge's own decision."""
        numbers = [row["number"] for row in csv.DictReader(io.StringIO(self.node.cli("export", "subscriptions").stdout))
                   if row["kind"] == "mobile" and row["provider"] == "azercell"]
        found = []
        deadline = time.monotonic() + 30
        while len(found) < wanted and time.monotonic() < deadline:  # the replica comes a moment after the start
            asked = [{"subscription": f"mobile:{n}", "service": "data:education"} for n in numbers[:400]]
            answers = self.edge.post("/v1/decide", asked).json
            found = [q["subscription"] for q, a in zip(asked, answers) if a["outcome"] == "granted"]
            time.sleep(0.1)
        self.assertGreaterEqual(len(found), wanted)
        return found[:wanted]

    def use(self, subscriptions, lease, number, used, again=False):
        for subscription in subscriptions:
            body = {"subscription": subscription, "service": "data:education", "lease": f"{lease}-{subscription}"}
            if number == 0:
                answer = self.edge.post("/v1/leases/reserve", {**body, "number": 0})
            else:
                answer = self.edge.post("/v1/leases/commit", {**body, "number": number, "used": used})
                self.used += 0 if again else used
            self.assertEqual(answer.status, 200, answer.text)

    def settled(self):
        sums = self.node.get("/v1/settlements?operator=azercell", key=self.node.key()).json["sums"]
        self.assertTrue(all(s["gives"] == "data" for s in sums), sums)
        return sum(s["units"] for s in sums)

    def wait_settled(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.settled() != self.used:
            time.sleep(0.2)
        self.assertEqual(self.settled(), self.used)

    def test_every_unit_is_settled_once_whoever_was_away_or_killed(self):
        self.used = 0
        people = self.learners(5)
        self.use(people, "a", 0, 0)
        self.use(people, "a", 1, 1_000_000)
        self.wait_settled()
        self.node.kill()
        self.use(people, "a", 2, 2_000_001)
        time.sleep(1.5)  # a batch is made and waits
        self.edge.kill()
        self.edge.start()
        self.use(people, "a", 3, 30)
        self.use(people[:1], "a", 3, 30, again=True)  # the same report: counted before
        time.sleep(1.5)
        self.edge.kill()
        self.node.start()
        self.edge.start()
        self.wait_settled()
        self.use(people, "a", 4, 7)
        self.wait_settled()
        today = datetime.date.today()
        span = f"from={today - datetime.timedelta(3)}&until={today + datetime.timedelta(3)}"
        sums = self.node.get(f"/v1/settlements?by=day&{span}", key=self.node.key("azercell")).json["sums"]
        rows = "".join(f"{s['day']},{s['measure']},{s['gives']},{s['traffic']},{s['units']}\n" for s in sums)
        answer = self.node.request("POST", "/v1/settlements/reconcile", "day,measure,benefit,traffic_class,units\n" + rows,
                                   key=self.node.key("azercell"))
        self.assertEqual(answer.json["differences"], [])
        self.assertEqual(sum(t["here"] for t in answer.json["totals"]), self.used)


class KillMinusNine(unittest.TestCase):
    def test_what_was_confirmed_is_there_once(self):
        node = Node(persons=500)
        chance = random.Random(11)
        try:
            node.start()
            edges = [Edge(node, f"edge-{i}") for i in range(4)]
            confirmed = {edge: 0 for edge in edges}
            wrong = []
            for _ in range(ROUNDS):
                def run(edge):
                    while True:
                        number = confirmed[edge] + 1  # its bytes are the same whenever they are made
                        try:
                            answer = edge.send(edge.batch(number, units=number))
                        except (OSError, http.client.HTTPException):
                            return  # the node was killed: whether it is stored, the edge finds out by sending it again
                        if answer.status != 200:
                            wrong.append(answer.text)
                            return
                        confirmed[edge] += 1
                threads = [threading.Thread(target=run, args=(edge,)) for edge in edges]
                for thread in threads:
                    thread.start()
                time.sleep(chance.uniform(0.1, 0.6))
                node.kill()
                for thread in threads:
                    thread.join()
                verified = node.cli("audit", "verify", check=False)
                self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
                node.start()
            self.assertEqual(wrong, [])
            standing = {e["edge"]: e["number"] for e in node.get("/v1/settlements", key=node.key()).json["edges"]}
            for edge in edges:  # at most the one in flight is stored without an answer
                self.assertIn(standing.get(edge.name, 0) - confirmed[edge], (0, 1))
                self.assertGreater(confirmed[edge], 0)
            stored = sum(n * (n + 1) // 2 for n in standing.values())
            sums = node.get("/v1/settlements?operator=azercell", key=node.key()).json["sums"]
            self.assertEqual([s["units"] for s in sums], [stored])
            entries = [json.loads(json.loads(row)["leaf"]) for row in
                       node.cli("audit", "export", "--public").stdout.splitlines()[1:]]
            self.assertEqual(sum(e["action"] == "settlement.store" for e in entries), sum(standing.values()))
            print(f"{ROUNDS} kills, {sum(confirmed.values())} batches confirmed, {sum(standing.values())} stored")
        finally:
            node.remove()


if __name__ == "__main__":
    harness.main()
