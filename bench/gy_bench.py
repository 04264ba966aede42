#!/usr/bin/env python3
# figures: gy_memory gy_durable gy_durable_p99 gy_latency gy_latency_durable storm storm_wait failover failover_units upgrade
"""Gy at an edge with ten million subscriptions: updates answered in memory and with usage on disk first, at full speed and
at 10,000 a second offered; a regime change that re-authorises a million sessions; one of two edges killed under load; an
upgrade in place. Beside it, in the same run: freeDiameter's server with an extension that answers every request with
DIAMETER_SUCCESS, and the disk's own append and fdatasync. Load and server share the machine; median of five."""
import json, os, shutil, statistics, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from gy_support import DiameterEdge, FreeDiameter, RunningLoad, folder, gy_load, journaled, make_replica, wait_for

SUBSCRIPTIONS = int(os.environ.get("SUBSCRIPTIONS", "10000000"))
SESSIONS = int(os.environ.get("SESSIONS", "1000000"))
RUNS, SECONDS, IN_FLIGHT = 5, 3, 64
QUOTA, EDUCATION = 100, 10  # rating groups of gy_node_tool


def figure(name, value, unit, goal, met, peer="", peer_value=None, limit="", limit_value=None, digits=1):
    print(json.dumps({"name": name, "value": round(value, digits), "unit": unit, "goal": goal, "met": bool(met), "peer": peer,
                      "peer_value": peer_value, "limit": limit, "limit_value": limit_value}), flush=True)


def checked(result, allowed=("2001",)):
    assert set(result["results"]) <= set(allowed), result
    assert result["unanswered"] == 0 and result["drops"] == 0, result
    return result


def median(results, what):
    return statistics.median(result[what] for result in results)


def fdatasyncs_a_second(where):
    """Appending 64 records' worth of bytes and waiting for the disk, one after another."""
    path, count, data = os.path.join(where, "sync"), 0, os.urandom(64 * 160)
    with open(path, "wb", buffering=0) as file:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            file.write(data)
            os.fdatasync(file.fileno())
            count += 1
    os.unlink(path)
    return count / 2


def free_diameter(where):
    """The peer: at full speed, and its latency at 10,000 a second. A fresh Origin-Host per run, as it needs."""
    server = FreeDiameter(where, "ocs1.mobile.example", "fd_charging", None)
    load = ["--origin-realm", "load.example", "--subscribers", 100000, "--sessions", 20000, "--rating-group", EDUCATION]
    fast = [gy_load([server.port], "--mode", "closed", "--in-flight", IN_FLIGHT, "--seconds", SECONDS, "--origin",
                    f"r{run}.load.example", "--run", run, *load, pid=server.pid) for run in range(3)]
    offered = [gy_load([server.port], "--mode", "open", "--rate", 10000, "--seconds", SECONDS, "--origin",
                       f"o{run}.load.example", "--run", f"o{run}", *load) for run in range(3)]
    server.stop()
    return (statistics.median(r["answered"] / max(r["server_cpu_s"], 0.01) for r in fast), median(offered, "p99_us") / 1000)


def speed(replica, where, durable, name):
    """(closed runs, open runs) of one edge; updates of sessions spread over all subscriptions."""
    edge = DiameterEdge(replica, where, name, durable=durable)
    common = ["--subscribers", SUBSCRIPTIONS, "--sessions", min(SESSIONS, 500000), "--rating-group", QUOTA, "--used", 1000]
    in_flight = IN_FLIGHT if durable else 256
    closed = [checked(gy_load([edge.port], "--mode", "closed", "--in-flight", in_flight, "--seconds", SECONDS, "--run",
                              f"c{run}", *common, pid=edge.pid)) for run in range(RUNS)]
    opened = [checked(gy_load([edge.port], "--mode", "open", "--rate", 10000, "--seconds", SECONDS, "--run", f"o{run}",
                              *common, pid=edge.pid)) for run in range(RUNS)]
    edge.quit()
    shutil.rmtree(edge.data, ignore_errors=True)
    return closed, opened


