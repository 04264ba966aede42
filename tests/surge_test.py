#!/usr/bin/env python3
"""A flood at the gate and messages at the SMS door, of one node (bench/overload_node_tool.cpp): a crowd sends twenty times as
many requests as are admitted, an open loop that waits for nothing. Whoever heeds what they are told gets their receipt, every
message is answered, most of the flood is held and not answered, and the database has each receipt's case, once.
How much of its capacity a node keeps is measured by bench/overload_bench.py.
And a crowd that isn't signed in at the pages of dayaqd: the gate comes first, then signing in."""
import json, os, sys, time, unittest

import harness
import services_stand

sys.path.insert(0, os.path.join(harness.ROOT, "bench"))
import overload_bench
from pages_bench import Person

RATE, TIMES, SECONDS, VISITORS, MESSAGES = 150, 20, 5, 600, 20


class Flood(unittest.TestCase):
    def test_the_flood_takes_nobodys_share(self):
        overload_bench.SMS_A_SECOND, overload_bench.POLITE = MESSAGES, 60
        stand = overload_bench.Stand(persons=6000, senders=1000, rate=RATE)
        try:
            storm, (sms,) = stand.load("storm", "/apply", VISITORS, SECONDS, str(TIMES * RATE), "60",
                                       beside=[stand.messages(SECONDS)])
            stand.end()
            print(storm, sms)
            # Nobody's word for it: what the crowd wrote to its sockets, and was told.
            self.assertGreater(storm["offered_a_second"], 5 * RATE)  # twenty on a quick machine
            self.assertLess(storm["refused_a_second"], storm["offered_a_second"] / 2, "the flood is answered, not held")
            self.assertGreater(storm["per_second"], 0)
            self.assertLess(storm["per_second"], 2 * RATE, "more were admitted than may be")
            self.assertEqual(set(storm["by_status"]) - {"200", "201", "403", "503"}, set())
            # Whoever was admitted is answered soon, and so is everybody who comes for the first time.
            self.assertGreater(storm["polite"], 0)
            self.assertLess(storm["polite_p99_ms"], 5000)
            self.assertLess(storm["first_p99_ms"], 5000)
            # SMS keeps its share.
            self.assertGreaterEqual(sms["came"], MESSAGES * SECONDS)
            self.assertEqual((sms["accepted"], sms["answered"], sms["broken"]), (sms["came"], sms["came"], 0))
            self.assertLess(sms["whole_p99_ms"], 5000)
            given, lost, doubled = overload_bench.lost_or_doubled(stand)
            self.assertGreater(given, 0)
            self.assertEqual((lost, doubled), (0, 0))
        finally:
            stand.remove()


class Strangers(unittest.TestCase):
    """dayaqd with a small capacity; nobody of the flood is signed in, and nobody comes back."""
    APPLY, CROWD = "/services/leaving-home/apply", 100

    @classmethod
    def setUpClass(cls):
        cls.node = harness.Node(persons=1000)
        with open(f"{cls.node.data}/dayaq.yaml", "a") as out:
            out.write("\nsurge: {admitted_a_second: 20}\n")
        try:
            cls.node.start("--welcome", "--url", f"http://localhost:{cls.node.port}")
            cls.citizen = services_stand.prepare(cls.node)[0]
        except BaseException:
            cls.node.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def stranger(self, path):
        return self.node.get(path, headers={"Accept": "text/html"})

    def flood(self, path):
        """The answers' statuses; the last of the crowd has to wait."""
        return [self.stranger(path).status for _ in range(self.CROWD)]

    def ahead(self, visitor):
        status = visitor.status
        visitor.send("GET", "/surge/place")
        visitor.status = status
        return json.loads(visitor.text)

    def test_whoever_waits_keeps_their_place_signs_in_and_applies(self):
        self.assertEqual(self.stranger(self.APPLY).status, 303)  # a quiet day: to sign in
        answers = self.flood(self.APPLY)
        self.assertEqual(set(answers) | {303}, {303, 503})
        self.assertLess(answers.count(303), self.CROWD / 2, "a crowd that isn't signed in passes the gate")
        visitor = Person(self.node.port)
        visitor.send("GET", self.APPLY, follow=False)
        self.assertEqual(visitor.status, 503)
        self.assertIn("You are in the queue", visitor.text)
        place, first = visitor.cookies["place"], self.ahead(visitor)
        self.assertFalse(first["admitted"])
        self.assertGreater(first["ahead"], 20)
        # What else there is: signing in waits in the same queue, clients' visitors in theirs; the rest is open.
        self.assertEqual(self.stranger("/sign-in").status, 503)
        self.assertEqual(self.stranger("/enrol").status, 503)
        self.assertNotEqual(self.stranger("/oauth/authorize?client_id=nobody").status, 503)
        self.assertEqual([self.stranger(path).status for path in ("/services", "/health/ready")], [200, 200])
        self.assertEqual(self.stranger("/my/cases").status, 303)
        asked, until = [first["ahead"]], time.monotonic() + 120
        while visitor.status == 503 and time.monotonic() < until:
            visitor.send("GET", self.APPLY, follow=False)  # at once: it is held, neither lost nor improved
            if visitor.status == 503:
                self.assertEqual(visitor.cookies["place"], place)
                asked.append(self.ahead(visitor).get("ahead", 0))
        self.assertEqual(visitor.status, 303)
        self.assertEqual(asked, sorted(asked, reverse=True))
        self.assertNotEqual(visitor.cookies["place"], place)
        anonymous = visitor.cookies["place"]
        self.assertIn(503, self.flood(self.APPLY))
        visitor.send("GET", "/sign-in?then=" + self.APPLY, follow=False)
        self.assertEqual(visitor.status, 200)
        visitor.enrol(self.citizen)
        visitor.apply("leaving-home")
        self.assertNotEqual(visitor.cookies["place"], anonymous)  # it has become theirs
        self.assertIn(503, self.flood("/sign-in"))
        self.assertTrue(visitor.submit("leaving-home").startswith("/my/cases/"))


if __name__ == "__main__":
    harness.main()
