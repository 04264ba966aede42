#!/usr/bin/env python3
"""The command line as people use it: a node from nothing, bad files refused with reasons, a regime through two officials,
imports that resume, both with and without a running dayaqd."""
import base64, csv, json, os, signal, subprocess, time, unittest

import harness
from harness import Node, ROOT, program

REGIME = f"{ROOT}/country/az/regimes/special-quarantine.yaml"
SERVICE = f"{ROOT}/country/az/services/leaving-home.yaml"

BAD_PERSONS = """national_id,family_name,given_name,sex,birth_date,death_date,place
5ABC123,Əliyeva,Aygün,female,1980-05-01,,AZ-BA-587084
5ABC124,Future,Born,male,2999-01-01,,AZ-BA-587084
5ABC1,Too,Short,male,1980-01-01,,AZ-BA-587084
5ABC123,Twice,There,female,1980-05-01,,AZ-BA-587084
5ABC125,"Broken,Quote,male,1980-01-01,,AZ-BA-587084
5ABC126,Nowhere,Lives,male,1980-01-01,,AZ-XX-1
5ABC127,Məmmədov,Elçin,male,1990-12-31,,AZ-BA-587084
"""


class WithoutADaemon(unittest.TestCase):
    def setUp(self):
        self.node = Node(persons=0, demo=False)

    def tearDown(self):
        self.node.remove()

    def file(self, name, content):
        path = os.path.join(self.node.folder, name)
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        return path

    def test_good_rows_go_in_and_bad_rows_into_the_rejects_file_with_line_field_and_reason(self):
        path = self.file("persons.csv", BAD_PERSONS)
        done = self.node.cli("import", "persons", path, check=False)
        self.assertEqual(done.returncode, 1)  # something was rejected
        self.assertIn("2 recorded", done.stdout)
        with open(path + ".rejects.csv") as file:
            rejects = {int(row["line"]): row for row in csv.DictReader(file)}
        self.assertEqual(sorted(rejects), [3, 4, 5, 6, 7])
        self.assertEqual(rejects[3]["field"], "birth_date")
        self.assertEqual(rejects[4]["field"], "national_id")
        self.assertEqual(rejects[7]["field"], "place")
        self.assertTrue(all(row["reason"].endswith(".") for row in rejects.values()))
        exported = self.node.cli("export", "persons").stdout
        self.assertIn("5ABC127", exported)
        self.assertNotIn("5ABC124", exported)

    def test_a_wrong_encoding_is_found_and_named(self):
        path = self.file("latin.csv", BAD_PERSONS.split("\n")[0].encode() + b"\n5ABC130,\xc9liyeva,A,female,1980-01-01,,AZ-BA-587084\n")
        done = self.node.cli("import", "persons", path, check=False)
        self.assertIn("1 rejected", done.stdout)
        with open(path + ".rejects.csv", errors="replace") as file:
            self.assertIn("UTF-8", file.read())

    def test_an_import_repeated_changes_nothing(self):
        path = self.file("persons.csv", "\n".join(BAD_PERSONS.split("\n")[:2]) + "\n")
        self.assertIn("1 recorded", self.node.cli("import", "persons", path).stdout)
        self.assertIn("0 recorded, 0 changed, 1 as before", self.node.cli("import", "persons", path).stdout)

    def test_an_import_killed_in_the_middle_goes_on_where_it_was(self):
        other = Node(persons=60_000, demo=False)
        try:
            path = self.file("many.csv", other.cli("export", "persons").stdout)
        finally:
            other.remove()
        command = [program("dayaq"), "import", "persons", "-", "--data", self.node.data, "--country", f"{ROOT}/country/az"]
        feeder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(path, "rb") as file:
            content = file.read()
        try:
            feeder.stdin.write(content[:len(content) // 2])
            feeder.stdin.flush()
            time.sleep(0.3)
        finally:
            feeder.send_signal(signal.SIGKILL)
            feeder.wait()
        self.assertIn("rejected", self.node.cli("import", "persons", path).stdout)
        self.assertEqual(self.node.cli("export", "persons").stdout.count("\n"), 60_001)
        self.assertEqual(self.node.cli("audit", "verify").returncode, 0)

    def test_a_bad_regime_file_is_refused_whole_with_line_column_and_caret(self):
        with open(REGIME) as file:
            text = file.read()
        broken = text.replace("status: pensioner", "status: pensionner", 1)
        self.assertNotEqual(text, broken)
        path = self.file("broken.yaml", broken)
        done = self.node.cli("regime", "check", path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"broken\.yaml:\d+:\d+: .*pensioner")
        self.assertIn("^", done.stderr)

    def test_a_regime_takes_two_officials(self):
        self.assertIn("submitted", self.node.cli("regime", "submit", REGIME).stdout)
        same = self.node.cli("regime", "approve", "special-quarantine", "--key", "@official-1", check=False)
        self.assertEqual(same.returncode, 1)
        self.assertIn("regime.same_official", same.stderr)
        self.assertIn("in_force", self.node.cli("regime", "approve", "special-quarantine").stdout)
        self.assertIn("special-quarantine version 1: in_force", self.node.cli("regime", "list").stdout)

    def test_a_bad_service_file_is_refused_whole_and_a_wordy_one_is_pointed_at(self):
        with open(SERVICE) as file:
            text = file.read()
        path = self.file("broken.yaml", text.replace("place_kind: village", "place_kind: vilage", 1))
        done = self.node.cli("service", "check", path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"broken\.yaml:\d+:\d+: .*Did you mean `village`")
        self.assertIn("^", done.stderr)
        self.node.cli("regime", "submit", REGIME)  # the service names it
        path = self.file("wordy.yaml", text.replace("You may leave home.", "You may go as the NGO says.", 1))
        done = self.node.cli("service", "check", path)
        self.assertRegex(done.stdout, r"wordy\.yaml:\d+:\d+: steps\[0\]\S+\.en: Nobody says what NGO is")
        self.assertIn("leaving-home version 1: draft", done.stdout)
        self.assertNotIn("look at", self.node.cli("service", "check", SERVICE).stdout)

    def test_a_service_takes_two_officials_and_is_suspended_with_a_reason(self):
        early = self.node.cli("service", "submit", SERVICE, check=False)
        self.assertRegex(early.stderr, r"leaving-home\.yaml:\d+:\d+: ends_with: There is no regime")
        self.node.cli("regime", "submit", REGIME)
        self.assertIn("submitted", self.node.cli("service", "submit", SERVICE).stdout)
        self.assertNotIn("leaving-home", self.node.cli("service", "list").stdout)
        same = self.node.cli("service", "publish", "leaving-home", "--key", "@official-1", check=False)
        self.assertEqual(same.returncode, 1)
        self.assertIn("service.same_official", same.stderr)
        self.assertIn("published", self.node.cli("service", "publish", "leaving-home").stdout)
        self.assertIn("leaving-home version 1: published", self.node.cli("service", "list").stdout)
        again = self.node.cli("service", "publish", "leaving-home", check=False)
        self.assertIn("Nothing of leaving-home waits", again.stderr)
        self.node.cli("service", "suspend", "leaving-home", "--because-az", "Texniki işlər gedir.",
                      "--because-en", "Works are going on.")
        self.assertIn("suspended: Works are going on.", self.node.cli("service", "list").stdout)
        self.node.cli("service", "resume", "leaving-home")
        self.assertIn("leaving-home version 1: published", self.node.cli("service", "versions", "leaving-home").stdout)

    def test_help_completion_and_the_man_page_name_every_command(self):
        man = self.node.cli("man", folder=False).stdout
        completion = self.node.cli("completion", folder=False).stdout
        subprocess.run(["bash", "-n"], input=completion, text=True, check=True)
        for command in ("init", "import", "export", "regime", "service", "grants", "key", "client", "token", "audit",
                        "check"):
            self.assertIn(f"dayaq {command}", man)
            self.assertIn(command, completion)
            help_text = self.node.cli(command, "--help", folder=False).stdout
            self.assertIn("xample", help_text, command)

    def test_wrong_command_lines_end_with_2_and_no_node_with_a_hint(self):
        self.assertEqual(self.node.cli("imprt", check=False).returncode, 2)
        missing = subprocess.run([program("dayaq"), "check", "--data", "/nonexistent", "--country", f"{ROOT}/country/az"],
                                 capture_output=True, text=True)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("dayaq init", missing.stderr)

    def test_a_tampered_log_is_found_and_the_entry_named(self):
        import sqlite3
        db = sqlite3.connect(os.path.join(self.node.data, "dayaq.db"))
        db.execute("UPDATE audit_entry SET leaf = replace(leaf, 'system', 'sYstem') WHERE idx = 3")
        db.commit()
        db.close()
        done = self.node.cli("audit", "verify", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("entry 3", done.stdout)


class BesideADaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(persons=3000)
        cls.node.start()

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def test_the_same_commands_go_through_the_running_node(self):
        self.assertIn("special-quarantine", self.node.cli("regime", "list").stdout)
        preview = self.node.cli("regime", "preview", REGIME)
        self.assertIn("anything at all", preview.stdout)
        self.assertTrue(json.loads(self.node.cli("regime", "preview", REGIME, "--json").stdout)["measures"])

    def test_a_demonstration_has_its_services_and_a_preview_counts_who_may_apply(self):
        listed = self.node.cli("service", "list").stdout
        for code in ("leaving-home", "employee-permit", "service-centre-appointment", "small-business-support"):
            self.assertIn(f"{code} version 1: published", listed)
        counted = json.loads(self.node.cli("service", "preview", SERVICE, "--json").stdout)["may_apply"]
        self.assertEqual(counted["persons"], counted["living"], "everybody may leave home")
        self.assertEqual(sum(place["persons"] for place in counted["by_place"]), counted["persons"])
        support = self.node.cli("service", "preview", SERVICE.replace("leaving-home", "small-business-support"), "--json")
        some = json.loads(support.stdout)["may_apply"]
        self.assertTrue(0 < some["persons"] < some["living"] / 5, some["persons"])

    def test_an_import_into_a_running_node_reaches_its_grants(self):
        path = os.path.join(self.node.folder, "one.csv")
        with open(path, "w") as out:
            out.write("national_id,family_name,given_name,sex,birth_date,death_date,place\n"
                      "5XYZ123,Quliyeva,Nərmin,female,1950-01-01,,AZ-BA-587084\n")
        self.assertIn("1 recorded", self.node.cli("import", "persons", path).stdout)
        found = self.node.get("/v1/persons/5XYZ123?reason=test", key=self.node.key())
        self.assertEqual(found.json["family_name"], "Quliyeva")

    def test_grants_are_explained_and_the_reading_is_entered(self):
        person = self.node.cli("export", "persons").stdout.split("\n")[1].split(",")[0]
        said = self.node.cli("grants", person, "--reason", "asked at the counter").stdout
        self.assertRegex(said, r"(?m)^(yes|no ) \S+")
        entries = self.node.cli("audit", "export").stdout
        self.assertIn("asked at the counter", entries)

    def test_a_key_made_is_a_key_that_works_until_it_is_revoked(self):
        made = self.node.cli("key", "create", "azercell", "--name", "test", "--scope", "organisations:read").stdout.strip()
        self.assertEqual(self.node.get("/v1/organisations", key=made).status, 200)
        number = made.split("_")[1]
        self.node.cli("key", "revoke", number)
        self.assertEqual(self.node.get("/v1/organisations", key=made).status, 401)

    def test_a_client_is_added_fetches_a_token_gets_a_new_secret_and_ends(self):
        secret_file = os.path.join(self.node.folder, "lab.secret")

        def keep(secret):
            with open(secret_file, "w") as file:
                file.write(secret)

        def token(**options):
            return self.node.cli("token", "--client", "lab-sync", "--secret-file", secret_file, **options)

        keep(self.node.cli("client", "add", "lab-sync", "--organisation", "tabib", "--name", "Laboratory",
                           "--scope", "organisations:read", "--scope", "persons:read").stdout)
        self.assertIn("lab-sync", self.node.cli("client", "list").stdout)
        good = token().stdout.strip()
        self.assertEqual(self.node.get("/v1/organisations", key=good).status, 200)
        narrow = self.node.cli("token", "--client", "lab-sync", "--secret-file", secret_file, "--scope", "persons:read").stdout.strip()
        self.assertEqual(self.node.get("/v1/organisations", key=narrow).status, 403)
        new = self.node.cli("client", "rotate", "lab-sync").stdout
        self.assertEqual(token(check=False).returncode, 1, "the old secret")
        keep(new)
        self.assertEqual(token().returncode, 0)
        self.node.cli("client", "end", "lab-sync")
        self.assertEqual(token(check=False).returncode, 1)
        self.assertEqual(self.node.get("/v1/organisations", key=good).status, 401, "its tokens end with it")

    def test_without_a_client_a_token_is_the_api_keys(self):
        token = self.node.cli("token").stdout.strip()
        answer = self.node.get("/v1/keys", key=token)
        self.assertEqual(answer.status, 200)
        self.assertNotIn("Deprecation", answer.headers)

    def test_a_second_daemon_on_the_same_folder_is_refused(self):
        second = subprocess.run([program("dayaqd"), "--data", self.node.data, "--country", f"{ROOT}/country/az", "--web",
                                 f"{ROOT}/web", "--port", "0"], capture_output=True, text=True, timeout=30)
        self.assertEqual(second.returncode, 1)
        self.assertIn("file.locked", second.stderr)

    def test_it_stops_cleanly_on_sigterm_and_starts_again(self):
        node = Node(persons=500)
        try:
            node.start()
            self.assertEqual(node.stop(), 0)
            node.start()
            self.assertEqual(node.get("/health/ready").status, 200)
        finally:
            node.remove()


class SigningKeysInAToken(unittest.TestCase):
    """keys: {pkcs11: ...} in dayaq.yaml, with SoftHSM2 in a folder of its own."""

    def setUp(self):
        self.node = Node(persons=0, demo=False)
        self.tokens = os.path.join(self.node.folder, "tokens")
        os.mkdir(self.tokens)
        config = os.path.join(self.node.folder, "softhsm2.conf")
        with open(config, "w") as file:
            file.write(f"directories.tokendir = {self.tokens}\n")
        before = os.environ.get("SOFTHSM2_CONF")
        self.addCleanup(lambda: os.environ.pop("SOFTHSM2_CONF") if before is None else os.environ.update(SOFTHSM2_CONF=before))
        os.environ["SOFTHSM2_CONF"] = config
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "provider", "--pin", "1234", "--so-pin", "5678"],
                       check=True, capture_output=True)
        self.pin_file = os.path.join(self.node.data, "keys", "pin")
        self.pin("1234\n")
        with open(os.path.join(self.node.data, "dayaq.yaml")) as file:
            self.plain = file.read()

    def tearDown(self):
        self.node.remove()

    def pin(self, text, mode=0o600):
        with open(self.pin_file, "w") as file:
            file.write(text)
        os.chmod(self.pin_file, mode)

    def configure(self, token="provider", more=""):
        module = "/usr/lib/softhsm/libsofthsm2.so"
        with open(os.path.join(self.node.data, "dayaq.yaml"), "w") as file:
            file.write(f"{self.plain}keys: {{pkcs11: {{module: {module}, token: {token}, pin_file: keys/pin{more}}}}}\n")

    def kids(self, kind="EC"):
        return {key["kid"] for key in self.node.get("/oauth/jwks").json["keys"] if key["kty"] == kind}

    def held(self):
        """How many objects the token holds: SoftHSM2 keeps a file each."""
        files = [name for _, _, names in os.walk(self.tokens) for name in names]
        return sum(name.endswith(".object") and name != "token.object" for name in files)

    def refused(self):
        done = subprocess.run([program("dayaqd"), "--data", self.node.data, "--country", f"{ROOT}/country/az", "--web",
                               f"{ROOT}/web", "--port", "0"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_keys_are_made_in_the_token_found_again_and_refused_without_it(self):
        self.configure()
        self.node.start()
        made = self.kids()
        self.assertEqual(len(made), 1)
        self.assertEqual(self.held(), 2, "a private and a public key")
        self.assertEqual(self.node.stop(), 0)
        self.node.start()
        self.assertEqual(self.kids(), made)
        self.assertEqual(self.held(), 2)
        token = self.node.cli("token").stdout.strip()
        header = token.split(".")[0]
        self.assertEqual({json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]}, made)
        self.assertEqual(self.node.get("/v1/keys", key=token).status, 200, "what the token signed verifies")
        self.node.stop()
        with open(os.path.join(self.node.data, "dayaq.yaml"), "w") as file:
            file.write(self.plain)
        self.assertIn("keys.token", self.refused())  # its file says that the key is in a token

    def test_a_key_that_a_file_holds_signs_on_until_its_rotation(self):
        self.node.start()
        before = self.kids()
        self.node.stop()
        self.configure()
        self.node.start()
        self.assertEqual(self.kids(), before)
        self.assertEqual(self.held(), 0)

    def test_what_is_wrong_with_the_token_is_said_before_serving(self):
        self.configure()
        self.pin("9999\n")
        self.assertIn("keys.token", self.refused())
        self.pin("1234\n", 0o644)
        self.assertIn("node.pin", self.refused())
        self.pin("")
        self.assertIn("node.pin", self.refused())
        os.remove(self.pin_file)
        self.assertIn("node.pin", self.refused())
        self.pin("1234\n")
        self.configure(token="another")
        self.assertIn("keys.token", self.refused())
        self.configure(more=", slot: 1")
        self.assertIn("node.configuration", self.refused())
        self.assertEqual(self.held(), 0)


if __name__ == "__main__":
    harness.main()
