"""What the Diameter tests and benchmarks share: an edge's Diameter side on its own (gy_node_tool), freeDiameter as a
charging system or a network, and a proxy that writes what passes as a capture."""
import json, os, select, shutil, signal, socket, struct, subprocess, tempfile, threading, time

from harness import ROOT, free_port, program

EXTENSIONS = "/usr/lib/freeDiameter"


def wait_for(condition, seconds=20, what="it"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class Child:
    """A process that ends with its test, by its id."""

    def __init__(self, command, folder, name, **options):
        self.log_path = os.path.join(folder, f"{name}.log")
        self.log = open(self.log_path, "ab")
        options.setdefault("stdout", self.log)
        self.process = subprocess.Popen(command, stderr=self.log, **options)
        self.pid = self.process.pid

    def text(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=15):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()
        return self.process.returncode


class DiameterEdge(Child):
    """gy_node_tool over a replica folder; commands go in, JSON comes out."""

    def __init__(self, replica, folder, name="edge1", durable=True, charging=(), **options):
        self.data = os.path.join(folder, name)
        self.lines = []
        self.arrived = threading.Condition()
        arguments = [program("gy_node_tool"), "--replica", replica, "--data", self.data,
                     "--durable", "1" if durable else "0", "--origin", f"{name}.mobile.example"]
        if charging:
            arguments += ["--charging", ",".join(f"{host}=127.0.0.1:{port}" for host, port in charging)]
        for key, value in options.items():
            arguments += [f"--{key}", str(value)]
        super().__init__(arguments, folder, name, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        threading.Thread(target=self._read, daemon=True).start()
        first = self.next_line(120)
        self.port = first["serving"]

    def _read(self):
        for line in self.process.stdout:
            with self.arrived:
                self.lines.append(json.loads(line))
                self.arrived.notify_all()

    def next_line(self, seconds=20):
        with self.arrived:
            if not self.arrived.wait_for(lambda: self.lines, seconds):
                raise AssertionError("the edge says nothing: " + self.text()[-3000:])
            return self.lines.pop(0)

    def command(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def counts(self):
        self.command("counts")
        return self.next_line()

    def upgrade(self):
        """The next process answers on the same pipes. Returns its first line."""
        self.command("upgrade")
        line = self.next_line(60)
        self.process.wait(timeout=20)
        self.pid = line["pid"]
        return line

    def quit(self):
        try:
            self.command("quit")
            self.process.wait(timeout=20)
            wait_for(lambda: not os.path.exists(f"/proc/{self.pid}") or zombie(self.pid), 20, "the edge's end")
        except BrokenPipeError:
            pass
        self.process.stdin.close()
        self.log.close()
        return self.process.returncode


def zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def make_replica(folder, subscriptions, *options):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "replica")
    done = subprocess.run([program("edge_replica_tool"), path, str(subscriptions), *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return path


class FreeDiameter(Child):
    """freeDiameterd with one of our two extensions."""

    def __init__(self, folder, identity, extension, configuration, connect=None, threads=2):
        self.folder = os.path.join(folder, identity)
        os.makedirs(self.folder)
        self.port = free_port()
        source, module = f"{ROOT}/tests/diameter/{extension}.c", f"{self.folder}/{extension}.fdx"
        compiler = shutil.which("cc") or shutil.which("gcc") or "clang-19"
        built = subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", module, source], capture_output=True, text=True)
        if built.returncode != 0:
            raise AssertionError(built.stderr)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{self.folder}/key.pem",
                        "-out", f"{self.folder}/cert.pem", "-days", "3", "-subj", f"/CN={identity}"], check=True,
                       capture_output=True)
        lines = [f'Identity = "{identity}";', f'Realm = "{identity.split(".", 1)[1]}";', f"Port = {self.port};",
                 "SecPort = 0;", "No_SCTP;", "No_IPv6;", 'ListenOn = "127.0.0.1";', f"AppServThreads = {threads};",
                 "TcTimer = 6;", "TwTimer = 6;",
                 f'TLS_Cred = "{self.folder}/cert.pem", "{self.folder}/key.pem";', f'TLS_CA = "{self.folder}/cert.pem";',
                 f'LoadExtension = "{EXTENSIONS}/dict_nasreq.fdx";', f'LoadExtension = "{EXTENSIONS}/dict_dcca.fdx";',
                 f'LoadExtension = "{EXTENSIONS}/dict_dcca_3gpp.fdx";']
        with open(f"{self.folder}/acl", "w") as out:
            out.write("ALLOW_IPSEC *.mobile.example\nALLOW_IPSEC *.load.example\n")
        lines.append(f'LoadExtension = "{EXTENSIONS}/acl_wl.fdx" : "{self.folder}/acl";')
        if configuration is None:
            lines.append(f'LoadExtension = "{module}";')
        else:
            with open(f"{self.folder}/extension.conf", "w") as out:
                out.write(configuration + "\n")
            lines.append(f'LoadExtension = "{module}" : "{self.folder}/extension.conf";')
        if connect:
            host, realm, port = connect
            lines.append(f'ConnectPeer = "{host}" {{ ConnectTo = "127.0.0.1"; Port = {port}; No_TLS; No_SCTP; Realm = "{realm}"; }};')
        with open(f"{self.folder}/freeDiameter.conf", "w") as out:
            out.write("\n".join(lines) + "\n")
        super().__init__(["freeDiameterd", "-c", f"{self.folder}/freeDiameter.conf"], self.folder, "freeDiameterd")
        wait_for(lambda: "daemon initialized" in self.text() or self.process.poll() is not None, 20, "freeDiameterd's start")
        if self.process.poll() is not None:
            raise AssertionError(self.text()[-3000:])


class CapturingProxy:
    """Between a peer and the edge; writes both directions as a capture with the IP and TCP headers they would have."""

    def __init__(self, target, path):
        self.target, self.path = target, path
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101))  # LINKTYPE_RAW
        self.lock = threading.Lock()
        self.streams = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.streams += 1
            threading.Thread(target=self._carry, args=(client, 40000 + self.streams), daemon=True).start()

    def _carry(self, client, source):
        server = socket.create_connection(("127.0.0.1", self.target))
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = {client: 1, server: 1}
        ports = {client: (source, 3868), server: (3868, source)}
        other = {client: server, server: client}
        try:
            while True:
                for side in select.select([client, server], [], [])[0]:
                    data = side.recv(16384)
                    if not data:
                        return
                    self._write(ports[side], sent[side], sent[other[side]], data)
                    sent[side] = (sent[side] + len(data)) & 0xffffffff
                    other[side].sendall(data)
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def _write(self, ports, sequence, acknowledged, data):
        tcp = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 0x50, 0x18, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        now = time.time()
        packet = ip + tcp + data
        with self.lock:
            if self.file.closed:
                return
            self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(packet), len(packet)) + packet)
            self.file.flush()

    def close(self):
        self.listener.close()
        with self.lock:
            self.file.close()


