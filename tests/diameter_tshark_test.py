#!/usr/bin/env python3
"""Every answer, relayed request and Re-Auth-Request that credit control's unit tests show, read by tshark: none malformed."""
import os, struct, subprocess, tempfile, unittest

import harness
from harness import program

SUITES = "CreditControlTest.*:CreditRelay.*:ReAuthorisation.*:GxTest.*:CapturedKamailio.ItsCall*:CreditEngine.*"


def write_capture(path, messages):
    """A capture of raw IPv4 packets: each message one segment of one TCP connection."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101))
        sequence = 1
        for at, message in enumerate(messages):
            tcp = struct.pack(">HHIIBBHHH", 40000, 3868, sequence, 1, 5 << 4, 0x18, 65535, 0, 0) + message
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), at & 0xFFFF, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
            out.write(struct.pack("<IIII", at, 0, len(ip + tcp), len(ip + tcp)) + ip + tcp)
            sequence = (sequence + len(message)) & 0xFFFFFFFF


class Tshark(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        noted = os.path.join(cls.folder.name, "messages")
        done = subprocess.run([program("edge_diameter_test"), "--gtest_filter=" + SUITES], capture_output=True, text=True,
                              env=dict(os.environ, DAYAQ_MESSAGES=noted), timeout=300)
        if done.returncode:
            raise AssertionError(done.stdout[-2000:])
        with open(noted) as lines:
            cls.messages = [bytes.fromhex(line) for line in lines]
        cls.capture = os.path.join(cls.folder.name, "messages.pcap")
        write_capture(cls.capture, cls.messages)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def tshark(self, *arguments):
        done = subprocess.run(["tshark", "-r", self.capture, "-o", "tcp.check_checksum:FALSE", "-o", "ip.check_checksum:FALSE",
                               "-o", "tcp.analyze_sequence_numbers:FALSE", *arguments],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_message_is_seen_as_diameter(self):
        self.assertGreater(len(self.messages), 80)
        seen = self.tshark("-T", "fields", "-e", "diameter.cmd.code").split()
        self.assertEqual(len(seen), len(self.messages))
        self.assertEqual(set(seen), {"272", "258"})

    def test_none_is_malformed_and_no_avp_unknown(self):
        # What the captured Kamailio sends of itself (a MAC address as text) isn't among these: only answers to it.
        bad = self.tshark("-Y", "_ws.malformed || diameter.avp.invalid-data || diameter.avp.invalid-len || "
                          "_ws.expert.severity == error", "-V")
        self.assertEqual(bad, "")
        warned = self.tshark("-T", "fields", "-Y", "_ws.expert.severity == warning", "-E", "separator=|", "-E", "aggregator=;",
                             "-e", "diameter.flags.request", "-e", "_ws.expert.message")
        for line in warned.splitlines():
            request, messages = line.split("|")
            for message in messages.split(";"):
                if message == "Data is empty":  # an empty Requested-Service-Unit, relayed as the network said it
                    self.assertEqual(request, "1")
                elif "99999" not in message:  # which the tests have as the AVP that nobody knows
                    self.fail(line)

    def test_result_codes_are_those_that_tshark_knows(self):
        shown = self.tshark("-V", "-Y", "diameter.Result-Code")
        codes = {line.split("val=")[1].strip() for line in shown.splitlines() if "AVP: Result-Code(268)" in line}
        self.assertFalse([code for code in codes if "Unknown" in code], codes)
        self.assertIn("DIAMETER_SUCCESS (2001)", codes)


if __name__ == "__main__":
    harness.main()
