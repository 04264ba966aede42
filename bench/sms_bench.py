#!/usr/bin/env python3
# figures: sms_permits sms_permits_p99 sms_kannel
"""Permits asked for by message, durable and answered.

sms_permits: a node on one core takes messages at its door, decides, stores and sends each answer to a gateway that takes
it at once; load and gateway have the other core. Beside it, in the same run, the same rows inserted by nothing but SQLite.
sms_kannel: the same through Kannel's bearerbox and smsbox with its own fake SMS centre, beside Kannel with a service that
answers each message with a word and stores nothing.
PERSONS sets the population (10,000,000 for the figure that is published; 200,000 otherwise)."""
import json, os, random, shutil, signal, sqlite3, statistics, subprocess, sys, tempfile, threading, time

TESTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests")
sys.path.insert(0, TESTS)
from harness import Node, free_port, program
import sms_test
from sms_test import SECRET, Kannel, NUMBER

PERSONS, RUNS, SECONDS = int(os.environ.get("PERSONS", "200000")), 3, 4
MESSAGES = int(os.environ.get("MESSAGES", "5000"))  # of a run through Kannel
NODE_CORE, OTHER_CORE = "0", "1"


def figure(name, value, unit, goal, met, peer="", peer_value=None, limit="", limit_value=None):
    print(json.dumps({"name": name, "value": round(value, 1), "unit": unit, "goal": goal, "met": met, "peer": peer,
                      "peer_value": peer_value, "limit": limit, "limit_value": limit_value}), flush=True)


def configure(node, gateway):
    with open(os.path.join(node.data, "dayaq.yaml")) as file:
        kept = [line for line in file if not line.startswith("sms:")]
    kept.append(f"sms: {{kannel_url: 'http://127.0.0.1:{gateway}', secret: {SECRET}, number: '{NUMBER}'}}\n")
    with open(os.path.join(node.data, "dayaq.yaml"), "w") as out:
        out.writelines(kept)


def ids_of(node):
    """Who gets a permit by message: those who needn't stay at home."""
    with sqlite3.connect(os.path.join(node.data, "dayaq.db")) as db:
        rows = db.execute("SELECT national_id FROM person WHERE death IS NULL AND person_id NOT IN (SELECT person_id FROM attestation)"
                          " LIMIT 1000000").fetchall()
    ids = [row[0] for row in rows]
    random.Random(1).shuffle(ids)
    return ids


def pinned(node, core):
    subprocess.run(["taskset", "-a", "-p", "-c", core, str(node.process.pid)], check=True, stdout=subprocess.DEVNULL)


def permits(node, ids, folder):
    sink, reports = free_port(), []
    configure(node, sink)
    node.start()
    pinned(node, NODE_CORE)
    share = len(ids) // RUNS
    for run in range(RUNS):
        with open(f"{folder}/ids", "w") as out:
            out.write("\n".join(ids[run * share:(run + 1) * share]))
        done = subprocess.run(["taskset", "-c", OTHER_CORE, program("sms_load_tool"), str(node.port), SECRET, f"{folder}/ids",
                               str(SECONDS), "128", str(sink)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr + done.stdout)
        reports.append(json.loads(done.stdout))
        assert reports[-1]["sent"] >= reports[-1]["accepted"], reports[-1]
        print(done.stdout.strip(), file=sys.stderr)
    node.stop()
    # Each answer counts only once it is sent: what was left at the end takes its time.
    rate = statistics.median(r["accepted"] / (r["seconds"] + r["rest_s"]) for r in reports)
    p99 = statistics.median(r["p99_us"] for r in reports)
    with sqlite3.connect(os.path.join(node.data, "dayaq.db")) as db:
        # Each sender's row has "id minute outcome;" of each message.
        latest = [one for row in db.execute("SELECT latest FROM sms_senders") for one in row[0].split(";") if one]
        granted, every = sum(one.endswith(" granted") for one in latest), len(latest)
        left = db.execute("SELECT COUNT(*) FROM sms_replies").fetchone()[0]
    # What was under way when a run's time was up is remembered too; what was under way at the stop goes out at the next start.
    assert every >= sum(r["accepted"] for r in reports) and left < 0.01 * every, f"{every} remembered, {left} unsent"
    assert granted >= 0.99 * every, f"{granted} of {every} were granted"
    rows = []
    for _ in range(RUNS):
        where = tempfile.mkdtemp(prefix="dayaq-bench-")
        rows.append(float(subprocess.run(["taskset", "-c", NODE_CORE, program("sms_rows_tool"), f"{node.data}/dayaq.db", where],
                                         check=True, capture_output=True, text=True).stdout))
        shutil.rmtree(where)
    limit = statistics.median(rows)
    figure("sms_permits", rate, "permits/s", ">= 5,000 on one core", rate >= 5000,
           limit="raw SQLite inserts of the same rows on that core, 256 messages a commit", limit_value=round(limit))
    figure("sms_permits_p99", p99 / 1000, "ms", "< 100 ms", p99 < 100_000)


def through(kannel, texts):
    """Seconds from the first message to the last answer."""
    phones = sms_test.Phones(kannel)
    try:
        begin = time.monotonic()
        lines = "".join(f"99455{i:07} {NUMBER} text {text}\n" for i, text in enumerate(texts))
        threading.Thread(target=phones.socket.sendall, args=(lines.encode(),), daemon=True).start()
        count, deadline = 0, begin + 120
        while count < len(texts) and time.monotonic() < deadline:
            time.sleep(0.01)
            count = len(phones.got)
        if count < len(texts):
            raise SystemExit(f"{count} of {len(texts)} messages were answered")
        return len(texts) / (time.monotonic() - begin)
    finally:
        phones.close()


def kannel_rate(node, ids):
    echo_port = free_port()
    kannel = Kannel(node.port)
    configure(node, kannel.send)
    node.start()
    kannel.start()
    rates = [through(kannel, [f"2 {who}" for who in ids[run * MESSAGES:(run + 1) * MESSAGES]]) for run in range(RUNS)]
    kannel.remove()
    node.stop()
    echo = subprocess.Popen([program("sms_load_tool"), "echo", str(echo_port)])
    alone = Kannel(echo_port)
    try:
        with open(f"{alone.folder}/kannel.conf") as file:
            text = file.read().replace("max-messages = 0", "max-messages = 1")
        with open(f"{alone.folder}/kannel.conf", "w") as out:
            out.write(text)
        alone.start()
        peers = [through(alone, ["2 5ABC123"] * MESSAGES) for _ in range(RUNS)]
    finally:
        alone.remove()
        echo.send_signal(signal.SIGTERM)
        echo.wait()
    rate, peer = statistics.median(rates), statistics.median(peers)
    figure("sms_kannel", rate, "permits/s", ">= 80 % of Kannel with an echo service", rate >= 0.8 * peer,
           "Kannel with a service that answers a word", round(peer))


def main():
    sms_test.own_network()
    folder = tempfile.mkdtemp(prefix="dayaq-bench-")
    node = Node(persons=PERSONS, init_timeout=3600)
    node.start_timeout = 600
    try:
        ids = ids_of(node)
        kept = RUNS * MESSAGES
        permits(node, ids[kept:], folder)
        kannel_rate(node, ids[:kept])
    finally:
        node.remove()
        shutil.rmtree(folder)


main()
