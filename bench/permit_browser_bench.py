#!/usr/bin/env python3
# figures: permit_browser
"""permit_browser: permits checked by the inspector's page in headless Chromium, with a list of 20,000 revoked ones. Beside it, in
the same page, WebCrypto's Ed25519 verification alone: the limit. Medians of three browsers."""
import argparse, json, os, statistics, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Stand:
    """tests/permits/permit_tool.cpp: the inspector's page, and permits by request."""

    def __init__(self, build):
        self.process = subprocess.Popen([os.path.join(build, "bin", "permit_tool")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    stand = Stand(parser.parse_args().build)
    try:
        now = int(time.time())
        for number in range(20_000):
            stand.ask(op="revoke", id=f"{(number << 40) + 1:016x}", kind=1, **{"from": now - 3600})
        permit = stand.ask(op="issue", subject="5ABC123", id=f"{(7 << 41) + 5:016x}", **{"from": now - 3600}, until=now + 7200, kind=1,
                           detail="bazar")
        runs = []
        for _ in range(3):
            done = subprocess.run(["node", os.path.join(ROOT, "bench", "permits", "browser.mjs"),
                                   f"http://localhost:{stand.port}", permit["sms"]], stdout=subprocess.PIPE, text=True, check=True)
            runs.append(json.loads(done.stdout))
            print(f"  {runs[-1]}", file=sys.stderr)
    finally:
        stand.end()
    mean, worst = (statistics.median(run[name] for run in runs) for name in ("mean", "worst"))
    print(json.dumps({"name": "permit_browser", "value": round(mean, 3), "unit": f"ms mean; the worst of 2,000 {worst:.1f}",
                      "goal": "the worst < 50 ms", "met": worst < 50, "peer": "", "peer_value": None,
                      "limit": "WebCrypto's bare Ed25519 verification, mean",
                      "limit_value": round(statistics.median(run["bare"] for run in runs), 3)}))


if __name__ == "__main__":
    main()
