#!/usr/bin/env python3
# figures: grants_http
"""GET /v1/grants?subscription=... over loopback keep-alive, one core for the server, beside nginx answering
`return 200` with a body of the same size on the same core in the same run. wrk drives both from the other core."""
import json, os, random, re, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import Node, free_port

RUNS, SECONDS, PERSONS = 5, 4, int(os.environ.get("PERSONS", "200000"))


def wrk(url, script):
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{SECONDS}s", "--latency", "-s", script, url],
                         capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"errors under load:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def main():
    folder = tempfile.mkdtemp(prefix="dayaq-bench-")
    node = Node(persons=PERSONS, folder=folder, plain_api_keys=True)
    exported = node.cli("export", "subscriptions").stdout.splitlines()
    head = exported[0].split(",")
    kind, number, provider = head.index("kind"), head.index("number"), head.index("provider")
    lines = [row.split(",") for row in exported[1:]]
    lines = [f"{row[kind]}:{row[number]}" for row in lines
             if row[kind] == "mobile" and row[provider] == "azercell"]
    random.Random(1).shuffle(lines)
    lines = lines[:100_000]
    node.start("--io-threads", "1")
    subprocess.run(["taskset", "-acp", "0", str(node.process.pid)], check=True, stdout=subprocess.DEVNULL)
    key = node.key("azercell")
    sizes = []
    for line in lines[:500]:
        answer = node.get(f"/v1/grants?subscription={line}", key=key)
        assert answer.status == 200, (answer.status, answer.text)
        sizes.append(len(answer.body))
    size = int(statistics.mean(sizes))
    with open(f"{folder}/lines.txt", "w") as out:
        out.write("\n".join(lines))
    with open(f"{folder}/grants.lua", "w") as out:
        out.write(f'''local lines = {{}}
for line in io.lines("{folder}/lines.txt") do lines[#lines + 1] = "GET /v1/grants?subscription=" .. line ..
  " HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: Bearer {key}\\r\\n\\r\\n" end
local i = 0
function request() i = i % #lines + 1; return lines[i] end
''')
    with open(f"{folder}/plain.lua", "w") as out:
        out.write(f'''local text = "GET / HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: Bearer {key}\\r\\n\\r\\n"
function request() return text end
''')
    port = free_port()
    with open(f"{folder}/nginx.conf", "w") as out:
        out.write(f'''daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; default_type application/json;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{'x' * size}"; }} }} }}
''')
    nginx = subprocess.Popen(["taskset", "-c", "0", "nginx", "-c", f"{folder}/nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    ours, theirs = [], []
    try:
        for _ in range(RUNS):
            theirs.append(wrk(f"http://127.0.0.1:{port}", f"{folder}/plain.lua"))
            ours.append(wrk(f"http://127.0.0.1:{node.port}", f"{folder}/grants.lua"))
    finally:
        nginx.terminate()
        nginx.wait()
        node.remove()
    value, peer = statistics.median(ours), statistics.median(theirs)
    ratio = statistics.median(o / t for o, t in zip(ours, theirs))
    print(json.dumps({"name": "grants_http", "value": round(value), "unit": "requests/s",
                      "goal": ">= 60 % of nginx", "met": ratio >= 0.6, "peer": "nginx return 200, same size",
                      "peer_value": round(peer), "limit": "share of nginx, %", "limit_value": round(100 * ratio, 1)}))


main()
