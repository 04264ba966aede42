#!/usr/bin/env python3
# figures: client_credentials passkey_login fapi2_token introspection identity_memory login_history
"""The digital ID's figures: operations for each second of the server's processor time (utime and stime of its process), best
of three, over loopback keep-alive; the load's own work isn't counted.

client_credentials  a token by client credentials: an ES256 JWT; p99 under 5 ms. Beside npm oidc-provider and OpenSSL's signatures.
passkey_login       a whole login: authorization request, passkey, code, PKCE, tokens; the session is durable. Beside
                    oidc-provider, which keeps all in memory and checks no credential.
fapi2_token         a token of a FAPI 2.0 client: private_key_jwt, DPoP with a nonce, an ES256 JWT bound to the key. Beside what
                    OpenSSL needs for its two verifications and its signature.
introspection       of access tokens that are live. Beside nginx `return 200` with a body of the same size.
identity_memory     resident memory of a node without a population; and what each live session adds to it.
login_history       a login after a year of history beside the first day's: the rows that logins leave behind, generated."""
import base64, contextlib, http.client, json, os, shutil, sqlite3, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import ROOT, free_port, program
from oidc_stand import Stand

RUNS, SECONDS = 3, int(os.environ.get("SECONDS", "4"))
CHOSEN = set(os.environ.get("FIGURES", "client_credentials passkey_login fapi2_token introspection identity_memory login_history").split())
PEER_SECRET = "s" * 43


