"""The description of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from b2bua.admin.route import Route, find
from tests.admin.case import AdministrationCase, request


class DescriptionTests(AdministrationCase):
    """What C{/api/openapi.json} says."""

    def setUp(self) -> None:
        """Read it."""
        super().setUp()
        self.document: dict[str, Any] = self.send(request("GET", "/api/openapi.json")).value

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every operation with its path and method."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield path, method, operation

    def route(self, path: str, method: str) -> Route:
        """The route that answers."""
        found = find(self.administration.routes, method.upper(), path.removeprefix("/api/").split("/"))
        assert found is not None
        return found[0]

    def test_all(self) -> None:
        """Each route is described once, each description is of a route, and no two have a name in common."""
        described = [(path, method.upper()) for path, method, _ in self.operations()]
        self.assertEqual(
            sorted(described), sorted(("/api" + r.path, r.method) for r in self.administration.routes)
        )
        names = [operation["operationId"] for _, _, operation in self.operations()]
        self.assertEqual(len(set(names)), len(names))

    def test_reached(self) -> None:
        """No route is hidden behind another one."""
        for route in self.administration.routes:
            steps = [step.strip("{}") + "-1" if "{" in step else step for step in route.path[1:].split("/")]
            found = find(self.administration.routes, route.method, steps)
            self.assertEqual(found and found[0].path, route.path)

    def test_parameters(self) -> None:
        """Every parameter of a route is described, in its place."""
        for path, method, operation in self.operations():
            route = self.route(path, method)
            said = {one["name"]: one["in"] for one in operation.get("parameters", ())}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            said |= dict.fromkeys(body.get("schema", {}).get("properties", ()), "body")
            self.assertEqual(set(said), set(route.parameters.model_fields), path)
            self.assertEqual([n for n, place in said.items() if place == "path"], route.in_path)

    def test_references(self) -> None:
        """Everything that is referred to is there."""
        text = json.dumps(self.document)
        schemas = self.document["components"]["schemas"]
        found = {piece.partition('"')[0] for piece in text.split('"$ref": "')[1:]}
        self.assertGreater(len(found), 10)
        self.assertEqual(found - {f"#/components/schemas/{name}" for name in schemas}, set())

    def test_told(self) -> None:
        """Each says in a sentence what it is, and who may ask."""
        for path, _, operation in self.operations():
            self.assertRegex(operation["summary"], r"^[A-Z].{8,}", path)
            self.assertIn("For ", operation["description"])
