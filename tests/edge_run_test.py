#!/usr/bin/env python3
"""dayaq-edge as a program: its file, its signals, its HTTP side, on a replica that was made by a tool."""
import json, os, signal, socket, struct, subprocess, tempfile, time, unittest

import harness
from edge_harness import TOKEN, Edge, mobile
from harness import program


def run(*arguments):
    return subprocess.run([program("dayaq-edge"), *arguments], capture_output=True, text=True, timeout=30)


def avp(code, data):
    return struct.pack(">II", code, 0x40000000 | 8 + len(data)) + data + bytes(-len(data) % 4)


class Peer:
    """A Diameter peer with one connection and no more than capabilities exchange and watchdog."""

    def __init__(self, port, name="peer"):
        self.name = name
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        self.number = 0
        self.request(257, avp(257, b"\0\1\x7f\0\0\1") + avp(266, bytes(4)) + avp(269, b"test") + avp(258, b"\0\0\0\4"))

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise AssertionError("the edge closed the connection")
            data += more
        return data

    def request(self, command, avps=b""):
        """Sends a request and reads its answer; the answer's Result-Code."""
        self.number += 1
        body = avp(264, f"{self.name}.test.example".encode()) + avp(296, b"test.example") + avps
        self.socket.sendall(struct.pack(">IIIII", 1 << 24 | 20 + len(body), 0x80 << 24 | command, 0, self.number, self.number)
                            + body)
        while True:
            head = struct.unpack(">IIIII", self.read(20))
            rest = self.read((head[0] & 0xffffff) - 20)
            if head[3] == self.number and not head[1] >> 31:
                return struct.unpack(">I", rest[rest.index(struct.pack(">I", 268)) + 8:][:4])[0]


class File(unittest.TestCase):
    def test_the_example_is_complete_and_only_its_keys_are_missing(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "edge.yaml")
            example = run("--print-default")
            self.assertEqual(example.returncode, 0)
            with open(path, "w") as out:
                out.write(example.stdout)
            checked = run("--config", path, "--check")
            self.assertEqual(checked.returncode, 2)
            self.assertIn("feed.key", checked.stderr)

    def test_a_slip_is_named_with_its_line_field_and_what_was_meant(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "edge.yaml")
            with open(path, "w") as out:
                out.write(run("--print-default").stdout.replace("watchdog: 30s", "wacthdog: 30s"))
            checked = run("--config", path, "--check")
            self.assertEqual(checked.returncode, 2)
            line = next(l for l in checked.stderr.splitlines() if "wacthdog" in l)
            self.assertRegex(line, r"edge\.yaml:\d+:\d+: diameter\.wacthdog: .*did you mean `watchdog`")

    def test_usage(self):
        self.assertEqual(run().returncode, 2)
        self.assertEqual(run("--config", "/does/not/exist").returncode, 2)
        self.assertIn("SIGUSR2", run("--help").stdout)


