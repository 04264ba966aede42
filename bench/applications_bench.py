#!/usr/bin/env python3
# figures: applications applications_p99
"""Applications through the API, decided at once with a permit, durable before they are answered: 256 callers, each person
once, load and node on the same machine. The limit beside it (the same rows by SQLite alone) is that of `decisions`."""
import json, os, random, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import Node, program
from services_stand import publish

SECONDS, PERSONS = int(os.environ.get("SECONDS", "10")), int(os.environ.get("PERSONS", "200000"))
SERVICE = """format: 1
code: bench-pass
title: {az: Sınaq}
summary: {az: Sınaq}
legal_basis: {az: Qərar}
provider: digital-agency
who: {everyone: true}
channels: web
promised: 1 min
limits: [{at_most: 1, per: day}]
form:
  - field: reason
    kind: choice
    title: {az: Səbəb}
    choices: [{code: shop, title: {az: Mağaza}}, {code: stay, title: {az: Ev}}]
steps:
  - step: check
    kind: decide
    verdicts: [{when: {status: quarantined}, outcome: refuse, reason: {az: Evdə qalın}}]
  - {step: permit, kind: issue, permit: bench-pass, ends: [{lasts: 3 h}], shows: [reason]}
appeal: {within: 3 days}
"""


def figure(name, value, unit, goal, met):
    print(json.dumps({"name": name, "value": round(value, 1), "unit": unit, "goal": goal, "met": met, "peer": "",
                      "peer_value": None, "limit": "", "limit_value": None}), flush=True)


def main():
    folder = tempfile.mkdtemp(prefix="dayaq-bench-")
    node = Node(persons=PERSONS, folder=folder)
    try:
        rows = node.cli("export", "persons").stdout.splitlines()
        names = rows[0].split(",")
        alive = [row.split(",") for row in rows[1:]]
        persons = [row[names.index("national_id")] for row in alive if not row[names.index("death_date")]]
        random.Random(1).shuffle(persons)
        node.start()
        with open(f"{folder}/service.yaml", "w", encoding="utf-8") as out:
            out.write(SERVICE)
        publish(node, f"{folder}/service.yaml")
        for name, text in (("persons.txt", "\n".join(persons)), ("answers.json", '{"reason":"shop"}')):
            with open(f"{folder}/{name}", "w") as out:
                out.write(text)
        done = subprocess.run([program("applications_load_tool"), str(node.port), node.key(), f"{folder}/persons.txt",
                               "bench-pass", f"{folder}/answers.json", str(SECONDS)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        result = json.loads(done.stdout)
        assert result["answered"] < len(persons), "more persons are needed: each applies once a day"
        figure("applications", result["per_second"], "applications/s", ">= 3000", result["per_second"] >= 3000)
        figure("applications_p99", result["p99_us"] / 1000, "ms", "< 200 ms", result["p99_us"] < 200_000)
    finally:
        node.remove()


main()
