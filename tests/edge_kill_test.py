#!/usr/bin/env python3
"""kill -9 under load: no acknowledged usage is lost or counted twice, and the edge serves again within a second.

Clients begin leases, report usage and send each unanswered report again, as networks do, while the edge is killed and
started. Afterwards the journal's usage for each lease is asked for by the edge's own answers: a report that was acknowledged
is known (repeated), and the sum of what was used is the sum of what was reported. Five kills; fifty with DAYAQ_SOAK=1."""
import http.client, json, os, random, struct, threading, time, unittest

import harness
from edge_harness import TOKEN, Edge, mobile

KILLS = 50 if os.environ.get("DAYAQ_SOAK") else 5
CLIENTS, SUBSCRIPTIONS = 4, 40


class Client(threading.Thread):
    """Reports under leases of its own, one bulk at a time; a report without an answer is sent again with its number."""

    def __init__(self, port, number, stop):
        super().__init__(daemon=True)
        self.port, self.stopping = port, stop
        self.random = random.Random(number)
        self.leases = [{"lease": f"client{number}-{i}", "subscription": f"mobile:{mobile(number * 10 + i)}",
                        "service": ["data:education", "data:all"][i % 2]} for i in range(10)]
        self.numbers = [0] * 10
        self.acknowledged = [0] * 10  # units
        self.reports = self.resent = 0
        self.problems = []

    def post(self, path, body):
        """The answer, whatever happens to the edge meanwhile."""
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("POST", path, json.dumps(body),
                                   {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                if answer.status == 200:
                    return json.loads(text)
                self.problems.append(f"{answer.status} {text[:200]}")
                return None
            except (OSError, http.client.HTTPException):
                self.resent += 1
                time.sleep(0.01)

    def run(self):
        self.post("/v1/leases/reserve", self.leases)
        while not self.stopping.is_set():
            used = [self.random.randrange(1, 5000) for _ in self.leases]
            for i in range(10):
                self.numbers[i] += 1
            body = [{**lease, "number": n, "used": u} for lease, n, u in zip(self.leases, self.numbers, used)]
            answers = self.post("/v1/leases/commit", body)
            if answers is None:
                return
            for i, answer in enumerate(answers):
                if answer["outcome"] not in ("granted", "used_up", "limited"):
                    self.problems.append(str(answer))
                self.acknowledged[i] += used[i]
                self.reports += 1


class Kills(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_or_counted_twice(self):
        edge = Edge(subscriptions=SUBSCRIPTIONS)
        try:
            edge.start()
            stop = threading.Event()
            clients = [Client(edge.ports["http"], n, stop) for n in range(CLIENTS)]
            for client in clients:
                client.start()
            away = []
            choose = random.Random(7)
            for _ in range(KILLS):
                time.sleep(0.2 + choose.random() * 0.6)
                edge.kill()
                started = time.monotonic()
                edge.start()
                away.append(time.monotonic() - started)
            time.sleep(0.3)
            stop.set()
            for client in clients:
                client.join(timeout=30)
                self.assertFalse(client.is_alive())
                self.assertEqual(client.problems, [])
            reports = sum(client.reports for client in clients)
            resent = sum(client.resent for client in clients)
            print(f"{KILLS} kills, {reports} reports, {resent} sent again, served again after at most {max(away):.2f} s")
            self.assertGreater(reports, 200 * KILLS)
            self.assertGreater(resent, 0, "no request was hit by a kill: this proves nothing")
            self.assertLess(max(away), 1.0)
            # Every report is known again: sent once more, it counts nothing.
            before = edge.metrics()
            for client in clients:
                body = [{**lease, "number": n, "used": 1} for lease, n in zip(client.leases, client.numbers)]
                self.assertTrue(all(answer["repeated"] for answer in client.post("/v1/leases/commit", body)))
            self.settled_is_what_was_acknowledged(edge, clients, before)
        finally:
            edge.remove()

    def settled_is_what_was_acknowledged(self, edge, clients, before):
        """The journal, read as its format is documented, adds up to what clients were told was counted."""
        time.sleep(0.3)
        after = edge.metrics()
        name = 'dayaq_edge_used_total{benefit="data"}'
        self.assertEqual(after[name], before[name], "what was sent again was counted again")
        edge.stop()
        edge.config["settle_every"] = "1s"
        edge.start()
        total = sum(sum(client.acknowledged) for client in clients)
        deadline = time.monotonic() + 20
        settled = None
        while time.monotonic() < deadline:
            settled = sum(read_settlements(os.path.join(edge.data, "settlement")))
            if settled == total:
                return
            time.sleep(0.25)
        self.assertEqual(settled, total, "the sums of the settlement batches aren't what was acknowledged")


def read_settlements(folder):
    """Units of each line of each batch on disk: its bytes as docs/settlement.md draws them."""
    units = []
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not file.endswith(".batch"):
            continue
        with open(os.path.join(folder, file), "rb") as batch:
            data = batch.read()
        assert data[:4] == b"DYQS"
        count = struct.unpack_from("<QqQQII", data, 12)[5]
        at = 12 + struct.calcsize("<QqQQII")
        for _ in range(2):  # operator, edge
            at += 1 + data[at]
        for _ in range(count):
            at += 7
            at += 1 + data[at]  # traffic class
            units.append(struct.unpack_from("<iqII", data, at)[1])
            at += struct.calcsize("<iqII")
    return units


if __name__ == "__main__":
    harness.main()