class Serving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.edge = Edge(subscriptions=200).start()

    @classmethod
    def tearDownClass(cls):
        cls.edge.remove()

    def lease(self, phase, **fields):
        return self.edge.post(f"/v1/leases/{phase}", {"subscription": f"mobile:{mobile(1)}", "service": "data:all", **fields})

    def test_the_check_passes_on_a_good_file(self):
        checked = run("--config", self.edge.config_file, "--check")
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_a_second_edge_on_the_same_data_is_refused(self):
        second = run("--config", self.edge.config_file)
        self.assertEqual(second.returncode, 1)
        self.assertIn("file.locked", second.stderr)

    def test_a_look_tells_what_is_granted_and_what_not(self):
        answer = self.edge.post("/v1/decide", [
            {"subscription": f"mobile:{mobile(3)}", "service": "data:education"},
            {"subscription": f"mobile:{mobile(3)}", "service": "messages"},
            {"subscription": "mobile:994550000000", "service": "voice"}])
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual([v["outcome"] for v in answer.json], ["granted", "not_covered", "unknown"])
        self.assertTrue(answer.json[0]["unlimited"])

    def test_a_lease_reserves_counts_and_ends_and_a_repeat_counts_once(self):
        begun = self.lease("reserve", lease="a").json
        self.assertEqual(begun["outcome"], "granted")
        self.assertGreater(begun["slice"], 0)
        before = self.edge.metrics()['dayaq_edge_used_total{benefit="data"}']
        first = self.lease("commit", lease="a", number=1, used=1000).json
        again = self.lease("commit", lease="a", number=1, used=1000).json
        self.assertFalse(first["repeated"])
        self.assertTrue(again["repeated"])
        self.assertEqual(self.lease("release", lease="a", number=2, used=24).status, 200)
        time.sleep(0.25)
        self.assertEqual(self.edge.metrics()['dayaq_edge_used_total{benefit="data"}'] - before, 1024)

    def test_strangers_are_refused_and_faults_are_problem_details(self):
        self.assertEqual(self.edge.post("/v1/decide", {}, token=None).status, 401)
        self.assertEqual(self.edge.post("/v1/decide", {}, token="wrong-token-0123456789").status, 401)
        answer = self.edge.post("/v1/decide", {"subscription": "mobile:1", "service": "radio"})
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(answer.json["field"], "service")

    def test_the_openapi_document_is_served(self):
        document = self.edge.get("/v1/openapi.json", token=None).json
        self.assertEqual(document["openapi"][:3], "3.1")
        self.assertIn("/v1/leases/commit", document["paths"])

    def test_a_reload_takes_new_tokens_and_keeps_serving_on_a_bad_file(self):
        path = os.path.join(self.edge.folder, "http.token")
        with open(path, "a") as out:
            out.write("a-second-token-0123456789\n")
        self.edge.reload()
        deadline = time.monotonic() + 5
        while self.edge.post("/v1/decide", [], token="a-second-token-0123456789").status != 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        self.edge.config["nonsense"] = 1
        self.edge.reload()
        deadline = time.monotonic() + 5
        while "edge.reload_refused" not in self.edge.log_text():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        del self.edge.config["nonsense"]
        self.edge.write_config()
        self.assertEqual(self.edge.post("/v1/decide", [], token=TOKEN).status, 200)

    def test_log_lines_are_json_with_an_id(self):
        lines = [json.loads(line) for line in self.edge.log_text().splitlines() if line.startswith("{")]
        self.assertIn("edge.serving", [line["id"] for line in lines])


