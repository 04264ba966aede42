#!/usr/bin/env python3
"""An operator's edge from its enrolment to its end: the files that it is given, the feed that it verifies (here with openssl,
which shares nothing with ours), and what the centre and its page know of how far it has come."""
import base64, os, shutil, stat, struct, subprocess, tempfile, threading, time, unittest

import yaml

import harness
from edge_client import ask, client_of, token_of
from harness import Node, free_port, program

FEED = "application/vnd.dayaq.feed"
ED25519_DER = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: SubjectPublicKeyInfo of an Ed25519 key


def read(folder, name):
    with open(os.path.join(folder, name)) as file:
        return file.read().strip()


def verified(key, block):
    """True if openssl says that the block's last 64 bytes are the key's signature of the rest."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key.der", ED25519_DER + key), ("content", block[:-64]), ("signature", block[-64:])):
            with open(f"{folder}/{name}", "wb") as out:
                out.write(content)
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", f"{folder}/key.der",
                               "-rawin", "-in", f"{folder}/content", "-sigfile", f"{folder}/signature"],
                              capture_output=True).returncode == 0


def blocks_of(content):
    while content:
        length = struct.unpack_from("<I", content, 8)[0]
        yield content[:length]
        content = content[length:]


def said_to_azercell(node):
    return node.get("/v1/feed/status", key=node.key("azercell")).json["feeds"][0]["last_sequence"]


def say_something(node):
    """Attests somebody's status until a grant of an Azercell subscription has changed."""
    rows = [row.split(",") for row in node.cli("export", "subscriptions").stdout.splitlines()]
    column = {name: i for i, name in enumerate(rows[0])}
    before = said_to_azercell(node)
    for row in rows[1:]:
        if row[column["kind"]] == "mobile" and row[column["provider"]] == "azercell":
            node.post("/v1/attestations", {"person": row[column["national_id"]], "status": "health_worker",
                                           "until": "2028-01-01"}, key=node.key("hospital"))
            if said_to_azercell(node) > before:
                return
    raise AssertionError("nobody's grants changed")


