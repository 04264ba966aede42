"""An authority that issues identity cards, lists those it has revoked and answers for them (OCSP): the `openssl` command.
For tests/identity_pages_test.py."""
import datetime, http.server, os, subprocess, threading

CONFIG = """[ca]
default_ca=here
[here]
dir={folder}
database={folder}/index
default_md=sha256
default_crl_days=7
default_days=30
new_certs_dir={folder}
rand_serial=yes
policy=any
[any]
countryName=optional
commonName=supplied
serialNumber=optional
[card]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
[documents]
basicConstraints=critical,CA:FALSE
keyUsage=critical,nonRepudiation
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
[responder]
basicConstraints=critical,CA:FALSE
extendedKeyUsage=OCSPSigning
[server]
subjectAltName=DNS:localhost,IP:127.0.0.1
[req]
distinguished_name=name
[name]
"""


class CardOffice:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(os.path.join(folder, "lists"), exist_ok=True)
        with open(self.at("ca.cnf"), "w") as out:
            out.write(CONFIG.format(folder=folder))
        self.serial = 100
        self.index = []
        self.issue("root", "/CN=test root", "authority", None)
        self.issue("issuer", "/C=AZ/CN=test cards", "authority", "root")
        self.issue("responder", "/CN=test answers", "responder", "issuer")
        self.issue("server", "/CN=localhost", "server", None)
        self.list("root", "root")
        self.list("issuer", "issuer")

    def at(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *arguments, stdin=None):
        done = subprocess.run(["openssl", *arguments], capture_output=True, input=stdin, cwd=self.folder)
        if done.returncode != 0:
            raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout

    def issue(self, name, subject, extensions, issuer, days=30):
        """NAME.pem and NAME.key; signed by itself without an issuer."""
        self.serial += 1
        by = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"] if issuer else []
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                     f"{name}.key", "-out", f"{name}.pem", "-subj", subject, "-days", str(days), "-set_serial",
                     str(self.serial), "-config", "ca.cnf", "-extensions", extensions, "-utf8", *by)
        until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%y%m%d%H%M%SZ")
        self.index.append({"name": name, "until": until, "serial": f"{self.serial:X}", "revoked": ""})
        self.write_index()
        return self.at(name)

    def late(self, name, subject):
        """A card whose time is over."""
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                     f"{name}.key", "-out", f"{name}.csr", "-subj", subject, "-config", "ca.cnf")
        self.openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "issuer.pem", "-keyfile", "issuer.key", "-in",
                     f"{name}.csr", "-out", f"{name}.pem", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z",
                     "-extensions", "card")
        self.write_index()
        return self.at(name)

    def card(self, name, national_id, extensions="card", issuer="issuer"):
        return self.issue(name, f"/C=AZ/CN=Test/serialNumber=PNOAZ-{national_id}", extensions, issuer)

    def revoke(self, name):
        for entry in self.index:
            if entry["name"] == name:
                entry["revoked"] = datetime.datetime.now(datetime.timezone.utc).strftime("%y%m%d%H%M%SZ")
        self.write_index()

    def write_index(self):
        with open(self.at("index"), "w") as out:
            for entry in self.index:
                state = "R" if entry["revoked"] else "V"
                serial = entry["serial"] if len(entry["serial"]) % 2 == 0 else "0" + entry["serial"]
                out.write(f"{state}\t{entry['until']}\t{entry['revoked']}\t{serial}\tunknown\t/CN={entry['name']}\n")

    def list(self, authority, name):
        """A list of what is revoked now, where the node looks for lists."""
        self.openssl("ca", "-config", "ca.cnf", "-gencrl", "-cert", f"{authority}.pem", "-keyfile", f"{authority}.key",
                     "-out", f"{name}.new")
        os.replace(self.at(f"{name}.new"), self.at(f"lists/{name}.crl"))


class Responder:
    """Answers OCSP questions by the office's books; `up` False: says that it is busy."""

    def __init__(self, office):
        self.up = True
        self.asked = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                question = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                answer = outer.answer(office, question) if outer.up else b""
                self.send_response(200 if outer.up else 503)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ocsp"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @staticmethod
    def answer(office, question):
        with open(office.at("question"), "wb") as out:
            out.write(question)
        office.openssl("ocsp", "-index", "index", "-CA", "issuer.pem", "-rsigner", "responder.pem", "-rkey", "responder.key",
                       "-reqin", "question", "-respout", "answer", "-nmin", "5")
        with open(office.at("answer"), "rb") as answer:
            return answer.read()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