def load(kind, *arguments):
    ran = subprocess.run(["taskset", "-c", "1", program("identity_load_tool"), kind, *map(str, arguments)], capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(ran.stderr)
    return json.loads(ran.stdout)


def on_core(process):
    subprocess.run(["taskset", "-acp", "0", str(process.pid)], check=True, stdout=subprocess.DEVNULL)


def figure(name, value, unit, goal, met, peer="", peer_value=None, limit="", limit_value=None):
    print(json.dumps({"name": name, "value": round(value, 1), "unit": unit, "goal": goal, "met": met, "peer": peer,
                      "peer_value": peer_value, "limit": limit, "limit_value": limit_value}), flush=True)


class Peer:
    """npm oidc-provider, in memory."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(["node", "peer.mjs", str(self.port)], cwd=os.path.join(ROOT, "bench", "oidc"),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        while "ready" not in (line := self.process.stdout.readline()):
            if not line:
                raise SystemExit("npm oidc-provider did not start")
        on_core(self.process)

    def client_credentials(self):
        return load("client_credentials", "--port", self.port, "--pid", self.process.pid, "--path", "/token", "--client", "bench-machine",
                    "--secret", PEER_SECRET, "--scope", "persons:read", "--seconds", SECONDS)

    def login(self):
        return load("login", "--port", self.port, "--pid", self.process.pid, "--path", "/auth", "--token", "/token", "--client", "bench-web",
                    "--secret", PEER_SECRET, "--redirect", "http://localhost:1/cb", "--issuer", f"http://localhost:{self.port}", "--seconds", SECONDS)

    def resident_mb(self):
        return resident(self.process.pid) / 1e6

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Ours:
    def __init__(self, persons=50):
        self.stand = Stand(persons=persons, population=2000, start=("--io-threads", "1"))
        self.node = self.stand.node
        on_core(self.node.process)
        self.clients = self.stand.setup["clients"]
        folder = self.node.folder
        self.passkeys = os.path.join(folder, "passkeys")
        with open(self.passkeys, "w") as out:
            for person in self.stand.setup["login"]["persons"]:
                passkey = person["passkey"]
                out.write(f'{passkey["id"]}\t{passkey["userHandle"]}\t{json.dumps({**passkey["key"], "alg": "ES256"})}\n')
        self.key = os.path.join(folder, "client.jwk")
        with open(self.key, "w") as out:
            json.dump(self.clients["machine_fapi"]["private"], out)

    def base(self, role):
        client = self.clients[role]
        arguments = ["--port", self.node.port, "--pid", self.node.process.pid, "--client", client["client_id"], "--seconds", SECONDS]
        return arguments + (["--secret", client["client_secret"]] if "client_secret" in client else [])

    def client_credentials(self):
        return load("client_credentials", *self.base("machine"), "--path", "/oauth/token", "--scope", "persons:read")

    def fapi2_token(self):
        return load("fapi2_token", *self.base("machine_fapi"), "--path", "/oauth/token", "--scope", "persons:read", "--key", self.key,
                    "--issuer", self.stand.issuer)

    def introspection(self, tokens):
        return load("introspection", *self.base("machine"), "--path", "/oauth/introspect", "--tokens", tokens)

    def login(self, seconds=SECONDS):
        arguments = self.base("web")
        arguments[arguments.index("--seconds") + 1] = seconds
        return load("login", *arguments, "--path", "/oauth/authorize", "--token", "/oauth/token", "--redirect", self.clients["web"]["redirect_uris"][0],
                    "--issuer", self.stand.issuer, "--passkeys", self.passkeys)

    def token(self):
        client = self.clients["machine"]
        pair = base64.b64encode(f'{client["client_id"]}:{client["client_secret"]}'.encode()).decode()
        answer = self.node.post("/oauth/token", "grant_type=client_credentials&scope=persons%3Aread",
                                headers={"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 200, answer.text
        return answer.json["access_token"], pair


def best(results):
    return max(results, key=lambda result: result["per_cpu_second"])


def nginx(size, folder):
    port = free_port()
    with open(f"{folder}/nginx.conf", "w") as out:
        out.write(f'''daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; default_type application/json;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{'x' * size}"; }} }} }}
''')
    # One process, so that its processor time is all there is.
    process = subprocess.Popen(["taskset", "-c", "0", "nginx", "-c", f"{folder}/nginx.conf", "-p", folder, "-g", "master_process off;"],
                               stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return process, port


def tokens_and_introspection(ours, peer, limit):
    if "client_credentials" in CHOSEN:
        mine, theirs = [], []
        for _ in range(RUNS):
            theirs.append(peer.client_credentials())
            mine.append(ours.client_credentials())
        top = best(mine)
        figure("client_credentials", top["per_cpu_second"], "tokens/CPU-s", ">= 15000, p99 < 5 ms", top["per_cpu_second"] >= 15000 and top["p99_us"] < 5000,
               "npm oidc-provider", round(best(theirs)["per_cpu_second"]), "OpenSSL P-256 signatures/s", limit["sign"])
        figure("client_credentials_p99", top["p99_us"] / 1000, "ms", "< 5 ms", top["p99_us"] < 5000)
    if "fapi2_token" in CHOSEN:
        top = best([ours.fapi2_token() for _ in range(RUNS)])
        bound = 1 / (2 / limit["verify"] + 1 / limit["sign"])
        figure("fapi2_token", top["per_cpu_second"], "tokens/CPU-s", ">= 3500", top["per_cpu_second"] >= 3500,
               limit="OpenSSL: two verifications and a signature", limit_value=round(bound))
    if "introspection" in CHOSEN:
        first, pair = ours.token()
        tokens = os.path.join(ours.node.folder, "tokens")
        with open(tokens, "w") as out:
            out.write("\n".join([first] + [ours.token()[0] for _ in range(499)]))
        connection = http.client.HTTPConnection("127.0.0.1", ours.node.port)
        connection.request("POST", "/oauth/introspect", f"token={first}", {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse().read()
        assert json.loads(answer)["active"], answer
        process, port = nginx(len(answer), ours.node.folder)
        mine, theirs = [], []
        try:
            for _ in range(RUNS):
                theirs.append(load("introspection", "--port", port, "--pid", process.pid, "--client", "x", "--secret", PEER_SECRET, "--path", "/",
                                   "--tokens", tokens, "--seconds", SECONDS))
                mine.append(ours.introspection(tokens))
        finally:
            process.terminate()
            process.wait()
        figure("introspection", best(mine)["per_cpu_second"], "answers/CPU-s", ">= 40000", best(mine)["per_cpu_second"] >= 40000,
               "nginx return 200, same request and size", round(best(theirs)["per_cpu_second"]))


def logins(ours, peer):
    mine, theirs = [], []
    for _ in range(RUNS):
        theirs.append(peer.login())
        mine.append(ours.login())
    figure("passkey_login", best(mine)["per_cpu_second"], "logins/CPU-s", ">= 2000", best(mine)["per_cpu_second"] >= 2000,
           "npm oidc-provider, in memory, no credential", round(best(theirs)["per_cpu_second"]))


def memory(idle_peer):
    """A node without a population, and what a million live sessions add to a process that keeps them as a node does."""
    stand = Stand(persons=0, population=0, clients=False, demo=False)
    try:
        time.sleep(2)
        for _ in range(20):
            stand.node.get("/sign-in")
        idle = resident(stand.node.process.pid) / 1e6
    finally:
        stand.remove()
    folder = tempfile.mkdtemp(prefix="dayaq-bench-")
    try:
        ran = subprocess.run([program("identity_sessions_tool"), folder, "1000000"], capture_output=True, text=True, check=True)
    finally:
        shutil.rmtree(folder)
    per_session = json.loads(ran.stdout)["resident_bytes"]
    figure("identity_memory", idle, "MB resident, idle, no population", "<= 40 MB and <= 256 B a live session", idle <= 40 and per_session <= 256,
           "npm oidc-provider, idle", round(idle_peer, 1))
    figure("identity_memory_session", per_session, "B resident a live session, of a million", "<= 256 B", per_session <= 256)


# -- a year of history

LOGINS_A_YEAR = 100_000_000
HISTORY = int(os.environ.get("HISTORY", "3000000"))  # logins generated; each leaves the rows that a real one was seen to leave


def rows_of_a_login(database):
    """What one more login leaves for good: entries of the audit log, by the last ones there are. (Sessions, grants and codes
    go when they are over.)"""
    with contextlib.closing(sqlite3.connect(database)) as db:
        found = {}
        for leaf, personal in db.execute("SELECT leaf, personal FROM audit_entry WHERE person_id IS NOT NULL ORDER BY idx DESC LIMIT 4000"):
            found.setdefault(json.loads(leaf).get("action", ""), [0, leaf, personal or ""])[0] += 1
    most = max(count for count, _, _ in found.values())
    return [(leaf, personal) for count, leaf, personal in found.values() if count >= most / 2]


def write_history(database, logins, persons):
    """Entries before the first one: their numbers are negative, so that the log's own tree stays as it is while its table
    and index are as large and as deep. Live rows of a day of such a year, 274,000 logins, are written too."""
    templates = rows_of_a_login(database)
    with contextlib.closing(sqlite3.connect(database)) as db:
        # No journal: of a whole year it would be as large as the table once more.
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; DROP INDEX audit_entry_person;")
        for at, (leaf, personal) in enumerate(templates):
            db.execute(
                """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                   INSERT INTO audit_entry (idx, leaf, bucket, person_id, salt, personal)
                   SELECT ? - (? - i) * ?, ?, p % 256, p, randomblob(16), ? FROM (SELECT i, (i * 2654435761 % ?) * 1000003 + 7 AS p FROM n)""",
                (logins, -1 - at, logins, len(templates), leaf, personal, persons))
            db.commit()
        db.execute("CREATE INDEX audit_entry_person ON audit_entry (bucket, person_id, idx) WHERE person_id IS NOT NULL")
        live(db, min(LOGINS_A_YEAR // 365, logins))
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA journal_mode=WAL").fetchall()
    os.sync()  # else the node's first commits wait until all of this is on disk
    return len(templates) * logins


def live(db, count):
    """As many live sessions and grants as a day has, copies of a real one under other persons."""
    for table, key in (("identity_session", "session_id"), ("oidc_grant", "grant_id")):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        changed = {"bucket": "p % 256", "person_id": "p", key: "9000000000000000000 - i"}
        chosen = ", ".join(changed.get(column, column) for column in columns)
        db.execute(f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                       INSERT INTO {table} SELECT {chosen} FROM (SELECT i, (i * 2654435761 % 6500000) * 1000003 + 7 AS p FROM n),
                       (SELECT * FROM {table} ORDER BY bucket DESC LIMIT 1)""".replace("SELECT * FROM", "SELECT " + ", ".join(
                           f"{column}" for column in columns) + " FROM"), (count,))
        db.commit()


