"""The tests of identity cards: curl and a real browser show certificates over mutual TLS. Run by identity_pages_test.py."""
import base64, csv, hashlib, html, http.client, io, json, os, re, ssl, subprocess, time, unittest
from urllib.parse import parse_qs, quote, urlencode

from card_office import CardOffice, Responder
from harness import Answer, Node, ROOT, free_port
from identity_phone import Phone


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

    # -- more cards, on the page of authenticators

    def own_cards(self, browser):
        """The page, and the ids of the cards on it."""
        page = browser.ask(self.origin + "/my/authenticators")[2]
        cards = [part for part in page.split("<li class=\"card\">") if "Identity card</p>" in part]
        return page, [re.search(r'name="id" value="(\d+)"', part).group(1) for part in cards]

    def add_card(self, browser, fields=None):
        fields = fields or self.form(browser, "/my/authenticators", "/my/authenticators/card")
        return browser.ask(self.door + "/my/authenticators/card", fields)[:2]

    def test_a_card_is_added_to_a_digital_id_and_removed(self):
        office, person, list_page = self.office, self.people[5], self.origin + "/my/authenticators"
        browser = self.enrol(person, "old-card")
        self.assertEqual(len(self.own_cards(browser)[1]), 1)
        self.assertEqual(self.add_card(browser), (303, list_page))
        self.assertEqual(len(self.own_cards(browser)[1]), 1, "the card that is there is not added twice")
        fields = self.form(browser, "/my/authenticators", "/my/authenticators/card")
        browser.card = office.card("new-card", person)
        self.assertEqual(self.add_card(browser), (303, list_page))
        page, cards = self.own_cards(browser)
        self.assertEqual(len(cards), 2)
        self.assertEqual(self.sign_in(Curl(office, browser.card))[1], self.origin + "/my", "it signs in")

        # Whose card it isn't, and whose form.
        browser.card = office.card("of-another", self.people[6])
        self.assertEqual(self.add_card(browser), (303, f"{list_page}?card=another"))
        self.assertIn("another person", browser.ask(f"{list_page}?card=another")[2])
        browser.card = office.card("paper-too", person, extensions="documents")
        self.assertEqual(self.add_card(browser), (303, f"{list_page}?card=purpose"))
        browser.card = None
        self.assertEqual(self.add_card(browser), (303, f"{list_page}?card=none"))
        stranger = self.enrol(self.people[7], "strange")
        self.assertEqual(self.add_card(stranger, fields), (303, f"{list_page}?card=again"), "a form of another session")
        nobody = Curl(office, office.at("strange"))
        self.assertEqual(self.add_card(nobody, fields)[0], 303)
        self.assertTrue(self.add_card(nobody, fields)[1].startswith(self.origin + "/sign-in?"))
        browser.card = office.at("new-card")
        self.assertEqual(browser.ask(self.door + "/my/authenticators/card", fields, headers=["Sec-Fetch-Site: cross-site"])[0], 403)

        # The old card goes; what it signs in to is gone with it.
        form = re.search(r'name="form" value="([^"]+)"', page).group(1)
        old = min(cards, key=lambda one: page.index(f'value="{one}"'))
        to = browser.ask(self.origin + "/my/authenticators/remove", {"form": form, "id": old})[:2]
        self.assertEqual(to, (303, "/my/authenticators"))
        self.assertEqual(len(self.own_cards(browser)[1]), 1)
        answers = {name: self.sign_in(Curl(office, office.at(name)))[1] for name in ("old-card", "new-card")}
        self.assertEqual(sorted(to == self.origin + "/my" for to in answers.values()), [False, True], answers)

    # -- the phone's program, added by somebody whom a card signed in

    def post_json(self, path, body):
        answer = self.node.request("POST", path, json.dumps(body), headers={"Content-Type": "application/json"})
        return answer.status, json.loads(answer.body)

    def add_phone(self, browser, **options):
        status, _, page = browser.ask(self.origin + "/my/authenticators/phone")
        self.assertEqual(status, 200)
        self.assertIn('<svg xmlns="http://www.w3.org/2000/svg" class="qr"', page)
        uri = html.unescape(re.search(r"dayaq-phone:[^<]+", page).group(0))
        phone = Phone(self.post_json, **options)
        status, answer = phone.scan(uri)
        self.assertEqual((status, answer.get("assurance")), (201, "substantial"), answer)
        self.assertEqual(Phone(self.post_json).scan(uri)[1]["code"], "phone.code", "a code works once")
        return phone

    @staticmethod
    def fields_of(body, action):
        found = re.search(rf'action="{action}"[^>]*>(.*?)</form>', body, re.S).group(1)
        return {name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found)}

    def start_browser(self, person, path="/sign-in"):
        """A browser that asks to be signed in by the phone: itself, what its next form carries, and its number."""
        browser = Curl(self.office)
        status, to, body = browser.ask(self.origin + path)
        if status == 303:
            body = browser.ask(to if to.startswith("http") else self.origin + to)[2]
        fields = self.fields_of(body, "/sign-in/identify")
        body = browser.ask(self.origin + "/sign-in/identify", {**fields, "national_id": person})[2]
        if 'action="/sign-in/poll"' not in body:
            fields = {**self.fields_of(body, "/sign-in/choose"), "kind": "mobile"}
            body = browser.ask(self.origin + "/sign-in/choose", fields)[2]
        return browser, self.fields_of(body, "/sign-in/poll"), re.search(r'class="number"[^>]*>(\d\d)<', body).group(1)

    def test_a_phone_signs_a_browser_in_to_a_service(self):
        phone = self.add_phone(self.enrol(self.people[8], "phone"))
        client = self.client("phone-shop", ["authorization_code"], redirect_uris=["https://shop.example/cb"])
        verifier = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode({"client_id": "phone-shop", "response_type": "code", "redirect_uri": "https://shop.example/cb",
                           "scope": "openid profile", "state": "s1", "nonce": "n1", "code_challenge_method": "S256",
                           "code_challenge": challenge, "acr_values": "http://eidas.europa.eu/LoA/substantial"})
        self.assertEqual(phone.waiting(), [])
        browser, form, number = self.start_browser(self.people[8], f"/oauth/authorize?{query}")
        one, = phone.waiting()
        self.assertEqual((one["kind"], one["network"], one["client"]), ("sign_in", "127.0.0.1", "phone-shop"))
        # The number that the browser shows is one of three on the phone.
        self.assertIn(number, one["numbers"])
        self.assertEqual(len(set(one["numbers"])), 3)

        # Not by another phone, nor in another browser, nor before the phone has said yes.
        stranger = Phone(self.post_json)
        stranger.ids, stranger.issuer = phone.ids, phone.issuer
        self.assertEqual(stranger.decide(one, True, number)[1]["code"], "confirmation.device")
        self.assertEqual(browser.ask(self.origin + "/sign-in/poll", form)[0], 200, "not yet")
        self.assertEqual(phone.decide(one, True, number), (200, {"state": "confirmed"}))
        self.assertEqual(phone.decide(one, True, number)[1]["code"], "confirmation.unknown", "once")
        self.assertNotEqual(Curl(self.office).ask(self.origin + "/sign-in/poll", form)[0], 303, "another browser's form")

        status, to, body = browser.ask(self.origin + "/sign-in/poll", form)
        self.assertEqual(status, 303, body[:500])
        status, to, body = browser.ask(self.origin + to)
        if status == 200:  # the consent page
            status, to, body = browser.ask(self.origin + "/oauth/consent", {**self.fields_of(body, "/oauth/consent"), "answer": "yes"})
        self.assertEqual(status, 303, body[:500])
        given = {name: value[0] for name, value in parse_qs(to.partition("?")[2]).items()}
        self.assertTrue(to.startswith("https://shop.example/cb?"), to)
        self.assertEqual((given["state"], given["iss"]), ("s1", self.origin))
        tokens = self.oauth(client, "/oauth/token", grant_type="authorization_code", code=given["code"],
                            redirect_uri="https://shop.example/cb", code_verifier=verifier)
        claims = json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[1] + "=="))
        self.assertEqual((claims["nonce"], claims["acr"], claims["amr"]), ("n1", "http://eidas.europa.eu/LoA/substantial", ["pop"]))

    def test_a_phone_that_says_no_or_another_number_signs_nobody_in(self):
        phone = self.add_phone(self.enrol(self.people[9], "wary"), ed=True)
        browser, form, number = self.start_browser(self.people[9])
        one, = phone.waiting()
        wrong = next(other for other in one["numbers"] if other != number)
        self.assertEqual(phone.decide(one, True, wrong), (200, {"state": "denied"}), "by habit")
        self.assertEqual(phone.decide(one, True, number)[1]["code"], "confirmation.unknown", "for good")
        self.assertNotEqual(browser.ask(self.origin + "/sign-in/poll", form)[0], 303)
        browser, form, number = self.start_browser(self.people[9])
        one, = phone.waiting()
        self.assertEqual(phone.decide(one, False), (200, {"state": "denied"}))
        self.assertNotEqual(browser.ask(self.origin + "/sign-in/poll", form)[0], 303)
        # What was signed for one thing, or long ago, is good for nothing else.
        browser, form, number = self.start_browser(self.people[9])
        one, = phone.waiting()
        other = {**one, "kind": "request"}
        self.assertNotEqual(phone.decide(other, True)[0], 200)
        long_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 300))
        self.assertNotEqual(phone.list_at(long_ago)[0], 200)
        self.assertEqual(phone.decide(one, True, number), (200, {"state": "confirmed"}))
        # Taken off the list, the phone is asked nothing more.
        owner = Curl(self.office, self.office.at("wary"))
        self.sign_in(owner)
        page = owner.ask(self.origin + "/my/authenticators")[2]
        part, = [part for part in page.split("<li class=\"card\">") if f'value="{phone.ids["device"]}"' in part]
        self.assertIn("phone", part)
        form = {"form": re.search(r'name="form" value="([^"]+)"', part).group(1), "id": phone.ids["device"]}
        self.assertEqual(owner.ask(self.origin + "/my/authenticators/remove", form)[0], 303)
        self.assertNotEqual(phone.list_at(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))[0], 200)

    def client(self, name, grants, **more):
        made = self.node.request("POST", "/v1/clients", json.dumps({
            "client_id": name, "organisation": "digital-agency", "client_name": "Call centre", "purpose": "To help",
            "legal_ground": "contract", "grant_types": grants, "scope": "openid profile",
            "token_endpoint_auth_method": "client_secret_post", **more}),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.node.key()}"})
        self.assertEqual(made.status, 201, made.text)
        return {"client_id": name, "client_secret": made.json["client_secret"]}

    def oauth(self, client, path, **fields):
        body = urlencode({**client, **fields})
        return self.node.request("POST", path, body, headers={"Content-Type": "application/x-www-form-urlencoded"}).json

    def test_a_phone_answers_a_client_that_asks(self):
        phone = self.add_phone(self.enrol(self.people[10], "caller"), ed=True)
        client = self.client("call-centre", ["urn:openid:params:grant-type:ciba"])
        for agreed in (True, False):
            begun = self.oauth(client, "/oauth/bc-authorize", scope="openid profile", login_hint=self.people[10], binding_message="W4SCT")
            one, = phone.waiting()
            self.assertEqual((one["kind"], one["client"], one["binding_message"]), ("request", "call-centre", "W4SCT"))
            self.assertEqual(phone.decide(one, agreed)[1], {"state": "confirmed" if agreed else "denied"})
            tokens = self.oauth(client, "/oauth/token", grant_type="urn:openid:params:grant-type:ciba", auth_req_id=begun["auth_req_id"])
            if agreed:
                claims = json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[1] + "=="))
                self.assertEqual((claims["acr"], claims["amr"]), ("http://eidas.europa.eu/LoA/substantial", ["pop"]))
            else:
                self.assertEqual(tokens["error"], "access_denied")

    def test_a_browser_shows_its_card(self):
        cards = [self.office.card(name, self.people[4]) for name in ("browser", "renewed")]
        given = json.dumps({"origin": self.origin, "door": self.door, "cards": cards})
        done = subprocess.run(["node", f"{ROOT}/tests/pages/cards.mjs", given], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
