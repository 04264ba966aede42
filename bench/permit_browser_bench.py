#!/usr/bin/env python3
# figures: permit_browser
"""permit_browser: permits checked by the inspector's page in headless Chromium, with a list of 20,000 revoked ones. Beside it, in
the same page, WebCrypto's Ed25519 verification alone: the limit. Medians of three browsers."""
import json, os, statistics, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
from harness import ROOT
from permit_stand import Stand


def main():
    stand = Stand()
    try:
        now = int(time.time())
        for number in range(20_000):
            stand.ask(op="revoke", id=f"{(number << 40) + 1:016x}", kind=1, **{"from": now - 3600})
        permit = stand.issue(now - 3600, now + 7200, number=(7 << 41) + 5)
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
