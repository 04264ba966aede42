#!/usr/bin/env python3
# figures: import import_memory start_10m start_10m_cold
"""Ten million persons: import of their CSV into SQLite beside sqlite3's own .import of the same file, and the start of
dayaqd from its snapshot and, with the snapshot taken away, from the database. PERSONS= makes it smaller."""
import json, os, re, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import Node, ROOT, program

PERSONS = int(os.environ.get("PERSONS", "10000000"))


def figure(name, value, unit, goal, met, peer="", peer_value=None, limit="", limit_value=None):
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit, "goal": goal, "met": met, "peer": peer,
                      "peer_value": peer_value, "limit": limit, "limit_value": limit_value}), flush=True)


def timed(command, **options):
    """Wall seconds and peak memory in MB of one command."""
    started = time.monotonic()
    process = subprocess.Popen(command, **options)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} ended with {status}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def start(node):
    started = time.monotonic()
    node.start()
    seconds = time.monotonic() - started
    with open(f"/proc/{node.process.pid}/status") as status:
        memory = int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) / 1024
    return seconds, memory


def main():
    folder = tempfile.mkdtemp(prefix="dayaq-bench-", dir=os.environ.get("BENCH_TMP"))
    print(f"making {PERSONS} persons ...", file=sys.stderr, flush=True)
    node = Node(persons=PERSONS, folder=f"{folder}", init_timeout=1800)
    people = f"{folder}/persons.csv"
    node.cli("export", "persons", people, timeout=900)

    fresh = f"{folder}/fresh"
    subprocess.run([program("dayaq"), "init", "--data", fresh, "--country", f"{ROOT}/country/az"], check=True,
                   stderr=subprocess.DEVNULL)
    seconds, memory = timed([program("dayaq"), "import", "persons", people, "--data", fresh, "--country", f"{ROOT}/country/az"],
                            stdout=subprocess.DEVNULL)
    shutil.rmtree(fresh)
    # The peer gets a tenth of the rows: with its small cache, random keys make it slower with each row.
    part, peer_rows = f"{folder}/part.csv", PERSONS // 10
    with open(people, "rb") as whole, open(part, "wb") as out:
        for _ in range(peer_rows + 1):
            out.write(whole.readline())
    peer_seconds, _ = timed(["sqlite3", f"{folder}/peer.db",
                             "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;"
                             "CREATE TABLE person (national_id TEXT PRIMARY KEY, family_name, given_name, sex, birth_date,"
                             " death_date, place) WITHOUT ROWID;",
                             ".mode csv", f".import --skip 1 {part} person"], stdout=subprocess.DEVNULL)
    os.remove(f"{folder}/peer.db")
    rate = PERSONS / seconds
    figure("import", rate, "persons/s", ">= 100,000/s", rate >= 100_000, "sqlite3 .import of a tenth of the rows, one key",
           round(peer_rows / peer_seconds))
    figure("import_memory", memory, "MB", "< 3,000 MB", memory < 3000)

    node.start_timeout = 300
    node.start()  # the first start makes the snapshot when it stops
    node.stop()
    seconds, memory = start(node)
    node.stop()
    figure("start_10m", seconds, "s", "< 10 s", seconds < 10, "peak memory, MB", round(memory))
    os.remove(f"{node.data}/index.snapshot")
    seconds, memory = start(node)
    node.stop()
    figure("start_10m_cold", seconds, "s", "no goal: without a snapshot", True, "peak memory, MB", round(memory))
    node.remove()


main()
