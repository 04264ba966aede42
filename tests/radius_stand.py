"""What the RADIUS tests start: the edge's RADIUS over a replica of its own, and FreeRADIUS as the operator's server, in
front of the edge, and as a network access server that takes changes."""
import json, os, shutil, signal, subprocess, tempfile, time

from harness import free_port, program

LINE = "99412{:07d}".format  # the fixed lines of edge_replica_tool


def two_free_ports():
    """N and N + 1, as FreeRADIUS's tools expect of access and accounting."""
    while True:
        port = free_port()
        if port < 65000:
            return port, free_port()


class Edge:
    """radius_node_tool: RADIUS over an engine and a journal."""

    def __init__(self, folder, lines=100, *options, defer_every=0):
        self.folder, self.options, self.process = folder, options, None
        command = [program("edge_replica_tool"), f"{folder}/replica", "1", "--fixed", str(lines)]
        if defer_every:
            command += ["--defer-every", str(defer_every)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.ports = {"auth_port": 0, "acct_port": 0}

    def start(self):
        fixed = [f"{name}={port}" for name, port in self.ports.items() if name != "radsec_port"]
        self.log = open(f"{self.folder}/edge.log", "ab")
        self.process = subprocess.Popen([program("radius_node_tool"), f"{self.folder}/replica", f"{self.folder}/data",
                                         *fixed, *self.options],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("radius_node_tool ended: " + open(f"{self.folder}/edge.log").read()[-2000:])
        self.ports = json.loads(line)
        return self

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def counts(self):
        return self.say("counts")

    def wait_for(self, what, wanted, seconds=5):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.counts()[what] >= wanted:
                return
            time.sleep(0.02)
        raise AssertionError(f"{what} never reached {wanted}: {self.counts()}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=20)
            self.process.stdout.close()
            self.log.close()


FREERADIUS = """
prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = {folder}
logdir = {folder}
run_dir = {folder}
db_dir = {folder}
certdir = {folder}
pidfile = {folder}/pid
max_request_time = 5
max_requests = 65536
{more_global}
security {{ allow_vulnerable_openssl = yes
  max_attributes = 200
  reject_delay = 0
  status_server = yes }}
thread pool {{ start_servers = 4
  max_servers = 16
  min_spare_servers = 2
  max_spare_servers = 8 }}
modules {{
  always ok {{ rcode = ok }}
  always reject {{ rcode = reject }}
  pap {{ }}
  chap {{ }}
  mschap {{ }}
  expr {{ }}
  detail {{ filename = {folder}/detail
    permissions = 0600
    header = "%t" }}
  files {{ filename = {folder}/users }}
  {more_modules}
}}
client localhost {{ ipaddr = 127.0.0.1
  secret = {secret}
  require_message_authenticator = no }}
{more}
server default {{
  listen {{ type = auth
    ipaddr = 127.0.0.1
    port = {auth_port} }}
  listen {{ type = acct
    ipaddr = 127.0.0.1
    port = {acct_port} }}
  {listen}
  authorize {{ {authorize} }}
  authenticate {{ {authenticate} }}
  preacct {{ {preacct} }}
  accounting {{ {accounting} }}
  post-auth {{ {post_auth} Post-Auth-Type REJECT {{ {post_auth} }} Post-Auth-Type Challenge {{ {post_auth} }} }}
  {sections}
}}
"""


class FreeRadius:
    """FreeRADIUS 3 with a folder of its own."""

    def __init__(self, users="", secret="theirs", ports=None, verbose=True, **parts):
        self.verbose = verbose
        self.folder = tempfile.mkdtemp(prefix="dayaq-freeradius-")
        self.auth_port, self.acct_port = ports or (free_port(), free_port())
        defaults = {"more": "", "more_global": "", "more_modules": "", "listen": "", "sections": "", "preacct": "",
                    "authorize": "chap\nfiles\npap", "authenticate": "Auth-Type PAP { pap } Auth-Type CHAP { chap }",
                    "accounting": "detail",
                    # Debian 12's 3.2.1 adds it only when told to; later ones by themselves.
                    "post_auth": "update reply { Message-Authenticator := 0x00 }"}
        with open(f"{self.folder}/radiusd.conf", "w") as out:
            text = FREERADIUS.format(**{**defaults, **parts}, folder=self.folder, secret=secret,
                                     auth_port=self.auth_port, acct_port=self.acct_port)
            out.write(text.replace("{ ", "{\n").replace(" }", "\n}\n"))  # it reads one thing a line
        with open(f"{self.folder}/dictionary", "w") as out:
            out.write("$INCLUDE /usr/share/freeradius/dictionary\n")
        with open(f"{self.folder}/users", "w") as out:
            out.write(users)
        self.process = None

    def start(self):
        self.log = open(f"{self.folder}/log", "wb")
        self.process = subprocess.Popen(["freeradius", "-f", "-d", self.folder, "-l", "stdout",
                                         *(["-xx"] if self.verbose else [])],
                                        stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if b"Ready to process requests" in open(f"{self.folder}/log", "rb").read():
                return self
            time.sleep(0.05)
        raise AssertionError("FreeRADIUS did not start: " + open(f"{self.folder}/log").read()[-3000:])

    def detail(self):
        path = f"{self.folder}/detail"
        return open(path).read() if os.path.exists(path) else ""

    def text(self):
        return open(f"{self.folder}/log", errors="replace").read()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process:
            self.log.close()
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def radclient(port, kind, attributes, secret="testing123", *options):
    """What radclient prints of one request and its answer."""
    done = subprocess.run(["radclient", "-x", "-r", "2", "-t", "2", *options, f"127.0.0.1:{port}", kind, secret],
                          input="\n".join(attributes) + "\n", capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def certificates(folder):
    """An authority, a server's and a client's certificate, made by OpenSSL."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)
    for name in ("authority", "stranger"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    for name, signer in (("server", "authority"), ("client", "authority"), ("other", "stranger")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.pem", "-CAkey", f"{signer}.key",
                "-CAcreateserial", "-days", "30", "-out", f"{name}.pem")