def history():
    first, year = Ours(), Ours()
    try:
        for ours in (first, year):
            ours.login(seconds=2)
        year.node.stop()
        started = time.monotonic()
        database = f"{year.node.data}/dayaq.db"
        rows = write_history(database, HISTORY, 6_500_000)
        took = time.monotonic() - started
        year.node.start("--io-threads", "1")
        on_core(year.node.process)
        pairs = [(first.login(), year.login()) for _ in range(2 * RUNS + 1)]
        day_one, later = best([pair[0] for pair in pairs])["per_cpu_second"], best([pair[1] for pair in pairs])["per_cpu_second"]
        ratio = later / day_one
        figure("login_history", 100 * ratio, "% of the first day's logins/CPU-s", ">= 95 %", ratio >= 0.95, "first day, logins/CPU-s", round(day_one),
               f"rows of {HISTORY:,} logins ({100 * HISTORY / LOGINS_A_YEAR:.2g} % of a year's), written in {took:.0f} s; {os.path.getsize(database) / 1e9:.1f} GB", rows)
    finally:
        first.stand.remove()
        year.stand.remove()


def main():
    limit = load("limit")
    peer = Peer()
    idle_peer = peer.resident_mb()
    try:
        if CHOSEN & {"client_credentials", "fapi2_token", "introspection", "passkey_login"}:
            ours = Ours()
            try:
                tokens_and_introspection(ours, peer, limit)
                if "passkey_login" in CHOSEN:
                    logins(ours, peer)
            finally:
                ours.stand.remove()
        if "identity_memory" in CHOSEN:
            memory(idle_peer)
    finally:
        peer.stop()
    if "login_history" in CHOSEN:
        history()


main()
