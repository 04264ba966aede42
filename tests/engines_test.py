#!/usr/bin/env python3
"""SQLite and PostgreSQL answer alike: the same history on both, and every export, grant and preview is the same."""
import json, random, re, unittest

import harness
from harness import Node, Postgres
from kill_test import PLACE, national_id

STEPS = 400


class EnginesAnswerAlike(unittest.TestCase):
    def history(self, node, seed):
        """A random history by its seed alone, and what the API answered to each step."""
        chance, answers = random.Random(seed), []
        hospital, operator, admin = node.key("hospital"), node.key("azercell"), node.key()
        given = []
        for _ in range(STEPS):
            number = chance.randrange(60)
            person = national_id(number)
            step = chance.choice(["person", "attest", "attest", "revoke", "line", "end"])
            if step == "person":
                answer = node.request("PUT", f"/v1/persons/{person}", {
                    "family_name": "Sınaq", "given_name": "Ad", "sex": chance.choice(["female", "male"]),
                    "birth_date": f"{chance.randrange(1930, 2020)}-05-01", "place": PLACE}, key=admin)
            elif step == "attest":
                answer = node.post("/v1/attestations", {
                    "person": person, "status": chance.choice(["health_worker", "quarantined", "pensioner"]),
                    "from": "2026-01-01", "until": f"2028-0{chance.randrange(1, 10)}-01"}, key=hospital)
                if answer.status == 201:
                    given.append(answer.json["id"])
            elif step == "revoke":
                which = chance.randrange(max(1, len(given)))
                answer = node.post(f"/v1/attestations/{given[which] if given else '0' * 16 + '-' + '0' * 15 + '1'}/revoke", "",
                                   key=hospital)
            elif step == "line":
                answer = node.post("/v1/subscriptions", {"person": person, "kind": "mobile", "from": "2026-02-01",
                                                         "number": f"99450{chance.randrange(90):07d}"}, key=operator)
            else:
                answer = node.post("/v1/subscriptions/end", {"kind": "mobile", "number": f"99450{chance.randrange(90):07d}"},
                                   key=operator)
            answers.append((step, answer.status, answer.json.get("code") or answer.json.get("recorded")))
        return answers

    def everything(self, node):
        out = {}
        for kind in ("persons", "attestations", "subscriptions"):
            # The test's own: the synthetic population's numbers go by the node's secret.
            out[kind] = sorted(row for row in node.cli("export", kind).stdout.splitlines() if row.startswith("1"))
        moments = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
        for number in range(60):
            answer = node.get(f"/v1/persons/{national_id(number)}/grants?reason=test&lang=en", key=node.key())
            grants = answer.json.get("measures", answer.json.get("code"))
            out[f"grants {number}"] = json.loads(re.sub(moments, "T", json.dumps(
                [(m["measure"], m["granted"], m["explanation"]) for m in grants] if isinstance(grants, list) else grants)))
        preview = node.get("/v1/regimes/special-quarantine/preview", key=node.key()).json
        out["preview"] = [(m["code"], m["total"]) for m in preview["measures"]]
        return out

    def test_the_same_history_gives_the_same_answers(self):
        postgres = Postgres()
        nodes = [Node(persons=3000), Node(persons=3000, database=postgres.fresh_database())]
        try:
            answers, results = [], []
            for node in nodes:
                node.start()
                answers.append(self.history(node, 11))
                results.append(self.everything(node))
            self.assertEqual(answers[0], answers[1])
            self.assertGreater(sum(1 for step in answers[0] if step[1] in (200, 201)), STEPS // 3)
            for name in results[0]:
                if name in ("persons", "attestations", "subscriptions"):
                    # A moment of recording is the node's own; the rest of each row is the same.
                    strip = lambda rows: [re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "T", row) for row in rows]
                    self.assertEqual(strip(results[0][name]), strip(results[1][name]), name)
                else:
                    self.assertEqual(results[0][name], results[1][name], name)
        finally:
            for node in nodes:
                node.remove()
            postgres.stop()


if __name__ == "__main__":
    harness.main()
