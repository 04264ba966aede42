#!/usr/bin/env python3
# figures: pages_weight pages_time
"""Weight and server time of every page that a person sees: the public ones, and those of somebody who is signed in and has
applied. Weight: the page with its style sheets and mark, uncompressed. Time: the median of sequential requests over loopback
keep-alive, from the first byte sent to the last byte read; beside it GET /health/live in the same run, which is what the
connection alone costs. The figures are the heaviest and the slowest page; all of them go to standard error."""
import base64, hashlib, hmac, html, http.client, json, os, re, statistics, struct, sys, time, urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
import services_stand

REQUESTS, PERSONS = int(os.environ.get("REQUESTS", "200")), int(os.environ.get("PERSONS", "20000"))


def totp(secret):
    key = base64.b32decode(secret.replace(" ", "") + "=" * (-len(secret.replace(" ", "")) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = mac[19] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1_000_000:06d}"


class Person:
    """A browser as far as it matters: cookies, redirects, forms."""

    def __init__(self, port):
        self.port, self.cookies = port, {"lang": "en"}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def send(self, method, path, form=None, follow=True):
        headers = {"Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items()), "Host": f"localhost:{self.port}",
                   "Accept": "text/html"}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.split(";")[0]
        if follow and answer.status == 303:
            return self.send("GET", answer.getheader("Location"))
        self.path, self.status, self.text = path, answer.status, text
        return text

    def hidden(self, name):
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        return html.unescape(found.group(1)) if found else ""

    def enrol(self, person):
        self.send("GET", "/enrol")
        self.send("POST", "/enrol/code", {"state": self.hidden("state"), "step": "ask", "national_id": person["fin"],
                                          "code": person["code"]})
        self.send("POST", "/enrol/totp", {"state": self.hidden("state")})
        secret = re.search(r'class="secret">([^<]+)<', self.text).group(1)
        self.send("POST", "/enrol/first-code", {"state": self.hidden("state"), "step": "totp", "code": totp(secret), "name": "bench"})
        assert self.path.split("?")[0] == "/my", f"enrolling ends at {self.path}: {self.status}"

    def apply(self, service):
        """Goes through the questions with the first answer that is offered; the paths on the way."""
        seen = []
        self.send("GET", f"/services/{service}/apply")
        for _ in range(20):
            if self.path.endswith("/check"):
                break
            seen.append(self.path)
            choice = re.search(r'type="(?:radio|checkbox)" id="answer" name="answer" value="([^"]+)"', self.text)
            answer = choice.group(1) if choice else "0501234567" if 'type="tel"' in self.text else ""
            self.send("POST", self.path, {"form": self.hidden("form"), "change": "", "answer": answer})
        assert self.path.endswith("/check"), f"{service}: stuck at {self.path}"
        check = self.path
        return seen, check

    def submit(self, service):
        self.send("POST", f"/services/{service}/send", {"form": self.hidden("form"), "case": self.hidden("case")})
        assert self.path.startswith("/my/cases/"), f"{service}: sending ends at {self.path}"
        return self.path

    def weight(self):
        total = len(self.text.encode())
        for path in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', self.text)):
            self.connection.request("GET", path)
            total += len(self.connection.getresponse().read())
        return total

    def milliseconds(self, path):
        times = []
        for _ in range(REQUESTS):
            begun = time.perf_counter()
            self.send("GET", path, follow=False)
            times.append((time.perf_counter() - begun) * 1000)
        return statistics.median(times)


def main():
    node, (citizen, _) = services_stand.start(persons=PERSONS)
    try:
        anybody, person = Person(node.port), Person(node.port)
        person.enrol(citizen)
        questions, check = person.apply("service-centre-appointment")
        receipts = []
        person.apply("leaving-home")
        receipts.append(person.submit("leaving-home"))
        permits = re.findall(r'href="(/my/permits/[^"]+)"', person.send("GET", "/my/permits"))
        public = ["/", "/services", "/services?q=icaze", "/services/leaving-home", "/services/small-business-support", "/regimes",
                  "/regimes/special-quarantine", "/status", "/sign-in"]
        mine = ["/my", "/my/access", "/my/data", "/my/cases", *receipts, "/my/permits", *permits[:1], "/services/leaving-home",
                *questions, check]
        floor = anybody.milliseconds("/health/live")
        rows = []
        for who, paths in ((anybody, public), (person, mine)):
            for path in paths:
                who.send("GET", path, follow=False)
                assert who.status == 200, f"{path}: {who.status}"
                rows.append((path, who is person, who.weight(), who.milliseconds(path)))
    finally:
        node.remove()
    for path, signed_in, weight, took in rows:
        print(f"{weight:7d} bytes  {took:6.2f} ms  {'signed in' if signed_in else 'anybody  '}  {path}", file=sys.stderr)
    heaviest, slowest = max(rows, key=lambda r: r[2]), max(rows, key=lambda r: r[3])
    print(json.dumps({"name": "pages_weight", "value": heaviest[2], "unit": f"bytes, the heaviest of {len(rows)} pages",
                      "goal": "<= 50000", "met": heaviest[2] <= 50_000, "limit": heaviest[0], "limit_value": heaviest[2]}))
    print(json.dumps({"name": "pages_time", "value": round(slowest[3], 2), "unit": "ms median, the slowest page",
                      "goal": "<= 2", "met": slowest[3] <= 2, "peer": "GET /health/live", "peer_value": round(floor, 2),
                      "limit": "median over all pages, ms", "limit_value": round(statistics.median(r[3] for r in rows), 2)}))


if __name__ == "__main__":
    main()
