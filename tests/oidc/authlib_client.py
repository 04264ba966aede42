#!/usr/bin/env python3
"""A relying party on python3-authlib. `authlib_client.py SETUP`; one JSON line for each check, as tests/oidc/checks.mjs."""
import json, sys, traceback, urllib.parse

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken

import user

FILE = sys.argv[1]
with open(FILE) as file:
    SETUP = json.load(file)
FOUND = requests.get(SETUP["issuer"] + "/.well-known/openid-configuration", timeout=10).json()
ALGORITHMS = ["ES256", "EdDSA", "RS256"]


def client(role):
    return SETUP["clients"][role]


def session(role, scope="openid profile offline_access"):
    c = client(role)
    if c["token_endpoint_auth_method"] == "private_key_jwt":
        made = OAuth2Session(c["client_id"], JsonWebKey.import_key(c["private"]), token_endpoint_auth_method="private_key_jwt",
                             redirect_uri=(c["redirect_uris"] or [None])[0], scope=scope, code_challenge_method="S256")
        made.register_client_auth_method(PrivateKeyJWT(FOUND["token_endpoint"], alg="ES256"))
        return made
    return OAuth2Session(c["client_id"], c.get("client_secret"), token_endpoint_auth_method=c["token_endpoint_auth_method"],
                         redirect_uri=(c["redirect_uris"] or [None])[0], scope=scope, code_challenge_method="S256")


def login(role):
    oauth, nonce = session(role), "nonce-of-authlib"
    verifier = "v" * 64
    url, state = oauth.create_authorization_url(FOUND["authorization_endpoint"], code_verifier=verifier, nonce=nonce, prompt="consent")
    end = user.visit(FILE, url)
    assert "back" in end, end
    tokens = oauth.fetch_token(FOUND["token_endpoint"], authorization_response=end["back"], code_verifier=verifier, state=state)
    keys = JsonWebKey.import_key_set(requests.get(FOUND["jwks_uri"], timeout=10).json())
    claims = JsonWebToken(ALGORITHMS).decode(tokens["id_token"], keys, claims_cls=CodeIDToken, claims_options={
        "iss": {"essential": True, "value": SETUP["issuer"]}, "aud": {"essential": True, "value": client(role)["client_id"]}},
        claims_params={"nonce": nonce, "client_id": client(role)["client_id"]})
    claims.validate(leeway=5)
    return oauth, tokens, claims


def authlib_signs_a_person_in_and_validates_the_id_token():
    oauth, _, claims = login("web")
    info = oauth.get(FOUND["userinfo_endpoint"], timeout=10).json()
    assert info["sub"] == claims["sub"], info


def authlib_authenticates_with_a_private_key():
    _, tokens, _ = login("jwt")
    assert tokens["access_token"]


def authlib_refreshes_and_revokes():
    oauth, tokens, claims = login("web")
    fresh = oauth.refresh_token(FOUND["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert fresh["access_token"] != tokens["access_token"]
    assert oauth.get(FOUND["userinfo_endpoint"], timeout=10).json()["sub"] == claims["sub"]
    answer = oauth.revoke_token(FOUND["revocation_endpoint"], fresh["access_token"])
    assert answer.status_code == 200, answer.text
    after = oauth.introspect_token(FOUND["introspection_endpoint"], fresh["access_token"])
    assert after.json() == {"active": False}, after.text


def authlib_gets_a_token_by_client_credentials():
    for role in ("machine", "machine_jwt"):
        tokens = session(role, "persons:read").fetch_token(FOUND["token_endpoint"], grant_type="client_credentials", scope="persons:read")
        assert tokens["token_type"].lower() == "bearer" and tokens["expires_in"] > 0, tokens


CHECKS = [authlib_signs_a_person_in_and_validates_the_id_token, authlib_authenticates_with_a_private_key, authlib_refreshes_and_revokes,
          authlib_gets_a_token_by_client_credentials]


def main():
    failed = False
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check()
            print(json.dumps({"test": name, "ok": True}), flush=True)
        except Exception:
            failed = True
            print(json.dumps({"test": name, "ok": False, "error": traceback.format_exc()}), flush=True)
    sys.exit(failed)


main()
