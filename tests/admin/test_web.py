"""Questions as HTTP: what is read, what is refused, and what a client may cost."""

from __future__ import annotations

import json
from typing import Any

from b2bua.admin.listening import LOCAL_CONNECTIONS, local_site
from b2bua.admin.person import Person
from b2bua.admin.route import Role
from b2bua.admin.web import LONGEST
from tests.admin.case import AdministrationCase, Connection, request

JSON = {"Content-Type": "application/json"}


class RequestTests(AdministrationCase):
    """What is sent."""

    def refused(self, data: bytes) -> tuple[int, str]:
        """The status, and what is said."""
        answer = self.send(data)
        self.assertEqual(answer.fields["content-type"], "application/json")
        return answer.status, answer.value["error"]

    def test_answer(self) -> None:
        """An answer is JSON that nobody keeps or takes for something else."""
        answer = self.send(request("GET", "/api/status"))
        self.assertEqual((answer.status, answer.value["version"]), (200, "1.0"))
        self.assertEqual(answer.fields["cache-control"], "no-store")
        self.assertEqual(answer.fields["x-content-type-options"], "nosniff")

    def test_nothing_there(self) -> None:
        """RFC 9110 sections 15.5.5 and 15.5.6: 404, and 405 with the methods that there are."""
        for path in ("/api", "/api/", "/api/nothing", "/api/status/more", "/api/../api/x", "/api/%2e%2e/etc"):
            self.assertEqual(self.refused(request("GET", path))[0], 404, path)
        answer = self.send(request("PUT", "/api/extensions", b"{}", JSON))
        self.assertEqual((answer.status, answer.fields["allow"]), (405, "get, post"))

    def test_wrong_parameters(self) -> None:
        """What cannot be meant gets 400 and a line with the name of the parameter."""
        for path, name in (
            ("/api/calls?limit=0", "limit"),
            ("/api/calls?limit=many", "limit"),
            ("/api/calls?limit=99999999999999999999", "limit"),
            ("/api/calls?colour=red", "colour"),
            ("/api/calls/past?since=yesterday", "since"),
        ):
            status, said = self.refused(request("GET", path))
            self.assertEqual((status, said.partition(":")[0]), (400, name), said)
            self.assertEqual(len(said.splitlines()), 1)

    def test_wrong_bodies(self) -> None:
        """A body is one JSON object with what is asked for."""
        for body, said in (
            (b"nonsense", "is JSON"),
            (b"\xff\xfe", "is JSON"),
            (b"[" * 60_000, "is JSON"),
            (b"[]", "is an object"),
            (b"{}", "extension: is needed"),
            (b'{"extension": 5}', "extension: "),
            (b'{"extension": "200", "colour": "red"}', "colour: is nothing that can be said here"),
        ):
            found = self.refused(request("POST", "/api/extensions", body, JSON))
            self.assertEqual((found[0], said in found[1]), (400, True), found)
        self.assertNotIn("200", self.server.settings.extensions)

    def test_form(self) -> None:
        """The page of somebody else can have a browser send a form, and gets nothing by it."""
        for kind in ("text/plain", "", "application/x-json"):
            data = request("POST", "/api/extensions", b'{"extension": "200"}', {"Content-Type": kind})
            self.assertEqual(self.refused(data)[0], 415)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.assertEqual(self.refused(request("POST", "/api/extensions", b"extension=200", form))[0], 400)
        self.assertNotIn("200", self.server.settings.extensions)

    def test_too_long(self) -> None:
        """A body that is too long gets 413, whether its length is told or not."""
        body = json.dumps({"extension": "200", "name": "x" * LONGEST}).encode()
        self.assertEqual(self.refused(request("POST", "/api/extensions", body, JSON))[0], 413)
        piece = b"%x\r\n%b\r\n" % (len(body), body)
        chunked = request("POST", "/api/extensions", None, {**JSON, "Transfer-Encoding": "chunked"})
        self.assertEqual(self.refused(chunked + piece + b"0\r\n\r\n")[0], 413)

    def test_text_of_a_peer(self) -> None:
        """What a phone says of itself is text in JSON, whatever it is."""
        self.bob.user_agent = '</script><b>"\x1b[2J'
        self.bob.register()
        self.world.run(1)
        rows = self.ask("GET", "/registrations", extension="bob")
        self.assertEqual(rows[0]["user_agent"], self.bob.user_agent)

    def test_bug(self) -> None:
        """A bug of ours is logged, and told without its inside."""
        self.patch(self.administration.service, "_server", None)
        answer = self.send(request("GET", "/api/status"))
        self.assertEqual(
            (answer.status, answer.value), (500, {"error": "an error of ours; it is in the log"})
        )
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_gone(self) -> None:
        """Who does not wait for the answer harms nobody."""
        self.store.failing = ""
        connection = Connection(self.site)
        connection.send(request("GET", "/api/calls/past"))
        connection.transport.loseConnection()
        self.world.run(1)
        self.assertEqual(self.send(request("GET", "/api/status")).status, 200)

    def test_many(self) -> None:
        """So many may ask at once; one more is told so, and a place that gets free is taken."""
        held = [Connection(self.site) for _ in range(LOCAL_CONNECTIONS)]
        self.assertEqual(Connection(self.site).read().status, 503)
        held[0].close()
        self.assertEqual(self.send(request("GET", "/api/status")).status, 200)

    def test_silent(self) -> None:
        """A connection that says nothing is closed."""
        connection = Connection(self.site)
        connection.send(b"GET /api/sta")
        self.world.run(61)
        self.assertTrue(connection.transport.disconnecting)


