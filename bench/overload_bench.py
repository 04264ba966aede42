#!/usr/bin/env python3
# figures: overload overload_p99 overload_lost
"""Applications while far more is offered than can be served. Capacity is measured first, without the gate, by 64 callers
who never pause; then visitors storm the gate: as many as keep the connection's thread busy, each asking again at once
with their ticket, whatever they are told. OVERLOAD_SECONDS (15) is how long; the offered load is said beside the figure.
Afterwards the cases in the database are counted against the receipts."""
import json, os, sqlite3, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import ROOT, Node, program

SECONDS = int(os.environ.get("OVERLOAD_SECONDS", "15"))
PERSONS = int(os.environ.get("PERSONS", "150000"))
VISITORS = int(os.environ.get("OVERLOAD_VISITORS", "1280"))
FIRST = 1 << 40


def figure(name, value, unit, goal, met, limit="", limit_value=None, **more):
    print(json.dumps({"name": name, "value": round(value, 1), "unit": unit, "goal": goal, "met": met, "peer": "",
                      "peer_value": None, "limit": limit, "limit_value": limit_value, **more}), flush=True)


def main():
    node = Node(persons=PERSONS)
    try:
        rows = node.cli("export", "persons").stdout.splitlines()
        column = rows[0].split(",").index("national_id")
        persons, receipts = f"{node.folder}/persons.txt", f"{node.folder}/receipts.txt"
        with open(persons, "w") as out:
            out.write("\n".join(row.split(",")[column] for row in rows[1:]))
        served = subprocess.Popen([program("overload_node_tool"), node.data, f"{ROOT}/country/az", "5000"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = served.stdout.readline().strip()

        def load(path, first, connections, seconds):
            done = subprocess.run([program("overload_load_tool"), port, path, persons, str(first), str(connections),
                                   str(seconds), receipts], capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(done.stderr)
            return json.loads(done.stdout)

        before = load("/open", FIRST, 64, 5)
        surge = load("/apply", before["next"], VISITORS, SECONDS)
        served.stdin.write("?\n")
        served.stdin.flush()
        rate = served.stdout.readline().strip()
        served.stdin.close()
        served.wait(timeout=60)
        with open(receipts) as file:
            given = [int(line) for line in file]
        stored = [row[0] for row in sqlite3.connect(f"{node.data}/dayaq.db").execute(
            "SELECT case_id FROM cases WHERE case_id >= ?", (FIRST,))]
        permits = sqlite3.connect(f"{node.data}/dayaq.db").execute(
            "SELECT count(*) FROM (SELECT person_id FROM permits GROUP BY person_id HAVING count(*) > 1)").fetchone()[0]
        lost = len(set(given) - set(stored))
        doubled = len(stored) - len(set(stored)) + permits
        share = surge["per_second"] / before["per_second"]
        figure("overload", surge["per_second"], "applications/s", ">= 90 % of capacity", share >= 0.9, "capacity",
               before["per_second"], share=round(100 * share, 1), offered_a_second=round(surge["offered"]),
               offered_times=round(surge["offered"] / before["per_second"], 1), statuses=surge["by_status"],
               rate_and_waiting_at_end=rate)
        figure("overload_p99", surge["p99_ms"], "ms", "< 500 ms", surge["p99_ms"] < 500, "without the storm",
               before["p99_ms"])
        figure("overload_lost", lost + doubled, "cases", "0 lost or doubled", lost + doubled == 0 and given != [],
               "receipts", len(given))
    finally:
        node.remove()


if __name__ == "__main__":
    main()
