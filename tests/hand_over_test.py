#!/usr/bin/env python3
"""dayaqd is replaced twice under load (SIGUSR2): no request fails, no connection breaks, nothing acknowledged is lost; and
whoever signs in meanwhile, with passkey, code and tokens, is signed in."""
import http.client, json, os, signal, subprocess, threading, time, unittest

import harness
from harness import Node, program
from oidc_stand import Stand

PERSONS = 500


class Caller(threading.Thread):
    """Sends one request after another on one connection, or on a new one each; never tries anything twice."""

    def __init__(self, node, keep, work):
        super().__init__(daemon=True)
        self.node, self.keep, self.work = node, keep, work
        self.answered, self.failures, self.stopping, self.slowest = 0, [], False, 0.0

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=60)
        connection.connect()
        connection.auto_open = 0  # a closed connection is a failure, not one that is opened again
        return connection

    def run(self):
        connection = self.connect() if self.keep else None
        while not self.stopping:
            began = time.monotonic()
            try:
                used = connection or self.connect()
                method, path, body, expected = self.work(self.answered)
                used.request(method, path, body, {"Authorization": f"Bearer {self.node.key()}", "Content-Type": "application/json"})
                answer = used.getresponse()
                text = answer.read()
                if answer.status not in expected:
                    self.failures.append(f"{method} {path}: {answer.status} {text[:200]}")
                if not self.keep:
                    used.close()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__} {error}")
                if self.keep:
                    return
            self.answered += 1
            self.slowest = max(self.slowest, time.monotonic() - began)


class Replaced(unittest.TestCase):
    """What hand-overs need; `node` and `first`, its first process, are the tests' own."""

    def tearDown(self):
        pid = self.pid()
        if pid and pid != self.first.pid:
            os.kill(pid, signal.SIGTERM)
            self.wait_gone(pid)
        self.node.remove()

    def pid(self):
        """Of the process that serves; 0 before it has said so."""
        try:
            with open(os.path.join(self.node.data, "dayaqd.pid")) as file:
                return int(file.read())
        except (FileNotFoundError, ValueError):
            return 0

    def serving_pid(self):
        deadline = time.monotonic() + 20
        while self.pid() == 0:  # a signal to 0 would go to this test's whole group
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return self.pid()

    def wait_gone(self, pid):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with open(f"/proc/{pid}/stat") as file:
                    if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return
            except FileNotFoundError:
                return
            time.sleep(0.02)
        self.fail(f"process {pid} doesn't end")

    def replace(self):
        before = self.serving_pid()
        os.kill(before, signal.SIGUSR2)
        deadline = time.monotonic() + 30
        while self.pid() in (before, 0):
            self.assertLess(time.monotonic(), deadline, open(os.path.join(self.node.folder, "log")).read()[-2000:])
            time.sleep(0.01)
        self.wait_gone(before)
        return self.pid()


class HandOver(Replaced):
    def setUp(self):
        self.node = Node(persons=PERSONS)
        self.node.start()
        self.first = self.node.process

    def test_dayaqd_is_replaced_twice_under_load_and_no_request_fails(self):
        written = []

        def read(count):
            return "GET", "/v1/regimes", None, (200,)

        def page(count):
            return "GET", "/regimes/special-quarantine", None, (200,)

        def write(count):
            name = f"load {threading.get_ident()} {count}"
            written.append(name)
            return "POST", "/v1/keys", '{"organisation":"digital-agency","name":"%s","scopes":["persons:read"]}' % name, (201,)

        callers = [Caller(self.node, keep, work) for work in (read, page, write) for keep in (True, False)]
        for caller in callers:
            caller.start()
        time.sleep(0.5)
        pids = {self.serving_pid()}
        for _ in range(2):
            pids.add(self.replace())
            time.sleep(0.5)
        for caller in callers:
            caller.stopping = True
        for caller in callers:
            caller.join(timeout=60)
            self.assertFalse(caller.is_alive())
            self.assertEqual(caller.failures, [])
            self.assertGreater(caller.answered, 5)
        self.assertEqual(len(pids), 3)
        self.assertEqual(self.first.wait(timeout=20), 0)
        kept = {key["name"] for key in self.node.get("/v1/keys", key=self.node.key()).json["keys"]}
        self.assertEqual([name for name in written if name not in kept], [], "acknowledged, and lost")
        print(f"  {sum(c.answered for c in callers)} requests, the slowest {max(c.slowest for c in callers):.2f} s")

    def test_a_program_that_does_not_start_changes_nothing(self):
        self.node.stop()
        authorities = os.path.join(self.node.folder, "authorities.pem")
        open(authorities, "w").close()
        self.node.start("--tls-client-authorities", authorities)  # without --tls-certificate it isn't used
        self.first = self.node.process
        os.remove(authorities)  # which the next process wants to see
        before = self.serving_pid()
        os.kill(before, signal.SIGUSR2)
        log = os.path.join(self.node.folder, "log")
        deadline = time.monotonic() + 20
        while "dayaqd.upgrade" not in open(log).read():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        self.assertEqual(self.node.get("/v1/regimes").status, 200)
        self.assertEqual(self.pid(), before)


class SigningInGoesOn(Replaced):
    def setUp(self):
        self.stand = Stand(persons=4, population=PERSONS)
        self.node = self.stand.node
        self.first = self.node.process

    def test_no_sign_in_fails_while_dayaqd_is_replaced_twice(self):
        client = self.stand.setup["clients"]["web"]
        passkeys = os.path.join(self.node.folder, "passkeys")
        with open(passkeys, "w") as out:
            for person in self.stand.setup["login"]["persons"]:
                key = person["passkey"]
                out.write(f'{key["id"]}\t{key["userHandle"]}\t{json.dumps({**key["key"], "alg": "ES256"})}\n')
        # Ends at the first request that fails, on whichever of its connections.
        load = subprocess.Popen([program("identity_load_tool"), "login", "--port", str(self.node.port), "--pid", str(os.getpid()),
                                 "--client", client["client_id"], "--secret", client["client_secret"], "--path", "/oauth/authorize",
                                 "--token", "/oauth/token", "--redirect", client["redirect_uris"][0], "--issuer", self.stand.issuer,
                                 "--passkeys", passkeys, "--connections", "6", "--seconds", "300"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            pids = {self.serving_pid()}
            for _ in range(2):
                time.sleep(1.2)
                self.assertIsNone(load.poll(), "the load ended before dayaqd was replaced")
                pids.add(self.replace())
            time.sleep(0.5)
            load.terminate()  # says what it has done
            out, err = load.communicate(timeout=120)
        finally:
            load.kill()
        self.assertEqual((load.returncode, err), (0, ""))
        self.assertEqual(len(pids), 3)
        figures = json.loads(out)
        self.assertGreater(figures["count"], 20)
        print(f'  {figures["count"]} sign-ins, the slowest of a hundred {figures["p99_us"] / 1e6:.2f} s')


if __name__ == "__main__":
    harness.main()
