"""The tests of identity cards: curl and a real browser show certificates over mutual TLS. Run by identity_pages_test.py."""
import base64, csv, http.client, io, json, os, re, ssl, subprocess, time, unittest
from urllib.parse import quote

from card_office import CardOffice, Responder
from harness import Answer, Node, ROOT, free_port


class TlsNode(Node):
    def send(self, method, path, body, token, headers, timeout):
        trust = ssl.create_default_context(cafile=self.authority)
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=timeout, context=trust)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


class Curl:
    """A browser as far as cookies, forms and certificates go."""

    def __init__(self, office, card=None, language="en"):
        self.office, self.card = office, card
        self.jar = office.at(f"jar-{os.urandom(6).hex()}")
        self.language = language

    def ask(self, url, fields=None, headers=(), source=None):
        command = ["curl", "-sS", "-i", "--cacert", self.office.at("server.pem"), "-b", self.jar, "-c", self.jar,
                   "-H", f"Accept-Language: {self.language}"]
        for header in headers:
            command += ["-H", header]
        if self.card:
            command += ["--cert", self.card + ".pem", "--key", self.card + ".key"]
        if source:
            command += ["--interface", source]
        for name, value in (fields or {}).items():
            command += ["--data-urlencode", f"{name}={value}"]
        done = subprocess.run(command + [url], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"curl {url}: {done.stderr}")
        head, _, body = done.stdout.partition("\n\n")  # text: line ends are made one
        location = re.search(r"^location: (.*)$", head, re.M | re.I)
        return int(head.split()[1]), location.group(1) if location else "", body


