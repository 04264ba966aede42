#!/usr/bin/env python3
"""The office's, the ministry's and the employer's pages in headless Chromium (tests/office_pages/office.mjs): two officials
want the same application at once, decide several together, ask and are answered; a service file is refused with line and
column, submitted by one and published by another, suspended; an employer's list with every fault, sent, ended by a changed
regime, renewed with one button. Another organisation is refused on every route. Every page is judged."""
import json, os, re, sqlite3, subprocess, time, unittest

import harness
import services_stand
from harness import ROOT

EMPLOYER = "software-park"
AGENCY = "digital-agency"


def represent(node, fin, organisation, number):
    """An official's relation as the registry's officials record it: there is no page for that."""
    with sqlite3.connect(f"{node.data}/dayaq.db", timeout=20) as db:
        person = db.execute("SELECT person_id FROM person WHERE national_id = ?", (fin,)).fetchone()[0]
        now = int(time.time() * 1e6) - 60_000_000
        db.execute("INSERT INTO relation (bucket, person_id, relation_id, kind, principal, organisation, scope, valid_from, "
                   "recorded, recorded_by) VALUES (?, ?, ?, 2, 0, ?, 'all', ?, ?, 'system')",
                   (person % 256, person, number, organisation, now, now))
        db.execute("INSERT INTO relation_of_organisation (organisation, relation_id, holder) VALUES (?, ?, ?)",
                   (organisation, number, person))
    db.close()


def adults(node, count):
    db = sqlite3.connect(f"{node.data}/dayaq.db", timeout=20)
    rows = [r[0] for r in db.execute("SELECT national_id FROM person WHERE birth BETWEEN ? AND ? AND death IS NULL "
                                     "AND person_id NOT IN (SELECT person_id FROM attestation) "
                                     "ORDER BY national_id LIMIT ?", (365 * 5, 365 * 30, count))]
    db.close()
    return rows


class OfficePages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node, cls.persons = services_stand.start()
        services_stand.publish(cls.node, f"{ROOT}/tests/office_pages/looked-at.yaml")
        citizen = cls.persons[0]
        represent(cls.node, citizen["fin"], AGENCY, 901)
        represent(cls.node, citizen["fin"], EMPLOYER, 902)
        cls.colleague = adults(cls.node, 65)[64]
        represent(cls.node, cls.colleague, AGENCY, 903)

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def employees(self):
        """A list with every fault, and what each line is to be told."""
        fins = adults(self.node, 64)
        ill, good = fins[0], fins[1:61]
        hospital = self.node.key("hospital")
        answer = self.node.post("/v1/attestations", {"person": ill, "status": "quarantined",
                                                         "until": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 20 * 86400))}, key=hospital)
        self.assertIn(answer.status, (200, 201), answer.text)
        lines = ["national_id;position;workplace;shift"]
        lines += [f"{fin};satıcı;Sumqayıt;gündüz" for fin in good]
        lines += ["0000000;satıcı;Sumqayıt;day", "TOOLONG12;satıcı;Sumqayıt;day", f"{good[0]};satıcı;Sumqayıt;day",
                  f"{fins[61]};satıcı;Sumqayıt;sometimes", f"{ill};satıcı;Sumqayıt;night", f"{fins[62]};satıcı;\"Sum;day"]
        return "\n".join(lines) + "\n", len(good)

    def amend(self):
        """The same regime in another version: all permits of employees end."""
        with open(f"{ROOT}/country/az/regimes/special-quarantine.yaml", encoding="utf-8") as file:
            text = file.read()
        path = os.path.join(self.node.folder, "amended.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("summary:", "summary:", 1))
        url = f"http://127.0.0.1:{self.node.port}"
        self.node.cli("regime", "amend", "special-quarantine", path, "--server", url)
        self.node.cli("regime", "approve", "special-quarantine", "--server", url)

    def test_offices_ministry_and_employer(self):
        csv, good = self.employees()
        setup = {"persons": self.persons, "colleague": self.colleague, "csv": csv, "good": good, "employer": EMPLOYER, "agency": AGENCY,
                 "routes": [[r["method"], r["pattern"]] for r in self.node.get("/v1/routes", key=self.node.key()).json["routes"]
                            if re.match(r"/office/(cases|services|permits)", r["pattern"])],
                 "file": open(f"{ROOT}/tests/office_pages/looked-at.yaml", encoding="utf-8").read()}
        path = os.path.join(self.node.folder, "setup.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(setup, file)
        process = subprocess.Popen(["node", f"{ROOT}/tests/office_pages/office.mjs", f"http://localhost:{self.node.port}", path]
                                   + ([os.environ["SHOTS"]] if "SHOTS" in os.environ else []),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        seen = ""
        for line in process.stdout:  # the browser asks for what only officials of the regime do
            seen += line
            if line.strip() == "amend":
                try:
                    self.amend()
                    process.stdin.write("amended\n")
                except AssertionError as error:
                    print(error)
                    process.stdin.write("failed\n")
                process.stdin.flush()
        process.wait(timeout=60)
        print(seen[-9000:], process.stderr.read()[-3000:])
        self.assertEqual(process.returncode, 0)
        passed = re.search(r"^(\d+) passed, 0 failed", seen, re.M)
        self.assertTrue(passed and int(passed.group(1)) > 500, "too few checks ran")
        self.recorded(good)

    def recorded(self, good):
        db = sqlite3.connect(f"{self.node.data}/dayaq.db", timeout=20)
        bulk = db.execute("SELECT COUNT(*) FROM cases WHERE channel = 3 AND service = 'employee-permit'").fetchone()[0]
        self.assertEqual(bulk, 2 * good, "each employee has one case of each list")
        live = db.execute("SELECT COUNT(*) FROM permits WHERE service = 'employee-permit' AND revoked IS NULL").fetchone()[0]
        self.assertEqual(live, good - 1, "one has left")
        db.close()


if __name__ == "__main__":
    harness.main()
