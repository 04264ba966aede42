#!/usr/bin/env python3
# figures: radius_access radius_access_cpu radius_accounting radius_accounting_p99 radius_accounting_cpu
"""RADIUS access and durable accounting of one edge over a million fixed lines, beside FreeRADIUS with PostgreSQL and its
stock queries over the same lines in the same run. Load, server and database share the machine; the loader has a core of
its own. `_cpu`: requests for each second of CPU that the server (and its database) used."""
import json, os, shutil, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import Postgres, free_port, program
from radius_stand import Edge, FreeRadius

LINES, RUNS, SECONDS = int(os.environ.get("LINES", "1000000")), int(os.environ.get("RUNS", "5")), 5
SESSIONS = 5000
SQL = """
sql {{ dialect = "postgresql"
  driver = "rlm_sql_postgresql"
  server = "127.0.0.1"
  port = {port}
  login = "dayaq"
  radius_db = "{database}"
  acct_table1 = "radacct"
  acct_table2 = "radacct"
  postauth_table = "radpostauth"
  authcheck_table = "radcheck"
  groupcheck_table = "radgroupcheck"
  authreply_table = "radreply"
  groupreply_table = "radgroupreply"
  usergroup_table = "radusergroup"
  read_groups = no
  delete_stale_sessions = yes
  client_table = "nas"
  group_attribute = "SQL-Group"
  pool {{ start = 4
    min = 2
    max = 16
    spare = 8
    uses = 0
    retry_delay = 30
    lifetime = 0
    idle_timeout = 60 }}
  $INCLUDE /etc/freeradius/3.0/mods-config/sql/main/postgresql/queries.conf
}}
"""


def figure(name, value, unit, goal, met, peer="", peer_value=None, limit="", limit_value=None):
    print(json.dumps({"name": name, "value": round(value, 1), "unit": unit, "goal": goal, "met": met, "peer": peer,
                      "peer_value": peer_value, "limit": limit, "limit_value": limit_value}), flush=True)


def cpu_seconds(root):
    """Of a process and all below it, ended ones too."""
    children, total = {}, 0.0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(pid))
        children[("time", int(pid))] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        total += children.get(("time", pid), 0.0)
        waiting += children.get(pid, [])
    return total


def load(port, mode, in_flight, pids, seconds=SECONDS):
    """One run of the loader; adds what the servers used of the CPU."""
    before, began = sum(map(cpu_seconds, pids)), time.monotonic()
    out = subprocess.run(["taskset", "-c", str(os.cpu_count() - 1), program("radius_load_tool"), "--port", str(port),
                          "--mode", mode, "--lines", str(LINES), "--sessions", str(SESSIONS), "--in-flight",
                          str(in_flight), "--seconds", str(seconds), "--warm-up", "1"], capture_output=True, text=True)
    if out.returncode != 0:
        raise SystemExit(out.stderr)
    result = json.loads(out.stdout)
    wall, used = time.monotonic() - began, sum(map(cpu_seconds, pids)) - before
    # The loader's warm-up and its Starts are in `used` but not in `answered`: the rate spreads over them.
    result["per_cpu_second"] = result["per_second"] * wall / used if used > 0 else 0.0
    if result["lost"] or result["refused"] or result["wrong"]:
        print(f"{mode}: {result}", file=sys.stderr)
    return result


def middle(results):
    return {key: statistics.median(r[key] for r in results) for key in ("per_second", "p99_us", "per_cpu_second")}


def fdatasyncs(folder):
    """How many the disk does in a second, one page each."""
    with open(f"{folder}/flush", "wb") as out:
        count, end = 0, time.monotonic() + 1
        while time.monotonic() < end:
            out.write(bytes(4096))
            out.flush()
            os.fdatasync(out.fileno())
            count += 1
    return count


def measure_edge(folder):
    edge = Edge(folder, LINES, "client=127.0.0.1,testing123", "accept=1", "profile=education:Filter-Id=edu",
                "profile=all:Mikrotik-Rate-Limit=10M/10M").start()
    try:
        access = middle([load(edge.ports["auth_port"], "access", 256, [edge.process.pid]) for _ in range(RUNS)])
        accounting = middle([load(edge.ports["acct_port"], "accounting", 1024, [edge.process.pid]) for _ in range(RUNS)])
        counts = edge.counts()
        assert counts["durable"] > 0 and counts["octets"] > 0, counts
    finally:
        edge.stop()
    return access, accounting


def measure_freeradius():
    postgres = Postgres()
    server = None
    try:
        url = postgres.fresh_database()
        schema = "/etc/freeradius/3.0/mods-config/sql/main/postgresql/schema.sql"
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", schema, url], check=True, stdout=subprocess.DEVNULL)
        for table, name, operator, value in (("radcheck", "Cleartext-Password", ":=", "right"),
                                             ("radreply", "Mikrotik-Rate-Limit", "=", "10M/10M")):
            subprocess.run(["psql", "-q", url, "-c", f"INSERT INTO {table} (username, attribute, op, value) SELECT '99412' || "
                            f"lpad(i::text, 7, '0'), '{name}', '{operator}', '{value}' FROM generate_series(0, {LINES - 1}) i"],
                           check=True)
        subprocess.run(["psql", "-q", url, "-c", "VACUUM ANALYZE"], check=True)
        server = FreeRadius(secret="testing123", verbose=False, authorize="sql\npap", accounting="sql",
                            more_modules=SQL.format(port=postgres.port, database=url.rsplit("/", 1)[1]))
        server.start()
        pids = [server.process.pid, postgres.process.pid]
        access = middle([load(server.auth_port, "access", 64, pids) for _ in range(min(RUNS, 3))])
        accounting = middle([load(server.acct_port, "accounting", 64, pids) for _ in range(min(RUNS, 3))])
    finally:
        if server:
            server.remove()
        postgres.stop()
    return access, accounting


def main():
    folder = tempfile.mkdtemp(prefix="dayaq-bench-")
    try:
        flushes = fdatasyncs(folder)
        access, accounting = measure_edge(folder)
        peer_access, peer_accounting = measure_freeradius()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    peer = "FreeRADIUS with PostgreSQL, stock queries"
    figure("radius_access", access["per_second"], "requests/s", ">= 60,000", access["per_second"] >= 60_000, peer,
           round(peer_access["per_second"]))
    figure("radius_access_cpu", access["per_cpu_second"], "requests/CPU-s", "more than the peer",
           access["per_cpu_second"] > peer_access["per_cpu_second"], peer, round(peer_access["per_cpu_second"]))
    figure("radius_accounting", accounting["per_second"], "durable requests/s", ">= 35,000",
           accounting["per_second"] >= 35_000, peer, round(peer_accounting["per_second"]), "fdatasync/s of the disk", flushes)
    figure("radius_accounting_p99", accounting["p99_us"] / 1000, "ms", "below the peer's",
           accounting["p99_us"] < peer_accounting["p99_us"], peer, round(peer_accounting["p99_us"] / 1000, 1))
    figure("radius_accounting_cpu", accounting["per_cpu_second"], "requests/CPU-s", "more than the peer",
           accounting["per_cpu_second"] > peer_accounting["per_cpu_second"], peer,
           round(peer_accounting["per_cpu_second"]))


main()
