"""A real dayaq-edge on free loopback ports, for end-to-end tests and benchmarks.

    edge = Edge(subscriptions=1000, diameter=True)       # a replica made by bench/edge_replica_tool, the centre away
    edge = Edge(node=Node(...).start(), operator="azercell")   # enrolled to a real dayaqd, following its feed
    edge.start(); edge.get("/health/ready"); edge.kill(); edge.start(); edge.remove()

Subscriptions of the tool (see its head comment): mobile(i), fixed(i), tv(i) are granted data:education, data:all with a
quota, voice, and TV package "basic". `edge.ports` has what is served; `edge.config` is the file as a dict, to be changed
before start() or, with edge.reload(), while it runs."""
import base64, json, os, shutil, signal, subprocess, tempfile, time

from harness import ROOT, Served, free_port, program

TOKEN = "edge-test-token-0123456789"
SERVICES = [
    {"service": "voice", "context": "32260@3gpp.org"},
    {"service": "messages", "context": "32274@3gpp.org"},
    {"service": "data:education", "context": "32251@3gpp.org", "rating_groups": [100]},
    {"service": "data:all", "context": "32251@3gpp.org"},
    {"service": "tv:basic"},
]


def mobile(i):
    return f"99450{i:07d}"


def fixed(i):
    return f"99412{i:07d}"


def tv(i):
    return f"99477{i:07d}"


def write(path, text, mode=0o600):
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


def new_signing_key(path):
    """An Ed25519 key as PEM; returns the public key, base64."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True, capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return base64.b64encode(der[-32:]).decode()


class Edge(Served):
    def __init__(self, subscriptions=1000, node=None, operator="azercell", name="edge-1", line="mobile", number=1, edges=1,
                 services=None, diameter=None, radius=None, tv=None, siblings=(), folder=None, like=None, extra=None,
                 tool_arguments=()):
        """diameter, radius, tv: True for plain settings, or a dict laid over them. `like`: another Edge whose replica is
        copied (a sibling). `extra`: further fields of the file. `folder`: of the whole edge; made if None."""
        self.folder = folder or tempfile.mkdtemp(prefix="dayaq-edge-")
        os.makedirs(self.folder, exist_ok=True)
        self.data = os.path.join(self.folder, "data")
        self.config_file = os.path.join(self.folder, "edge.yaml")
        self.log_file = os.path.join(self.folder, "log")
        self.process = None
        self.start_timeout = 30
        self.ports = {"http": free_port()}
        self.public_key = new_signing_key(os.path.join(self.folder, "edge.pem"))
        write(os.path.join(self.folder, "http.token"), TOKEN + "\n")
        self.config = {
            "operator": operator, "name": name, "number": number, "edges": edges, "line": line, "data": self.data,
            "centre": {"url": "http://127.0.0.1:9", "token_file": "centre.token", "key_file": "centre.pub"},
            "feed_key_file": "feed.key", "signing_key_file": "edge.pem",
            "services": list(services or SERVICES),
            "http": {"port": self.ports["http"], "token_file": "http.token"},
            "siblings": list(siblings), **(extra or {}),
        }
        if diameter:
            self.ports["diameter"] = free_port()
            self.config["diameter"] = {"origin_host": f"{name}.{operator}.example", "origin_realm": f"{operator}.example",
                                       "port": self.ports["diameter"], "clients": [{"origin_host": "*"}],
                                       **(diameter if isinstance(diameter, dict) else {})}
        if radius:
            self.ports["radius_auth"], self.ports["radius_acct"] = free_port(), free_port()
            self.config["radius"] = {"auth_port": self.ports["radius_auth"], "acct_port": self.ports["radius_acct"],
                                     "clients": [{"address": "127.0.0.0/8", "secret": "testing123"}], "service": "data:all",
                                     **(radius if isinstance(radius, dict) else {})}
        if tv:
            self.config["tv"] = {"line": line, "channels": [{"name": "news", "prefix": "/hls/news/", "package": "tv:basic"}],
                                 **(tv if isinstance(tv, dict) else {})}
        if node:
            self.enrol(node)
        elif like:
            shutil.copytree(os.path.join(like.data, "replica"), os.path.join(self.data, "replica"))
            for file in ("feed.key", "centre.pub", "centre.token"):
                shutil.copy(os.path.join(like.folder, file), self.folder)
        else:
            self.seed(subscriptions, operator, tool_arguments)

    def seed(self, subscriptions, operator, arguments):
        replica = os.path.join(self.data, "replica")
        os.makedirs(self.data, exist_ok=True)
        subprocess.run([program("edge_replica_tool"), replica, str(subscriptions), "--fixed", str(subscriptions),
                        "--tv", str(subscriptions), "--operator", operator, *arguments], check=True, capture_output=True)
        shutil.copy(os.path.join(replica, "feed.key"), self.folder)
        shutil.copy(os.path.join(replica, "centre.pub"), self.folder)
        write(os.path.join(self.folder, "centre.token"), "no-centre-here-0123456789\n")

    def enrol(self, node):
        """At a running dayaqd (tests/harness.py's Node), by its API."""
        answer = node.post("/v1/edges", {"operator": self.config["operator"], "name": self.config["name"],
                                         "number": self.config["number"], "public_key": self.public_key}, key=node.key("admin"))
        if answer.status != 201:
            raise AssertionError(f"not enrolled: {answer.status} {answer.text}")
        given = answer.json
        write(os.path.join(self.folder, "feed.key"), given["feed_key"] + "\n")
        write(os.path.join(self.folder, "centre.pub"), given["centre_key"] + "\n")
        write(os.path.join(self.folder, "centre.token"), given["token"] + "\n")
        self.config["centre"]["url"] = f"http://127.0.0.1:{node.port}"

    def feed_key(self):
        with open(os.path.join(self.folder, "feed.key")) as file:
            return base64.b64decode(file.read())

    def write_config(self):
        write(self.config_file, json.dumps(self.config, indent=1))  # JSON is YAML

    def start(self, *arguments, wait=True):
        self.write_config()
        self.log = open(self.log_file, "ab")
        self.process = subprocess.Popen([program("dayaq-edge"), "--config", self.config_file, *arguments],
                                        stdout=self.log, stderr=self.log)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        deadline = time.monotonic() + self.start_timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"dayaq-edge ended with {self.process.returncode}: {self.log_text()[-3000:]}")
            try:
                if self.get("/health/ready", timeout=1).status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.005)
        raise AssertionError("dayaq-edge does not become ready: " + self.log_text()[-3000:])

    def wait_ready_again(self):
        """After an upgrade in place: another process serves on the same ports."""
        deadline = time.monotonic() + self.start_timeout
        while self.get("/health/ready").status != 200:
            if time.monotonic() > deadline:
                raise AssertionError("the next process doesn't become ready: " + self.log_text()[-3000:])
            time.sleep(0.01)

    def log_text(self):
        with open(self.log_file, errors="replace") as file:
            return file.read()

    def http_port(self):
        return self.ports["http"]

    def request(self, method, path, body=None, token=TOKEN, headers=None, timeout=30):
        return self.send(method, path, body, token, headers, timeout)

    def metrics(self):
        """{name or name{labels}: value}"""
        values = {}
        for line in self.get("/metrics").text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def reload(self):
        self.write_config()
        self.process.send_signal(signal.SIGHUP)
