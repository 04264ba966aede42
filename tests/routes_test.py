#!/usr/bin/env python3
"""Every route of the real program, pages too, says what it asks of its caller, and refuses everyone else: nobody, an
unknown key, another scope, a person's token, a revoked one, one that is bound to a key and comes without a proof, another
organisation's, an ID token, an expired one, a session that isn't there, isn't sure enough or has expired."""
import base64, glob, hashlib, json, os, re, secrets, subprocess, sys, time, unittest
from urllib.parse import parse_qs, quote, urlsplit

from authlib.jose import JsonWebKey, JsonWebSignature

import harness
from oidc_stand import OIDC, Stand

sys.path.insert(0, OIDC)
import user  # noqa: E402

PERSON_SCOPES = {"me:read"}
LEVELS = ["none", "low", "substantial", "high"]
VERIFIER = "routes-test-verifier-that-is-long-enough-to-be-one"


def form(**fields):
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items() if value)


class Proofs:
    """Makes DPoP proofs. RFC 9449 section 4.2."""

    def __init__(self):
        self.key = JsonWebKey.generate_key("EC", "P-256", is_private=True)

    def make(self, method, url, token=None, nonce=None):
        claims = {"htm": method, "htu": url, "iat": int(time.time()), "jti": secrets.token_urlsafe(12)}
        if token:
            claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        if nonce:
            claims["nonce"] = nonce
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self.key.as_dict(is_private=False)}
        return JsonWebSignature().serialize_compact(header, json.dumps(claims).encode(), self.key).decode()