class Signals(unittest.TestCase):
    def test_sigterm_stops_and_a_start_goes_on_where_it_was(self):
        edge = Edge(subscriptions=50)
        try:
            edge.start()
            lease = {"lease": "x", "subscription": f"mobile:{mobile(1)}", "service": "data:all"}
            edge.post("/v1/leases/reserve", lease)
            edge.post("/v1/leases/commit", {**lease, "number": 1, "used": 500})
            self.assertEqual(edge.stop(), 0)
            edge.start()
            self.assertTrue(edge.post("/v1/leases/commit", {**lease, "number": 1, "used": 500}).json["repeated"])
        finally:
            edge.remove()

    def test_a_reload_takes_new_peers_and_clients_and_keeps_the_others(self):
        edge = Edge(subscriptions=50, diameter={"clients": [{"origin_host": "stays.test.example"}, {"origin_host": "old.test.example"}]},
                    radius=True)
        try:
            edge.start()
            stays, old = Peer(edge.ports["diameter"], "stays"), Peer(edge.ports["diameter"], "old")
            edge.config["diameter"]["clients"][1] = {"origin_host": "new.test.example"}
            edge.config["radius"]["clients"][0]["secret"] = "another-secret"
            edge.config["settle_every"] = "7s"
            listener = socket.create_server(("127.0.0.1", 0))
            listener.settimeout(60)
            edge.config["diameter"]["charging_systems"] = [{"origin_host": "ocs.test.example",
                                                            "address": f"127.0.0.1:{listener.getsockname()[1]}"}]
            edge.reload()
            listener.accept()[0].close()  # it is connected to without a restart
            listener.close()
            with self.assertRaises((AssertionError, OSError)):
                for _ in range(200):
                    old.request(280)
                    time.sleep(0.02)
            self.assertEqual(Peer(edge.ports["diameter"], "new").request(280), 2001)
            self.assertEqual(stays.request(280), 2001)
            waits = [json.loads(line)["part"] for line in edge.log_text().splitlines() if "edge.reload_waits" in line]
            self.assertEqual(waits, ["settle_every"])
            done = subprocess.run(["radclient", "-r", "1", "-t", "2", f"127.0.0.1:{edge.ports['radius_auth']}", "status", "another-secret"],
                                  input="Message-Authenticator = 0x00\n", capture_output=True, text=True, timeout=20)
            self.assertIn("Access-Accept", done.stdout + done.stderr)
        finally:
            edge.remove()

    def test_an_upgrade_in_place_keeps_diameter_connections(self):
        edge = Edge(subscriptions=50, diameter=True, radius=True)
        ports = os.path.join(edge.data, "ports.json")
        try:
            edge.start()
            peers = [Peer(edge.ports["diameter"], f"peer{i}") for i in range(20)]
            for again in range(3):  # and again: the next process can do it too
                before = json.load(open(ports))["pid"]
                os.kill(before, signal.SIGUSR2)
                deadline = time.monotonic() + 20
                for peer in peers:  # at once: what the edge hasn't read waits for the next process
                    self.assertEqual(peer.request(280), 2001)
                while True:
                    try:
                        if json.load(open(ports))["pid"] != before:
                            break
                    except (FileNotFoundError, ValueError):
                        pass
                    self.assertLess(time.monotonic(), deadline, edge.log_text()[-2000:])
                    for peer in peers:
                        self.assertEqual(peer.request(280), 2001)
                for peer in peers:
                    self.assertEqual(peer.request(280), 2001)
            edge.wait_ready_again()
            self.assertEqual(edge.metrics()["dayaq_edge_diameter_peers_open"], 20)
        finally:
            try:
                os.kill(json.load(open(ports))["pid"], signal.SIGTERM)
            except (OSError, ValueError):
                pass
            edge.remove()

    def test_an_upgrade_in_place_refuses_nobody(self):
        edge = Edge(subscriptions=50)
        try:
            edge.start()
            before = json.load(open(os.path.join(edge.data, "ports.json")))["pid"]
            first = edge.process
            first.send_signal(signal.SIGUSR2)
            answered, deadline = 0, time.monotonic() + 20
            after = before
            while after == before:
                self.assertLess(time.monotonic(), deadline, edge.log_text()[-2000:])
                self.assertEqual(edge.post("/v1/decide", []).status, 200)  # never refused, at most late
                answered += 1
                try:
                    after = json.load(open(os.path.join(edge.data, "ports.json")))["pid"]
                except (FileNotFoundError, ValueError):
                    pass
            self.assertEqual(first.wait(timeout=10), 0)
            self.assertGreater(answered, 0)
            self.assertEqual(edge.post("/v1/decide", []).status, 200)
        finally:
            try:
                os.kill(json.load(open(os.path.join(edge.data, "ports.json")))["pid"], signal.SIGTERM)
            except (OSError, ValueError):
                pass
            edge.remove()


class Siblings(unittest.TestCase):
    def test_a_lease_goes_on_at_the_other_edge_when_one_is_killed(self):
        one = Edge(subscriptions=50, name="one", number=1, edges=2)
        two = Edge(like=one, name="two", number=2, edges=2)
        for edge, other in ((one, two), (two, one)):
            edge.config["siblings"] = [{"name": other.config["name"], "number": other.config["number"],
                                        "url": f"http://127.0.0.1:{other.ports['http']}", "token_file": "http.token"}]
        lease = {"lease": "moving", "subscription": f"mobile:{mobile(1)}", "service": "data:all"}
        try:
            one.start()
            two.start()
            self.assertEqual(one.post("/v1/leases/reserve", lease).json["outcome"], "granted")
            self.assertFalse(one.post("/v1/leases/commit", {**lease, "number": 1, "used": 1000}).json["repeated"])
            deadline = time.monotonic() + 10  # the other one hears of it
            while two.metrics()['dayaq_edge_sibling_sequence{sibling="one"}'] < 2:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            one.kill()
            # What the first had counted is known here, and what it hadn't is counted here.
            self.assertTrue(two.post("/v1/leases/commit", {**lease, "number": 1, "used": 1000}).json["repeated"])
            answer = two.post("/v1/leases/commit", {**lease, "number": 2, "used": 500}).json
            self.assertEqual((answer["outcome"], answer["repeated"]), ("granted", False))
            time.sleep(0.25)
            self.assertEqual(two.metrics()['dayaq_edge_sibling_heard{sibling="one"}'], 0)
            self.assertEqual(two.metrics()['dayaq_edge_used_total{benefit="data"}'], 500)
        finally:
            one.remove()
            two.remove()


if __name__ == "__main__":
    harness.main()
