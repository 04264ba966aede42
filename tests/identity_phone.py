"""The program on a person's phone (docs/phone.md): a key, a code that was scanned, and three signed requests."""
import base64, json, time
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def text_of(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Phone:
    def __init__(self, post, ed=False):
        """`post(path, body)` answers with status and JSON."""
        self.post = post
        self.key = ed25519.Ed25519PrivateKey.generate() if ed else ec.generate_private_key(ec.SECP256R1())
        self.ids = {}

    def sign(self, *lines):
        text = "".join(line + "\n" for line in lines).encode()
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return text_of(self.key.sign(text))
        r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
        return text_of(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def jwk(self):
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return {"kty": "OKP", "crv": "Ed25519", "x": text_of(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))}
        numbers = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": text_of(numbers.x.to_bytes(32, "big")), "y": text_of(numbers.y.to_bytes(32, "big"))}

    def scan(self, uri, name="phone"):
        given = parse_qs(uri.partition("?")[2])
        self.issuer, code = given["issuer"][0], given["code"][0]
        status, answer = self.post("/v1/phone/keys", {"code": code, "jwk": self.jwk(), "name": name,
                                                      "signature": self.sign("dayaq-phone-key-1", self.issuer, code)})
        if status == 201:
            self.ids = {"person": answer["person"], "device": answer["device"]}
        return status, answer

    def list_at(self, now):
        return self.post("/v1/phone/confirmations", {**self.ids, "time": now, "signature": self.sign(
            "dayaq-phone-list-1", self.issuer, self.ids["device"], now)})

    def waiting(self):
        status, answer = self.list_at(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        assert status == 200, answer
        return answer["confirmations"]

    def decide(self, one, agreed, number=""):
        word = "yes" if agreed else "no"
        signed = (self.sign("dayaq-confirmation-1", one["id"], word, number) if one["kind"] == "sign_in"
                  else self.sign("dayaq-phone-request-1", one["id"], word))
        return self.post("/v1/phone/decisions", {**self.ids, "kind": one["kind"], "id": one["id"], "agreed": agreed,
                                                 "number": number, "signature": signed})
