"""An edge's OAuth client, from its file (client.jwk): what dayaq-edge does to get its access token, written from RFC 7523."""
import base64, json, os, time
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def client_of(folder, name="client.jwk"):
    """Its id and its key."""
    with open(os.path.join(folder, name)) as file:
        jwk = json.load(file)
    key = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(jwk["d"] + "="))
    assert encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)) == jwk["x"]
    return jwk["client_id"], key


def ask(node, client, **fields):
    """The token endpoint's answer."""
    client_id, key = client
    issuer = node.get("/.well-known/oauth-authorization-server").json["issuer"]
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": issuer, "iat": now, "exp": now + 60, "jti": os.urandom(16).hex()}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "EdDSA"}, claims))
    form = {"grant_type": "client_credentials", "client_assertion": f"{signed}.{encoded(key.sign(signed.encode()))}",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", **fields}
    return node.post("/oauth/token", urlencode(form), headers={"Content-Type": "application/x-www-form-urlencoded"})


def token_of(node, folder, name="client.jwk"):
    answer = ask(node, client_of(folder, name))
    assert answer.status == 200, answer.text
    return answer.json["access_token"]