def journaled(*folders):
    """What stopped edges have in their journals, each request counted once."""
    done = subprocess.run([program("gy_node_tool"), "--settle", ",".join(folders)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def gy_load(ports, *options, pid=None, timeout=300):
    command = [program("gy_load_tool"), "--ports", ",".join(map(str, ports)), *map(str, options)]
    if pid:
        command += ["--pid", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


class RunningLoad:
    """gy_load_tool beside what the test does meanwhile."""

    def __init__(self, ports, *options):
        self.process = subprocess.Popen([program("gy_load_tool"), "--ports", ",".join(map(str, ports)), *map(str, options)],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.strip() == "ready", line

    def result(self, timeout=300):
        out, _ = self.process.communicate(timeout=timeout)
        return json.loads(out.splitlines()[-1])


def avp(code, data, vendor=0):
    data = data.encode() if isinstance(data, str) else struct.pack(">I", data) if isinstance(data, int) else data
    head = 12 if vendor else 8
    flags = 0x40000000 | (0x80000000 if vendor else 0)
    return (struct.pack(">II", code, flags | head + len(data)) + (struct.pack(">I", vendor) if vendor else b"") + data
            + bytes(-len(data) % 4))


def avps(data):
    """{code: [data, ...]}"""
    found = {}
    while data:
        code, flags = struct.unpack(">II", data[:8])
        size = flags & 0xffffff
        found.setdefault(code, []).append(data[12 if flags >> 31 else 8:size])
        data = data[(size + 3) & ~3:]
    return found


class Network:
    """A gateway with a connection to each edge: sessions of one subscriber, one rating group, in octets."""

    def __init__(self, ports, realm, name="pgw"):
        self.identity = avp(264, f"{name}.network.example") + avp(296, "network.example")
        self.realm, self.number, self.sockets = realm, 0, []
        for port in ports:
            self.sockets.append(socket.create_connection(("127.0.0.1", port), timeout=60))
            self.exchange(len(self.sockets) - 1, 257, 0, avp(257, b"\0\1\x7f\0\0\1") + avp(266, 10415)
                          + avp(269, "test") + avp(265, 10415) + avp(258, 4), session=b"")

    def close(self):
        for each in self.sockets:
            each.close()

    def _read(self, at, size):
        data = b""
        while len(data) < size:
            more = self.sockets[at].recv(size - len(data))
            if not more:
                raise AssertionError("the edge closed the connection")
            data += more
        return data

    def exchange(self, at, command, application, body, session, again=False):
        """One request at edge `at`; the answer's AVPs. Watchdogs that come between are answered."""
        self.number += 1
        body = session + self.identity + body
        flags = 0x80 | (0x40 if application else 0) | (0x10 if again else 0)
        self.sockets[at].sendall(struct.pack(">IIIII", 1 << 24 | 20 + len(body), flags << 24 | command, application,
                                             self.number, self.number) + body)
        while True:
            head = struct.unpack(">IIIII", self._read(at, 20))
            rest = self._read(at, (head[0] & 0xffffff) - 20)
            if head[1] >> 31:
                answer = avp(268, 2001) + self.identity
                self.sockets[at].sendall(struct.pack(">IIIII", 1 << 24 | 20 + len(answer), head[1] & 0x7fffffff, *head[2:]) + answer)
            elif head[3] == self.number:
                return avps(rest)


class VolumeSession:
    """What its network is told: `granted` octets, `final` (the Final-Unit-Action, or None), `filters`, `result`."""

    def __init__(self, network, name, subscriber, group, at=0):
        self.network, self.at, self.number, self.group = network, at, 0, group
        self.session = avp(263, f"pgw.network.example;{name}")
        self.subscriber = avp(443, avp(450, 0) + avp(444, subscriber))
        self.reported, self.granted, self.final = 0, 0, None
        self.asked = None

    def ask(self, kind, used=None, again=False):
        """CCR-I, -U or -T (1, 2, 3); again: the last one once more, with the T bit."""
        if not again:
            service = avp(432, self.group) + (avp(437, b"") if kind != 3 else b"")
            service += avp(446, avp(421, struct.pack(">Q", used))) if used is not None else b""
            self.asked = (avp(283, self.network.realm) + avp(258, 4) + avp(461, "32251@3gpp.org") + avp(416, kind)
                          + avp(415, self.number) + self.subscriber + avp(455, 1) + avp(456, service))
            self.number += 1
            self.reported += used or 0
        answer = self.network.exchange(self.at, 272, 4, self.asked, self.session, again)
        number = lambda found, code: struct.unpack(">I", found[code][0])[0] if code in found else None
        self.command = number(answer, 268)
        service = avps(answer.get(456, [b""])[0])
        self.result = number(service, 268)
        units = avps(service.get(431, [b""])[0])
        self.granted = struct.unpack(">Q", units[421][0])[0] if 421 in units else 0
        final = avps(service.get(430, [b""])[0])
        self.final = number(final, 449)
        self.filters = [name.decode() for name in final.get(11, [])]
        return self


def folder():
    return tempfile.mkdtemp(prefix="dayaq-gy-")
