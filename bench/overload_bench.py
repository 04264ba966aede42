#!/usr/bin/env python3
# figures: overload overload_p99 overload_lost overload_first_sight_p99 overload_sms_p99
"""Applications, and messages, while twenty times as many requests are offered as can be served.

The node has one core and the crowd the other, in every part: what a crowd costs to make isn't the server's.
  capacity  callers who never pause, past the gate, each applicant on a connection of its own
  storm     OVERLOAD_SECONDS (60): visitors with open connections send twenty times the capacity in requests a second,
            an open loop that waits for no answer (overload_load_tool.cpp says how it counts). Beside them polite ones,
            on whom an admitted application is timed, and messages at the real SMS door (SMS_A_SECOND), whose answers
            go to a gateway of our own.
The capacity is the mean of before and after the storm, since an application costs the more the more there are. Afterwards the
cases in the database are counted against the receipts. `cores` in the line is what each kind of thread used,
`microseconds_each` the same for an application."""
import glob, json, os, sqlite3, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import ROOT, Node, free_port, program

SECONDS = int(os.environ.get("OVERLOAD_SECONDS", "60"))
CALM_SECONDS = int(os.environ.get("OVERLOAD_CALM_SECONDS", "8"))
PERSONS = int(os.environ.get("PERSONS", "500000"))
VISITORS = int(os.environ.get("OVERLOAD_VISITORS", "8000"))
TIMES = float(os.environ.get("OVERLOAD_TIMES", "20"))
POLITE, CALLERS, SMS_A_SECOND, SECRET, FIRST = 500, 64, 100, "a-secret-of-the-benchmark", 1 << 40
NODE_CORE, OTHER_CORE = "0", "1" if (os.cpu_count() or 1) > 1 else "0"


def figure(name, value, unit, goal, met, limit="", limit_value=None, **more):
    print(json.dumps({"name": name, "value": round(value, 1), "unit": unit, "goal": goal, "met": met, "peer": "",
                      "peer_value": None, "limit": limit, "limit_value": limit_value, **more}), flush=True)


def pinned(core, *command, **options):
    return subprocess.Popen(["taskset", "-c", core, *command], text=True, stdout=subprocess.PIPE, **options)


