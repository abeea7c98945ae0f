"""
List extensions; add and remove them, and change passwords, while the service runs.

Those that are added are kept in its store, beside those of the configuration, as hashes.  A
password that is not given is a random one, and is shown.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import Any

from b2bua.command import _asking
from b2bua.command._asking import Column
from b2bua.command._password import typed

COLUMNS: list[Column] = [
    ("EXTENSION", lambda row: row["extension"]),
    ("NAME", lambda row: row["name"]),
    ("PHONES", lambda row: row["registrations"]),
    ("FROM", lambda row: "added" if row["added"] else "configuration"),
]

ACTIONS = {
    "add": ("POST", "/extensions"),
    "remove": ("DELETE", "/extensions/{extension}"),
    "password": ("PUT", "/extensions/{extension}/password"),
}
"""How each of them is asked for."""


def arguments(parser: ArgumentParser) -> None:
    """Take what to do with which."""
    rows = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    row = rows.add_parser("list", help="list all of them", description="List all of them.")
    _asking.arguments(row)
    for action, text in (
        ("add", "add an extension"),
        ("remove", "remove one that was added"),
        ("password", "change the password of one that was added"),
    ):
        row = rows.add_parser(action, help=text, description=text.capitalize() + ".")
        row.add_argument("extension", metavar="EXTENSION", help="its number")
        if action == "add":
            row.add_argument("--name", default="", help="the name that others see")
        if action != "remove":
            row.add_argument("--ask", action="store_true", help="ask for the password at the terminal")
        _asking.arguments(row)


def run(options: Namespace) -> int:
    """Do it."""
    if options.action == "list":
        found = _asking.ask(options, "GET", "/extensions")
        return _asking.show(
            options, found, lambda rows: _asking.table(rows, COLUMNS, "there is no extension")
        )
    keys: dict[str, Any] = {"extension": options.extension}
    if options.action == "add":
        keys["name"] = options.name
    # Not an argument: those can be read by everybody on the host.
    if options.action != "remove":
        keys["password"] = typed("extension") if options.ask else os.environ.get("B2BUA_PASSWORD")
    value = _asking.ask(options, *ACTIONS[options.action], **keys)
    if warning := value.get("warning"):
        _asking.complain(warning)
    shown = value if keys.get("password") is None else {**value, "password": None}
    return _asking.show(options, shown, lambda value: _people(options.action, value))


def _people(action: str, value: dict[str, Any]) -> str:
    """What was done."""
    if action == "remove":
        return f"extension {value['extension']} is removed"
    done = "added" if action == "add" else "changed"
    password = f"; its password is {value['password']}" if value["password"] else ""
    return f"extension {value['extension']} is {done}{password}"