def storm(replica, where):
    edge = DiameterEdge(replica, where, "edge1", durable=True)
    load = RunningLoad([edge.port], "--mode", "storm", "--subscribers", SUBSCRIPTIONS, "--sessions", SESSIONS, "--rating-group",
                       QUOTA, "--seconds", 120, "--in-flight", 512)
    edge.command("measure 2")
    result = checked(load.result(600))
    edge.quit()
    shutil.rmtree(edge.data, ignore_errors=True)
    figure("storm", result["storm_s"], "s", "< 30 s", result["told"] == SESSIONS and result["storm_s"] < 30,
           limit="sessions re-authorised", limit_value=result["told"])
    figure("storm_wait", result["max_us"] / 1e6, "s", "< 10 s, the clients' timer", result["max_us"] < 10e6, digits=3)


def failover(where):
    replica = make_replica(os.path.join(where, "small"), 100000)
    second = shutil.copytree(replica, replica + "2", ignore=shutil.ignore_patterns("*.lock", "replica.table*"))
    one, two = DiameterEdge(replica, where, "edge1", edge=1, edges=2), DiameterEdge(second, where, "edge2", edge=2, edges=2)
    load = RunningLoad([one.port, two.port], "--mode", "open", "--rate", 10000, "--subscribers", 100000, "--sessions", 50000,
                       "--rating-group", EDUCATION, "--seconds", 6, "--warm-up", 0)
    time.sleep(3)
    one.kill()
    result = load.result()
    two.quit()
    failed = result["unanswered"] + sum(count for code, count in result["results"].items() if code != "2001")
    figure("failover", failed, "failed requests", "none but those under way", failed == 0 and result["drops"] == 1,
           limit="sent again with T", limit_value=result["resent"])
    kept = journaled(one.data, two.data)
    figure("failover_units", kept["used_once"] - result["reported"], "octets settled beside those acknowledged", "0",
           kept["used_once"] == result["reported"], limit="requests in both journals, counted once", limit_value=kept["twice"])


def upgrade(where):
    replica = make_replica(os.path.join(where, "upgraded"), 100000)
    edge = DiameterEdge(replica, where, "edge3")
    load = RunningLoad([edge.port], "--mode", "open", "--rate", 10000, "--subscribers", 100000, "--sessions", 50000,
                       "--rating-group", EDUCATION, "--seconds", 6, "--warm-up", 0)
    time.sleep(2)
    edge.upgrade()
    result = load.result()
    edge.quit()
    lost = result["drops"] + result["unanswered"]
    figure("upgrade", lost, "connections or requests lost", "0", lost == 0 and set(result["results"]) == {"2001"},
           limit="longest wait, ms", limit_value=round(result["max_us"] / 1000))


def main():
    where = folder()
    try:
        peer_rate, peer_p99 = free_diameter(where)
        syncs = fdatasyncs_a_second(where)
        replica = make_replica(where, SUBSCRIPTIONS)
        closed, opened = speed(replica, where, False, "memory")
        rate = median(closed, "per_second")
        figure("gy_memory", rate, "updates/s", ">= 200,000/s", rate >= 200_000, "freeDiameter, per CPU-second", round(peer_rate),
               "per CPU-second of the edge", round(statistics.median(r["answered"] / r["server_cpu_s"] for r in closed)))
        p99 = median(opened, "p99_us") / 1000
        figure("gy_latency", p99, "ms p99 at 10,000/s", "< 2 ms", p99 < 2, "freeDiameter", round(peer_p99, 2), digits=2)
        closed, opened = speed(replica, where, True, "durable")
        rate, p99 = median(closed, "per_second"), median(closed, "p99_us") / 1000
        figure("gy_durable", rate, "updates/s", ">= 100,000/s on a quiet disk", rate >= 100_000,
               limit="64 x append + fdatasync alone", limit_value=round(64 * syncs))
        figure("gy_durable_p99", p99, "ms", "< 5 ms", p99 < 5, digits=2)
        p99 = median(opened, "p99_us") / 1000
        figure("gy_latency_durable", p99, "ms p99 at 10,000/s", "< 5 ms", p99 < 5, "freeDiameter, not durable",
               round(peer_p99, 2), "append + fdatasync alone, ms", round(1000 / syncs, 2), digits=2)
        storm(replica, where)
        failover(where)
        upgrade(where)
    finally:
        shutil.rmtree(where, ignore_errors=True)


main()
