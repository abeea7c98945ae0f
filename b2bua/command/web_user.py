"""
Say who may log in to the page, and which programs may ask the API.

The first one that is added is an administrator.  A password that is not given is a
random one, and is shown; a link logs somebody in once, within a quarter of an hour.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from time import sleep
from typing import Any

from b2bua.command import _asking
from b2bua.command._asking import Column
from b2bua.command._password import typed
from b2bua.settings import SettingsError

FIRST = "admin"
"""The first administrator that C{make run} makes; the password is a random one that nobody has seen."""
PATIENCE, LOOK = 30.0, 0.25
"""Seconds that the start of the service may take, and between two looks."""
ROLES = ("user", "operator", "administrator")
ACTIONS = {
    "add": ("POST", "/accounts"),
    "remove": ("DELETE", "/accounts/{name}"),
    "password": ("PUT", "/accounts/{name}/password"),
    "link": ("POST", "/accounts/{name}/link"),
    "token": ("POST", "/tokens"),
    "remove-token": ("DELETE", "/tokens/{name}"),
}
"""How each of them is asked for."""
COLUMNS: list[Column] = [
    ("NAME", lambda row: row["name"]),
    ("ROLE", lambda row: row["role"]),
    ("EXTENSION", lambda row: row["extension"]),
    ("", lambda row: {None: "", True: "token, reads", False: "token, changes"}[row.get("reads")]),
]


def arguments(parser: ArgumentParser) -> None:
    """Take what to do with whom."""
    rows = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    row = rows.add_parser("list", help="list all who may", description="List all who may.")
    _asking.arguments(row)
    row = rows.add_parser(
        "welcome",
        help="make the first administrator, and a link for them",
        description="Wait for the service; if nobody may log in yet, make an administrator and print a link.",
    )
    _asking.arguments(row)
    for action, text in (
        ("add", "let somebody log in"),
        ("remove", "let somebody log in no more"),
        ("password", "give somebody another password"),
        ("link", "make a link by which somebody logs in once"),
        ("token", "let a program ask, by a token"),
        ("remove-token", "let a program ask no more"),
    ):
        row = rows.add_parser(action, help=text, description=text.capitalize() + ".")
        row.add_argument("name", metavar="NAME", help="what it is called")
        if action in ("add", "token"):
            row.add_argument("--role", choices=ROLES, help="what they may do")
            row.add_argument("--extension", metavar="EXTENSION", help="their own extension")
        if action in ("add", "password"):
            row.add_argument("--ask", action="store_true", help="ask for the password at the terminal")
        if action == "token":
            row.add_argument("--changes", action="store_true", help="let it change things, not look only")
        _asking.arguments(row)


def run(options: Namespace) -> int:
    """Do it."""
    if options.action == "list":
        found = _asking.ask(options, "GET", "/accounts") + _asking.ask(options, "GET", "/tokens")
        return _asking.show(
            options, found, lambda rows: _asking.table(rows, COLUMNS, "nobody may log in yet")
        )
    if options.action == "welcome":
        return _welcome(options)
    said = {"name": options.name, **_said(options)}
    value = _asking.ask(options, *ACTIONS[options.action], **said)
    if said.get("password") is not None:
        value = {**value, "password": None}
    return _asking.show(options, value, lambda value: _people(options.action, value))


def _welcome(options: Namespace) -> int:
    """Let the first one in, who has just started the service and sits before the terminal."""
    service = os.getppid()  # "make run" starts both in one shell, which becomes the service
    for _ in range(int(PATIENCE / LOOK)):
        if os.getppid() != service:
            return 1  # it has ended already
        try:
            found = _asking.ask(options, "GET", "/accounts")
            break
        except SettingsError:
            sleep(LOOK)
    else:
        return 1  # it did not start, and has said why
    if not found:
        _asking.ask(options, "POST", "/accounts", name=FIRST, role="administrator", by_link=True)
        link = _asking.ask(options, "POST", "/accounts/{name}/link", name=FIRST)["link"]
        print(f"The page, for you alone, once and within a quarter of an hour: {link}", flush=True)
    return 0


def _said(options: Namespace) -> dict[str, Any]:
    """What goes with the name."""
    said: dict[str, Any] = {}
    if options.action in ("add", "token"):
        said = {"role": options.role, "extension": options.extension}
    if options.action == "add" and options.role is None:
        said["role"] = "user" if _asking.ask(options, "GET", "/accounts") else "administrator"
    if options.action in ("add", "password"):
        # Not an argument: those can be read by everybody on the host.
        said["password"] = typed("web-user") if options.ask else os.environ.get("B2BUA_PASSWORD")
    if options.action == "token":
        said["reads"] = not options.changes
    return said


def _people(action: str, value: dict[str, Any]) -> str:
    """What was done."""
    name, role = value["name"], value.get("role")
    if action == "link":
        return str(value["link"])
    if action == "token":
        return f"{name} may ask as {role}; its token is {value['token']}"
    if action in ("remove", "remove-token"):
        return f"{name} may come in no more"
    password = f"; the password is {value['password']}" if value["password"] else ""
    return f"{name} may log in as {role}{password}"
