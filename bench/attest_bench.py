#!/usr/bin/env python3
# figures: attest attest_p99 attest_postgresql attest_postgresql_p99
"""Durable attestations through the API with 256 callers, on SQLite and on PostgreSQL, beside the same rows inserted by
nothing but the engine's own client in the same run (raw_inserts_tool). Load, server and database share the machine."""
import json, os, random, statistics, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import Node, Postgres, program

RUNS, SECONDS, PERSONS = 3, 4, int(os.environ.get("PERSONS", "450000"))


def load(node, persons):
    out = subprocess.run([program("attest_load_tool"), str(node.port), node.key("hospital"), persons, str(SECONDS)],
                         capture_output=True, text=True)
    if out.returncode != 0:
        raise SystemExit(out.stderr)
    return json.loads(out.stdout)


def measure(database, folder):
    node = Node(persons=PERSONS, database=database, folder=folder, plain_api_keys=True)
    rows = node.cli("export", "persons").stdout.splitlines()
    column = rows[0].split(",").index("national_id")
    persons = [row.split(",")[column] for row in rows[1:]]
    random.Random(1).shuffle(persons)
    node.start()
    results = []
    for run in range(RUNS):  # each person is attested once: nothing is repeated or superseded
        with open(f"{folder}/persons.txt", "w") as out:
            out.write("\n".join(persons[run::RUNS]))
        results.append(load(node, f"{folder}/persons.txt"))
        assert results[-1]["answered"] < len(persons) // RUNS, "more persons are needed"
    node.stop()
    return (node, statistics.median(r["per_second"] for r in results), statistics.median(r["p99_us"] for r in results),
            min(r["answered"] for r in results))


def raw(engine, source, count, where):
    return statistics.median(
        float(subprocess.run([program("raw_inserts_tool"), engine, source, str(count), target()], check=True,
                             capture_output=True, text=True).stdout)
        for target in [where] * RUNS)


def figure(name, value, unit, goal, met, peer="", peer_value=None, limit="", limit_value=None):
    print(json.dumps({"name": name, "value": round(value, 1), "unit": unit, "goal": goal, "met": met, "peer": peer,
                      "peer_value": peer_value, "limit": limit, "limit_value": limit_value}), flush=True)


def report(name, rate, p99, limit, what):
    figure(name, rate, "attestations/s", f">= 50 % of {what}", rate >= 0.5 * limit, what, round(limit), "share, %",
           round(100 * rate / limit, 1))
    figure(f"{name}_p99", p99 / 1000, "ms", "< 50 ms", p99 < 50_000)


def main():
    folder = tempfile.mkdtemp(prefix="dayaq-bench-")
    node, rate, p99, answered = measure(None, folder)
    source, count = f"{node.data}/dayaq.db", min(answered, 50_000)
    report("attest", rate, p99, raw("sqlite", source, count, lambda: folder), "raw SQLite inserts of the same rows, 256 a commit")
    postgres = Postgres()
    try:
        other = tempfile.mkdtemp(prefix="dayaq-bench-")
        second, rate, p99, _ = measure(postgres.fresh_database(), other)
        limit = raw("postgresql", source, count, postgres.fresh_database)
        report("attest_postgresql", rate, p99, limit, "raw PostgreSQL inserts of the same rows, 16 connections")
        second.remove()
    finally:
        postgres.stop()
    node.remove()


main()
