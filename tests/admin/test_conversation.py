"""
The API as schemathesis has it: everything that the description allows, and much that it does not.

Each answer has a status that the description names and the shape that it
says; what it does not allow is refused, and nothing ends with an error of ours.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from tests.admin.case import AdministrationCase, Connection, request
from tests.simulation.depth import DEEP

EXAMPLES = int(os.environ.get("B2BUA_EXAMPLES", "10" if DEEP else "4"))
"""So many requests of each kind for each operation; C{make deep} asks more, C{make test-long} many more."""
CHECKS = (
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)


class ConversationTests(AdministrationCase):
    """Every operation is asked many times."""

    def setUp(self) -> None:
        """Read the description."""
        super().setUp()
        self.document = self.send(request("GET", "/api/openapi.json")).value
        self.statuses: Counter[int] = Counter()

    def ask_as(self, case: Any) -> schemathesis.Response:
        """Send what schemathesis has made up."""
        prepared = requests.Request(**case.as_transport_kwargs("http://localhost")).prepare()
        body = prepared.body
        raw = body.encode() if isinstance(body, str) else body
        fields = {name: text for name, text in prepared.headers.items() if name != "Content-Length"}
        connection = Connection(self.site)
        connection.send(request(str(prepared.method), prepared.path_url, raw, fields))
        self.world.run(1)
        answer = connection.read()
        connection.close()
        self.statuses[answer.status] += 1
        headers = {name: [text] for name, text in answer.all_fields}
        return schemathesis.Response(answer.status, headers, answer.body, prepared, 0.0, False)

    def converse(self, mode: GenerationMode, *more: Any) -> None:
        """Ask everything in one mode, with more checks."""
        schema = schemathesis.openapi.from_dict(self.document)
        for operation in (found.ok() for found in schema.get_all_operations()):

            @seed(19)
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                response = self.ask_as(case)
                case.validate_response(response, checks=(*CHECKS, *more))

            ask()

    def test_allowed(self) -> None:
        """What the description allows, mostly of somebody or something that there is."""
        self.talk()
        [call] = self.ask("GET", "/calls")
        there = {
            "call": [call["id"]],
            "extension": ["alice", "bob"],
            "party": ["bob", "carrier"],
            "path": ["extensions.bob.forward.busy", "extensions.bob.do_not_disturb"],
            "command": [row["name"] for row in self.ask("GET", "/commands")],
        }
        for where in found(self.document["paths"], there):
            kind = {key: value for key, value in where.items() if key == "title"}
            names = there[kind["title"].lower()]
            where.clear()
            where.update({**kind, "enum": [*names, "nobody"], "type": "string"})
        self.converse(GenerationMode.POSITIVE)
        self.assertGreater(self.statuses[200], self.statuses[404])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_not_allowed(self) -> None:
        """What it does not is refused, and changes nothing."""
        self.converse(GenerationMode.NEGATIVE, checks.negative_data_rejection)


def found(value: Any, names: Collection[str]) -> list[dict[str, Any]]:
    """The schemas with one of these names."""
    if isinstance(value, list):
        return [one for item in value for one in found(item, names)]
    if not isinstance(value, dict):
        return []
    own = [value] if str(value.get("title", "")).lower() in names and "properties" not in value else []
    return [*own, *[one for item in value.values() for one in found(item, names)]]
