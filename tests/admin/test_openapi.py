"""The description of the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import ensureDeferred

from b2bua.admin.openapi import Description
from b2bua.admin.route import Route, find
from tests.admin.case import AdministrationCase, request


class DescriptionTests(AdministrationCase):
    """What C{/api/openapi.json} says."""

    def setUp(self) -> None:
        """Read it."""
        super().setUp()
        self.document: dict[str, Any] = self.send(request("GET", "/api/openapi.json")).value

    def test_once(self) -> None:
        """It is made by a thread when somebody asks for it first, since it takes its time."""
        works: list[Callable[..., Any]] = []

        async def in_thread(work: Callable[..., Any], *values: Any) -> Any:
            works.append(work)
            return work(*values)

        description = Description(self.administration.routes, "1.0", in_thread)
        self.assertEqual(works, [])
        first, second = (self.successResultOf(ensureDeferred(description())) for _ in range(2))
        self.assertEqual((json.loads(first), len(works)), (self.document, 1))
        self.assertIs(first, second)

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

    def test_for_people(self) -> None:
        """What it does is told without the marks that are for programmers; paths keep their braces."""
        for path, _, operation in self.operations():
            self.assertNotRegex(operation["summary"] + operation["description"], r"\b[A-Z]\{", path)

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

    def test_refusals(self) -> None:
        """What is answered to a wrong request is described, such as 405 for a method and 415 for a body."""
        wrong = (
            request("PUT", "/api/calls", b"{}", {"Content-Type": "application/json"}),
            request("POST", "/api/calls", b"a=b", {"Content-Type": "text/plain"}),
            request("GET", "/api/calls?limit=x"),
        )
        answered = {str(self.send(data).status) for data in wrong}
        self.assertEqual(answered, {"400", "405", "415"})
        for path, _, operation in self.operations():
            self.assertEqual(answered - set(operation["responses"]), set(), path)

    def test_ways_in(self) -> None:
        """A token or either cookie is enough: the one over TLS has a name that only TLS can set."""
        schemes = self.document["components"]["securitySchemes"]
        cookies = {one["name"] for one in schemes.values() if one.get("in") == "cookie"}
        self.assertEqual(cookies, {"b2bua", "__Host-b2bua"})
        self.assertEqual([list(one) for one in self.document["security"]], [[name] for name in schemes])

    def test_told(self) -> None:
        """Each says in a sentence what it is, and who may ask."""
        for path, _, operation in self.operations():
            self.assertRegex(operation["summary"], r"^[A-Z].{8,}", path)
            self.assertIn("For ", operation["description"])
