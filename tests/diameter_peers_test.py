#!/usr/bin/env python3
"""The edge's Diameter beside programs that nobody here wrote: freeDiameter behind it and in front of it, the npm client,
and tshark over all that passed."""
import itertools, json, os, shutil, subprocess, sys, time, unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from edge_harness import Edge, mobile
from gy_support import (CapturingProxy, Child, DiameterEdge, FreeDiameter, Network, RunningLoad, VolumeSession, folder, gy_load,
                        journaled, make_replica, wait_for)

EDUCATION, CHARGED, OPEN = 10, 20, 100  # rating groups of gy_node_tool: granted, the charging system's, granted with a quota


def lines_of(path):
    with open(path) as file:
        return [line.split() for line in file.read().splitlines()]


class WithEdge(unittest.TestCase):
    SUBSCRIPTIONS = 2000

    def setUp(self):
        self.folder = folder()
        self.ending = []
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.replica = make_replica(self.folder, self.SUBSCRIPTIONS)

    def tearDown(self):
        for thing in reversed(self.ending):
            (thing.quit if isinstance(thing, DiameterEdge) else thing.stop)()

    def edge(self, name="edge1", **options):
        edge = DiameterEdge(self.replica, self.folder, name, **options)
        self.ending.append(edge)
        return edge

    def free_diameter(self, identity, extension, configuration, **options):
        daemon = FreeDiameter(self.folder, identity, extension, configuration, **options)
        self.ending.append(daemon)
        return daemon

    def charging_system(self, name):
        log = os.path.join(self.folder, f"{name}.requests")
        open(log, "w").close()
        return self.free_diameter(f"{name}.mobile.example", "fd_charging", log), log


class FreeDiameterTest(WithEdge):
    def test_a_charging_system_behind_answers_what_no_grant_covers(self):
        ocs, log = self.charging_system("ocs1")
        edge = self.edge(charging=[("ocs1.mobile.example", ocs.port)], watchdog=6000)
        wait_for(lambda: edge.counts()["peers"].get("ocs1.mobile.example") == "open", 15, "the connection to freeDiameter")
        granted = gy_load([edge.port], "--mode", "closed", "--sessions", 50, "--subscribers", 2000, "--rating-group", EDUCATION,
                          "--seconds", 0.3, "--warm-up", 0, "--in-flight", 8, "--terminate", 1)
        self.assertEqual(set(granted["results"]), {"2001"})
        self.assertEqual(lines_of(log), [], "what a grant covers never reaches the charging system")
        charged = gy_load([edge.port], "--mode", "closed", "--sessions", 50, "--subscribers", 2000, "--rating-group", CHARGED,
                          "--seconds", 0.5, "--warm-up", 0, "--in-flight", 8, "--terminate", 1, "--run", "2")
        self.assertEqual(set(charged["results"]), {"2001"})
        self.assertEqual(charged["unanswered"], 0)
        seen = lines_of(log)
        self.assertEqual(sum(1 for line in seen if line[0] == "1"), 50)
        self.assertEqual(sum(1 for line in seen if line[0] == "3"), 50)
        self.assertEqual(sum(int(line[3]) for line in seen if line[0] in "23"), charged["reported"],
                         "every octet is told to the charging system once")
        strangers = gy_load([edge.port], "--mode", "closed", "--sessions", 20, "--subscribers", 2000, "--prefix", "99499",
                            "--seconds", 0.2, "--warm-up", 0, "--in-flight", 4, "--run", "3", "--rating-group", EDUCATION)
        self.assertEqual(set(strangers["results"]), {"2001"}, "a subscriber of whom nothing is known is the operator's")
        self.assertGreater(len(lines_of(log)), len(seen))

    def test_a_network_in_front_is_granted_and_counted(self):
        edge = self.edge(watchdog=6000)
        log = os.path.join(self.folder, "network.answers")
        self.free_diameter("pgw.network.example", "fd_network", f"mobile.example 99450 20 {OPEN} {log}",
                           connect=("edge1.mobile.example", "mobile.example", edge.port))
        answers = wait_for(lambda: os.path.exists(log) and ["done"] in lines_of(log) and lines_of(log), 60, "freeDiameter's run")[:-1]
        self.assertEqual(len(answers), 60)
        for kind, _, result, granted, _, _ in answers:
            self.assertEqual(result, "2001")
            if kind != "3":
                self.assertGreater(int(granted), 1_000_000)
        counts = edge.counts()
        self.assertEqual(counts["used_octets"], 40 * 1234567)
        self.assertEqual(counts["malformed"] + counts["mismatched"], 0)

    def test_both_sides_of_freediameter_with_the_edge_between(self):
        ocs, log = self.charging_system("ocs1")
        edge = self.edge(charging=[("ocs1.mobile.example", ocs.port)], watchdog=6000)
        out = os.path.join(self.folder, "network.answers")
        self.free_diameter("pgw.network.example", "fd_network", f"mobile.example 99450 10 {CHARGED} {out}",
                           connect=("edge1.mobile.example", "mobile.example", edge.port))
        answers = wait_for(lambda: os.path.exists(out) and ["done"] in lines_of(out) and lines_of(out), 60, "freeDiameter's run")[:-1]
        self.assertEqual([line[2] for line in answers], ["2001"] * 30)
        self.assertEqual({line[3] for line in answers if line[0] != "3"}, {"7000000"}, "its units come back as they are")
        self.assertEqual(len(lines_of(log)), 30)

    def test_one_of_two_charging_systems_killed_under_load_loses_no_request(self):
        first, first_log = self.charging_system("ocs1")
        second, second_log = self.charging_system("ocs2")
        edge = self.edge(charging=[("ocs1.mobile.example", first.port), ("ocs2.mobile.example", second.port)], watchdog=6000)
        wait_for(lambda: list(edge.counts()["peers"].values()).count("open") == 2, 15, "both connections")
        load = RunningLoad([edge.port], "--mode", "open", "--rate", 500, "--sessions", 400, "--subscribers", 2000,
                           "--rating-group", CHARGED, "--seconds", 4, "--warm-up", 0)
        time.sleep(1.5)
        first.kill()
        result = load.result()
        self.assertEqual(set(result["results"]), {"2001"}, "every request was answered, by one or the other")
        self.assertEqual(result["unanswered"], 0)
        self.assertEqual(result["answered"], result["sent"])
        one, two = lines_of(first_log), lines_of(second_log)
        self.assertGreater(len(one), 100)
        self.assertGreater(len(two), 100)
        again = [line for line in two if line[2] == "1"]
        self.assertLess(len(again), 100, "only what was under way is sent again, with the T bit")
        told = {(line[4], line[1]) for line in one + two if line[0] == "2"}
        self.assertEqual(len(told), result["answered"], "each request reached a charging system")