class RoutesRefuseTheWrongCaller(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stand = Stand(persons=1, population=500, clients=False, plain_api_keys=True)
        cls.node = cls.stand.node
        cls.routes = cls.node.get("/v1/routes", key=cls.node.key()).json["routes"]
        for route in cls.routes:
            route["target"] = re.sub(r"\{[^}]+\}", "1", route["pattern"])
            route["name"] = f"{route['method']} {route['pattern']}"
        cls.guarded = [route for route in cls.routes if route["scope"] != "none"]
        cls.program_scopes = sorted({route["scope"] for route in cls.guarded} - PERSON_SCOPES)
        cls.keys = {}
        for scope in cls.program_scopes:  # one key for each scope, with nothing else, and a token fetched with it
            made = cls.node.post("/v1/keys", {"organisation": "digital-agency", "name": f"test of {scope}", "scopes": [scope]},
                                 key=cls.node.key())
            assert made.status == 201, made.text
            cls.keys[scope] = made.json["token"]
        cls.tokens = {scope: cls.token_of(key) for scope, key in cls.keys.items()}
        cls.register_app()
        told = cls.person_signs_in()
        cls.person_token, cls.id_token = told["access_token"], told["id_token"]

    @classmethod
    def ask_token(cls, client, secret, headers=None, **fields):
        basic = base64.b64encode(f"{quote(client, safe='')}:{quote(secret, safe='')}".encode()).decode()
        return cls.node.post("/oauth/token", form(**fields), headers={
            "Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {basic}", **(headers or {})})

    @classmethod
    def token_of(cls, key):
        """What an API key's holder does: fetches tokens as the client that the key is."""
        answer = cls.ask_token(f"key-{key.split('_')[1]}", key, grant_type="client_credentials")
        assert answer.status == 200, answer.text
        return answer.json["access_token"]

    @classmethod
    def register_app(cls):
        made = cls.node.post("/v1/clients", {
            "client_id": "my-app", "organisation": "digital-agency", "client_name": "My app", "purpose": "Sınaq",
            "legal_ground": "test", "token_endpoint_auth_method": "client_secret_basic",
            "grant_types": ["authorization_code", "client_credentials", "refresh_token"], "scope": "openid me:read persons:read",
            "redirect_uris": ["http://127.0.0.1:9/cb"]}, key=cls.node.key())
        assert made.status == 201, made.text
        cls.app_secret = made.json["client_secret"]

    @classmethod
    def person_signs_in(cls):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        query = form(client_id="my-app", redirect_uri="http://127.0.0.1:9/cb", response_type="code", scope="openid me:read",
                     state="s", nonce="n", code_challenge=challenge, code_challenge_method="S256")
        end = user.visit(cls.stand.file, f"{cls.stand.issuer}/oauth/authorize?{query}")
        assert "back" in end, end
        code = parse_qs(urlsplit(end["back"]).query)["code"][0]
        answer = cls.ask_token("my-app", cls.app_secret, grant_type="authorization_code", code=code,
                               redirect_uri="http://127.0.0.1:9/cb", code_verifier=VERIFIER)
        assert answer.status == 200, answer.text
        return answer.json

    def ask(self, route, **options):
        return self.node.request(route["method"], route["target"], **options)

    def assert_refused(self, route, status, why, **options):
        answer = self.ask(route, **options)
        self.assertEqual(answer.status, status, f"{route['name']}: {why}: {answer.text[:200]}")
        self.assertIn("WWW-Authenticate", answer.headers, route["name"])
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], "application/problem+json", route["name"])
        return answer

    def test_every_route_declares_what_it_needs(self):
        for route in self.routes:
            declared = [route["scope"] != "none", route["signed_in"] != "none", route["open"] != ""]
            self.assertTrue(any(declared), f"{route['name']} says neither scope, nor person, nor why it is open")
            self.assertFalse(route["open"] and (declared[0] or declared[1]), f"{route['name']} is open and isn't")

    def test_the_list_is_of_the_whole_program(self):
        patterns = {route["pattern"] for route in self.routes}
        for known in ("/", "/v1/regimes", "/v1/me", "/v1/clients", "/oauth/token", "/oauth/authorize", "/sign-in", "/my", "/office",
                      "/metrics", "/v1/settlements"):
            self.assertTrue(any(p == known or p.startswith(known + "/") for p in patterns), known)
        documented = {(method.upper(), path) for path, methods in self.node.get("/v1/openapi.json").json["paths"].items() for method in methods}
        listed = {(route["method"], route["pattern"]) for route in self.routes}
        self.assertLessEqual(documented, listed)
        self.assertEqual({name for name in listed - documented if name[1].startswith("/v1/")}, set(), "a route of the API that isn't described")

    def test_the_api_is_open_only_where_it_is_meant(self):
        for route in self.routes:
            if route["pattern"].startswith("/v1/") and route["open"]:
                self.assertRegex(route["operation"], r"^get_(openapi\w*|audit_\w+|permit_list|regime|service)$|^(add_phone_key|list_phone_confirmations|decide_by_phone)$|^list_(regimes|services|statuses|places|traffic_classes)$",
                                 f"{route['name']} is open to everybody: is that meant?")

    def test_without_a_token_every_guarded_route_answers_401(self):
        for route in self.guarded:
            answer = self.assert_refused(route, 401, "no token")
            self.assertIn("Bearer", answer.headers["WWW-Authenticate"])

    def test_an_unknown_key_or_token_answers_401(self):
        for route in self.guarded:
            for wrong in ("dyq_1_" + "A" * 43, self.tokens["admin"][:-6] + "AAAAAA", "x.y.z"):
                answer = self.assert_refused(route, 401, "unknown", key=wrong)
                self.assertIn('error="invalid_token"', answer.headers["WWW-Authenticate"])

    def test_every_other_scope_answers_403_by_key_and_by_token(self):
        for route in self.guarded:
            for scope in self.program_scopes:
                if scope == route["scope"] or (scope == "admin" and route["scope"] == "clients:write"):
                    continue
                for held in (self.keys[scope], self.tokens[scope]):
                    answer = self.assert_refused(route, 403, f"with {scope}", key=held)
                    self.assertIn(f'error="insufficient_scope", scope="{route["scope"]}"', answer.headers["WWW-Authenticate"])

    def test_a_persons_token_opens_their_own_routes_and_nothing_else(self):
        for route in self.guarded:
            if route["scope"] in PERSON_SCOPES:
                answer = self.ask(route, key=self.person_token)
                self.assertEqual(answer.status, 200, f"{route['name']}: {answer.text}")
            else:
                self.assert_refused(route, 403, "a person's token", key=self.person_token)

    def test_what_a_client_sees_of_a_person_is_put_on_record(self):
        me = self.node.get("/v1/me", key=self.person_token).json
        self.assertEqual(set(me), {"family_name", "given_name", "birth_date", "assurance", "acting_for_other", "statuses"})
        self.assertIn(me["assurance"], LEVELS[1:])
        access = self.node.get("/v1/me/access", key=self.person_token).json["entries"]
        self.assertIn("org:digital-agency/client:my-app", {entry["actor"] for entry in access})
        sensitive = {status["code"] for status in self.node.get("/v1/statuses").json["statuses"] if status.get("sensitive")}
        self.assertTrue(sensitive)
        told = self.node.get("/v1/me/grants", key=self.person_token).text + json.dumps(me)
        for code in sensitive:
            self.assertNotIn(code, told)

    def test_the_right_scope_passes_the_gate_by_key_and_by_token(self):
        for route in self.guarded:
            if route["scope"] not in PERSON_SCOPES and route["method"] == "GET":
                by_key = self.ask(route, key=self.keys[route["scope"]])
                by_token = self.ask(route, key=self.tokens[route["scope"]])
                for answer in (by_key, by_token):
                    self.assertNotIn(answer.status, (401, 500), f"{route['name']}: {answer.text}")
                self.assertIn("Deprecation", by_key.headers, "an API key as it is goes away")
                self.assertNotIn("Deprecation", by_token.headers)

    def test_a_program_cannot_get_a_persons_scope(self):
        answer = self.ask_token("my-app", self.app_secret, grant_type="client_credentials", scope="me:read")
        if answer.status == 200:
            for route in self.guarded:
                if route["scope"] in PERSON_SCOPES:
                    self.assert_refused(route, 403, "a program", key=answer.json["access_token"])
        else:
            self.assertEqual(answer.json["error"], "invalid_scope")

    def test_a_token_of_an_ended_key_opens_nothing(self):
        made = self.node.post("/v1/keys", {"organisation": "digital-agency", "name": "ends", "scopes": self.program_scopes}, key=self.node.key()).json
        token = self.token_of(made["token"])
        for route in self.guarded:
            if route["method"] == "GET" and route["scope"] not in PERSON_SCOPES:
                self.assertNotEqual(self.ask(route, key=token).status, 401, route["name"])
        self.assertEqual(self.node.post(f"/v1/keys/{made['key']}/revoke", "", key=self.node.key()).status, 200)
        for route in self.guarded:
            self.assert_refused(route, 401, "ended", key=token)

    def test_a_revoked_token_opens_nothing_at_once(self):
        key = self.keys["admin"]
        token = self.token_of(key)
        self.assertEqual(self.node.get("/v1/keys", key=token).status, 200)
        basic = base64.b64encode(f"key-{key.split('_')[1]}:{key}".encode()).decode()
        gone = self.node.post("/oauth/revoke", form(token=token), headers={"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {basic}"})
        self.assertEqual(gone.status, 200, gone.text)
        for route in self.guarded:
            self.assert_refused(route, 401, "revoked", key=token)

    def test_a_bound_token_opens_nothing_without_its_proof(self):
        made = self.node.post("/v1/keys", {"organisation": "digital-agency", "name": "bound", "scopes": self.program_scopes}, key=self.node.key()).json
        proofs, client = Proofs(), f"key-{made['key']}"
        endpoint = f"{self.stand.issuer}/oauth/token"
        answer = self.ask_token(client, made["token"], {"DPoP": proofs.make("POST", endpoint)}, grant_type="client_credentials")
        if answer.status == 400 and answer.json["error"] == "use_dpop_nonce":
            answer = self.ask_token(client, made["token"], {"DPoP": proofs.make("POST", endpoint, nonce=answer.headers["DPoP-Nonce"])}, grant_type="client_credentials")
        self.assertEqual((answer.status, answer.json.get("token_type")), (200, "DPoP"), answer.text)
        token = answer.json["access_token"]
        for route in self.guarded:
            for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": f"DPoP {token}"},
                            {"Authorization": f"DPoP {token}", "DPoP": Proofs().make(route["method"], self.stand.issuer + route["target"], token)}):
                refused = self.assert_refused(route, 401, "no proof of its key", headers=headers)
                self.assertIn("DPoP", refused.headers["WWW-Authenticate"])
        listed = self.node.get("/v1/keys", headers={"Authorization": f"DPoP {token}", "DPoP": proofs.make("GET", f"{self.stand.issuer}/v1/keys", token)})
        self.assertEqual(listed.status, 200, listed.text)

    def test_a_token_for_another_audience_opens_nothing(self):
        # An ID token: this issuer's, signed by the same key, of somebody signed in, and for the client alone.
        payload = self.id_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        self.assertEqual((claims["iss"], claims["aud"]), (self.stand.issuer, "my-app"))
        self.assertGreater(claims["exp"], time.time() - 3600)
        for route in self.guarded:
            self.assert_refused(route, 401, "an ID token", key=self.id_token)
        self.assertEqual(self.node.get("/oauth/userinfo", key=self.id_token).status, 401)

    def test_another_organisation_neither_sees_nor_changes_what_is_not_its_own(self):
        made = self.node.post("/v1/keys", {"organisation": "tabib", "name": "other", "scopes": ["clients:write", "feed:read", "grants:decide"]}, key=self.node.key()).json
        other = self.token_of(made["token"])
        self.assertEqual(self.node.get("/v1/clients", key=other).json["clients"], [])
        for path in ("/v1/clients/my-app/secret", "/v1/clients/my-app/end"):
            self.assertEqual(self.node.post(path, "{}", key=other).status, 404)
        self.assertEqual(self.node.request("PUT", "/v1/clients/my-app", "{}", key=other).status, 404)
        stolen = self.node.post("/v1/clients", {"client_id": "x", "organisation": "digital-agency", "client_name": "x", "scope": "",
                                                "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic"}, key=other)
        self.assertEqual(stolen.status, 403, stolen.text)
        greedy = self.node.post("/v1/clients", {"client_id": "x", "organisation": "tabib", "client_name": "x", "scope": "admin",
                                                "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic"}, key=other)
        self.assertEqual(greedy.json["code"], "client.scope_not_yours")

    def test_pages_of_a_person_send_everyone_else_to_sign_in(self):
        pages = [route for route in self.routes if route["signed_in"] != "none" and route["scope"] == "none"]
        self.assertGreater(len(pages), 5)
        for route in pages:
            for cookie in ("", "session=" + "A" * 64):
                headers = {"Accept": "text/html", **({"Cookie": cookie} if cookie else {})}
                answer = self.ask(route, headers=headers)
                if route["method"] == "GET":
                    self.assertEqual(answer.status, 303, route["name"])
                    self.assertTrue(answer.headers["Location"].startswith("/sign-in?then=" + quote(route["target"], safe="")), answer.headers["Location"])
                else:
                    self.assertEqual(answer.status, 401, f"{route['name']}: {answer.text[:200]}")
            for token in (self.person_token, self.tokens["admin"]):
                self.assertEqual(self.ask(route, key=token).status, 401, f"{route['name']} with a token")

    def test_a_session_that_is_not_sure_enough_is_sent_to_prove_more(self):
        ran = subprocess.run(["node", "session.mjs", self.stand.file], cwd=OIDC, capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        signed_in = json.loads(ran.stdout)
        headers = {"Accept": "text/html", "Cookie": signed_in["cookies"]}
        self.assertEqual(self.node.get("/my", headers=headers).status, 200, signed_in)
        level = LEVELS.index(self.node.get("/v1/me", key=self.person_token).json["assurance"])
        higher = [r for r in self.routes if r["scope"] == "none" and LEVELS.index(r["signed_in"]) > level]
        self.assertTrue(higher, "no page asks for more than this person has: the test proves nothing")
        for route in higher:
            answer = self.ask(route, headers=headers)
            if route["method"] == "GET":
                self.assertEqual(answer.status, 303, route["name"])
                self.assertIn(f"level={route['signed_in']}", answer.headers["Location"])
            else:
                self.assertEqual(answer.status, 401, route["name"])
        for route in self.guarded:  # a browser's session is no key to the API
            self.assert_refused(route, 401, "a session", headers={"Cookie": signed_in["cookies"]})


class WhenTimeHasPassed(unittest.TestCase):
    """The same program, started again on the same data thirteen hours later. Runs last: time doesn't go back."""

    LATER = "+13h"

    def test_expired_tokens_and_sessions_open_nothing_on_any_route(self):
        known = RoutesRefuseTheWrongCaller
        if not hasattr(known, "person_token"):
            known.setUpClass()
        asking, node = known(), known.node
        ran = subprocess.run(["node", "session.mjs", known.stand.file], cwd=OIDC, capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        cookies = {"Accept": "text/html", "Cookie": json.loads(ran.stdout)["cookies"]}
        tokens = {scope: known.token_of(key) for scope, key in known.keys.items()}
        person = known.person_signs_in()["access_token"]
        self.assertEqual(node.get("/my", headers=cookies).status, 200)
        self.assertEqual(node.get("/v1/me", key=person).status, 200)
        for route in known.guarded:
            if route["method"] == "GET" and route["scope"] in tokens:
                self.assertNotEqual(asking.ask(route, key=tokens[route["scope"]]).status, 401, route["name"])
        node.stop()
        library = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")[0]
        later = {"LD_PRELOAD": library, "FAKETIME": self.LATER, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        os.environ.update(later)
        try:
            node.start("--url", known.stand.issuer)
        finally:
            for name in later:
                del os.environ[name]
        for route in known.guarded:
            refused = asking.assert_refused(route, 401, "expired", key=tokens.get(route["scope"], person))
            self.assertIn('error="invalid_token"', refused.headers["WWW-Authenticate"], route["name"])
            if route["method"] == "GET" and route["scope"] in known.keys:
                answer = asking.ask(route, key=known.keys[route["scope"]])
                self.assertNotIn(answer.status, (401, 500), f"{route['name']}: what doesn't expire still passes the gate")
        for route in known.routes:
            if route["signed_in"] != "none" and route["scope"] == "none":
                answer = asking.ask(route, headers=cookies)
                self.assertEqual(answer.status, 303 if route["method"] == "GET" else 401, f"{route['name']}: an expired session")


def tearDownModule():
    RoutesRefuseTheWrongCaller.stand.remove()


if __name__ == "__main__":
    harness.main()
