#!/usr/bin/env python3
# figures: feed_lag
"""From an attestation's acknowledgement to its line on the operator's feed, while 8 other callers attest one after another.
The reader follows the feed as an edge does (long poll); the probe attests one person after another whose mobile line
the operator serves, and recognises the line by its pseudonym."""
import base64, http.client, json, os, statistics, struct, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import Node, program

PROBES, PERSONS = 300, 200_000
MASK = (1 << 64) - 1


def siphash(key, message):
    """SipHash-2-4, written from the paper: the pseudonym is checked by code that shares nothing with ours."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]
    rotl = lambda x, b: (x << b | x >> (64 - b)) & MASK

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & MASK; v[1] = rotl(v[1], 13) ^ v[0]; v[0] = rotl(v[0], 32)
            v[2] = (v[2] + v[3]) & MASK; v[3] = rotl(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & MASK; v[3] = rotl(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & MASK; v[1] = rotl(v[1], 17) ^ v[2]; v[2] = rotl(v[2], 32)

    whole = len(message) // 8 * 8
    for at in range(0, whole, 8):
        m = struct.unpack_from("<Q", message, at)[0]
        v[3] ^= m
        rounds(2)
        v[0] ^= m
    last = len(message) << 56 | int.from_bytes(message[whole:], "little")
    v[3] ^= last & MASK
    rounds(2)
    v[0] ^= last & MASK
    v[2] ^= 0xff
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def main():
    folder = tempfile.mkdtemp(prefix="dayaq-bench-")
    node = Node(persons=PERSONS, folder=folder, plain_api_keys=True)
    rows = [row.split(",") for row in node.cli("export", "subscriptions").stdout.splitlines()]
    column = {name: i for i, name in enumerate(rows[0])}
    mine = {}
    for row in rows[1:]:
        if row[column["kind"]] == "mobile" and row[column["provider"]] == "azercell":
            mine.setdefault(row[column["national_id"]], row[column["number"]])
    persons = sorted(mine)
    probes = persons[:PROBES]
    with open(f"{folder}/others.txt", "w") as out:
        out.write("\n".join(persons[PROBES:]))
    node.start()
    key = node.key("azercell")
    feed_key = base64.b64decode(node.get("/v1/feed/key", key=key).json["key"])
    seen, stop = {}, threading.Event()

    def follow():
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
        status = node.get("/v1/feed/status", key=key).json["feeds"]
        after = max(feed["last_sequence"] for feed in status)
        while not stop.is_set():
            connection.request("GET", f"/v1/feed?after={after}&wait=5", headers={"Authorization": f"Bearer {key}"})
            answer = json.loads(connection.getresponse().read())
            now = time.monotonic()
            for line in answer["lines"]:
                after = max(after, line["sequence"])
                if "subscription" in line:
                    seen.setdefault(line["subscription"], now)

    reader = threading.Thread(target=follow)
    reader.start()
    load = subprocess.Popen([program("attest_load_tool"), str(node.port), node.key("hospital"), f"{folder}/others.txt", "10", "8"],
                            stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    hospital, acknowledged = node.key("hospital"), {}
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    for person in probes:
        body = json.dumps({"person": person, "status": "health_worker", "until": "2028-01-01"})
        connection.request("POST", "/v1/attestations", body, {"Authorization": f"Bearer {hospital}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 201:  # the person may have been one before
            acknowledged[f"{siphash(feed_key, f'mobile|{mine[person]}'.encode()):016x}"] = time.monotonic()
        time.sleep(0.02)
    rate = json.loads(load.communicate()[0])["per_second"]
    time.sleep(1)
    stop.set()
    reader.join()
    node.remove()
    lags = sorted(max(0.0, seen[pseudonym] - at) for pseudonym, at in acknowledged.items() if pseudonym in seen)
    if len(lags) < 0.9 * len(acknowledged) or len(acknowledged) < PROBES / 2:
        raise SystemExit(f"{len(lags)} of {len(acknowledged)} probes appeared on the feed")
    p99 = 1000 * lags[int(len(lags) * 0.99)]
    print(json.dumps({"name": "feed_lag", "value": round(p99, 1), "unit": "ms p99", "goal": "< 100 ms", "met": p99 < 100,
                      "peer": "median, ms", "peer_value": round(1000 * statistics.median(lags), 1),
                      "limit": "attestations/s meanwhile", "limit_value": rate}))


main()
