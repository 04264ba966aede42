#!/usr/bin/env python3
# figures: tv tv_kept tv_latency
"""TV authorisation through nginx: a small file behind auth_request, the edge and nginx on one core, the viewers' loader on the
other; 15,000 lines on 5 channels, each answer good for the 10 seconds that the edge says. nginx is set up as docs/edge/tv.md
shows it: with passes (tv, tv_latency), or keeping answers for players without cookies (tv_kept). Measured once answers have begun
to run out, so that the share of questions that reach the edge is the lasting one.

In the same run, in turns: nginx serving the file without asking anybody (the limit), and a peer that says what part is ours:
for passes the most trivial auth_request (an internal `return 204`); for kept answers an nginx that asks itself where it asks
the edge, with the same words, answered by `return 204` and the same headers, kept for as long. tv_latency: 5,000 a second
offered by the clock, whatever was answered."""
import json, os, shutil, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from edge_harness import TOKEN, Edge, write
from harness import free_port, program

RUNS, SECONDS = int(os.environ.get("RUNS", "5")), int(os.environ.get("SECONDS", "3"))
LINES, CHANNELS, OFFERED, SECRET = 15_000, 5, 5_000, "open sesame"
WARM_UP = {"static": 1, "trivial": 1, "asking": 14, "kept": 14, "pass": 14}


def load(port, warm_up, rate):
    out = subprocess.run(["taskset", "-c", "1", program("tv_load_tool"), str(port), "64", str(warm_up), str(SECONDS), str(rate), str(LINES),
                          str(CHANNELS)], capture_output=True, text=True)
    if out.returncode != 0:
        raise SystemExit(out.stderr)
    said = json.loads(out.stdout)
    if set(said["status"]) != {"200"}:
        raise SystemExit(f"not all were served: {said}")
    return said


def servers(www, edge_port, ports, peer_port):
    """{what is measured: its part of nginx's file}; each runs in an nginx of its own, for each keeps thousands of files open."""
    file = f"location ~ ^(?<channel>/hls/[^/]+/) {{ root {www}; open_file_cache max=100;"
    ask = f"""proxy_pass_request_body off; proxy_pass_request_headers off;
      proxy_set_header Content-Length ""; proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Line-Id $http_x_line_id; proxy_set_header Authorization "Bearer {TOKEN}";
      proxy_http_version 1.1; proxy_set_header Connection "";"""
    keep = """open_file_cache max=18000 inactive=60s; open_file_cache_valid 60s;
      proxy_cache dayaq; proxy_cache_key "$http_x_line_id $channel";"""

    def upstream(port):
        return f"upstream edges {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 1000000000; }}"

    def asked(name, port, how):
        return f"""{upstream(port)} server {{ listen 127.0.0.1:{ports[name]}; {file} auth_request /_dayaq; }}
    location = /_dayaq {{ internal; proxy_pass http://edges/tv/authorize; {ask} {how} }} }}"""

    return {
        "static": f"server {{ listen 127.0.0.1:{ports['static']}; {file} }} }}",
        "trivial": f"server {{ listen 127.0.0.1:{ports['trivial']}; {file} auth_request /_check; }} "
                   "location = /_check { internal; return 204; } }",
        "asking": asked("asking", peer_port, keep) + f"""
  server {{ listen 127.0.0.1:{peer_port}; location / {{ add_header X-Dayaq-Outcome granted; add_header X-Dayaq-Channel c0;
    add_header X-Dayaq-Measure 5; add_header Cache-Control max-age=10; return 204; }} }}""",
        "kept": asked("kept", edge_port, keep),
        "pass": f"""map $cookie_dayaq $dayaq_pass {{ ~^(?<dayaq_md5>[\\w-]+)\\.(?<dayaq_until>\\d+)$ $dayaq_md5,$dayaq_until; }}
  {upstream(edge_port)} server {{ listen 127.0.0.1:{ports['pass']}; {file} auth_request /_dayaq;
      auth_request_set $dayaq_cookie $upstream_http_x_dayaq_pass; add_header Set-Cookie $dayaq_cookie; }}
    location = /_dayaq {{ internal; secure_link $dayaq_pass;
      secure_link_md5 "$secure_link_expires$channel $http_x_line_id {SECRET}"; if ($secure_link = "1") {{ return 204; }}
      proxy_pass http://edges/tv/authorize; {ask} }} }}""",
    }


