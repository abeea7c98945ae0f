"""Somebody who comes in from the network, with a browser or a program, in memory."""

from __future__ import annotations

import json
from typing import Any

from b2bua.admin import accounts
from b2bua.admin.listening import web_site
from tests.admin.case import AdministrationCase, Answer, Connection, request

PASSWORD = "correct horse battery"
HOST = "203.0.113.5"


class Browser:
    """A browser: it keeps the cookie, and says where its pages are from."""

    def __init__(self, case: DoorCase, host: str = HOST) -> None:
        """Know nothing."""
        self.case = case
        self.host = host
        self.cookie = ""
        self.csrf = ""

    def send(self, method: str, path: str, said: Any = None, **fields: str) -> Answer:
        """Send a request as a page of the service does; C{fields} change what goes with it."""
        known = {"Cookie": f"b2bua={self.cookie}" if self.cookie else "", "X-CSRF-Token": self.csrf}
        if method != "GET":
            known |= {"Content-Type": "application/json", "Origin": "http://localhost"}
            known["Sec-Fetch-Site"] = "same-origin"
        known |= {name.replace("_", "-"): value for name, value in fields.items()}
        body = None if method in ("GET", "DELETE") else json.dumps(said or {}).encode()
        connection = Connection(self.case.door, self.host)
        connection.send(request(method, path, body, {n: v for n, v in known.items() if v}))
        self.case.world.run(0.0)
        answer = connection.read()
        for line in answer.cookies:
            self.cookie = line.partition(";")[0].partition("=")[2]
        return answer

    def log_in(self, name: str, password: str = PASSWORD) -> Answer:
        """Log in with a password."""
        answer = self.send("POST", "/login", {"name": name, "password": password})
        if answer.status == 200:
            self.csrf = answer.value["csrf"]
        return answer


class DoorCase(AdministrationCase):
    """A service that can be reached by the network, with an account of each role."""

    def setUp(self) -> None:
        """Let three log in; a hash costs next to nothing."""
        super().setUp()
        self.patch(accounts, "MEMORY_KIB", 8)
        self.door = web_site(self.administration, self.world.clock)
        for name, role, extension in (
            ("root", "administrator", ""),
            ("desk", "operator", ""),
            ("alice", "user", "alice"),
        ):
            self.ask("POST", "/accounts", name=name, role=role, extension=extension, password=PASSWORD)

    def browser(self, name: str = "", host: str = HOST) -> Browser:
        """A browser in which somebody is logged in, or nobody."""
        browser = Browser(self, host)
        if name:
            self.assertEqual(browser.log_in(name).status, 200)
        return browser
