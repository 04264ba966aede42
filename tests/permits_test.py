#!/usr/bin/env python3
"""Permits before other people's eyes: python3-cbor2 and cryptography, an npm COSE library, zbar, and Chromium offline.

The stand is permit_stand.py: the inspector's page with permits of a key of its own."""
import base64, hashlib, json, os, random, re, subprocess, tempfile, time, unittest

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import harness
from harness import ROOT, program
from permit_stand import Stand

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PURPOSE = b"dayaq permit list 1"
HOUR = 3600


def from_base45(text):
    out = bytearray()
    for at in range(0, len(text), 3):
        digits = [ALPHABET.index(letter) for letter in text[at:at + 3]]
        number = sum(digit * 45 ** i for i, digit in enumerate(digits))
        out += number.to_bytes(len(digits) - 1, "big")
    return bytes(out)


def verified(token, raw_key, aad=b""):
    """The payload of a COSE_Sign1, by RFC 9052 section 4.4."""
    protected, unprotected, payload, signature = cbor2.loads(token).value
    assert cbor2.loads(protected) == {1: -8}
    assert unprotected == {4: hashlib.sha256(raw_key).digest()[:4]}
    Ed25519PublicKey.from_public_bytes(raw_key).verify(
        signature, cbor2.dumps(["Signature1", protected, aad, payload]))
    return cbor2.loads(payload), payload, signature


def rice(count, k, data):
    bits = "".join(f"{byte:08b}" for byte in data)
    ids, at, following = [], 0, 0
    for _ in range(count):
        high = bits.index("0", at) - at
        at += high + 1
        gap = (high << k) + (int(bits[at:at + k], 2) if k else 0)
        at += k
        ids.append(following + gap)
        following = ids[-1] + 1
    assert len(bits) - at < 8 and "1" not in bits[at:]
    return ids


