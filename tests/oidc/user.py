"""The person's browser for relying parties in Python: tests/oidc/browser.mjs, run as a program."""
import json, os, subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def visit(setup, url, follow=(), steps=None):
    """Opens `url` and does what the provider's pages ask; ends with {"back": url} or {"page": {...}}.
    `steps`: more URLs to open afterwards in the same browser, each with an answer of its own."""
    ran = subprocess.run(["node", os.path.join(HERE, "visit.mjs"), setup], text=True, capture_output=True, timeout=120,
                         input=json.dumps({"urls": [url, *(steps or [])], "follow": list(follow)}))
    if ran.returncode != 0:
        raise AssertionError(ran.stdout + ran.stderr)
    ends = json.loads(ran.stdout)
    return ends if steps else ends[0]
