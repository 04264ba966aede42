#!/usr/bin/env python3
"""A relying party in a real Apache: mod_auth_openidc guards a page. `apache.py SETUP`; one JSON line for each check."""
import json, os, pwd, secrets, shutil, socket, subprocess, sys, tempfile, time, traceback

import user

FILE = sys.argv[1]
with open(FILE) as file:
    SETUP = json.load(file)
CLIENT = SETUP["clients"]["apache"]
PORT = SETUP["ports"]["apache"]
ROOT = f"http://localhost:{PORT}"
MODULES = "/usr/lib/apache2/modules"


class Apache:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="dayaq-apache-")
        os.chmod(self.folder, 0o755)
        for name, text in (("private/me.shtml", 'sub=<!--#echo var="OIDC_CLAIM_sub" --> iss=<!--#echo var="OIDC_CLAIM_iss" -->'
                                                ' name=<!--#echo var="OIDC_CLAIM_given_name" --> user=<!--#echo var="REMOTE_USER" -->'),
                           ("bye", "goodbye"), ("index.html", "public")):
            path = os.path.join(self.folder, "site", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as out:
                out.write(text)
        modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in
                          ("mpm_prefork", "authz_core", "authz_user", "authn_core", "mime", "dir", "include", "auth_openidc")
                          if os.path.exists(f"{MODULES}/mod_{name}.so"))
        rights = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        with open(f"{self.folder}/apache.conf", "w") as out:
            out.write(f"""ServerRoot {self.folder}
ServerName localhost
PidFile {self.folder}/pid
Mutex file:{self.folder}
ErrorLog {self.folder}/error.log
LogLevel warn auth_openidc:info
{rights}Listen 127.0.0.1:{PORT}
{modules}TypesConfig /etc/mime.types
StartServers 2
MaxRequestWorkers 4
DocumentRoot {self.folder}/site
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
OIDCProviderMetadataURL {SETUP['issuer']}/.well-known/openid-configuration
OIDCClientID {CLIENT['client_id']}
OIDCClientSecret {CLIENT['client_secret']}
OIDCProviderTokenEndpointAuth {CLIENT['token_endpoint_auth_method']}
OIDCRedirectURI {CLIENT['redirect_uris'][0]}
OIDCCryptoPassphrase {secrets.token_hex(16)}
OIDCPKCEMethod S256
OIDCIDTokenSignedResponseAlg ES256
OIDCResponseType code
OIDCScope "openid profile"
OIDCAuthRequestParams prompt=consent
OIDCProviderBackChannelLogoutSupported On
OIDCPassClaimsAs both
<Directory {self.folder}/site>
  Require all granted
  Options +Includes
</Directory>
<Location /private>
  AuthType openid-connect
  Require valid-user
</Location>
""")
        if os.geteuid() == 0:
            owner = pwd.getpwnam("www-data")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.process = subprocess.Popen(["apache2", "-f", f"{self.folder}/apache.conf", "-DFOREGROUND"],
                                        stdout=subprocess.DEVNULL, stderr=open(f"{self.folder}/stderr", "wb"),
                                        start_new_session=True)  # its end is told to its whole process group
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("Apache doesn't answer: " + self.log())

    def log(self):
        return "".join(open(f"{self.folder}/{name}").read()[-3000:] for name in ("stderr", "error.log")
                       if os.path.exists(f"{self.folder}/{name}"))

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)


def page(end, apache):
    assert "page" in end, f"{end}\n{apache.log()}"
    return end["page"]


def visit(url, steps=None):
    return user.visit(FILE, url, follow=[f"localhost:{PORT}"], steps=steps)


def apache_lets_a_person_in_who_signed_in_and_tells_the_page_who_it_is(apache):
    shown = page(visit(f"{ROOT}/private/me.shtml"), apache)
    assert shown["status"] == 200 and shown["url"] == f"{ROOT}/private/me.shtml", f"{shown}\n{apache.log()}"
    values = dict(part.split("=", 1) for part in shown["text"].split(" ") if "=" in part)
    assert values["iss"] == SETUP["issuer"] and values["sub"] not in ("", "(none)"), shown["text"]
    assert values["user"].startswith(values["sub"]), shown["text"]


def apache_keeps_its_session_and_asks_nobody_again(apache):
    first, again = visit(f"{ROOT}/private/me.shtml", steps=[f"{ROOT}/private/me.shtml"])
    assert page(first, apache)["text"] == page(again, apache)["text"]
    assert again["seen"].count("GET /private/me.shtml -> 200") == 2, again["seen"]


def apache_logs_a_person_out_at_the_provider_and_comes_back(apache):
    first, out, again = visit(f"{ROOT}/private/me.shtml", steps=[f"{ROOT}/private/back?logout={ROOT}/bye", f"{ROOT}/private/me.shtml"])
    assert page(first, apache)["status"] == 200
    shown = page(out, apache)
    assert shown["text"] == "goodbye", f"{out['seen']}\n{apache.log()}"
    signed_in_again = [line for line in again["seen"][len(out["seen"]):] if line.startswith("POST")]
    assert signed_in_again, "the provider asked again: " + "\n".join(again["seen"])


def apache_ends_its_session_when_the_provider_says_so_by_back_channel(apache):
    """Both are signed in; a logout at the provider without Apache's page ends Apache's session too."""
    end_session = json.loads(fetch(f"{SETUP['issuer']}/.well-known/openid-configuration"))["end_session_endpoint"]
    first, _, again = visit(f"{ROOT}/private/me.shtml", steps=[end_session, "wait:3000", f"{ROOT}/private/me.shtml"])
    assert page(first, apache)["status"] == 200
    line = again["seen"].index("GET /private/me.shtml -> 200")
    later = again["seen"][line + 1:]
    assert "GET /private/me.shtml -> 302" in later, "Apache sent the person to sign in again: " + "\n".join(again["seen"]) + apache.log()


def fetch(url):
    import urllib.request
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


CHECKS = [apache_lets_a_person_in_who_signed_in_and_tells_the_page_who_it_is, apache_keeps_its_session_and_asks_nobody_again,
          apache_logs_a_person_out_at_the_provider_and_comes_back, apache_ends_its_session_when_the_provider_says_so_by_back_channel]


def main():
    failed = False
    apache = Apache()
    try:
        for check in CHECKS:
            name = check.__name__.replace("_", " ")
            try:
                check(apache)
                print(json.dumps({"test": name, "ok": True}), flush=True)
            except Exception:
                failed = True
                print(json.dumps({"test": name, "ok": False, "error": traceback.format_exc()}), flush=True)
    finally:
        apache.stop()
    sys.exit(failed)


main()
