#!/usr/bin/env python3
"""kill -9 at random moments under mixed load, on both engines: every acknowledged write is there, no transaction is
there by half, the audit log verifies, and the grants equal a derivation from nothing.

DAYAQ_SOAK=1 kills 500 times an engine instead of 50."""
import collections, csv, http.client, io, json, os, random, threading, time, unittest

import harness
from harness import Node, Postgres

ROUNDS = 500 if os.environ.get("DAYAQ_SOAK") else 50
ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def national_id(number):
    text = ""
    for _ in range(6):
        text = ALPHABET[number % len(ALPHABET)] + text
        number //= len(ALPHABET)
    return "1" + text  # the synthetic population's begin with 0


class Load:
    """Some callers that record a person, attest a status and give a line, each waiting for its answer."""

    def __init__(self, node, first):
        self.node, self.next, self.lock = node, first, threading.Lock()
        self.acknowledged = collections.defaultdict(set)
        self.stopping = threading.Event()
        self.wrong = []
        self.keys = {name: node.key(name) for name in ("admin", "hospital", "azercell")}

    def one(self):
        with self.lock:
            number, self.next = self.next, self.next + 1
        person = national_id(number)
        steps = [
            ("persons", person, "PUT", f"/v1/persons/{person}", "admin",
             {"family_name": "Sınaq", "given_name": "Aysel", "sex": "female", "birth_date": "1980-01-01", "place": PLACE}),
            ("attestations", person, "POST", "/v1/attestations", "hospital", {"person": person, "status": "health_worker", "until": "2028-01-01"}),
            ("subscriptions", f"99450{number:07d}", "POST", "/v1/subscriptions", "azercell",
             {"person": person, "kind": "mobile", "number": f"99450{number:07d}"}),
        ]
        for kind, key, method, path, caller, body in steps:
            answer = self.node.request(method, path, body, key=self.keys[caller], timeout=10)
            if answer.status not in (200, 201):
                self.wrong.append(f"{method} {path}: {answer.status} {answer.text}")
                return
            self.acknowledged[kind].add(key)

    def run(self):
        while not self.stopping.is_set():
            try:
                self.one()
            except (OSError, ValueError, http.client.HTTPException):
                return  # the node was killed

    def during(self, seconds):
        threads = [threading.Thread(target=self.run) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.node.kill()
        self.stopping.set()
        for thread in threads:
            thread.join()


PLACE = "AZ-BA-587084"


class KillMinusNine(unittest.TestCase):
    def rounds(self, node):
        chance = random.Random(7)
        acknowledged = collections.defaultdict(set)
        first = 0
        for number in range(ROUNDS):
            node.start()
            load = Load(node, first)
            load.during(chance.uniform(0.02, 0.6))
            self.assertEqual(load.wrong, [])
            first = load.next
            for kind, keys in load.acknowledged.items():
                acknowledged[kind] |= keys
            verified = node.cli("audit", "verify", check=False)
            self.assertEqual(verified.returncode, 0, f"round {number}: {verified.stdout} {verified.stderr}")
            derived = node.cli("check", check=False)
            self.assertEqual(derived.returncode, 0, f"round {number}: {derived.stdout} {derived.stderr}")
            if number % 10 == 9 or number == ROUNDS - 1:
                self.everything_is_there(node, acknowledged)
        self.assertGreater(len(acknowledged["attestations"]), ROUNDS)
        print(f"{ROUNDS} kills, " + ", ".join(f"{len(keys)} {kind}" for kind, keys in acknowledged.items()), "acknowledged")

    def everything_is_there(self, node, acknowledged):
        stored = {}
        for kind, column in (("persons", "national_id"), ("attestations", "national_id"), ("subscriptions", "number")):
            rows = csv.DictReader(io.StringIO(node.cli("export", kind).stdout))
            stored[kind] = [row[column] for row in rows if row["national_id"].startswith("1")]
            self.assertEqual(acknowledged[kind] - set(stored[kind]), set(), f"{kind} acknowledged and lost")
            self.assertEqual(len(stored[kind]), len(set(stored[kind])), f"{kind} stored twice")
        # No half transaction: as many entries in the log as rows, for each kind.
        entries = collections.Counter()
        for line in node.cli("audit", "export", "--public").stdout.splitlines()[1:]:
            entries[json.loads(json.loads(line)["leaf"])["action"]] += 1
        self.assertEqual(entries["person.record"], len(stored["persons"]))
        self.assertEqual(entries["attestation.record"], len(stored["attestations"]))
        self.assertEqual(entries["subscription.record"], len(stored["subscriptions"]))

    def test_sqlite_keeps_what_it_acknowledged(self):
        node = Node(persons=1000)
        try:
            self.rounds(node)
        finally:
            node.remove()

    def test_postgresql_keeps_what_it_acknowledged(self):
        postgres = Postgres()
        node = Node(persons=1000, database=postgres.fresh_database())
        try:
            self.rounds(node)
        finally:
            node.remove()
            postgres.stop()


if __name__ == "__main__":
    harness.main()
