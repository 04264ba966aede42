#!/usr/bin/env python3
"""Messages through a real Kannel: bearerbox, smsbox and its fake SMS centre on loopback, a real dayaqd.

Kannel's admin port knows no address to bind to: everything runs in a network namespace of its own, in which there is
loopback alone. Without the right to make one (CLONE_NEWNET) the ports are taken on the machine.
"""
import ctypes, json, os, re, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, threading, time, unittest, urllib.parse

import harness
from harness import Node, free_port

FAKESMSC = "/usr/lib/kannel/test/fakesmsc"
SECRET = "0123456789abcdef0123"
NUMBER = "8103"
CLONE_NEWNET = 0x40000000


def own_network():
    """A namespace with loopback alone, for this process and all that it starts."""
    if os.environ.get("DAYAQ_SMS_NET") == "host" or os.geteuid() != 0:
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    return subprocess.run(["ip", "link", "set", "lo", "up"], stderr=subprocess.DEVNULL).returncode == 0


class Kannel:
    """bearerbox and smsbox with a fake SMS centre; messages that it has accepted survive its restart (store-file)."""

    def __init__(self, inbound_port):
        self.folder = tempfile.mkdtemp(prefix="dayaq-kannel-")
        self.admin, self.box, self.centre, self.send = (free_port() for _ in range(4))
        self.processes = {}
        with open(f"{self.folder}/kannel.conf", "w") as out:
            out.write(f"""
group = core
admin-port = {self.admin}
admin-password = "{SECRET}"
smsbox-port = {self.box}
box-allow-ip = "127.0.0.1"
log-file = "{self.folder}/bearerbox.log"
log-level = 1
store-type = file
store-location = "{self.folder}/store"
sms-resend-freq = 1

group = smsc
smsc = fake
smsc-id = fake
port = {self.centre}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {self.send}
sendsms-interface = 127.0.0.1
log-file = "{self.folder}/smsbox.log"
log-level = 1
http-request-retry = 100
http-queue-delay = 1

group = sendsms-user
username = dayaq
password = "{SECRET}"
user-allow-ip = "127.0.0.1"
concatenation = true
max-messages = 10

group = sms-service
keyword = default
get-url = "http://127.0.0.1:{inbound_port}/sms/inbound?secret={SECRET}&from=%p&to=%P&id=%I&time=%t&coding=%c&charset=%C&text=%b"
accepted-smsc = fake
catch-all = true
assume-plain-text = true
max-messages = 0
""")

    def start(self):
        self.run("bearerbox", self.box)
        self.run("smsbox", self.send)

    def run(self, name, port):
        self.processes[name] = subprocess.Popen([f"/usr/sbin/{name}", f"{self.folder}/kannel.conf"],
                                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{name} does not listen: " + open(f"{self.folder}/{name}.log").read()[-2000:])

    def revive(self):
        """As a supervisor would: a program of it that ended by itself is started again. Returns which."""
        ended = [name for name, process in self.processes.items() if process.poll() is not None]
        if "bearerbox" in ended:  # smsbox ends with it
            self.stop(signal.SIGKILL)
            self.start()
        elif ended:
            self.run("smsbox", self.send)
        return ended

    def tail(self, name):
        with open(f"{self.folder}/{name}.log", errors="replace") as log:
            return f"--- {name}\n" + log.read()[-1500:]

    def stop(self, how=signal.SIGTERM):
        for name in ("smsbox", "bearerbox"):
            process = self.processes.pop(name, None)
            if process and process.poll() is None:
                process.send_signal(how)
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Phones:
    """Phones at Kannel's fake SMS centre, whose protocol is a line a message: "from to type text"."""

    def __init__(self, kannel):
        self.kannel = kannel
        self.lock = threading.Lock()
        self.got = []  # (to, text), parts of a long one put together
        self.parts = {}
        self.socket = None
        self.connect()

    def connect(self):
        """bearerbox forgets nothing of what it has for phones that are away."""
        if self.socket:
            self.close()
        for _ in range(100):
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.kannel.centre))
                break
            except OSError:
                time.sleep(0.1)
        threading.Thread(target=self.listen, args=(self.socket,), daemon=True).start()

    def listen(self, connection):
        try:
            for line in connection.makefile("rb"):
                self.take(line.rstrip(b"\n"))
        except OSError:
            pass

    def take(self, line):
        fields = line.split(b" ", 3)
        if len(fields) < 4 or not fields[1].isdigit():
            return  # the second line of a text
        to, kind, text = fields[1].decode(), fields[2], fields[3]
        decode = lambda raw: urllib.parse.unquote_to_bytes(raw.replace(b"+", b" "))
        with self.lock:
            if kind == b"udh":
                header, _, text = text.split(b" ", 2)
                reference, count, number = decode(header)[3:6]
                held = self.parts.setdefault((to, reference), {})
                held[number] = decode(text)
                if len(held) < count:
                    return
                del self.parts[(to, reference)]
                whole = b"".join(held[n] for n in sorted(held))
                wide = b"\0" in whole  # the centre says "data" of either: a space of UCS-2 has a zero
                self.got.append((to, whole.decode("utf-16-be" if wide else "latin-1")))
            else:
                wide = kind.startswith(b"ucs")
                self.got.append((to, decode(text).decode("utf-16-be" if wide else "latin-1")))

    def send(self, sender, text):
        if text.isascii() and "%" not in text:
            line = f"{sender} {NUMBER} text {text}\n"
        else:
            raw = "".join(f"%{byte:02x}" for byte in text.encode("utf-16-be"))
            line = f"{sender} {NUMBER} ucs2 {raw}\n"
        self.socket.sendall(line.encode())

    def answers(self):
        with self.lock:
            return list(self.got)

    def wait(self, senders, seconds=120):
        """Until each of them has had an answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if set(senders) <= {to for to, _ in self.answers()}:
                return self.answers()
            if self.kannel.revive():
                print("Kannel ended by itself and was started again", self.kannel.tail("smsbox"), file=sys.stderr)
                self.connect()
            time.sleep(0.05)
        print(self.kannel.tail("bearerbox"), self.kannel.tail("smsbox"), sep="\n", file=sys.stderr)
        return self.answers()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # the thread that listens holds it open
        except OSError:
            pass
        self.socket.close()


def configured(node, kannel):
    with open(os.path.join(node.data, "dayaq.yaml"), "a") as out:
        out.write(f"sms: {{kannel_url: 'http://127.0.0.1:{kannel.send}', secret: {SECRET}, number: '{NUMBER}'}}\n")


def sender(n):
    return f"99450{n:07}"


class MessagesThroughKannel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own_network()
        cls.node = Node(persons=3000)
        cls.kannel = Kannel(cls.node.port)
        configured(cls.node, cls.kannel)
        cls.node.start()
        cls.publish()
        cls.kannel.start()
        cls.phones = Phones(cls.kannel)
        with sqlite3.connect(os.path.join(cls.node.data, "dayaq.db")) as db:
            sensitive = "SELECT person_id FROM attestation"
            cls.people = [row[0] for row in db.execute(
                f"SELECT national_id FROM person WHERE death IS NULL AND person_id NOT IN ({sensitive}) LIMIT 1500")]

    @classmethod
    def publish(cls):
        if any(one["code"] == "leaving-home" and one.get("state") == "published" for one in cls.services()):
            return
        text = open(f"{harness.ROOT}/country/az/services/leaving-home.yaml").read()
        sent = cls.node.post("/v1/services", text, key="official-1", headers={"Content-Type": "application/yaml"})
        assert sent.status in (200, 201), sent.body
        done = cls.node.post("/v1/services/leaving-home/versions/1/publish", "", key="official-2")
        assert done.status == 200, done.body

    @classmethod
    def services(cls):
        got = cls.node.get("/v1/services", key="official-1")
        body = json.loads(got.body)
        return body if isinstance(body, list) else body.get("services", [])

    @classmethod
    def tearDownClass(cls):
        cls.phones.close()
        cls.kannel.remove()
        cls.node.remove()

    def rows(self, sql, *values):
        with sqlite3.connect(os.path.join(self.node.data, "dayaq.db"), timeout=30) as db:
            return db.execute(sql, values).fetchall()

    def remembered(self, what=""):
        """Messages that the senders' rows know, "id minute outcome;" of each."""
        return sum(row[0].count(f"{what};") for row in self.rows("SELECT latest FROM sms_senders"))

    def texts_of(self, answers, number):
        return [text for to, text in answers if to == number]

    def test_a_permit_comes_back(self):
        number, person = sender(1), self.people[0]
        self.phones.send(number, f"Salam, bazar {person.lower()}")
        texts = self.texts_of(self.phones.wait([number]), number)
        self.assertEqual(len(texts), 1)
        self.assertRegex(texts[0], rf"^Icaze: {person} \(2\), \d\d\.\d\d \d\d:\d\d-dek\. No \S{{14}}\nDP1\.\S{{100,}}$")
        # The phone has it before the gateway has said so.
        left, deadline = None, time.monotonic() + 30
        while left != 0 and time.monotonic() < deadline:
            left = self.rows("SELECT COUNT(*) FROM sms_replies WHERE state < 2")[0][0]
            time.sleep(0.02)
        self.assertEqual(left, 0)
        self.assertGreater(self.remembered(" granted"), 0)

    def test_each_language_and_ucs2(self):
        people = iter(self.people[10:20])
        cases = [(sender(11), f"please, pharmacy {next(people)}", "Permit: "), (sender(12), f"в магазин {next(people)}", "Разрешение: "),
                 (sender(13), f"HƏKİM {next(people)}", "Icaze: "), (sender(14), "здравствуйте", "Напишите ФИН"),
                 (sender(15), "İcazə 1 5ABC12", "FIN-de 7 isare"), (sender(16), f"🙏 2️⃣ {next(people)} 🙏", "Icaze: ")]
        for number, text, _ in cases:
            self.phones.send(number, text)
        answers = self.phones.wait([number for number, _, _ in cases])
        for number, text, begins in cases:
            texts = self.texts_of(answers, number)
            self.assertTrue(texts and texts[0].startswith(begins), f"{text!r} -> {texts}")

    def test_hundreds_are_all_answered_once(self):
        senders = [sender(1000 + i) for i in range(400)]
        for i, number in enumerate(senders):
            self.phones.send(number, f"{1 + i % 2} {self.people[100 + i]}")
        answers = self.phones.wait(senders)
        for number in senders:
            self.assertEqual(len(self.texts_of(answers, number)), 1, number)
            self.assertIn("DP1.", self.texts_of(answers, number)[0])

    def test_kannel_restarts_in_the_middle(self):
        senders = [sender(2000 + i) for i in range(300)]
        for i, number in enumerate(senders):
            if i == 150:
                time.sleep(0.5)  # the fake centre has no acknowledgement: what it has sent must have arrived
                self.kannel.stop()
                self.kannel.start()
                self.phones.connect()
            self.phones.send(number, f"2 {self.people[500 + i]}")
        answers = self.phones.wait(senders)
        missing = [number for number in senders if not self.texts_of(answers, number)]
        self.assertEqual(missing, [])

    def test_the_node_is_killed_in_the_middle(self):
        senders = [sender(3000 + i) for i in range(300)]
        before = self.remembered()
        for i, number in enumerate(senders):
            if i == 150:
                self.node.kill()
            self.phones.send(number, f"2 {self.people[900 + i]}")
        time.sleep(0.5)
        self.node.start()
        answers = self.phones.wait(senders, 60)
        missing = [number for number in senders if not self.texts_of(answers, number)]
        if missing:
            # On a busy machine Kannel may not ask again for what it was handing over. Whatever the node has taken is
            # answered; who hears nothing sends it again, as people do.
            self.assertEqual(self.remembered() - before, len(senders) - len(missing), "the node owes an answer")
            for number in missing:
                self.phones.send(number, f"2 {self.people[900 + senders.index(number)]}")
            answers = self.phones.wait(senders)
            missing = [number for number in senders if not self.texts_of(answers, number)]
        states = self.rows("SELECT state, COUNT(*) FROM sms_replies GROUP BY state")
        self.assertEqual(missing, [], f"answers by state: {states}")
        self.assertEqual(self.remembered() - before, 300, "each message once")
        twice = sum(len(self.texts_of(answers, number)) - 1 for number in senders)
        doubled = self.rows("SELECT COUNT(*) FROM sms_replies WHERE doubled = 1")[0][0]
        self.assertLessEqual(twice, doubled, "what came twice is marked as possibly doubled")

    def test_fakesmsc_is_answered_as_often_as_it_asks(self):
        log = open(f"{self.kannel.folder}/fakesmsc.log", "wb")
        # One connection at a time is the centre's: these phones leave it.
        self.phones.close()
        process = subprocess.Popen([FAKESMSC, "-H", "127.0.0.1", "-r", str(self.kannel.centre), "-i", "0.001", "-m", "500",
                                    "-z", "1", f"99455 {NUMBER} text salam"], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            seen = 0
            while time.monotonic() < deadline and seen < 500:
                time.sleep(0.2)
                log.flush()
                seen = len(re.findall(rb"Got message \d+: <8103 ", open(log.name, "rb").read()))
            self.assertGreaterEqual(seen, 495, "a number drawn twice asks within its limits, or is told so")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()
            self.phones.connect()

    def test_the_door_is_shut_to_others(self):
        path = "/sms/inbound?from=994501234567&text=salam&id=1&secret="
        self.assertEqual(self.node.get(path + "wrong").status, 403)
        self.assertEqual(self.node.get("/sms/inbound?from=994501234567&text=salam").status, 403)
        good = self.node.get(path + SECRET)
        self.assertEqual((good.status, good.body), (200, good.body[:0]))
        self.assertEqual(self.node.get("/sms/inbound?text=x&secret=" + SECRET).status, 400)


if __name__ == "__main__":
    harness.main()