def cpu_of(pid):
    """Seconds by thread name."""
    out = {}
    for path in glob.glob(f"/proc/{pid}/task/*/stat"):
        try:
            with open(path) as file:
                text = file.read()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        out[name] = out.get(name, 0) + (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")
    return out


class Stand:
    """A node of `persons`, of whom `senders` ask by message and the others by the web; at most `rate` are admitted a second."""

    def __init__(self, persons, senders, rate):
        self.node, self.sink = Node(persons=persons), free_port()
        with open(f"{self.node.data}/dayaq.yaml", "a") as out:
            out.write(f"\nsms: {{kannel_url: 'http://127.0.0.1:{self.sink}', secret: {SECRET}, number: '8103'}}\n")
        rows = self.node.cli("export", "persons").stdout.splitlines()
        column = rows[0].split(",").index("national_id")
        ids = [row.split(",")[column] for row in rows[1:]]
        self.persons, self.receipts = f"{self.node.folder}/persons", f"{self.node.folder}/receipts"
        self.senders, self.parts = ids[:senders], 0
        with open(self.persons, "w") as out:  # each applies once: who has a permit would be told so
            out.write("\n".join(ids[senders:]))
        self.process = pinned(NODE_CORE, program("overload_node_tool"), self.node.data, f"{ROOT}/country/az", str(rate),
                              stdin=subprocess.PIPE)
        self.port = self.process.stdout.readline().strip()
        self.next = FIRST

    def load(self, kind, path, visitors, seconds, *more, beside=()):
        """The crowd's report with the cores that each kind of thread used, and what the programs beside it print."""
        before, begun, spent = cpu_of(self.process.pid), time.monotonic(), os.times()
        crowd = pinned(OTHER_CORE, program("overload_load_tool"), kind, self.port, path, self.persons, str(self.next),
                       str(visitors), str(seconds), self.receipts, *more, stderr=subprocess.PIPE)
        others = [pinned(OTHER_CORE, *command) for command in beside]
        text, errors = crowd.communicate()
        passed, after, ended = time.monotonic() - begun, cpu_of(self.process.pid), os.times()
        if crowd.returncode != 0:
            raise SystemExit(errors)
        said = [other.communicate()[0] for other in others]
        report = json.loads(text)
        report["cores"] = {name: round((after[name] - before.get(name, 0)) / passed, 2) for name in after}
        report["cores"]["crowd"] = round((ended.children_user + ended.children_system - spent.children_user
                                          - spent.children_system) / passed, 2)
        if errors:
            print(errors.strip()[:300], file=sys.stderr)
        self.next = report["next"]
        return report, [json.loads(one) for one in said]

    def state(self):
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return dict(zip(("rate", "waiting", "held"), self.process.stdout.readline().split()))

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
        self.node.remove()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=120)

    def messages(self, seconds):
        """Each part has its own half of the senders: who has a permit is told so, and that costs less."""
        self.parts += 1
        half = self.senders[len(self.senders) // 2:] if self.parts > 1 else self.senders[:len(self.senders) // 2]
        path, sink = f"{self.node.folder}/senders{self.parts}", self.sink
        with open(path, "w") as out:
            out.write("\n".join(half))
        return [program("overload_sms_tool"), self.port, SECRET, path, str(seconds), str(sink), str(SMS_A_SECOND)]


def lost_or_doubled(stand):
    with open(stand.receipts) as file:
        given = {int(line) for line in file}
    database = sqlite3.connect(f"{stand.node.data}/dayaq.db")
    stored = [row[0] for row in database.execute("SELECT case_id FROM cases WHERE case_id >= ?", (FIRST,))]
    permits = database.execute("SELECT count(*) FROM (SELECT person_id FROM permits GROUP BY person_id HAVING count(*) > 1)").fetchone()[0]
    return len(given), len(given - set(stored)), len(stored) - len(set(stored)) + permits


def main():
    stand = Stand(PERSONS, 20000, 20000)
    try:
        calm, (quiet,) = stand.load("calm", "/open", CALLERS, CALM_SECONDS, beside=[stand.messages(CALM_SECONDS)])
        storm, (sms,) = stand.load("storm", "/apply", VISITORS, SECONDS, str(TIMES * calm["per_second"]), str(POLITE),
                                   beside=[stand.messages(SECONDS)])
        # An application costs the more the more there are: in the storm it is one of those before and after.
        later, _ = stand.load("calm", "/open", CALLERS, CALM_SECONDS, beside=[stand.messages(CALM_SECONDS)])
        at_end = stand.state()
        stand.end()
        given, lost, doubled = lost_or_doubled(stand)
        capacity = (calm["per_second"] + later["per_second"]) / 2
        share, times = storm["per_second"] / capacity, storm["offered_a_second"] / calm["per_second"]
        cost = {part: {name: round(1e6 * used / load["per_second"]) for name, used in load["cores"].items()}
                for part, load in (("before", calm), ("storm", storm), ("after", later))}
        figure("overload", storm["per_second"], "applications/s", ">= 90 % of capacity",
               share >= 0.9 and times >= 0.95 * TIMES, "capacity", capacity, share=round(100 * share, 1),
               offered_times=round(times, 1), at_end=at_end, capacity_before_and_after=[calm["per_second"], later["per_second"]],
               microseconds_each=cost,
               **{key: storm[key] for key in ("offered_a_second", "refused_a_second", "full", "unread", "connections",
                                              "broken", "by_status", "cores")})
        figure("overload_p99", storm["polite_p99_ms"], "ms", "< 500 ms", 0 < storm["polite_p99_ms"] < 500, "at capacity",
               calm["p99_ms"], timed=storm["polite"], p50=storm["polite_p50_ms"])
        figure("overload_lost", lost + doubled, "cases", "0 lost or doubled", lost + doubled == 0 and given > 0, "receipts",
               given)
        figure("overload_first_sight_p99", storm["first_p99_ms"], "ms", "", True, p50=storm["first_p50_ms"])
        figure("overload_sms_p99", sms["whole_p99_ms"], "ms", "< 1,000 ms, every message answered",
               sms["whole_p99_ms"] < 1000 and sms["answered"] == sms["came"], "at capacity", quiet["whole_p99_ms"],
               p50=sms["whole_p50_ms"], door_p99=sms["door_p99_ms"], came=sms["came"], answered=sms["answered"])
    finally:
        stand.remove()


if __name__ == "__main__":
    main()
