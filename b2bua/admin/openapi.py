"""The description of the API: OpenAPI 3.1, made of the routes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from b2bua.admin.accounts import InThread
from b2bua.admin.route import Role, Route
from b2bua.admin.sessions import COOKIE, SECURE_COOKIE

PREFIX = "/api"
"""Where the routes stand."""
REFUSALS = (400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 503)
WHO = {Role.USER: "users", Role.OPERATOR: "operators", Role.ADMINISTRATOR: "administrators"}
_SCHEMAS = "#/components/schemas/{model}"
_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "one line for people"}},
    "required": ["error"],
}


class Description:
    """The description as it is served: made when somebody asks for it, since all models are built for it."""

    def __init__(self, routes: Sequence[Route], version: str, in_thread: InThread) -> None:
        """Describe nothing yet."""
        self._routes = routes
        self._version = version
        self._in_thread = in_thread
        self._made: bytes | None = None

    async def __call__(self) -> bytes:
        """Give it; the first time it takes some tenths of a second, in which a thread makes it."""
        if self._made is None:
            self._made = json.dumps(await self._in_thread(document, self._routes, self._version)).encode()
        return self._made


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole description."""
    keys = [(route.name, "serialization", route.answers) for route in routes]
    answers, whole = TypeAdapter.json_schemas(keys, ref_template=_SCHEMAS)  # type: ignore[arg-type]  # a literal
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {"Error": _ERROR, **whole.get("$defs", {})}
    for route in routes:
        inputs = route.parameters.model_json_schema(ref_template=_SCHEMAS)
        schemas.update(inputs.pop("$defs", {}))
        answer = answers[route.name, "serialization"]
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route, inputs, answer)
    return {
        "openapi": "3.1.0",
        "info": {"title": "b2bua", "version": version, "description": "What can be asked of the service."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "session_over_tls": {"type": "apiKey", "in": "cookie", "name": SECURE_COOKIE},
            },
        },
        "security": [{"token": []}, {"session": []}, {"session_over_tls": []}],
    }


def _operation(route: Route, inputs: dict[str, Any], answer: Any) -> dict[str, Any]:
    """One route."""
    first, _, rest = route.text.partition("\n")
    who = f"For {WHO[route.role]}"
    if route.own:
        who += f"; users may ask it when {route.own} is their own extension"
    made: dict[str, Any] = {
        "operationId": route.name,
        "summary": first.rstrip("."),
        "description": "\n\n".join(filter(None, (rest.strip(), f"{who}."))),
        "responses": {
            "200": {"description": "The answer.", "content": _json(answer)},
            **{
                str(status): {
                    "description": HTTPStatus(status).phrase,
                    "content": _json({"$ref": "#/components/schemas/Error"}),
                }
                for status in REFUSALS
            },
        },
    }
    if parameters := list(_parameters(route, inputs)):
        made["parameters"] = parameters
    if not route.in_query and (body := _body(route, inputs)):
        made["requestBody"] = body
    return made


def _parameters(route: Route, inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those in the path and in the query."""
    for name, schema in inputs.get("properties", {}).items():
        inside = name in route.in_path
        if not inside and not route.in_query:
            continue
        yield {
            "name": name,
            "in": "path" if inside else "query",
            "required": inside or name in inputs.get("required", ()),
            "schema": _without_null(schema),
        }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Say of a parameter what can be written in a query, which knows no null."""
    kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    if not kinds:
        return schema
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds}


def _body(route: Route, inputs: dict[str, Any]) -> dict[str, Any] | None:
    """What stands in the body."""
    properties = {n: s for n, s in inputs.get("properties", {}).items() if n not in route.in_path}
    if not properties:
        return None
    required = [name for name in inputs.get("required", ()) if name in properties]
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return {"required": bool(required), "content": _json(schema)}


def _json(schema: Any) -> dict[str, Any]:
    """Something in JSON."""
    return {"application/json": {"schema": schema}}
