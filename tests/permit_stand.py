"""tests/permits/permit_tool.cpp: the inspector's page on a port of its own, and permits by request."""
import json, random, subprocess, urllib.error, urllib.request

from harness import program


class Stand:
    def __init__(self):
        self.process = subprocess.Popen([program("permit_tool")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def issue(self, begins, ends, number=None, kind=1, detail="bazar", subject="5ABC123"):
        claims = {"subject": subject, "id": f"{number or random.getrandbits(63):016x}", "from": begins, "until": ends,
                  "kind": kind, "detail": detail}
        return {**self.ask(op="issue", **claims), "claims": claims}

    def get(self, path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, dict(refused.headers), refused.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()