class Permits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stand = Stand()
        cls.now = int(time.time())
        cls.key = cbor2.loads(bytes.fromhex(cls.stand.ask(op="list")["key"]))[-2]

    @classmethod
    def tearDownClass(cls):
        cls.stand.end()

    def test_1_tokens_are_what_the_standards_say(self):
        for detail in ("", "bazar", "bazar; AZ-BA", "ə" * 20):
            permit = self.stand.issue(self.now, self.now + 3 * HOUR, detail=detail)
            token = bytes.fromhex(permit["token"])
            claims, payload, signature = verified(token, self.key)
            self.assertEqual(claims, {2: "5ABC123", 4: self.now + 3 * HOUR, 5: self.now,
                                      7: bytes.fromhex(permit["claims"]["id"]), -70001: [1, detail]})
            self.assertEqual(cbor2.dumps(claims, canonical=True), payload)  # deterministic, both agree on how
            self.assertEqual(from_base45(permit["qr"][4:]), token)
            short = base64.urlsafe_b64decode(permit["sms"][4:] + "=" * (-len(permit["sms"][4:]) % 4))
            self.assertEqual(short, hashlib.sha256(self.key).digest()[:4] + payload + signature)
            if len(detail.encode()) <= 9:
                self.assertLessEqual(len(permit["sms"]), 160)
            forged = bytearray(token)
            forged[30] ^= 1
            with self.assertRaises(InvalidSignature):
                verified(bytes(forged), self.key)

    def test_2_qr_codes_are_read_by_another_program(self):
        for detail in ("bazar", "ə" * 20):
            permit = self.stand.issue(self.now, self.now + HOUR, detail=detail)
            with tempfile.TemporaryDirectory() as folder:
                with open(f"{folder}/permit.svg", "w", encoding="utf-8") as file:
                    file.write(permit["svg"])
                # Small as on paper, and large as on a screen.
                for width in ("260", "900"):
                    subprocess.run(["rsvg-convert", "-w", width, "-o", f"{folder}/permit.png", f"{folder}/permit.svg"],
                                   check=True)
                    read = subprocess.run(["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable",
                                           f"{folder}/permit.png"], capture_output=True, text=True, check=True)
                    self.assertEqual(read.stdout.strip("\n"), permit["qr"])

    def test_3_the_list_and_the_page_in_node(self):
        now = self.now
        permits = []
        for finding, begins, ends in (("valid", now - HOUR, now + HOUR), ("ended", None, None),
                                      ("other_day", now - 50 * HOUR, now - 47 * HOUR),
                                      ("not_yet", now + HOUR, now + 2 * HOUR), ("revoked", now - HOUR, now + HOUR)):
            if finding == "ended":
                midnight = (now + 4 * HOUR) // 86400 * 86400 - 4 * HOUR  # Asia/Baku is UTC+4 all year
                begins, ends = midnight - HOUR, max(midnight + 1, now - 60)
                if ends > now:
                    continue  # just after midnight nothing has ended yet today
            permit = self.stand.issue(begins, ends)
            permits.append({**permit, "finding": finding})
            if finding == "revoked":
                self.stand.ask(op="revoke", id=permit["claims"]["id"], kind=1, **{"from": begins})
        ids = {int(permits[-1]["claims"]["id"], 16)} | {random.getrandbits(63) for _ in range(2000)}
        for one in ids:
            self.stand.ask(op="revoke", id=f"{one:016x}", kind=1, **{"from": now - HOUR})
        made = self.stand.ask(op="list")
        content, _, _ = verified(bytes.fromhex(made["bytes"]), self.key, PURPOSE)
        self.assertEqual(rice(*content[5]), sorted(ids))
        self.assertEqual(content[4][0][1:4], ["Evdən çıxmaq", "Leaving home", "Выход из дома"])
        self.assertEqual(content[3][0][-2], self.key)
        judged = subprocess.run(
            ["node", f"{ROOT}/tests/permits/judge.mjs"], capture_output=True, text=True, timeout=300,
            input=json.dumps({"permits": permits, "list": made["bytes"], "key": made["key"],
                              "revoked": [f"{one:016x}" for one in sorted(ids)], "now": now}))
        print(judged.stdout[-2000:], judged.stderr[-2000:])
        self.assertEqual(judged.returncode, 0)
        self.assertGreater(int(re.search(r"^(\d+) passed, 0 failed", judged.stdout, re.M).group(1)), 60)

    def test_4_the_list_may_be_cached_and_asked_for_again(self):
        status, headers, body = self.stand.get("/v1/permits/list")
        self.assertEqual(status, 200)
        self.assertIn("max-age=60", headers["Cache-Control"])
        self.assertEqual(headers["Content-Type"], 'application/cose; cose-type="cose-sign1"')
        verified(body, self.key, PURPOSE)
        again = self.stand.get("/v1/permits/list", **{"If-None-Match": headers["ETag"]})
        self.assertEqual((again[0], again[2]), (304, b""))
        self.stand.ask(op="advance", seconds=61)
        renewed = self.stand.get("/v1/permits/list", **{"If-None-Match": headers["ETag"]})
        self.assertEqual(renewed[0], 200)
        self.stand.ask(op="advance", seconds=-61)
        worker = self.stand.get("/inspect-worker.js")
        self.assertEqual(worker[1]["Service-Worker-Allowed"], "/inspect")
        self.assertTrue(worker[1]["Content-Type"].startswith("text/javascript"))

    def test_5_in_a_browser_with_and_without_a_network(self):
        done = subprocess.run(["node", f"{ROOT}/tests/permits/inspect.mjs", f"http://localhost:{self.stand.port}",
                               json.dumps(self.browser_permits())] +
                              ([os.environ["SHOTS"]] if "SHOTS" in os.environ else []),
                              capture_output=True, text=True, timeout=400)
        print(done.stdout[-4000:], done.stderr[-2000:])
        self.assertEqual(done.returncode, 0)
        self.assertGreater(int(re.search(r"^(\d+) passed, 0 failed", done.stdout, re.M).group(1)), 80)

    def test_7_keys_follow_one_another_and_are_withdrawn(self):
        stand, now = Stand(), int(time.time())
        try:
            def listed():
                made = stand.ask(op="list")
                current = cbor2.loads(bytes.fromhex(made["key"]))[-2]
                content, _, _ = verified(bytes.fromhex(made["bytes"]), current, PURPOSE)
                return made, current, content

            first = listed()[1]
            old = stand.issue(now - HOUR, now + HOUR)
            stand.ask(op="rotate")
            made, second, content = listed()
            self.assertEqual([key[-2] for key in content[3]], [second, first])
            self.assertNotIn(6, content)
            new = {**stand.issue(now - HOUR, now + HOUR), "finding": "valid"}
            verified(bytes.fromhex(old["token"]), first)
            verified(bytes.fromhex(new["token"]), second)
            with self.assertRaises((InvalidSignature, AssertionError)):
                verified(bytes.fromhex(old["token"]), second)
            gone = hashlib.sha256(first).digest()[:4]
            stand.ask(op="withdraw", key=gone.hex())
            made, _, content = listed()
            self.assertEqual(([key[-2] for key in content[3]], content[6]), ([second], [gone]))
            judged = subprocess.run(
                ["node", f"{ROOT}/tests/permits/judge.mjs"], capture_output=True, text=True, timeout=300,
                input=json.dumps({"permits": [new], "withdrawn": [old], "list": made["bytes"], "key": made["key"],
                                  "revoked": [], "now": now}))
            self.assertEqual(judged.returncode, 0, judged.stdout[-2000:] + judged.stderr[-2000:])
            with tempfile.TemporaryDirectory() as folder:
                with open(f"{folder}/list", "wb") as file:
                    file.write(bytes.fromhex(made["bytes"]))
                said = subprocess.run([program("dayaq"), "--data", f"{folder}/nothing", "permit", "verify", "-", "--list",
                                       f"{folder}/list"], capture_output=True, text=True, timeout=60,
                                      input=f"{old['sms']}\n{new['qr']}\n")
                self.assertEqual((said.returncode, [line.split()[0] for line in said.stdout.splitlines()]),
                                 (1, ["withdrawn", "valid"]), said.stderr)
        finally:
            stand.end()

    def test_6_on_the_command_line_without_a_node(self):
        now = int(time.time())
        good = [self.stand.issue(now - HOUR, now + HOUR, detail="bazar; \"AZ\"") for _ in range(3)]
        gone = self.stand.issue(now - HOUR, now + HOUR)
        self.stand.ask(op="revoke", id=gone["claims"]["id"], kind=1, **{"from": now - HOUR})
        with tempfile.TemporaryDirectory() as folder:
            made = self.stand.ask(op="list")
            with open(f"{folder}/list", "wb") as file:
                file.write(bytes.fromhex(made["bytes"]))
            for name, key in (("keys", self.key), ("others", bytes(range(32)))):
                with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                    file.write(f"# who signs permits\n\n{key.hex()}  # since 2026\n")

            def run(*arguments, text=None):
                return subprocess.run([program("dayaq"), "--data", f"{folder}/nothing", "permit", *arguments],
                                      capture_output=True, text=True, input=text, timeout=60)

            offline = ("--list", f"{folder}/list", "--keys", f"{folder}/keys")
            one = run("verify", good[0]["sms"], *offline, "--json")
            self.assertEqual(one.returncode, 0, one.stderr)
            said = json.loads(one.stdout)
            self.assertEqual((said["finding"], said["subject"], said["id"], said["kind_name"], said["detail"]),
                             ("valid", "5ABC123", good[0]["claims"]["id"], "Leaving home", "bazar; \"AZ\""))
            many = run("verify", "-", *offline, text="\n".join(permit["qr"] for permit in good))
            self.assertEqual((many.returncode, many.stdout.count("valid  ")), (0, 3), many.stdout)
            broken = good[1]["sms"]
            broken = f"{broken[:70]}\n  {broken[70:]}\n"
            mixed = run("verify", "-", *offline, text=f"{broken}\n{gone['sms']}\n")
            self.assertEqual(mixed.returncode, 1)
            self.assertEqual([line.split()[0] for line in mixed.stdout.splitlines()], ["valid", "revoked"])
            self.assertEqual(run("verify", "hello", *offline).stdout, "no_permit\n")
            later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 48 * HOUR))
            old = run("verify", good[0]["sms"], *offline, "--at", later)
            self.assertEqual((old.returncode, old.stdout.split()[0]), (1, "other_day"))
            self.assertIn("isn't known", old.stderr)
            # Where it is the same day still, it has only ended; where midnight has passed, it is from another day.
            ends = time.gmtime(now + HOUR).tm_hour
            for hour, finding in ((10, "ended"), (23, "other_day")):  # of the end, there; two hours on
                ahead = (hour - ends + 12) % 24 - 12
                soon = run("verify", good[0]["sms"], *offline, "--zone", f"Etc/GMT{-ahead:+d}", "--at",
                           time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 3 * HOUR)))
                self.assertEqual((soon.returncode, soon.stdout.split()[0]), (1, finding), soon.stderr)
            self.assertIn("time zone", run("verify", good[0]["sms"], *offline, "--zone", "Mars/Olympus").stderr)
            self.assertEqual(run("verify", good[0]["sms"], "--list", f"{folder}/list", "--keys",
                                 f"{folder}/others").returncode, 1)
            self.assertEqual(run("verify", good[0]["sms"], "--list", f"{folder}/missing").returncode, 1)
            self.assertEqual(run("verify").returncode, 2)
            shown = run("list", *offline, "--save", f"{folder}/kept")
            self.assertIn(self.key.hex(), shown.stdout)
            with open(f"{folder}/kept", "rb") as file:
                self.assertEqual(file.read().hex(), made["bytes"])

    def browser_permits(self):
        now = int(time.time())
        other = self.stand.issue(now - HOUR, now + HOUR, subject="6XYZ987", detail="")
        permits = {"valid": self.stand.issue(now - HOUR, now + 2 * HOUR, detail="bazar; AZ-BA"), "other": other,
                   "other_day": self.stand.issue(now - 50 * HOUR, now - 47 * HOUR),
                   "not_yet": self.stand.issue(now + HOUR, now + 2 * HOUR),
                   "revoked": self.stand.issue(now - HOUR, now + HOUR, kind=2)}
        self.stand.ask(op="revoke", id=permits["revoked"]["claims"]["id"], kind=2, **{"from": now - HOUR})
        self.stand.ask(op="advance", seconds=400)  # what was revoked is in the list that the page will get
        self.stand.get("/v1/permits/list")
        self.stand.ask(op="advance", seconds=-400)
        stranger = Stand()
        permits["unknown_key"] = stranger.issue(now - HOUR, now + HOUR)
        stranger.end()
        return permits