class AnEdge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(persons=3000)
        cls.first = os.path.join(cls.node.folder, "edge-1")
        # Before anything serves: in this process. The other edges are enrolled through the running dayaqd.
        cls.said = cls.node.cli("edge", "enrol", "--operator", "azercell", "--name", "baku-1", "--out", cls.first,
                                "--url", "http://127.0.0.1:8091", "--centre", "http://127.0.0.1:1")
        cls.node.start()

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def edges(self, key="admin"):
        return {edge["name"]: edge for edge in self.node.get("/v1/edges", key=self.node.key(key)).json["edges"]}

    def follow(self, folder, name, after, accept=FEED):
        return self.node.get(f"/v1/feed?after={after}&edge={name}", key=token_of(self.node, folder), headers={"Accept": accept})

    def test_a_stop_of_the_centre_waits_for_no_edge(self):
        node = Node(persons=0, demo=False).start()
        try:
            key = node.cli("key", "create", "azercell", "--name", "test", "--scope", "feed:read").stdout.strip()
            answers = []
            waiter = threading.Thread(target=lambda: answers.append(node.get("/v1/feed?after=0&wait=25", key=key)))
            waiter.start()
            while 'dayaq_feed_waiting 1' not in node.get("/metrics").text:
                time.sleep(0.01)
            began = time.monotonic()
            node.stop()
            waiter.join()
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual((answers[0].status, answers[0].json["lines"]), (200, []))
        finally:
            node.remove()

    def test_its_folder_has_all_that_it_needs_and_nobody_else_reads_it(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.first).st_mode), 0o700)
        for name in ("edge.key", "client.jwk", "feed.key", "http.token", "siblings.token"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.first, name)).st_mode), 0o600, name)
        self.assertIn("BEGIN PRIVATE KEY", read(self.first, "edge.key"))
        file = yaml.safe_load(read(self.first, "edge.yaml"))
        self.assertEqual((file["operator"], file["name"], file["number"], file["edges"]), ("azercell", "baku-1", 1, 1))
        self.assertEqual((file["line"], file["zone"], file["centre"]["url"]), ("mobile", "Asia/Baku", "http://127.0.0.1:1"))
        self.assertIn("data:education", [service["service"] for service in file["services"]])
        public = subprocess.run(["openssl", "pkey", "-in", f"{self.first}/edge.key", "-pubout", "-outform", "DER"],
                                capture_output=True, check=True).stdout
        self.assertEqual(public, ED25519_DER + base64.b64decode(self.edges()["baku-1"]["public_key"]))
        key = self.node.get("/v1/feed/key", key=token_of(self.node, self.first)).json
        self.assertEqual(base64.b64decode(key["key"]).hex(), read(self.first, "feed.key"))
        self.assertEqual(base64.b64decode(key["public_key"]).hex(), read(self.first, "centre.pub"))

    def test_dayaq_edge_takes_each_kind_of_file(self):
        if not os.path.exists(program("dayaq-edge")):
            self.fail("dayaq-edge isn't built")
        folders = [self.first]
        for operator, name, line in (("aztelekom", "net-1", "fixed"), ("katv1", "tv-1", "tv")):
            folders.append(os.path.join(self.node.folder, name))
            self.node.cli("edge", "enrol", "--operator", operator, "--name", name, "--out", folders[-1], "--line", line)
        for folder in folders:
            done = subprocess.run([program("dayaq-edge"), "--config", f"{folder}/edge.yaml", "--check"],
                                  capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 0, f"{folder}: {done.stdout}{done.stderr}")

    def test_a_real_edge_runs_from_its_folder_as_it_was_written_and_confirms_what_it_applies(self):
        folder = os.path.join(self.node.folder, "edge-real")
        self.node.cli("edge", "enrol", "--operator", "nar", "--name", "real-1", "--out", folder, "--port", str(free_port()))
        edge = subprocess.Popen([program("dayaq-edge"), "--config", f"{folder}/edge.yaml"], stdout=subprocess.DEVNULL,
                                stderr=open(f"{folder}/log", "wb"))
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and self.edges()["real-1"]["silent"]:
                self.assertIsNone(edge.poll(), read(folder, "log"))
                time.sleep(0.05)
            status = self.node.get("/v1/feed/status", key=self.node.key()).json["feeds"]
            last = next(feed["last_sequence"] for feed in status if feed["operator"] == "nar")
            self.assertEqual((self.edges()["real-1"]["applied"], self.edges()["real-1"]["lines_behind"]), (last, 0))
            self.assertGreater(last, 0)
        finally:
            edge.terminate()
            self.assertEqual(edge.wait(timeout=20), 0)

    def test_it_verifies_snapshot_and_feed_with_the_key_that_it_was_given(self):
        key = bytes.fromhex(read(self.first, "centre.pub"))
        answer = self.node.get("/v1/feed/snapshot?page=0&pages=2", key=token_of(self.node, self.first), headers={"Accept": FEED})
        (page,) = blocks_of(answer.body)
        self.assertTrue(verified(key, page))
        self.assertEqual(struct.unpack_from("<II", page, 40), (0, 2))
        self.assertEqual(answer.headers["Dayaq-Feed-Pages"], "2")
        changed = bytearray(page)
        changed[60] ^= 1
        self.assertFalse(verified(key, bytes(changed)))
        self.attest()
        blocks = list(blocks_of(self.follow(self.first, "baku-1", 0).body))
        self.assertTrue(blocks)
        for block in blocks:
            self.assertTrue(verified(key, block))
            self.assertEqual(struct.unpack_from("<II", block, 40), (0, 0))

    def attest(self):
        say_something(self.node)

    def last(self):
        return said_to_azercell(self.node)

    def test_the_centre_and_its_page_know_how_far_it_has_come(self):
        folder = os.path.join(self.node.folder, "edge-lag")
        self.node.cli("edge", "enrol", "--operator", "azercell", "--name", "lag-1", "--out", folder)
        self.assertIsNone(self.edges()["lag-1"]["heard"])
        self.attest()
        last = self.last()
        self.assertEqual(self.follow(folder, "lag-1", last - 1).status, 200)
        time.sleep(0.3)
        edge = self.edges()["lag-1"]
        self.assertEqual((edge["applied"], edge["lines_behind"], edge["silent"]), (last - 1, 1, False))
        self.assertGreater(edge["seconds_behind"], 0.25)
        page = self.node.get("/regimes/special-quarantine?lang=en").text
        self.assertIn("lag-1", page)
        self.assertRegex(page, r"1 behind, for \d+ s")
        metrics = dict(line.rsplit(" ", 1) for line in self.node.get("/metrics").text.splitlines() if line[0] != "#")
        self.assertGreater(float(metrics["dayaq_edges_behind_seconds"]), 0.25)
        self.assertGreaterEqual(float(metrics["dayaq_edges"]), 2)
        self.assertEqual(self.follow(folder, "lag-1", last).status, 200)
        self.assertEqual(self.edges()["lag-1"]["lines_behind"], 0)
        for language, words in (("en", "up to date"), ("az", "yenidir"), ("ru", "без отставания")):
            self.assertIn(words, self.node.get(f"/regimes/special-quarantine?lang={language}").text)
        listed = self.node.cli("edge", "list").stdout
        self.assertRegex(listed, r"azercell +lag-1 +\d+ +live")

    def test_how_far_it_has_come_is_known_after_a_restart(self):
        folder = os.path.join(self.node.folder, "edge-again")
        self.node.cli("edge", "enrol", "--operator", "azercell", "--name", "again-1", "--out", folder)
        last = self.last()
        self.assertEqual(self.follow(folder, "again-1", last).status, 200)
        self.node.stop()
        self.node.start()
        self.assertEqual(self.edges()["again-1"]["applied"], last)

    def test_a_second_one_gets_the_next_number_and_knows_the_first(self):
        folder = os.path.join(self.node.folder, "edge-two")
        said = self.node.cli("edge", "enrol", "--operator", "azercell", "--name", "two-1", "--out", folder)
        file = yaml.safe_load(read(folder, "edge.yaml"))
        siblings = {sibling["name"]: sibling for sibling in file["siblings"]}
        self.assertEqual(siblings["baku-1"]["url"], "http://127.0.0.1:8091")
        self.assertEqual(file["edges"], len(siblings) + 1)
        self.assertNotIn(file["number"], [sibling["number"] for sibling in siblings.values()])
        self.assertIn("siblings", said.stderr)
        self.assertEqual(read(folder, "siblings.token"), read(self.first, "siblings.token"))
        self.assertIn(read(folder, "siblings.token"), read(self.first, "http.token").split())

    def test_nothing_is_written_over_and_a_refusal_leaves_nothing_behind(self):
        done = self.node.cli("edge", "enrol", "--operator", "azercell", "--name", "over-1", "--out", self.first, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cli.edge_exists", done.stderr)
        folder = os.path.join(self.node.folder, "edge-none")
        for arguments in (("--operator", "azercell", "--name", "baku-1"), ("--operator", "nobody", "--name", "n-1")):
            done = self.node.cli("edge", "enrol", *arguments, "--out", folder, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(os.listdir(folder), [])

    def test_once_ended_it_is_refused_and_that_is_on_record(self):
        folder = os.path.join(self.node.folder, "edge-end")
        self.node.cli("edge", "enrol", "--operator", "bakcell", "--name", "end-1", "--out", folder)
        self.assertEqual(self.follow(folder, "end-1", 0).status, 200)
        client, token = client_of(folder), token_of(self.node, folder)
        # Another operator's edge is none of its business, nor is it an edge's to end or enrol one.
        for operator, name in (("azercell", "baku-1"), ("bakcell", "end-1")):
            answer = self.node.post(f"/v1/edges/{name}/end", {"operator": operator}, key=token)
            self.assertEqual((answer.status, answer.json["code"]), (403, "edges.by_edge"))
        self.assertEqual(self.node.post("/v1/edges", {"name": "more-1", "public_key": base64.b64encode(os.urandom(32)).decode()},
                                        key=token).status, 403)
        self.node.cli("edge", "end", "--operator", "bakcell", "end-1")
        self.assertEqual(self.node.get("/v1/feed?after=0&edge=end-1", key=token).status, 401, "its tokens end with it")
        answer = ask(self.node, client)
        self.assertEqual((answer.status, answer.json["error"]), (401, "invalid_client"))
        self.assertIsNotNone(self.edges()["end-1"]["ended"])
        actions = self.audit_text()
        self.assertIn('"action":"edge.enrol"', actions)
        self.assertIn('"action":"edge.end"', actions)

    def audit_text(self):
        entries = self.node.get("/v1/audit/checkpoint").text.split("\n")
        size = int(entries[1])
        return "".join(self.node.get(f"/v1/audit/entries/{index}", key=self.node.key()).text for index in range(size - 6, size))


class AnEdgesClient(unittest.TestCase):
    """What dayaq-edge shows the centre, from its first token to its key's theft (docs/edge/running.md)."""

    @classmethod
    def setUpClass(cls):
        cls.node = Node(persons=500)
        with open(os.path.join(cls.node.data, "dayaq.yaml"), "a") as out:
            out.write("plain_api_keys: false\n")
        cls.node.start()

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def enrol(self, name):
        folder = os.path.join(self.node.folder, name)
        self.node.cli("edge", "enrol", "--operator", "azercell", "--name", name, "--out", folder, "--port", str(free_port()))
        return folder

    def start(self, folder, name):
        edge = subprocess.Popen([program("dayaq-edge"), "--config", f"{folder}/edge.yaml"], stdout=subprocess.DEVNULL,
                                stderr=open(f"{folder}/log", "ab"))
        self.addCleanup(lambda: (edge.terminate(), edge.wait(timeout=60)))
        self.until(lambda: not self.edge(name)["silent"], folder)
        return edge

    def edge(self, name):
        return {one["name"]: one for one in self.node.get("/v1/edges", key=self.node.key()).json["edges"]}[name]

    def until(self, condition, folder):
        deadline = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), deadline, read(folder, "log")[-2000:])
            time.sleep(0.05)

    def rotate(self, folder):
        return subprocess.run([program("dayaq-edge"), "--config", f"{folder}/edge.yaml", "--rotate-key"],
                              capture_output=True, text=True, timeout=60)

    def hears_again(self, folder, name):
        """The running edge has called with what it has now: it asks every 25 seconds, or as soon as there is news."""
        heard = self.edge(name)["heard"]
        self.until(lambda: say_something(self.node) or self.edge(name)["heard"] > heard, folder)

    def test_gives_exactly_what_an_edge_needs(self):
        folder = self.enrol("scope-1")
        client = client_of(folder)
        self.assertEqual(self.edge("scope-1")["client_id"], client[0])
        self.assertIsNone(self.edge("scope-1")["key"])
        self.assertEqual(ask(self.node, client).json["scope"], "feed:read")
        self.assertEqual(ask(self.node, client, scope="grants:decide").json["error"], "invalid_scope")
        token = token_of(self.node, folder)
        for path in ("/v1/feed?after=0", "/v1/feed/snapshot?page=0", "/v1/feed/resources", "/v1/feed/key"):
            self.assertEqual(self.node.get(path, key=token).status, 200, path)
        batch = self.node.post("/v1/settlements", b"no batch", key=token, headers={"Content-Type": "application/vnd.dayaq.settlement"})
        self.assertIn(batch.status, (400, 422))
        for path in ("/v1/grants?subscription=mobile:994500000001", "/v1/clients", "/v1/audit/entries/0", "/v1/organisations"):
            self.assertEqual(self.node.get(path, key=token).status, 403, path)

    def test_gets_another_key_while_the_edge_runs(self):
        folder = self.enrol("rotate-1")
        edge = self.start(folder, "rotate-1")
        before, old_token = client_of(folder), token_of(self.node, folder)
        done = self.rotate(folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = client_of(folder)
        self.assertEqual(done.stdout.strip(), after[0])
        self.assertNotEqual(before[0], after[0])
        self.assertEqual(stat.S_IMODE(os.stat(f"{folder}/client.jwk").st_mode), 0o600)
        self.assertEqual(ask(self.node, before).status, 401)
        self.assertEqual(self.node.get("/v1/feed?after=0", key=old_token).status, 401, "tokens of the old key end with it")
        self.hears_again(folder, "rotate-1")
        self.until(lambda: after[0] in read(folder, "log"), folder)
        self.assertIn("centre.client_changed", read(folder, "log"))
        self.assertIsNone(edge.poll())
        entries = int(self.node.get("/v1/audit/checkpoint").text.split("\n")[1])
        self.assertIn("edge.client_key", "".join(self.node.get(f"/v1/audit/entries/{index}", key=self.node.key()).text
                                                 for index in range(max(0, entries - 60), entries)))

    def test_outlasts_the_centre(self):
        folder = self.enrol("away-1")
        edge = self.start(folder, "away-1")
        self.node.stop()
        self.until(lambda: "follower.away" in read(folder, "log"), folder)
        self.node.start()
        self.hears_again(folder, "away-1")
        self.assertIsNone(edge.poll())

    def test_that_was_stolen_is_revoked_and_the_edge_enrolled_anew(self):
        folder = self.enrol("stolen-1")
        thief, token = client_of(folder), token_of(self.node, folder)
        edge = self.start(folder, "stolen-1")
        self.node.cli("edge", "end", "--operator", "azercell", "stolen-1")
        self.assertEqual(ask(self.node, thief).status, 401)
        for path in ("/v1/feed?after=0", "/v1/feed/snapshot?page=0", "/v1/feed/key", "/v1/edges"):
            self.assertEqual(self.node.get(path, key=token).status, 401, path)
        self.until(lambda: "centre.no_token" in read(folder, "log"), folder)
        self.assertIsNone(edge.poll(), "it goes on with what it knows")
        self.assertIn("centre.refused", read(folder, "log"))
        self.assertEqual(self.rotate(folder).returncode, 1, "and gets no new key by the one that ended")
        again = self.enrol("stolen-2")
        self.start(again, "stolen-2")
        self.assertNotEqual(client_of(again)[0], thief[0])

    def test_takes_the_place_of_an_api_key(self):
        folder = self.enrol("old-1")
        # As enrolments were before: an API key, and no client.
        key = base64.b64encode(os.urandom(32)).decode()
        given = self.node.post("/v1/edges", {"operator": "azercell", "name": "old-2", "public_key": key}, key=self.node.key()).json
        self.assertNotIn("client_id", given)
        with open(f"{folder}/edge.yaml") as file:
            text = file.read()
        old = text.replace("client_file: client.jwk", "token_file: token").replace("name: old-1", "name: old-2")
        for name, content in (("edge.yaml", old), ("token", given["token"] + "\n")):
            with open(f"{folder}/{name}", "w") as out:
                out.write(content)
        os.remove(f"{folder}/client.jwk")
        # It works as it is, by tokens that the key is good for, though keys themselves aren't taken here.
        self.assertEqual(self.node.send("GET", "/v1/feed?after=0", None, given["token"], None, 30).status, 401)
        edge = self.start(folder, "old-2")
        edge.terminate()
        edge.wait(timeout=60)
        done = self.rotate(folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("client_file", done.stderr)
        with open(f"{folder}/edge.yaml", "w") as out:
            out.write(old.replace("token_file: token", "client_file: client.jwk"))
        self.node.cli("key", "revoke", str(given["key"]))
        self.start(folder, "old-2")
        self.hears_again(folder, "old-2")


class AFolderOfAnOlderVersion(unittest.TestCase):
    def test_gets_a_key_that_signs_the_feed_when_it_is_opened_and_keeps_it(self):
        node = Node(persons=0, demo=False)
        try:
            path = os.path.join(node.data, "keys", "feed.pem")
            os.remove(path)
            node.start()
            node.stop()
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with open(os.path.join(node.folder, "log")) as log:
                self.assertEqual(log.read().count("node.feed_key"), 1)
            made = read(node.data, "keys/feed.pem")
            node.start()
            node.stop()
            self.assertEqual(read(node.data, "keys/feed.pem"), made)
            with open(os.path.join(node.folder, "log")) as log:
                self.assertEqual(log.read().count("node.feed_key"), 1)
        finally:
            node.remove()


class AnotherFeedKey(unittest.TestCase):
    def test_is_announced_by_the_one_before_it_and_a_running_edge_takes_it_over(self):
        node = Node(persons=3000)
        folder = os.path.join(node.folder, "edge")
        node.cli("edge", "enrol", "--operator", "azercell", "--name", "baku-1", "--out", folder, "--port", str(free_port()),
                 "--centre", f"http://127.0.0.1:{node.port}")
        first, keys = read(folder, "centre.pub"), os.path.join(node.data, "keys")
        node.start()
        edge = subprocess.Popen([program("dayaq-edge"), "--config", f"{folder}/edge.yaml"], stdout=subprocess.DEVNULL,
                                stderr=open(f"{folder}/log", "wb"))

        def until(condition):
            deadline = time.monotonic() + 60
            while not condition():
                self.assertLess(time.monotonic(), deadline, read(folder, "log")[-2000:])
                self.assertIsNone(edge.poll(), read(folder, "log")[-2000:])
                time.sleep(0.05)

        def settled():
            kept = os.path.exists(f"{folder}/data/centre.keys") and read(folder, "data/centre.keys")
            return kept and (kept.count(first), kept.count(second)) == (1, 2)  # the first is what the file said

        try:
            until(lambda: not {one["name"]: one for one in
                               node.get("/v1/edges", key=node.key("admin")).json["edges"]}["baku-1"]["silent"])
            node.stop()
            # It was interrupted when the next key was made: the same call finishes that one.
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{keys}/feed-next.pem"], check=True)
            second = node.cli("feed", "rotate-key").stdout.strip()
            der = subprocess.run(["openssl", "pkey", "-in", f"{keys}/feed.pem", "-pubout", "-outform", "DER"],
                                 capture_output=True, check=True).stdout
            self.assertEqual(der[-32:].hex(), second)
            self.assertFalse(os.path.exists(f"{keys}/feed-next.pem"))
            # It was interrupted before it took the next key's file away: nothing but that is left to do.
            shutil.copy(f"{keys}/feed.pem", f"{keys}/feed-next.pem")
            self.assertEqual(node.cli("feed", "rotate-key").stdout.strip(), second)
            self.assertFalse(os.path.exists(f"{keys}/feed-next.pem"))
            self.assertEqual(read(keys, "feed.successors").count("\n"), 0)  # one line
            said = read(keys, "feed.successors").split(" ")
            self.assertEqual(said[2:4], [first, second])
            with open(f"{keys}/signature", "wb") as out:  # by openssl's lights, too
                out.write(" ".join(said[:5]).encode() + bytes.fromhex(said[5]))
            self.assertTrue(verified(bytes.fromhex(first), open(f"{keys}/signature", "rb").read()))
            node.start()
            token = token_of(node, folder)
            self.assertIn(second, node.get("/v1/feed/keys", key=token).text)
            say_something(node)  # signed by the new key
            until(settled)
            self.assertIn("follower.key_changed", read(folder, "log"))
        finally:
            edge.terminate()
            edge.wait(timeout=20)
            node.remove()


if __name__ == "__main__":
    harness.main()