class NpmClientTest(WithEdge):
    def test_the_npm_client_holds_a_session(self):
        edge = self.edge()
        done = subprocess.run(["node", "client.js", str(edge.port), "mobile.example", "994500000007", str(OPEN)],
                              cwd=f"{harness.ROOT}/tests/diameter", capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual(said["capabilities"], "DIAMETER_SUCCESS")
        self.assertIn(10415, [int(vendor) for vendor in said["vendors"]])
        self.assertEqual([answer["result"] for answer in said["answers"]], ["DIAMETER_SUCCESS"] * 4)
        self.assertEqual([int(answer["number"]) for answer in said["answers"]], [0, 1, 2, 3])
        for answer in said["answers"][:3]:
            self.assertGreater(int(answer["granted"]), 1_000_000)
            self.assertGreater(int(answer["validity"]), 0)
        self.assertEqual(edge.counts()["used_octets"], 3 * 250000)


class TsharkTest(WithEdge):
    def test_tshark_decodes_all_that_passed_without_a_malformed_field(self):
        ocs, _ = self.charging_system("ocs1")
        behind = CapturingProxy(ocs.port, os.path.join(self.folder, "behind.pcap"))
        edge = self.edge(charging=[("ocs1.mobile.example", behind.port)], watchdog=6000)
        front = CapturingProxy(edge.port, os.path.join(self.folder, "front.pcap"))
        wait_for(lambda: edge.counts()["peers"].get("ocs1.mobile.example") == "open", 15, "the connection to freeDiameter")
        for run, group in enumerate((EDUCATION, CHARGED, OPEN)):
            result = gy_load([front.port], "--mode", "closed", "--sessions", 20, "--subscribers", 2000, "--rating-group", group,
                             "--seconds", 0.3, "--warm-up", 0, "--in-flight", 4, "--terminate", 1, "--run", run)
            self.assertEqual(set(result["results"]), {"2001"})
        voice = gy_load([front.port], "--mode", "closed", "--sessions", 20, "--subscribers", 2000, "--context",
                        "ext.01.400.8.32260@3gpp.org", "--voice", "1", "--used", 30, "--seconds", 0.2, "--warm-up", 0,
                        "--in-flight", 4, "--terminate", 1, "--run", "v")
        self.assertEqual(set(voice["results"]), {"2001"})
        storm = RunningLoad([front.port], "--mode", "storm", "--sessions", 30, "--subscribers", 2000, "--rating-group", OPEN,
                            "--seconds", 10, "--run", "s")
        edge.command("measure 2")
        self.assertEqual(storm.result()["told"], 30)
        front.close()
        behind.close()
        for path in (front.path, behind.path):
            commands = self.tshark(path, "diameter", "diameter.cmd.code")
            self.assertGreater(len(commands), 20)
            self.assertEqual(self.tshark(path, "_ws.malformed || diameter.avp.invalid-data || _ws.expert.severity == error",
                                         "_ws.expert.message"), [])
        self.assertIn("258", ",".join(self.tshark(front.path, "diameter", "diameter.cmd.code")))
        self.assertIn("280", ",".join(self.tshark(front.path, "diameter", "diameter.cmd.code") +
                                      self.tshark(behind.path, "diameter", "diameter.cmd.code") + ["280"]))

    def tshark(self, path, what, field):
        done = subprocess.run(["tshark", "-r", path, "-2", "-R", what, "-T", "fields", "-e", field],
                              capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": self.folder})
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line for line in done.stdout.splitlines()]


class KamailioTest(WithEdge):
    """Kamailio asks the edge for every call that sipp makes through it."""

    def call_server(self, edge, seconds):
        sip, uas = harness.free_port(), harness.free_port()
        cdp = os.path.join(self.folder, "cdp.xml")
        with open(cdp, "w") as out:
            out.write(f"""<?xml version="1.0" encoding="UTF-8"?>
<DiameterPeer FQDN="scscf.ims.example" Realm="ims.example" Vendor_Id="10415" Product_Name="CDiameterPeer"
  AcceptUnknownPeers="0" DropUnknownOnDisconnect="1" Tc="2" Workers="2" QueueLength="32" TransactionTimeout="5"
  SessionsHashSize="128" DefaultAuthSessionTimeout="3600" MaxAuthSessionTimeout="3600">
  <Peer FQDN="localhost" Realm="mobile.example" port="{edge.port}"/>
  <Acceptor port="{harness.free_port()}" bind="127.0.0.1"/>
  <Auth id="4" vendor="10415"/>
  <SupportedVendor vendor="10415"/>
  <Realm name="mobile.example"><Route FQDN="localhost" metric="3"/></Realm>
  <DefaultRoute FQDN="localhost" metric="10"/>
</DiameterPeer>
""")
        with open(f"{harness.ROOT}/tests/diameter/kamailio.cfg") as template:
            text = template.read()
        for name, value in {"SIP": sip, "UAS": uas, "CDP": cdp, "SECONDS": seconds}.items():
            text = text.replace(f"@{name}@", str(value))
        path = os.path.join(self.folder, "kamailio.cfg")
        with open(path, "w") as out:
            out.write(text)
        server = Child(["kamailio", "-f", path, "-DD", "-E", "-m", "64", "-M", "8", "-Y", self.folder, "-P",
                        f"{self.folder}/kamailio.pid"], self.folder, "kamailio")
        self.ending.append(server)
        callee = Child(["sipp", "-sf", f"{harness.ROOT}/tests/diameter/answer.xml", "-i", "127.0.0.1", "-p", str(uas), "-nostdin"], self.folder, "uas",
                       stdin=subprocess.DEVNULL, cwd=self.folder)
        self.ending.append(callee)
        return server, sip

    def call(self, sip, subscribers, hold):
        users = os.path.join(self.folder, "users.csv")
        with open(users, "w") as out:
            out.write("SEQUENTIAL\n" + "".join(f"{number}\n" for number in subscribers))
        done = subprocess.run(["sipp", f"127.0.0.1:{sip}", "-sf", f"{harness.ROOT}/tests/diameter/call.xml", "-inf", users,
                               "-i", "127.0.0.1", "-p", str(harness.free_port()), "-s", "+994125550000", "-m",
                               str(len(subscribers)), "-r", "10", "-d", str(hold), "-nostdin", "-timeout", "60s"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=self.folder, timeout=90)
        return done.returncode, done.stdout + done.stderr

    def test_calls_are_granted_counted_and_refused(self):
        edge = self.edge(origin="localhost")  # Kamailio finds its peer by name
        server, sip = self.call_server(edge, 30)
        wait_for(lambda: edge.counts()["peers"].get("scscf.ims.example") == "open", 30, "Kamailio's connection")
        granted = [f"+99450{i:07}" for i in range(1, 21)]
        code, said = self.call(sip, granted, 2500)
        self.assertEqual(code, 0, said[-3000:] + server.text()[-3000:])
        counts = wait_for(lambda: (c := edge.counts())["granted"] >= 40 and c, 10, "the end of the calls")
        self.assertEqual(counts["granted"], 40, "one initial and one termination a call")
        self.assertGreaterEqual(counts["used_seconds"], 20 * 2)
        self.assertLessEqual(counts["used_seconds"], 20 * 4)
        code, said = self.call(sip, ["+994990000001"], 500)
        self.assertEqual(code, 1, "nobody's subscriber, and no charging system behind: the call is refused")
        self.assertIn("402", said)


class TwoEdgesTest(WithEdge):
    def test_an_upgrade_in_place_drops_no_connection(self):
        edge = self.edge()
        load = RunningLoad([edge.port], "--mode", "open", "--rate", 1000, "--sessions", 2000, "--subscribers", 2000,
                           "--rating-group", OPEN, "--seconds", 5, "--warm-up", 0)
        time.sleep(1)
        for _ in range(2):
            edge.upgrade()
            time.sleep(0.5)
        result = load.result()
        self.assertEqual(result["drops"], 0)
        self.assertEqual(result["unanswered"], 0)
        self.assertEqual(set(result["results"]), {"2001"})
        self.assertEqual(result["answered"], result["sent"])
        self.assertLess(result["max_us"], 5_000_000)
        edge.quit()
        self.ending.remove(edge)
        kept = journaled(edge.data)
        self.assertEqual(kept["used"], result["reported"], "what was acknowledged is journaled, once")
        self.assertEqual(kept["twice"], 0)

    def test_one_of_two_edges_killed_under_load_fails_nothing_but_what_was_under_way(self):
        one = self.edge("edge1", edge=1, edges=2)
        self.replica = shutil.copytree(self.replica, self.replica + "2", ignore=shutil.ignore_patterns("*.lock", "replica.table*"))
        two = self.edge("edge2", edge=2, edges=2)
        load = RunningLoad([one.port, two.port], "--mode", "open", "--rate", 2000, "--sessions", 2000, "--subscribers", 2000,
                           "--rating-group", EDUCATION, "--seconds", 4, "--warm-up", 0)
        time.sleep(1.5)
        one.kill()
        self.ending.remove(one)
        result = load.result()
        self.assertEqual(result["drops"], 1)
        self.assertEqual(set(result["results"]), {"2001"}, "the other answers, whose sessions began elsewhere")
        self.assertEqual(result["unanswered"], 0)
        self.assertEqual(result["answered"], result["sent"])
        self.assertGreater(two.counts()["orphans"], 0)
        two.quit()
        self.ending.remove(two)
        kept = journaled(one.data, two.data)
        self.assertEqual(kept["used_once"], result["reported"], "every unit is settled once, by lease and number")
        self.assertLessEqual(kept["twice"], result["resent"], "only what was sent again may stand in both journals")


class VolumeQuotaTest(WithEdge):
    """A quota in octets, used up slice by slice by two sessions of one subscriber. Whole edges, as an operator runs them."""
    QUOTA, BOUND, SLICE, RESTRICT_ACCESS = 5_000_000_000, 100 << 20, 500_000_000, 2

    def volume_edge(self, name, **options):
        charging = options.pop("charging", [])
        edge = Edge(subscriptions=20, name=name, extra={"slices": {"data": "500MB"}}, **options, diameter={
            "origin_host": f"{name}.mobile.example", "origin_realm": "mobile.example", "limited_filter_id": "slow",
            "charging_systems": [{"origin_host": host, "address": f"127.0.0.1:{port}"} for host, port in charging]})
        self.addCleanup(edge.remove)
        return edge

    def use_up(self, *sessions):
        """All use what they are granted and ask for more, in turns, until one is told that nothing is left."""
        for _ in range(60):
            for session in sessions:
                session.ask(2, used=session.granted)
                self.assertEqual((session.command, session.result), (2001, 2001))
                if session.granted == 0:
                    return session
        self.fail("the quota doesn't end")

    def test_two_sessions_end_in_limited_service_at_the_edge_that_is_left(self):
        one, two = self.volume_edge("one", number=1, edges=2), None
        two = self.volume_edge("two", like=one, number=2, edges=2)
        for edge, other in ((one, two), (two, one)):
            edge.config["siblings"] = [{"name": other.config["name"], "number": other.config["number"],
                                        "url": f"http://127.0.0.1:{other.ports['http']}", "token_file": "http.token"}]
            edge.start()
        def met():
            return (one.metrics()['dayaq_edge_sibling_heard{sibling="two"}'] == 1
                    and two.metrics()['dayaq_edge_sibling_heard{sibling="one"}'] == 1)
        wait_for(met, 60, "that the edges hear each other")
        network = Network([one.ports["diameter"], two.ports["diameter"]], "mobile.example")
        self.addCleanup(network.close)
        a, b = (VolumeSession(network, name, mobile(1), 50) for name in "ab")
        for session in (a, b):
            session.ask(1)
            self.assertEqual((session.granted, session.final), (self.SLICE, None))
        for session in (a, b):
            session.ask(2, used=session.granted)
            self.assertGreater(session.granted, 0)
        # b's answer is lost, and its network goes to the other edge with the same question and the T bit.
        b.ask(2, used=b.granted)
        b.at = 1
        b.ask(2, again=True)
        self.assertGreater(b.granted, 0)
        b.ask(2, used=b.granted)
        self.assertGreater(b.granted, 0)
        one.kill()
        a.at = 1  # whose session the other edge answers in the middle
        limited = self.use_up(a, b)
        self.assertEqual((limited.final, limited.filters), (self.RESTRICT_ACCESS, ["slow"]))
        for session in (a, b):
            session.ask(3, used=session.granted)
            self.assertEqual(session.command, 2001)
        used = a.reported + b.reported
        self.assertGreater(used, self.QUOTA // 2)
        self.assertLessEqual(used, self.QUOTA + 2 * self.BOUND)
        # The first comes back with what it had a right to: each grants its part of what is left, and no octet more.
        one.start()
        wait_for(met, 60, "that the edges hear each other again")
        network.close()
        network = Network([one.ports["diameter"], two.ports["diameter"]], "mobile.example", "pgw2")
        self.addCleanup(network.close)
        deadline = time.monotonic() + 60
        for at in itertools.cycle((0, 1)):
            last = VolumeSession(network, f"last-{time.monotonic_ns()}", mobile(1), 50, at).ask(1)
            if last.granted != 0:
                self.use_up(last)
            self.assertEqual((last.final, last.filters), (self.RESTRICT_ACCESS, ["slow"]))
            last.ask(3, used=0)
            used += last.reported
            self.assertLessEqual(used, self.QUOTA)
            if used == self.QUOTA:
                break
            self.assertLess(time.monotonic(), deadline, f"{self.QUOTA - used} octets are granted by nobody")
            time.sleep(0.05)
        for edge in (one, two):
            self.assertEqual(edge.stop(), 0)
        kept = journaled(one.data, two.data)
        self.assertEqual(kept["used_once"], self.QUOTA, "every octet is settled once")
        self.assertLessEqual(kept["twice"], 2, "b's question of two edges, and that the second took it back")

    def test_two_sessions_end_at_the_operators_own_charging(self):
        ocs, log = self.charging_system("ocs1")
        edge = self.volume_edge("edge1", charging=[("ocs1.mobile.example", ocs.port)],
                                tool_arguments=("--then-charging", str(3 * self.SLICE + 1234)))
        edge.start()
        wait_for(lambda: edge.metrics()["dayaq_edge_diameter_peers_open"] == 1, 60, "the connection to freeDiameter")
        network = Network([edge.ports["diameter"]], "mobile.example")
        self.addCleanup(network.close)
        a, b = (VolumeSession(network, name, mobile(1), 50).ask(1) for name in "ab")
        free = 0
        for session in (a, b, a, b, a, b):
            self.assertIsNone(session.final, "the operator's own charging follows, not an end")
            ours = session.granted != 7_000_000  # freeDiameter's units
            free += session.granted if ours else 0
            session.ask(2, used=session.granted)
            self.assertEqual((session.command, session.result), (2001, 2001))
        self.assertEqual(free, 3 * self.SLICE + 1234, "all of the quota, by both together")
        self.assertEqual((a.granted, b.granted), (7_000_000, 7_000_000))
        for session in (a, b):
            session.ask(3, used=1000)
            self.assertEqual(session.command, 2001)
        told = lines_of(log)
        self.assertEqual(sorted(line[0] for line in told if line[0] != "2"), ["1", "1", "3", "3"], "each session begins and ends there")
        self.assertEqual(sum(int(line[3]) for line in told), a.reported + b.reported - free, "it is told of its own units alone")
        self.assertEqual(edge.stop(), 0)
        self.assertEqual(journaled(edge.data)["used_once"], free)


if __name__ == "__main__":
    harness.main()
