#!/usr/bin/env python3
"""Keys, tokens and proofs judged by programs that nobody here wrote: python3-jwcrypto and python3-authlib verify ours,
and ours verifies theirs, for every algorithm."""
import argparse, base64, hashlib, json, os, subprocess, sys, unittest

from authlib.common.security import generate_token
from authlib.jose import JsonWebKey, JsonWebSignature
from authlib.jose.errors import BadSignatureError
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from jwcrypto import jwk, jws, jwt

ALGORITHMS = ["ES256", "EdDSA", "RS256", "PS256"]
PAYLOAD = json.dumps({"iss": "https://id.example", "sub": "ə1", "exp": 1800000060}, ensure_ascii=False, separators=(",", ":"))
BUILD = None


class Tool:
    def __init__(self):
        self.process = subprocess.Popen([f"{BUILD}/bin/jose_tool"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        verdict, _, rest = self.process.stdout.readline().rstrip("\n").partition("\t")
        return verdict, rest

    def ok(self, *words):
        verdict, rest = self.ask(*words)
        assert verdict == "ok", (words[0], rest)
        return rest

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


def their_key(algorithm, **more):
    kind = {"ES256": {"kty": "EC", "crv": "P-256"}, "EdDSA": {"kty": "OKP", "crv": "Ed25519"}}
    return jwk.JWK.generate(**kind.get(algorithm, {"kty": "RSA", "size": 2048}), **more)


def key_set(*public):
    return '{"keys":[%s]}' % ",".join(public)


class Jose(unittest.TestCase):
    def setUp(self):
        self.tool = Tool()

    def tearDown(self):
        self.tool.close()

    def test_jwcrypto_reads_our_keys_and_verifies_our_tokens(self):
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm):
                private, public, pem = self.tool.ok("generate", algorithm).split("\t")
                token = self.tool.ok("sign", private, "JWT", PAYLOAD)
                key = jwk.JWK.from_json(public)
                self.assertEqual(key.thumbprint(), json.loads(public)["kid"])
                checked = jws.JWS()
                checked.allowed_algs = [algorithm]
                checked.deserialize(token, key)
                self.assertEqual(checked.payload.decode(), PAYLOAD)
                self.assertEqual(checked.jose_header["kid"], key.thumbprint())
                from_pem = jwk.JWK.from_pem(base64.b64decode(pem))
                self.assertEqual(from_pem.thumbprint(), key.thumbprint())
                self.assertEqual(jwk.JWK.from_json(private).export_to_pem(True, None), from_pem.export_to_pem(True, None))
                head, body, signature = token.split(".")
                with self.assertRaises(jws.InvalidJWSSignature):
                    jws.JWS().deserialize(f"{head}.{body[:-1]}{'A' if body[-1] != 'A' else 'B'}.{signature}", key)

    def test_we_verify_jwcryptos_tokens(self):
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm):
                key = their_key(algorithm, kid="theirs")
                other = their_key(algorithm, kid="other")
                made = jws.JWS(PAYLOAD.encode())
                made.allowed_algs = [algorithm]
                made.add_signature(key, None, json.dumps({"alg": algorithm, "kid": "theirs"}))
                token = made.serialize(compact=True)
                keys = key_set(other.export_public(), key.export_public())
                self.assertEqual(self.tool.ok("verify", keys, algorithm, token), PAYLOAD)
                self.assertEqual(self.tool.ok("thumbprint", key.export_public()), key.thumbprint())
                self.assertEqual(self.tool.ask("verify", key_set(other.export_public()), algorithm, token), ("error", "jws.key"))
                for wrong in set(ALGORITHMS) - {algorithm}:
                    self.assertEqual(self.tool.ask("verify", keys, wrong, token), ("error", "jws.algorithm"))
                bent = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
                self.assertEqual(self.tool.ask("verify", keys, algorithm, bent), ("error", "jws.signature"))
                pem = base64.b64encode(key.export_to_pem(True, None)).decode()
                self.assertEqual(json.loads(self.tool.ok("from_pem", algorithm, pem))["d"], json.loads(key.export_private())["d"])

    def test_we_refuse_jwcryptos_symmetric_tokens_made_with_our_public_key(self):
        public = self.tool.ok("generate", "RS256").split("\t")[1]
        secret = jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(public.encode()).decode().rstrip("="))
        token = jwt.JWT(header={"alg": "HS256"}, claims={"sub": "1"})
        token.make_signed_token(secret)
        self.assertEqual(self.tool.ask("verify", key_set(public), "RS256", token.serialize()), ("error", "jws.algorithm"))

    def test_authlib_verifies_ours_and_we_verify_authlibs(self):
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm):
                private, public, _ = self.tool.ok("generate", algorithm).split("\t")
                peer = JsonWebSignature([algorithm])
                ours = peer.deserialize_compact(self.tool.ok("sign", private, "at+jwt", PAYLOAD), JsonWebKey.import_key(json.loads(public)))
                self.assertEqual(ours["payload"].decode(), PAYLOAD)
                stranger = json.loads(self.tool.ok("generate", algorithm).split("\t")[1])
                with self.assertRaises(BadSignatureError):
                    peer.deserialize_compact(self.tool.ok("sign", private, "", PAYLOAD), JsonWebKey.import_key(stranger))
                token = peer.serialize_compact({"alg": algorithm}, PAYLOAD.encode(), JsonWebKey.import_key(json.loads(private)))
                self.assertEqual(self.tool.ok("verify", key_set(public), algorithm, token.decode()), PAYLOAD)

    def proof(self, key, **claims):
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": json.loads(key.export_public())}
        body = {"jti": generate_token(20), "htm": "POST", "htu": "https://id.example/token", "iat": 1800000000, **claims}
        made = jws.JWS(json.dumps(body).encode())
        made.add_signature(key, None, json.dumps(header))
        return made.serialize(compact=True)

    def test_jwcryptos_proofs_of_possession_pass_once(self):
        key = their_key("ES256")
        request = ("POST", "https://id.example/token", "", "1800000005")
        proof = self.proof(key)
        self.assertEqual(self.tool.ok("dpop", proof, *request), key.thumbprint())
        self.assertEqual(self.tool.ask("dpop", proof, *request), ("error", "dpop.replay"))
        self.assertEqual(self.tool.ask("dpop", self.proof(key, htm="GET"), *request), ("error", "dpop.request"))
        self.assertEqual(self.tool.ask("dpop", self.proof(key, iat=1799999000), *request), ("error", "dpop.time"))
        ath = base64.urlsafe_b64encode(hashlib.sha256(b"token").digest()).decode().rstrip("=")
        bound = ("POST", "https://id.example/token", "token", "1800000005")
        self.assertEqual(self.tool.ok("dpop", self.proof(key, ath=ath), *bound), key.thumbprint())
        self.assertEqual(self.tool.ask("dpop", self.proof(key), *bound), ("error", "dpop.token"))

    def test_jwcrypto_verifies_our_proofs_with_the_key_in_them(self):
        private = self.tool.ok("generate", "ES256").split("\t")[0]
        token = self.tool.ok("proof", private, '{"jti":"1"}')
        unverified = jws.JWS()
        unverified.deserialize(token)
        key = jwk.JWK(**unverified.jose_header["jwk"])
        self.assertFalse(key.has_private)
        unverified.verify(key)
        self.assertEqual(unverified.payload, b'{"jti":"1"}')

    def test_authlibs_pkce_challenge_is_ours(self):
        verifier = generate_token(64)
        self.assertEqual(self.tool.ok("pkce", verifier, create_s256_code_challenge(verifier)), "yes")
        self.assertEqual(self.tool.ok("pkce", generate_token(64), create_s256_code_challenge(verifier)), "no")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    arguments, rest = parser.parse_known_args()
    BUILD = os.path.abspath(arguments.build)
    result = unittest.main(argv=[sys.argv[0], *rest], exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{max(result.testsRun - failed, 0)} passed, {failed} failed")
    sys.exit(1 if failed else 0)
