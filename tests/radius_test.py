#!/usr/bin/env python3
"""RADIUS at the edge against code that nobody here wrote: FreeRADIUS as the operator's server behind it, in front of it
and as a network access server that takes changes; radclient; the npm package `radius`; a capture of ocserv."""
import hashlib, json, os, random, re, shutil, socket, ssl, struct, subprocess, tempfile, threading, time, unittest

from harness import ROOT, main
from radius_stand import LINE, Edge, FreeRadius, certificates, free_port, radclient
from radius_wire import (ACCEPT, ACCOUNTED, CHALLENGE, COA_ACK, COA_NAK, COA_REQUEST, REJECT, STATUS, Asker,
                         access_request, accounting, attribute, capture_packets, packet, parse, prove_reply)

PROFILES = ["profile=education:Filter-Id=edu;Cisco-AVPair=subscriber:sa=EDU",
            "profile=all:Mikrotik-Rate-Limit=10M/10M;WISPr-Bandwidth-Max-Down=10000000",
            "limited=Filter-Id=limited;Mikrotik-Rate-Limit=128k/128k", "normal=Filter-Id=paid"]
GRANTED, STRANGER = LINE(1), "nobody@isp.az"
USERS = f"""
{GRANTED} Cleartext-Password := "right"
  Framed-IP-Address = 10.1.1.1, Filter-Id = "operators", Mikrotik-Rate-Limit = "1M/1M", Class = 0x746865697273
{STRANGER} Cleartext-Password := "right"
  Framed-IP-Address = 10.1.1.2, Filter-Id = "operators"
"""
IN_FRONT = """
home_server edge_auth {{ type = auth
  ipaddr = 127.0.0.1
  port = {auth_port}
  secret = testing123
  response_window = 5
  status_check = status-server }}
home_server edge_acct {{ type = acct
  ipaddr = 127.0.0.1
  port = {acct_port}
  secret = testing123
  response_window = 5 }}
home_server_pool auth {{ home_server = edge_auth }}
home_server_pool acct {{ home_server = edge_acct }}
realm edge {{ auth_pool = auth
  acct_pool = acct
  nostrip }}
"""


