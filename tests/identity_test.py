#!/usr/bin/env python3
"""Passkeys, COSE and CBOR against what others wrote: Chromium's virtual authenticators, @simplewebauthn/server, libfido2,
python3-cbor2 and python3-cryptography."""
import base64, json, os, random, subprocess, unittest

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

import harness
from harness import ROOT, program

ES256, EDDSA, RS256 = -7, -8, -257


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tool:
    def __enter__(self):
        self.process = subprocess.Popen([program("identity_tool")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def ask(self, op, **request):
        self.process.stdin.write(json.dumps({"op": op, **request}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Theirs:
    """A key, and COSE_Sign1 written out by hand over python3-cryptography."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        if algorithm == ES256:
            self.key = ec.generate_private_key(ec.SECP256R1())
            numbers = self.key.public_key().public_numbers()
            self.cose = {1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        elif algorithm == EDDSA:
            self.key = ed25519.Ed25519PrivateKey.generate()
            public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            self.cose = {1: 1, 3: EDDSA, -1: 6, -2: public}
        else:
            self.key = rsa.generate_private_key(65537, 2048)
            n = self.key.public_key().public_numbers().n
            self.cose = {1: 3, 3: RS256, -1: n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}

    def pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()

    def sign(self, message):
        if self.algorithm == EDDSA:
            return self.key.sign(message)
        if self.algorithm == RS256:
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verify(self, signature, message):
        if self.algorithm == EDDSA:
            return self.key.public_key().verify(signature, message)
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        self.key.public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))

    def sign1(self, payload, aad):
        header = cbor2.dumps({1: self.algorithm})
        signature = self.sign(cbor2.dumps(["Signature1", header, aad, payload]))
        return cbor2.dumps(cbor2.CBORTag(18, [header, {4: b"k"}, payload, signature]))


class Cose(unittest.TestCase):
    def test_what_they_sign_is_verified_and_no_other_text(self):
        with Tool() as tool:
            for algorithm in (ES256, EDDSA, RS256):
                theirs = Theirs(algorithm)
                for size in (0, 1, 23, 24, 255, 256, 5000):
                    payload = os.urandom(size)
                    message = theirs.sign1(payload, b"aad")
                    question = dict(message=b64(message), key=b64(cbor2.dumps(theirs.cose)))
                    self.assertEqual(tool.ask("cose_verify", aad=b64(b"aad"), **question), {"payload": b64(payload)})
                    self.assertEqual(tool.ask("cose_verify", aad=b64(b"other"), **question)["error"], "cose.signature")
                    other = Theirs(algorithm if algorithm != RS256 else ES256)
                    answer = tool.ask("cose_verify", aad=b64(b"aad"), message=b64(message), key=b64(cbor2.dumps(other.cose)))
                    self.assertEqual(answer["error"], "cose.signature")

    def test_what_we_sign_they_verify(self):
        with Tool() as tool:
            for algorithm in (ES256, EDDSA):
                theirs = Theirs(algorithm)
                for size in (0, 24, 300, 5000):
                    payload = os.urandom(size)
                    answer = tool.ask("cose_sign", pem=theirs.pem(), payload=b64(payload), kid=b64(b"permit"), aad=b64(b"x"))
                    self.assertEqual(cbor2.loads(raw(answer["key"])), theirs.cose)
                    message = cbor2.loads(raw(answer["message"]))
                    header, opened, content, signature = message.value
                    self.assertEqual((message.tag, cbor2.loads(header), opened, content), (18, {1: algorithm}, {4: b"permit"}, payload))
                    signed = cbor2.dumps(["Signature1", header, b"x", payload])
                    theirs.verify(signature, signed)
                    with self.assertRaises(InvalidSignature):
                        theirs.verify(signature, signed + b"x")


class Cbor(unittest.TestCase):
    def test_what_they_write_canonically_is_what_we_write(self):
        chance = random.Random(1)

        def value(depth):
            kind = chance.randrange(9 if depth else 6)
            if kind == 0:
                return chance.getrandbits(chance.randrange(1, 65))
            if kind == 1:
                return -1 - chance.getrandbits(chance.randrange(1, 65))
            if kind == 2:
                return chance.randbytes(chance.randrange(300))
            if kind == 3:
                return "".join(chr(chance.choice((65, 0x259, 0x4e2d, 0x1f600))) for _ in range(chance.randrange(40)))
            if kind == 4:
                return chance.choice((True, False, None))
            if kind == 5:  # without 65504, which cbor2 writes longer than RFC 8949 appendix A does
                return chance.choice((0.0, -0.0, 1.5, 65505.0, 2.0**-24, 2.0**-25, 1e300, chance.random(), float("inf")))
            if kind == 6:
                return [value(depth - 1) for _ in range(chance.randrange(30))]
            if kind == 7:
                return cbor2.CBORTag(chance.randrange(1000, 100000), value(depth - 1))
            # Keys of one kind: the older canonical form of cbor2 sorts mixed ones by their length.
            return {chance.getrandbits(chance.randrange(1, 40)): value(depth - 1) for _ in range(chance.randrange(30))}

        with Tool() as tool:
            for _ in range(500):
                made = value(3)
                canonical = cbor2.dumps(made, canonical=True)
                if len(canonical) > 60000:
                    continue
                for written in (canonical, cbor2.dumps(made)):
                    answer = tool.ask("cbor", bytes=b64(written))
                    if answer.get("error") == "cbor.limit":
                        continue
                    self.assertEqual(answer, {"bytes": b64(canonical)})


class Passkeys(unittest.TestCase):
    def test_passkeys_of_chromium_are_judged_as_others_judge_them(self):
        ran = subprocess.run(["node", "webauthn.mjs", program("identity_tool")], cwd=os.path.join(ROOT, "tests", "identity"),
                             capture_output=True, text=True, timeout=300)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertGreater(int(ran.stdout.split()[-4]), 300, ran.stdout)


if __name__ == "__main__":
    harness.main()