class IdentityCards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = TlsNode(persons=200)
        cls.office = CardOffice(os.path.join(cls.node.folder, "office"))
        cls.node.authority = cls.office.at("server.pem")
        cls.responder = Responder(cls.office)
        cls.card_port = free_port()
        cls.origin, cls.door = f"https://localhost:{cls.node.port}", f"https://localhost:{cls.card_port}"
        with open(os.path.join(cls.node.data, "dayaq.yaml"), "a") as out:
            out.write(f"cards:\n  url: {cls.door}\n  authorities: {cls.office.at('root.pem')}\n"
                      f"  intermediates: {cls.office.at('issuer.pem')}\n  revocation_lists: {cls.office.at('lists')}\n"
                      f"  ocsp: {cls.responder.url}\n  proxies: [127.0.0.9]\n")
        cls.node.start("--url", cls.origin, "--card-port", str(cls.card_port), "--tls-certificate",
                       cls.office.at("server.pem"), "--tls-key", cls.office.at("server.key"))
        rows = csv.DictReader(io.StringIO(cls.node.cli("export", "subscriptions").stdout))
        cls.people = sorted({row["national_id"] for row in rows})

    @classmethod
    def tearDownClass(cls):
        cls.responder.stop()
        cls.node.remove()

    def form(self, browser, page, action):
        """What the page's card form carries."""
        status, _, body = browser.ask(self.origin + page)
        self.assertEqual(status, 200)
        found = re.search(rf'<form method="post" action="{re.escape(self.door + action)}">(.*?)</form>', body, re.S)
        self.assertTrue(found, f"no form for cards on {page}")
        return dict(re.findall(r'name="(\w+)" value="([^"]*)"', found.group(1)))

    def enrol(self, person, name):
        browser = Curl(self.office, self.office.card(name, person))
        status, to, _ = browser.ask(self.door + "/enrol/card", self.form(browser, "/enrol", "/enrol/card"))
        self.assertEqual((status, to), (303, self.origin + "/my/authenticators"))
        return browser

    def sign_in(self, browser, **options):
        fields = {**self.form(browser, "/sign-in?then=/my", "/sign-in/card"), "then": "/my"}
        return browser.ask(self.door + "/sign-in/card", fields, **options)

    def refused(self, browser, why, words):
        status, to, _ = self.sign_in(browser)
        self.assertEqual((status, to), (303, f"{self.origin}/sign-in?card={why}&then=%2Fmy"))
        self.assertIn(words, browser.ask(to)[2])

    def test_a_person_enrols_and_signs_in_at_level_high(self):
        browser = self.enrol(self.people[0], "first")
        page = browser.ask(self.origin + "/my/authenticators")[2]
        self.assertIn("Identity card", page)
        again = Curl(self.office, browser.card)
        self.assertEqual(self.sign_in(again)[:2], (303, self.origin + "/my"))
        # As sure as it gets: nobody is asked for more.
        self.assertEqual(again.ask(self.origin + "/sign-in?level=high&then=/my/data")[:2], (303, "/my/data"))
        self.assertEqual(again.ask(self.origin + "/my")[0], 200)
        # The door serves nothing else.
        self.assertEqual(again.ask(self.door + "/my")[0], 404)

    def test_each_refusal_says_what_is_wrong(self):
        office, person = self.office, self.people[1]
        self.refused(Curl(office), "none", "showed no identity card")
        self.refused(Curl(office, office.card("own", person, issuer=None)), "untrusted", "accepted here")
        self.refused(Curl(office, office.card("paper", person, extensions="documents")), "purpose", "signing documents")
        late = office.late("late", f"/CN=T/serialNumber=PNOAZ-{person}")
        self.refused(Curl(office, late), "expired", "valid any more")
        self.refused(Curl(office, office.issue("nameless", "/CN=T", "card", "issuer")), "serial", "whose it is")
        self.refused(Curl(office, office.card("unknown", person)), "unknown", "no digital ID")
        # One state, one browser: another's form does nothing.
        mine, other = Curl(office, office.card("mine", person)), Curl(office, office.at("mine"))
        fields = self.form(mine, "/sign-in", "/sign-in/card")
        self.form(other, "/sign-in", "/sign-in/card")
        self.assertIn("card=again", other.ask(self.door + "/sign-in/card", fields)[1])
        answer = mine.ask(self.door + "/sign-in/card", fields, headers=["Sec-Fetch-Site: cross-site"])
        self.assertEqual(answer[0], 403)

    def test_a_revoked_card_is_refused_by_the_responder_and_by_the_list(self):
        person = self.people[2]
        browser = self.enrol(person, "stolen")
        asked = self.responder.asked
        self.assertEqual(self.sign_in(Curl(self.office, browser.card))[1], self.origin + "/my")
        self.assertGreater(self.responder.asked, asked)
        self.office.revoke("stolen")  # known to the responder alone, at first
        self.refused(Curl(self.office, browser.card), "revoked", "was revoked")
        self.responder.up = False
        try:
            # The list of before doesn't have it, and is all there is; then the new one has.
            self.office.list("issuer", "issuer")
            with self.subTest("once the new list is read"):
                for _ in range(60):
                    to = self.sign_in(Curl(self.office, browser.card))[1]
                    if "card=revoked" in to:
                        break
                    time.sleep(0.5)
                self.assertIn("card=revoked", to)
        finally:
            self.responder.up = True

    def test_a_terminator_that_is_known_says_what_it_was_shown(self):
        person = self.people[3]
        enrolled = self.enrol(person, "behind")
        der = self.office.openssl("x509", "-in", "behind.pem", "-outform", "DER")
        with open(enrolled.card + ".pem") as file:
            escaped = quote(file.read(), safe="")
        for value in (f":{base64.b64encode(der).decode()}:", escaped):
            browser = Curl(self.office)
            fields = {**self.form(browser, "/sign-in", "/sign-in/card"), "then": "/my"}
            url = f"https://localhost:{self.node.port}/sign-in/card"
            self.assertIn("card=none", browser.ask(url, fields, headers=[f"Client-Cert: {value}"])[1], "anybody's header")
            trusted = browser.ask(url, fields, headers=[f"Client-Cert: {value}"], source="127.0.0.9")
            self.assertEqual(trusted[:2], (303, self.origin + "/my"))

    def test_a_browser_shows_its_card(self):
        card = self.office.card("browser", self.people[4])
        given = json.dumps({"origin": self.origin, "door": self.door, "cert": card + ".pem", "key": card + ".key"})
        done = subprocess.run(["node", f"{ROOT}/tests/pages/cards.mjs", given], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