class Stand(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dayaq-radius-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def edge(self, *options, client="client=127.0.0.1,testing123", **more):
        edge = Edge(self.folder, 100, client, *PROFILES, *options, **more)
        self.addCleanup(edge.stop)
        return edge.start()

    def freeradius(self, *arguments, **parts):
        server = FreeRadius(*arguments, **parts)
        self.addCleanup(server.remove)
        return server.start()

    def edge_before(self, operator, *options, **more):
        return self.edge(f"proxy_auth=127.0.0.1:{operator.auth_port}", f"proxy_acct=127.0.0.1:{operator.acct_port}",
                         "proxy_secret=theirs", *options, **more)


class BehindTheEdge(Stand):
    """FreeRADIUS as the operator's own server; radclient as the network."""

    def ask(self, edge, user, password, kind="User-Password"):
        return radclient(edge.ports["auth_port"], "auth",
                         [f'User-Name = "{user}"', f'{kind} = "{password}"', "NAS-Identifier = bng1",
                          "Message-Authenticator = 0x00"])

    def test_passwords_are_the_operators_and_grants_complete_its_answers(self):
        edge = self.edge_before(self.freeradius(USERS))
        for kind in ("User-Password", "CHAP-Password"):
            said = self.ask(edge, GRANTED, "right", kind)
            self.assertIn("Received Access-Accept", said, kind)
            self.assertIn("Framed-IP-Address = 10.1.1.1", said)
            self.assertIn('Filter-Id = "edu"', said)
            self.assertNotIn("operators", said)
            self.assertIn('Mikrotik-Rate-Limit = "10M/10M"', said)
            self.assertNotIn('"1M/1M"', said)
            self.assertIn("WISPr-Bandwidth-Max-Down = 10000000", said)
            self.assertIn('Cisco-AVPair = "subscriber:sa=EDU"', said)
            self.assertIn("Class = 0x746865697273", said)
            self.assertEqual(len(re.findall(r"\tClass = 0x", said)), 2)
            self.assertNotIn(GRANTED, re.search(r"Chargeable-User-Identity = (.*)", said).group(1))
            self.assertIn("Acct-Interim-Interval = 600", said)
            self.assertIn("Received Access-Reject", self.ask(edge, GRANTED, "wrong", kind))

    def test_who_has_no_grant_gets_what_the_operator_says_and_nothing_more(self):
        edge = self.edge_before(self.freeradius(USERS))
        said = self.ask(edge, STRANGER, "right")
        self.assertIn("Received Access-Accept", said)
        self.assertIn('Filter-Id = "operators"', said)
        for ours in ("Class", "Chargeable", "Interim", "Proxy-State"):
            self.assertNotIn(ours, said.split("Received")[1])

    def test_eap_goes_through_with_its_challenges(self):
        operator = self.freeradius(USERS, more_modules="eap { default_eap_type = md5\n md5 { } }",
                                   authorize="eap\nfiles\npap", authenticate="eap\nAuth-Type PAP { pap }")
        edge = self.edge_before(operator)
        for password, wanted in (("right", "Access-Accept"), ("wrong", "Access-Reject")):
            done = subprocess.run(["radeapclient", "-x", "-r", "1", "-t", "3", f"127.0.0.1:{edge.ports['auth_port']}",
                                   "auth", "testing123"],
                                  input=f'User-Name = "{GRANTED}"\nCleartext-Password = "{password}"\n'
                                        "EAP-Code = Response\nEAP-Id = 210\n"
                                        f'EAP-Type-Identity = "{GRANTED}"\nMessage-Authenticator = 0x00\n'
                                        "NAS-Port = 0\n", capture_output=True, text=True, timeout=30)
            self.assertIn("Access-Challenge", done.stdout + done.stderr)
            self.assertIn(wanted, done.stdout + done.stderr)
        self.assertGreaterEqual(edge.counts()["accepted"], 1)

    def test_keys_of_ms_chap_arrive_hidden_for_the_network(self):
        key = "0x" + "11" * 16
        operator = self.freeradius(f'{GRANTED} Cleartext-Password := "right"\n  MS-MPPE-Send-Key = {key}, '
                                   'Tunnel-Password:1 = "tunnel secret"\n')
        said = self.ask(self.edge_before(operator), GRANTED, "right")
        self.assertIn(f"MS-MPPE-Send-Key = {key}", said)
        self.assertIn('Tunnel-Password:1 = "tunnel secret"', said)

    def test_accounting_without_a_grant_is_the_operators_and_with_one_is_counted_here(self):
        operator = self.freeradius(USERS)
        edge = self.edge_before(operator)
        asker = Asker(edge.ports["acct_port"])
        for user in (STRANGER, GRANTED):
            for identifier, (status, octets) in enumerate([(1, 0), (3, 1000), (2, 3000)]):
                answer = asker.ask(accounting(identifier, b"testing123", status, f"s-{user}", user, (octets, 10 * octets)))
                self.assertEqual(answer["code"], ACCOUNTED)
        detail = operator.detail()
        self.assertEqual(detail.count(f'User-Name = "{STRANGER}"'), 3)
        self.assertNotIn(GRANTED, detail)
        self.assertEqual(edge.counts()["octets"], 33000)

    def test_when_the_operator_is_silent_so_is_the_edge_and_a_retry_finds_it_back(self):
        operator = self.freeradius(USERS)
        edge = self.edge_before(operator)
        operator.stop()
        asker = Asker(edge.ports["auth_port"])
        request = access_request(9, b"testing123", [attribute(1, GRANTED)], "right")
        self.assertIsNone(asker.ask(request, timeout=1))
        operator.start()
        self.assertEqual(asker.ask(request, timeout=3)["code"], ACCEPT)
        self.assertEqual(edge.counts()["proxied"], 1)

    def test_an_operator_that_proves_nothing_is_not_believed(self):
        operator = self.freeradius(USERS, post_auth="")
        edge = self.edge_before(operator)
        asker = Asker(edge.ports["auth_port"])
        self.assertIsNone(asker.ask(access_request(1, b"testing123", [attribute(1, GRANTED)], "right"), timeout=1))
        edge.stop()
        edge.options = (*edge.options, "proxy_old=1")
        edge.start()
        self.assertEqual(asker.ask(access_request(2, b"testing123", [attribute(1, GRANTED)], "right"))["code"], ACCEPT)


class InFrontOfTheEdge(Stand):
    """FreeRADIUS as the network's proxy, which goes on to the edge, which goes on to FreeRADIUS."""

    def test_the_whole_chain(self):
        operator = self.freeradius(USERS)
        edge = self.edge_before(operator)
        to_edge = "update control { Proxy-To-Realm := edge }"
        front = self.freeradius(more=IN_FRONT.format(**edge.ports), secret="front", authorize=to_edge, preacct=to_edge,
                                accounting="ok", authenticate="")
        said = radclient(front.auth_port, "auth",
                         [f'User-Name = "{GRANTED}"', 'User-Password = "right"', "NAS-Identifier = bng1"], "front")
        self.assertIn("Received Access-Accept", said)
        self.assertIn('Filter-Id = "edu"', said)
        self.assertIn("Framed-IP-Address = 10.1.1.1", said)
        self.assertEqual(front.text().count("Unexpected"), 0)
        for status, octets in (("Start", 0), ("Interim-Update", 5000), ("Stop", 9000)):
            said = radclient(front.acct_port, "acct",
                             [f'User-Name = "{GRANTED}"', f"Acct-Status-Type = {status}", "NAS-Identifier = bng1",
                              'Acct-Session-Id = "chain"', f"Acct-Input-Octets = {octets}"], "front")
            self.assertIn("Received Accounting-Response", said)
        self.assertEqual(edge.counts()["octets"], 9000)
        self.assertTrue(edge.say("lease bng1 chain").get("ended"))

    def test_radsec_from_freeradius(self):
        certificates(self.folder)
        edge = self.edge("accept=1", "radsec_port=0", f"certificate={self.folder}/server.pem",
                         f"key={self.folder}/server.key", f"authority={self.folder}/authority.pem")
        home = f"""
home_server tls {{ type = auth+acct
  ipaddr = 127.0.0.1
  port = {edge.ports["radsec_port"]}
  proto = tcp
  secret = radsec
  tls {{ private_key_file = {self.folder}/client.key
    certificate_file = {self.folder}/client.pem
    ca_file = {self.folder}/authority.pem
    tls_min_version = "1.2"
    tls_max_version = "1.2" }} }}
home_server_pool tls {{ home_server = tls }}
realm edge {{ auth_pool = tls
  acct_pool = tls
  nostrip }}
"""
        to_edge = "update control { Proxy-To-Realm := edge }"
        front = self.freeradius(more=home, secret="front", authorize=to_edge, preacct=to_edge, accounting="ok",
                                authenticate="")
        said = radclient(front.auth_port, "auth", [f'User-Name = "{GRANTED}"', 'User-Password = "x"'], "front")
        self.assertIn("Received Access-Accept", said)
        self.assertIn('Filter-Id = "edu"', said)
        for status, octets in (("Start", 0), ("Interim-Update", 700)):
            said = radclient(front.acct_port, "acct",
                             [f'User-Name = "{GRANTED}"', f"Acct-Status-Type = {status}", "NAS-Identifier = bng1",
                              'Acct-Session-Id = "tls"', f"Acct-Input-Octets = {octets}"], "front")
            self.assertIn("Received Accounting-Response", said)
        self.assertEqual(edge.counts()["octets"], 700)


class RadSec(Stand):
    def radsec_edge(self, *options):
        certificates(self.folder)
        return self.edge("accept=1", "radsec_port=0", f"certificate={self.folder}/server.pem",
                         f"key={self.folder}/server.key", f"authority={self.folder}/authority.pem", *options)

    def connect(self, edge, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(f"{self.folder}/authority.pem")
        if certificate:
            context.load_cert_chain(f"{self.folder}/{certificate}.pem", f"{self.folder}/{certificate}.key")
        raw = socket.create_connection(("127.0.0.1", edge.ports["radsec_port"]), timeout=5)
        return context.wrap_socket(raw)

    @staticmethod
    def read_packet(stream):
        data = b""
        while len(data) < 4 or len(data) < struct.unpack(">H", data[2:4])[0]:
            piece = stream.recv(4096)
            if not piece:
                return None
            data += piece
        return data

    def answered(self, edge, certificate):
        """None if the edge ends the connection."""
        try:
            with self.connect(edge, certificate) as stream:  # TLS 1.3: a refusal comes with the first answer
                request = access_request(1, b"radsec", [attribute(1, GRANTED)])
                stream.sendall(request)
                packet = self.read_packet(stream)
                return packet and prove_reply(packet, request, b"radsec")["code"]
        except OSError:
            return None

    def test_a_certificate_of_a_name_in_the_file_is_enough(self):
        self.assertEqual(self.answered(self.radsec_edge("radsec_name=nas1.example", "radsec_name=client"), "client"), ACCEPT)

    def test_a_certificate_of_no_name_in_the_file_is_refused(self):
        self.assertIsNone(self.answered(self.radsec_edge("radsec_name=nas1.example"), "client"))

    def test_a_certificate_is_needed_and_packets_come_in_any_pieces(self):
        edge = self.radsec_edge()
        read_packet = self.read_packet
        for certificate in (None, "other"):
            self.assertIsNone(self.answered(edge, certificate))
        with self.connect(edge, "client") as stream:
            request = access_request(1, b"radsec", [attribute(1, GRANTED)])
            for byte in request:
                stream.sendall(bytes([byte]))
            self.assertEqual(prove_reply(read_packet(stream), request, b"radsec")["code"], ACCEPT)
            for status, octets in ((1, 0), (3, 10)):
                stream.sendall(b"".join(accounting(i, b"radsec", status, f"r{i}", GRANTED, (octets, 0))
                                        for i in range(100)))
                data = b""
                while len(data) < 2000:
                    data += stream.recv(65536)
                self.assertEqual(sorted(data[at + 1] for at in range(0, 2000, 20)), list(range(100)))
            stream.sendall(b"\x01\x01\x00\x05rest")  # a length that can't be ends the connection
            self.assertIsNone(read_packet(stream))
        self.assertEqual(edge.counts()["octets"], 1000)


    def test_changes_go_back_on_the_connection_of_the_server_and_reach_it_after_a_reconnect(self):
        edge = self.radsec_edge("radsec_changes=1", "pace=1000")
        sessions = 300

        def start(stream, status, octets=0):
            stream.sendall(b"".join(accounting(i % 256, b"radsec", status, f"r{i}", f"late{i}@isp.az", (octets, 0))
                                    for i in range(sessions)))

        def take(stream, requests, answer=True):
            """Reads until so many changes came; answers them; the filters that they brought, by session."""
            filters, data = {}, b""
            stream.settimeout(60)
            while len(filters) < requests:
                data += stream.recv(65536)
                while len(data) >= 4 and len(data) >= struct.unpack(">H", data[2:4])[0]:
                    raw, data = data[:struct.unpack(">H", data[2:4])[0]], data[struct.unpack(">H", data[2:4])[0]:]
                    if raw[0] != 43:  # CoA-Request; the rest are answers to accounting
                        continue
                    request = parse(raw)
                    right = raw[:4] + bytes(16) + raw[20:] + b"radsec"
                    self.assertEqual(hashlib.md5(right).digest(), raw[4:20])
                    filters[request["get"](44)[0]] = request["get"](11)[0]
                    if answer:
                        reply = packet(COA_ACK, raw[1], raw[4:20], [])
                        stream.sendall(reply[:4] + hashlib.md5(reply + b"radsec").digest() + reply[20:])
            return filters

        with self.connect(edge, "client") as stream:
            start(stream, 1)
            edge.wait_for("sessions", sessions)
            for i in range(sessions):
                edge.say(f"grant late{i}@isp.az 1")
            self.assertEqual(set(take(stream, sessions).values()), {b"edu"})
            edge.wait_for("coa_acknowledged", sessions)
            edge.say("grant late0@isp.az -")
            self.assertEqual(take(stream, 1, answer=False), {b"r0": b"paid"})
        with self.connect(edge, "client") as stream:  # the first connection ended before that was answered
            request = access_request(1, b"radsec", [attribute(1, GRANTED), attribute(32, b"bng1")])
            stream.sendall(request)
            self.assertEqual(take(stream, 1), {b"r0": b"paid"})
            edge.wait_for("coa_acknowledged", sessions + 1)


class Npm(Stand):
    def test_the_npm_client_is_answered(self):
        edge = self.edge("accept=1")
        done = subprocess.run(["node", "client.js", str(edge.ports["auth_port"]), str(edge.ports["acct_port"]),
                               "testing123", GRANTED], cwd=f"{ROOT}/tests/radius", capture_output=True, text=True,
                              timeout=60)
        out = json.loads(done.stdout)
        self.assertEqual(out["access"]["code"], "Access-Accept")
        self.assertTrue(out["access"]["valid"])
        self.assertEqual(out["access"]["attributes"]["Filter-Id"], "edu")
        for report in ("start", "interim", "stop"):
            self.assertEqual((out[report]["code"], out[report]["valid"]), ("Accounting-Response", True))
        self.assertEqual(edge.counts()["octets"], 2500)


class Dictionary(Stand):
    def test_names_are_those_of_freeradius(self):
        """Each attribute that a file may name has FreeRADIUS's number and kind."""
        known, vendors = {}, {}
        folder = "/usr/share/freeradius"
        for name in sorted(os.listdir(folder)):
            vendor = 0
            for line in open(f"{folder}/{name}", errors="replace"):
                words = line.split()
                if len(words) >= 3 and words[0] == "VENDOR":
                    vendors[words[1]] = int(words[2].split(",")[0])
                if len(words) >= 2 and words[0] in ("BEGIN-VENDOR", "END-VENDOR"):
                    vendor = vendors.get(words[1], -1) if words[0].startswith("B") else 0
                if len(words) >= 4 and words[0] == "ATTRIBUTE" and words[2].isdigit():
                    known.setdefault(words[1], (vendor, int(words[2]), words[3]))
        known.setdefault("ChilliSpot-Max-Total-Gigawords", (14559, 23, "integer"))  # in CoovaChilli's own dictionary alone
        kinds = {0: {"string"}, 1: {"integer"}, 2: {"ipaddr"}, 3: {"ipv6prefix"}, 4: {"string"}}
        ours = self.edge().say("dictionary")
        self.assertGreater(len(ours), 40)
        for named in ours:
            vendor, number, kind = known[named["name"]]
            self.assertEqual((named["vendor"], named["type"]), (vendor, number), named["name"])
            self.assertIn(kind, kinds[named["syntax"]], named["name"])


class Ocserv(Stand):
    def test_the_capture_of_ocserv_is_answered_and_counted_once(self):
        """Its Access-Request has no Message-Authenticator; its last Interims are a second apart with equal octets."""
        edge = self.edge("accept=1", client="client=127.0.0.1,testing123,old")
        edge.say("grant u0000042 1,2")
        packets = list(capture_packets(f"{ROOT}/tests/radius/ocserv-radius.pcap"))
        requests = [p for source, destination, p in packets if destination in (21812, 21813)]
        self.assertEqual([p[0] for p in requests], [1, 4, 4, 4, 4])
        for request in requests:
            port = edge.ports["auth_port" if request[0] == 1 else "acct_port"]
            answer = Asker(port).ask(request)
            self.assertEqual(answer["code"], ACCEPT if request[0] == 1 else ACCOUNTED)
        self.assertEqual(edge.counts()["octets"], 0x60 + 0x190)
        self.assertTrue(edge.say("lease bng1.edge.test k6jIzfSFFaLo2bae1E/Pt6H9mZ0=").get("ended"))
        Asker(edge.ports["acct_port"]).ask(requests[-1])
        self.assertEqual(edge.counts()["octets"], 0x60 + 0x190)


class Accounting(Stand):
    def test_gigawords_and_duplicates_under_new_identifiers(self):
        edge = self.edge()
        asker, more = Asker(edge.ports["acct_port"]), [attribute(41, 7)]
        octets = (5 << 32) + 17, (1 << 32) + 3
        asker.ask(accounting(1, b"testing123", 1, "g", GRANTED))
        for identifier in (2, 3, 4):
            self.assertEqual(asker.ask(accounting(identifier, b"testing123", 3, "g", GRANTED, octets,
                                                  more=more * (identifier - 2)))["code"], ACCOUNTED)
        self.assertEqual(edge.counts()["octets"], sum(octets))
        asker.ask(accounting(5, b"testing123", 3, "g", GRANTED, (10, 10)))  # late: less than was known
        asker.ask(accounting(6, b"testing123", 2, "g", GRANTED, octets))
        self.assertEqual(edge.counts()["octets"], sum(octets))

    def test_what_was_answered_is_there_after_kill_9(self):
        edge = self.edge()
        answered = {}
        for round_number in range(5):
            stop, lock = threading.Event(), threading.Lock()

            def work(worker):
                asker, octets = Asker(edge.ports["acct_port"], timeout=1), 0
                while not stop.is_set():
                    session, status = f"k{round_number}-{worker}", 3 if octets else 1
                    if asker.ask(accounting(octets // 1000 % 256, b"testing123", status, session, LINE(worker),
                                            (octets, 0))):
                        with lock:
                            answered[session] = octets
                    octets += 1000

            threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            edge.kill()
            stop.set()
            for thread in threads:
                thread.join()
            began = time.monotonic()
            edge.start()
            self.assertLess(time.monotonic() - began, 3)
            for session, octets in answered.items():
                lease = edge.say(f"lease bng1 {session}")
                self.assertTrue(lease["known"], session)
                self.assertIn(lease["cumulative"], (octets, octets + 1000), session)  # one may have been under way
        self.assertGreater(len(answered), 35)

    def test_what_a_session_used_before_its_grant_is_not_counted(self):
        edge = self.edge()
        asker = Asker(edge.ports["acct_port"])
        ask = lambda identifier, status, octets: asker.ask(
            accounting(identifier, b"testing123", status, "old", "late@isp.az", (octets, 0)))
        ask(1, 1, 0)
        ask(2, 3, 200_000_000_000)
        edge.say("grant late@isp.az 1,2")
        ask(3, 3, 201_000_000_000)
        self.assertEqual(edge.counts()["octets"], 0)
        ask(4, 2, 201_000_000_500)
        self.assertEqual(edge.counts()["octets"], 500)

    def test_accounting_on_ends_the_sessions_of_its_server(self):
        edge = self.edge()
        asker = Asker(edge.ports["acct_port"])
        for i in range(10):
            asker.ask(accounting(i, b"testing123", 1, f"s{i}", LINE(i), nas="a" if i % 2 else "b"))
        self.assertEqual(edge.counts()["sessions"], 10)
        self.assertEqual(asker.ask(accounting(20, b"testing123", 7, "", "", nas="a"))["code"], ACCOUNTED)
        self.assertEqual(edge.counts()["sessions"], 5)
        self.assertTrue(edge.say("lease a s1")["ended"])
        self.assertFalse(edge.say("lease b s2")["ended"])


class FakeNas:
    """Takes changes as told, and remembers them."""

    def __init__(self, answer):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.answer, self.got = self.socket.getsockname()[1], answer, []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        import hashlib
        while True:
            raw, sender = self.socket.recvfrom(4096)
            if raw == b"end":
                return
            assert raw[0] == COA_REQUEST
            assert hashlib.md5(raw[:4] + bytes(16) + raw[20:] + b"testing123").digest() == raw[4:20]
            self.got.append((time.monotonic(), raw))
            say = self.answer(len(self.got), parse(raw))
            if say is None:
                continue
            code, attributes = say
            reply = packet(code, raw[1], raw[4:20], attributes)
            reply = reply[:4] + hashlib.md5(reply + b"testing123").digest() + reply[20:]
            self.socket.sendto(reply, sender)

    def stop(self):
        self.socket.sendto(b"end", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()


class Changes(Stand):
    def nas(self, answer):
        nas = FakeNas(answer)
        self.addCleanup(nas.stop)
        return nas

    def edge_for(self, nas, *options):
        return self.edge("accept=1", *options, client=f"client=127.0.0.1,testing123,coa=127.0.0.1:{nas.port}")

    def test_a_quota_that_ends_in_mid_session_becomes_limited_service(self):
        nas = self.nas(lambda n, request: (COA_ACK, []))
        edge = self.edge_for(nas)
        accept = Asker(edge.ports["auth_port"]).ask(access_request(1, b"testing123", [attribute(1, GRANTED)]))
        ours = attribute(25, accept["get"](25)[0])
        asker = Asker(edge.ports["acct_port"])
        for identifier, octets in enumerate([0, 4_000_000_000, 5_000_000_001]):
            asker.ask(accounting(identifier, b"testing123", 3, "q", GRANTED, (octets, 0), more=[ours]))
        edge.wait_for("coa_acknowledged", 1)
        request = parse(nas.got[0][1])
        self.assertEqual(request["get"](44), [b"q"])
        self.assertIn(b"edu", request["get"](11))
        self.assertEqual(len(nas.got), 1)
        asker.ask(accounting(9, b"testing123", 3, "q", GRANTED, (5_000_000_002, 0), more=[ours]))
        time.sleep(0.3)
        self.assertEqual(len(nas.got), 1, "it has it already")

    def test_a_grant_that_comes_and_ends_changes_the_session(self):
        nas = self.nas(lambda n, request: (COA_ACK, []))
        edge = self.edge_for(nas)
        Asker(edge.ports["acct_port"]).ask(accounting(1, b"testing123", 1, "c", "late@isp.az"))
        edge.say("grant late@isp.az 1")
        edge.wait_for("coa_acknowledged", 1)
        edge.say("grant late@isp.az -")
        edge.wait_for("coa_acknowledged", 2)
        self.assertEqual([parse(raw)["get"](11) for _, raw in nas.got], [[b"edu"], [b"paid"]])

    def test_silence_is_asked_again_under_the_same_identifier_and_503_is_forgotten(self):
        nas = self.nas(lambda n, request: None if n < 2 else (COA_NAK, [attribute(101, 503)]))
        edge = self.edge_for(nas)
        Asker(edge.ports["acct_port"]).ask(accounting(1, b"testing123", 1, "c", "late@isp.az"))
        edge.say("grant late@isp.az 1")
        edge.wait_for("coa_refused", 1)
        self.assertEqual(len(nas.got), 2)
        self.assertEqual(nas.got[0][1], nas.got[1][1])
        self.assertEqual(edge.counts()["sessions"], 0)

    def test_a_change_for_all_is_paced(self):
        nas = self.nas(lambda n, request: (COA_ACK, []))
        edge = self.edge_for(nas, "pace=100")
        asker = Asker(edge.ports["acct_port"])
        for i in range(300):  # they have no Class of ours: each must be told
            asker.ask(accounting(i % 256, b"testing123", 1, f"p{i}", LINE(i % 100)))
        edge.wait_for("coa_acknowledged", 300, seconds=10)
        times = sorted(at for at, _ in nas.got)
        in_a_second = max(sum(1 for t in times if start <= t < start + 1) for start in times)
        self.assertLessEqual(in_a_second, 125)

    def test_freeradius_takes_the_change(self):
        port = free_port()
        nas = self.freeradius(listen=f"listen {{ type = coa\n ipaddr = 127.0.0.1\n port = {port} }}", secret="testing123",
                              sections="recv-coa { ok } send-coa { ok }")
        edge = self.edge("accept=1", client=f"client=127.0.0.1,testing123,coa=127.0.0.1:{port}")
        Asker(edge.ports["acct_port"]).ask(accounting(1, b"testing123", 1, "c", "late@isp.az"))
        edge.say("grant late@isp.az 1,2")
        edge.wait_for("coa_acknowledged", 1)
        self.assertIn("Received CoA-Request", nas.text())
        self.assertIn('Filter-Id = "edu"', nas.text())


class BadInput(Stand):
    def test_status_server_by_radclient(self):
        edge = self.edge()
        said = radclient(edge.ports["auth_port"], "status", ["Message-Authenticator = 0x00"])
        self.assertIn("Received Access-Accept", said)
        said = radclient(edge.ports["acct_port"], "status", ["Message-Authenticator = 0x00"])
        self.assertIn("Received Accounting-Response", said)

    def test_blast_radius_is_not_possible(self):
        """CVE-2024-3596: no request without Message-Authenticator is answered; each answer begins with one."""
        edge = self.edge("accept=1")
        asker = Asker(edge.ports["auth_port"])
        request = access_request(1, b"testing123", [attribute(1, GRANTED)], with_proof=False)
        self.assertIsNone(asker.ask(request, timeout=0.5))
        self.assertEqual(edge.counts()["bad_authenticator"], 1)
        for user, code in ((GRANTED, ACCEPT), (STRANGER, REJECT)):  # prove_reply looks where it stands
            self.assertEqual(asker.ask(access_request(2, b"testing123", [attribute(1, user)]))["code"], code)

    def test_rubbish_changes_nothing(self):
        edge = self.edge("accept=1")
        dice, asker = random.Random(7), Asker(edge.ports["auth_port"])
        good = access_request(1, b"testing123", [attribute(1, GRANTED)])
        for port in (edge.ports["auth_port"], edge.ports["acct_port"]):
            asker.to = ("127.0.0.1", port)
            for _ in range(3000):
                bad = bytearray(good if dice.random() < 0.7 else dice.randbytes(dice.randrange(0, 300)))
                for _ in range(dice.randrange(1, 5)):
                    if bad:
                        bad[dice.randrange(len(bad))] = dice.randrange(256)
                asker.socket.sendto(bytes(bad[:dice.randrange(len(bad) + 1)] if dice.random() < 0.3 else bad), asker.to)
            asker.socket.sendto(bytes(5000), asker.to)
        time.sleep(0.2)
        asker = Asker(edge.ports["auth_port"])
        self.assertEqual(asker.ask(access_request(2, b"testing123", [attribute(1, GRANTED)]))["code"], ACCEPT)
        self.assertEqual(edge.counts()["octets"], 0)


if __name__ == "__main__":
    main()