class RoleTests(AdministrationCase):
    """Who may do what."""

    def become(self, role: Role, extension: str = "") -> None:
        """Ask as somebody else."""
        self.site = local_site(self.administration, Person("somebody", role, extension), self.world.clock)

    def status(self, method: str, path: str, **values: Any) -> int:
        """What comes of it."""
        return self.request(method, path, **values).status

    def test_operator(self) -> None:
        """An operator sees calls and acts on them, and does not change the service."""
        self.become(Role.OPERATOR)
        self.talk()
        [call] = self.ask("GET", "/calls")
        self.assertEqual(self.status("DELETE", "/calls/{call}", call=call["id"]), 200)
        for method, path, values in (
            ("POST", "/extensions", {"extension": "200"}),
            ("POST", "/extensions", {"nonsense": "200"}),
            ("PUT", "/settings/extensions.alice.forward.busy", {"value": "bob"}),
            ("POST", "/accounts", {"name": "me", "role": "administrator"}),
            ("POST", "/tokens", {"name": "me"}),
            ("GET", "/changes", {}),
            ("POST", "/reload", {}),
            ("POST", "/restart", {}),
            ("DELETE", "/features/park/kept", {}),
        ):
            self.assertRefused(403, "somebody may not do this", method, path, **values)
        self.assertNotIn("200", self.server.settings.extensions)

    def test_user(self) -> None:
        """A user sees what concerns their own extension, and nothing else."""
        self.become(Role.USER, "alice")
        self.talk()
        for path, name in (("/registrations", "extension"), ("/calls", "party"), ("/calls/past", "party")):
            self.assertEqual(len(self.ask("GET", path, **{name: "alice"})), 1)
            self.assertRefused(403, "may not", "GET", path, **{name: "bob"})
            self.assertRefused(403, "may not", "GET", path)
        self.assertEqual(self.status("GET", "/extensions/alice/settings"), 200)
        for method, path in (("GET", "/extensions/bob/settings"), ("GET", "/status"), ("GET", "/extensions")):
            self.assertRefused(403, "may not", method, path)

    def test_nobody(self) -> None:
        """A user without an extension sees nothing."""
        self.become(Role.USER)
        self.assertRefused(403, "may not", "GET", "/calls", party="")

    def test_every_route(self) -> None:
        """Whatever a user without rights asks is refused, with none of its effects."""
        self.become(Role.USER)
        for route in self.administration.routes:
            names = dict.fromkeys(route.in_path, "alice")
            values = {**names, **({} if route.in_query else {"extension": "alice"})}
            answer = self.request(route.method, route.path, **values)
            self.assertIn(answer.status, (400, 403), route.path)
