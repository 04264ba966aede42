"""A dayaqd with persons who have a digital ID and clients that rely on it: what tests/oidc_test.py and
bench/identity_bench.py stand on."""
import csv, io, json, os, random, subprocess

from harness import Node, ROOT, free_port

OIDC = os.path.join(ROOT, "tests", "oidc")
# Members of the clients' metadata that are the tests' own, or that say what is so anyway.
OURS_ALONE = ("private", "response_types", "application_type", "request_object_signing_alg", "backchannel_logout_session_required",
              "backchannel_token_delivery_mode", "client_secret")


class Stand:
    def __init__(self, persons=4, population=2000, clients=True, start=(), **node_options):
        self.node = Node(persons=population, **node_options)
        self.file = os.path.join(self.node.folder, "setup.json")
        self.issuer = f"http://localhost:{self.node.port}"
        self.node.start("--url", self.issuer, *start)
        self.ports = {name: free_port() for name in ("none", "hook", "passport", "apache")}
        self.setup = {"issuer": self.issuer, "ports": self.ports, "clients": {},
                      "login": {"kind": "own", "messages": os.path.join(self.node.data, "outbox"), "persons": []}}
        if clients:
            self.register(self.metadata())
        self.enrol(persons)

    def metadata(self):
        ran = subprocess.run(["node", "clients.mjs", json.dumps(self.ports)], cwd=OIDC, capture_output=True, text=True, check=True)
        return json.loads(ran.stdout)

    def register(self, clients):
        for role, metadata in clients.items():
            sent = {name: value for name, value in metadata.items() if name not in OURS_ALONE and value not in ([], "")}
            answer = self.node.post("/v1/clients", sent, key=self.node.key())
            if answer.status != 201:
                raise AssertionError(f"{role}: {answer.status} {answer.text}")
            if "client_secret" in answer.json:
                metadata["client_secret"] = answer.json["client_secret"]
            self.setup["clients"][role] = metadata
        self.write()

    def enrol(self, count):
        """Persons of the population make a digital ID each, with a passkey, by a code that comes as SMS."""
        rows = list(csv.DictReader(io.StringIO(self.node.cli("export", "subscriptions").stdout)))
        numbers = {row["national_id"]: row["number"] for row in rows if row["kind"] == "mobile"}
        persons = [{"id": person, "number": numbers[person]} for person in sorted(numbers)]
        random.Random(4).shuffle(persons)
        self.write()
        ran = subprocess.run(["node", "enrol.mjs", self.file], cwd=OIDC, capture_output=True, text=True,
                             input=json.dumps(persons[:count]), timeout=600)
        if ran.returncode != 0:
            raise AssertionError(ran.stdout[-3000:] + ran.stderr[-3000:])
        self.setup["login"]["persons"] += json.loads(ran.stdout)
        self.write()

    def write(self):
        with open(self.file, "w") as out:
            json.dump(self.setup, out)

    def remove(self):
        self.node.remove()
