#!/usr/bin/env python3
"""Every route of the OpenAPI document refuses the wrong caller: no key, an unknown key, a key of another scope."""
import json, re, unittest

import harness
from harness import Node


class RoutesRefuseTheWrongCaller(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(persons=500)
        cls.node.start()
        cls.document = cls.node.get("/v1/openapi.json").json
        cls.scopes = sorted({scope for operation in cls.operations() for scope in operation["scopes"]})
        cls.keys = {}
        for scope in cls.scopes:  # one key for each scope, with nothing else
            made = cls.node.post("/v1/keys", {"organisation": "digital-agency", "name": f"test of {scope}", "scopes": [scope]}, key=cls.node.key())
            assert made.status == 201, made.text
            cls.keys[scope] = made.json["token"]

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    @classmethod
    def operations(cls):
        for path, methods in cls.document["paths"].items():
            for method, operation in methods.items():
                scopes = [s for entry in operation.get("security", []) for s in entry.get("bearer", [])]
                yield {"path": path, "target": re.sub(r"\{[^}]+\}", "1", path), "method": method.upper(),
                       "id": operation["operationId"], "scopes": scopes}

    def test_the_document_names_every_room(self):
        tags = {tag for methods in self.document["paths"].values() for operation in methods.values()
                for tag in operation["tags"]}
        for room in ("registry", "regime", "audit", "settlement"):
            self.assertIn(room, tags)

    def test_without_a_key_every_guarded_route_answers_401(self):
        for operation in self.operations():
            if operation["scopes"]:
                answer = self.node.request(operation["method"], operation["target"])
                self.assertEqual(answer.status, 401, operation["id"])
                self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
                self.assertEqual(answer.headers["Content-Type"].split(";")[0], "application/problem+json")

    def test_an_unknown_key_answers_401(self):
        for operation in self.operations():
            if operation["scopes"]:
                answer = self.node.request(operation["method"], operation["target"], key="dyq_1_" + "A" * 43)
                self.assertEqual(answer.status, 401, operation["id"])

    def test_a_key_with_every_other_scope_answers_403(self):
        for operation in self.operations():
            if not operation["scopes"]:
                continue
            for scope, key in self.keys.items():
                if scope not in operation["scopes"]:
                    answer = self.node.request(operation["method"], operation["target"], key=key)
                    self.assertEqual(answer.status, 403, f"{operation['id']} with {scope}")
                    self.assertIn(operation["scopes"][0], answer.headers["WWW-Authenticate"])

    def test_the_right_scope_passes_the_gate(self):
        for operation in self.operations():
            if operation["scopes"] and operation["method"] == "GET":
                answer = self.node.request("GET", operation["target"], key=self.keys[operation["scopes"][0]])
                self.assertNotIn(answer.status, (401, 500), f"{operation['id']}: {answer.text}")

    def test_public_routes_are_few_and_known(self):
        public = {operation["id"] for operation in self.operations() if not operation["scopes"]}
        for name in public:
            self.assertRegex(name, r"^get_(liveness|readiness|metrics|openapi\w*|audit_\w+|regime|regime_schema)$|^list_(regimes|statuses|places|traffic_classes)$",
                             f"{name} is open to everybody: is that meant?")


if __name__ == "__main__":
    harness.main()
