"""What the end-to-end tests share: a real dayaqd on a free loopback port, a real PostgreSQL, plain HTTP."""
import http.client, json, os, shutil, signal, socket, subprocess, sys, tempfile, time, unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
POSTGRES = "/usr/lib/postgresql/15/bin"


def build_folder():
    if "--build" in sys.argv:
        at = sys.argv.index("--build")
        folder = sys.argv[at + 1]
        del sys.argv[at:at + 2]
        return os.path.abspath(folder)
    return os.path.join(ROOT, "build", "release")


BUILD = build_folder()


def program(name):
    return os.path.join(BUILD, "bin", name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    """Runs the calling module's tests; the last line is what tools/run_tests.py counts."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    chosen = sys.argv[1:]
    if chosen:
        suite = unittest.defaultTestLoader.loadTestsFromNames(chosen, sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{max(0, result.testsRun - failed)} passed, {failed} failed")
    sys.exit(1 if failed or result.skipped else 0)  # a skipped test proves nothing


class Postgres:
    """A cluster of its own in a temporary folder, stopped by its process id."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="dayaq-pg-")
        self.port = free_port()
        self.count = 0
        self.as_user = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run(self.as_user + [f"{POSTGRES}/initdb", "-D", f"{self.folder}/data", "-U", "dayaq", "-A", "trust",
                                       "-E", "UTF8", "--no-locale", "-N"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.as_user + [f"{POSTGRES}/postgres", "-D", f"{self.folder}/data", "-p", str(self.port), "-h", "127.0.0.1",
                            "-k", self.folder, "-c", "shared_buffers=256MB"],
            stdout=subprocess.DEVNULL, stderr=open(f"{self.folder}/log", "ab"), cwd="/")
        for _ in range(200):
            if subprocess.run([f"{POSTGRES}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("PostgreSQL did not start: " + open(f"{self.folder}/log").read()[-2000:])

    def kill(self):
        """As in an outage: at once, no shutdown. Its children end by themselves."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def fresh_database(self):
        self.count += 1
        name = f"dayaq{self.count}"
        subprocess.run(["psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "dayaq", "-d", "postgres",
                        "-c", f"CREATE DATABASE {name}"], check=True)
        return f"postgresql://dayaq@127.0.0.1:{self.port}/{name}"

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Served:
    """A program of ours that serves HTTP: its requests and its ends. A subclass has folder, process, log and http_port()."""

    def send(self, method, path, body, token, headers, timeout):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port(), timeout=timeout)
        try:
            sent = dict(headers or {})
            if token:
                sent["Authorization"] = f"Bearer {token}"
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                sent.setdefault("Content-Type", "application/json")
            if isinstance(body, str):
                body = body.encode()
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body, **options):
        return self.request("POST", path, body, **options)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
            self.log.close()
        return self.process.returncode if self.process else None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Node(Served):
    """A data folder with a small population and, once started, a dayaqd that serves it."""

    def __init__(self, persons=2000, database=None, demo=True, folder=None, init_timeout=600, country=f"{ROOT}/country/az",
                 plain_api_keys=False):
        """plain_api_keys: keys are sent as they are, which this node then takes; else tokens that they fetch."""
        self.folder = folder or tempfile.mkdtemp(prefix="dayaq-test-")
        self.data = os.path.join(self.folder, "data")
        self.port = free_port()
        self.process = None
        self.country = country
        arguments = ["init", "--data", self.data, "--country", self.country, "--persons", str(persons)]
        if database:
            arguments += ["--database", database]
        if demo:
            arguments += ["--demo"]
        self.cli(*arguments, folder=False, timeout=init_timeout)
        self.start_timeout = 60
        self.plain_api_keys, self.tokens = plain_api_keys, {}
        if plain_api_keys:
            with open(os.path.join(self.data, "dayaq.yaml"), "a") as out:
                out.write("plain_api_keys: true\n")

    def cli(self, *arguments, folder=True, check=True, stdin=None, timeout=300):
        command = [program("dayaq"), *arguments] + (["--data", self.data, "--country", self.country] if folder else [])
        done = subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} -> {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *extra):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen([program("dayaqd"), "--data", self.data, "--country", self.country,
                                         "--web", f"{ROOT}/web", "--port", str(self.port), *extra],
                                        stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + self.start_timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError("dayaqd ended: " + open(os.path.join(self.folder, "log")).read()[-3000:])
            try:
                if self.get("/health/ready").status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.01)
        raise AssertionError("dayaqd does not become ready")

    def key(self, name="admin"):
        with open(os.path.join(self.data, "keys", f"{name}.key")) as file:
            return file.read().strip()

    def http_port(self):
        return self.port

    def request(self, method, path, body=None, key=None, headers=None, timeout=30):
        return self.send(method, path, body, self.shown(key), headers, timeout)

    def shown(self, key):
        """What is sent for an API key: an access token that was fetched with it, as whoever has a key does."""
        if not key or not key.startswith("dyq_") or self.plain_api_keys:
            return key
        token, until = self.tokens.get(key, (None, 0))
        if time.monotonic() < until:
            return token
        asked = time.monotonic()
        answer = self.send("POST", "/oauth/token",
                           f"grant_type=client_credentials&client_id=key-{key.split('_')[1]}&client_secret={key}", None,
                           {"Content-Type": "application/x-www-form-urlencoded"}, 30)
        if answer.status != 200:
            return key  # the route says what is wrong with it
        self.tokens[key] = (answer.json["access_token"], asked + answer.json["expires_in"] * 0.8)
        return answer.json["access_token"]