class OnANode(unittest.TestCase):
    def test_a_node_serves_its_list_its_page_and_a_command(self):
        node = harness.Node(persons=200)
        try:
            node.start()
            answer = node.get("/v1/permits/list")
            self.assertEqual(answer.status, 200)
            raw_key = cbor2.loads(cbor2.loads(answer.body).value[2])[3][0][-2]
            content, _, _ = verified(answer.body, raw_key, PURPOSE)
            self.assertLess(abs(content[1] - time.time()), 60)
            self.assertEqual(node.get("/v1/permits/list", headers={"If-None-Match": answer.headers["ETag"]}).status, 304)
            page = node.get("/inspect?lang=en", headers={"Accept": "text/html"})
            self.assertEqual(page.status, 200)
            self.assertIn("worker-src 'self'", page.headers["Content-Security-Policy"])
            self.assertIn("Check a permit", page.text)
            for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
                self.assertEqual(node.get(path).status, 200, path)
            self.assertEqual(node.get("/inspect-worker.js").headers["Service-Worker-Allowed"], "/inspect")
            shown = node.cli("permit", "list", "--json")
            self.assertEqual(json.loads(shown.stdout)["keys"], 2)  # the one that signs, and the one that stands by
            self.revoked_by_an_official(node)
            self.keys_of_the_node(node)
            refused = node.cli("permit", "verify", "hello", check=False)
            self.assertEqual((refused.returncode, refused.stdout), (1, "no_permit\n"))
        finally:
            node.remove()

    def apply(self, node, person):
        answer = node.request("POST", "/v1/cases", key=node.key(), body={
            "person": person, "service": "leaving-home", "answers": {"reason": "shopping"}, "channel": "web"})
        return answer.json if answer.status == 201 and answer.json["state"] == "granted" else None

    def granted(self, node):
        """One more case with its permit."""
        if not hasattr(self, "people"):
            self.people = iter([line.split(",")[0] for line in node.cli("export", "persons").stdout.splitlines()[1:]])
        for person in self.people:
            case = self.apply(node, person)
            if case:
                return case
        self.fail("nobody may leave home")

    def revoked_by_an_official(self, node):
        """A page that is offline says what its list knows and how old that is; with the next list it says "revoked"."""
        case = self.granted(node)
        # The list was made before; the browser takes it before the revocation.
        script = subprocess.Popen(["node", f"{ROOT}/tests/permits/revoked.mjs", f"http://localhost:{node.port}",
                                   case["permit"]["text"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            for line in script.stdout:  # npm may have something to say first
                if line.strip() == "offline":
                    break
            else:
                self.fail("the page never was offline")
            revoked = node.request("POST", f"/v1/cases/{case['number']}/revoke", key=node.key(), body={
                "action": "refuse", "reason": {"az": "Səhv verilib", "en": "Given in error", "ru": "Выдано по ошибке"}})
            self.assertEqual(revoked.status, 200, revoked.text)
            said, _ = script.communicate("revoked\n", timeout=240)
        finally:
            if script.poll() is None:
                script.kill()
                script.wait()
        print(said)
        self.assertRegex(said, r"(?m)^\d+ passed, 0 failed")
        verified_here = node.cli("permit", "verify", case["permit"]["text"], check=False)
        self.assertEqual((verified_here.returncode, verified_here.stdout.split()[0]), (1, "revoked"))

    def keys_of_the_node(self, node):
        permit = self.granted(node)
        *shown, rotation = node.cli("permit", "keys").stdout.splitlines()
        keys = [line.split() for line in shown]
        self.assertEqual([key[1] for key in keys], ["current", "standby"])
        self.assertRegex(rotation, r"^a key signs for 365 days; the next one signs from 20\d\d-")
        self.assertFalse(os.path.exists(os.path.join(node.data, "keys", "permits.pem")))
        rotated = node.cli("permit", "rotate").stdout.split()
        self.assertEqual(rotated[:2], [keys[1][0], "scheduled"])
        self.assertEqual(node.cli("permit", "rotate", check=False).returncode, 1)
        self.assertEqual(node.cli("permit", "withdraw", keys[0][0], check=False).returncode, 2)  # it needs a reason
        gone = node.cli("permit", "withdraw", keys[0][0], "--reason", "the backup was found in the open").stdout.split()
        self.assertEqual(gone[:2], [keys[0][0], "withdrawn"])
        found = ""
        for _ in range(120):  # the list that was made before is given for ten seconds more
            found = node.cli("permit", "verify", permit["permit"]["text"], check=False).stdout.split()[0]
            if found == "withdrawn":
                break
            time.sleep(1)
        self.assertEqual(found, "withdrawn")
        text = permit["permit"]["text"]
        for _ in range(120):  # signed again in the background
            case = node.request("GET", f"/v1/cases/{permit['number']}?reason=test", key=node.key()).json
            text = case["permit"]["text"]
            if text != permit["permit"]["text"]:
                break
            time.sleep(1)
        self.assertEqual(node.cli("permit", "verify", text).stdout.split()[0], "valid")
        self.assertEqual(node.cli("permit", "verify", self.granted(node)["permit"]["text"]).stdout.split()[0], "valid")
        node.stop()
        settings = os.path.join(node.data, "dayaq.yaml")
        with open(settings, encoding="utf-8") as file:
            before = file.read()
        for days in (3, 0):
            with open(settings, "w", encoding="utf-8") as file:
                file.write(f"{before}permit_keys: {{rotate_days: {days}}}\n")
            if days != 0:
                with self.assertRaisesRegex(AssertionError, "`permit_keys` must be"):
                    node.start()
        node.start()
        self.assertEqual(node.cli("permit", "keys").stdout.splitlines()[-1], "the next one signs when somebody rotates")


if __name__ == "__main__":
    harness.main()