def start_nginx(folder, name, part):
    folder = f"{folder}/{name}"
    os.makedirs(folder)
    temporary = " ".join(f"{what}_temp_path {folder}/t-{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{folder}/nginx.conf", "w") as out:
        out.write(f"""daemon off; worker_processes 1; worker_rlimit_nofile 20000; pcre_jit on; pid {folder}/nginx.pid; error_log {folder}/log crit;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000; {temporary} types {{ video/mp2t ts; }}
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=dayaq:64m inactive=2m use_temp_path=off;
  {part}
}}
""")
    return subprocess.Popen(["taskset", "-c", "0", "nginx", "-c", f"{folder}/nginx.conf", "-p", folder])


def measure(folder, ports):
    """({name: rates}, {name: p99 in ms})"""
    www = f"{folder}/www"
    for i in range(CHANNELS):
        os.makedirs(f"{www}/hls/c{i}")
        with open(f"{www}/hls/c{i}/1.ts", "wb") as out:
            out.write(os.urandom(1024))
    channels = [{"name": f"c{i}", "prefix": f"/hls/c{i}/", "package": "tv:basic"} for i in range(CHANNELS)]
    edge = Edge(subscriptions=LINES, line="tv", services=[{"service": "tv:basic"}],
                tv={"channels": channels, "allow_for": "10s", "heartbeat": "30s", "secure_link_file": "tv.secret", "passes": True})
    write(f"{edge.folder}/tv.secret", SECRET + "\n")
    started = []
    rates, latencies = ({name: [] for name in ports} for _ in range(2))
    try:
        edge.start()
        subprocess.run(["taskset", "-acp", "0", str(edge.process.pid)], check=True, stdout=subprocess.DEVNULL)
        for name, part in servers(www, edge.ports["http"], ports, free_port()).items():
            started.append(start_nginx(folder, name, part))
        time.sleep(0.5)
        for _ in range(RUNS):
            for name, port in ports.items():
                rates[name].append(load(port, WARM_UP[name], 0)["per_second"])
        for _ in range(RUNS):
            for name in ("static", "trivial", "pass"):
                latencies[name].append(load(ports[name], WARM_UP[name], OFFERED)["p99_us"] / 1000)
        asked = edge.metrics()['dayaq_edge_tv_requests_total{answer="allowed"}']
        print(f"the edge itself was asked {asked:.0f} times in all", file=sys.stderr)
    finally:
        for nginx in started:
            nginx.terminate()
            nginx.wait()
        edge.remove()
    return rates, latencies


def main():
    folder = tempfile.mkdtemp(prefix="dayaq-tv-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    os.chmod(folder, 0o755)
    try:
        rates, latencies = measure(folder, {name: free_port() for name in WARM_UP})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    value = {name: statistics.median(all_runs) for name, all_runs in rates.items()}
    for figure, name, peer, said in (("tv", "pass", "trivial", "nginx, trivial auth_request"),
                                     ("tv_kept", "kept", "asking", "nginx asking itself for the same")):
        share = statistics.median(ours / limit for ours, limit in zip(rates[name], rates["static"]))
        print(json.dumps({"name": figure, "value": round(value[name]), "unit": "requests/s",
                          "goal": ">= 70 % of nginx's static rate", "met": share >= 0.7,
                          "peer": said, "peer_value": round(value[peer]),
                          "limit": f"nginx static; ours is {100 * share:.1f} % of it", "limit_value": round(value["static"])}))
    p99 = {name: statistics.median(all_runs) for name, all_runs in latencies.items() if all_runs}
    print(json.dumps({"name": "tv_latency", "value": round(p99["pass"], 3), "unit": "ms p99 at 5,000/s offered", "goal": "<= 1 ms",
                      "met": p99["pass"] <= 1, "peer": "nginx, trivial auth_request", "peer_value": round(p99["trivial"], 3),
                      "limit": "nginx static", "limit_value": round(p99["static"], 3)}))


main()
