"""Who is let in from the network, and what is tried by those who are not."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from twisted.internet import task
from twisted.internet.task import Cooperator
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from b2bua.admin import accounts, sessions
from b2bua.admin.values import Event
from b2bua.features import Features
from b2bua.settings.pins import HIDDEN
from tests.admin.case import Connection, request
from tests.admin.door import PASSWORD, Browser, DoorCase


class LogInTests(DoorCase):
    """Logging in and out."""

    def test_nobody(self) -> None:
        """Nothing is answered to somebody who has not logged in, not even whether it is there."""
        browser = self.browser()
        for method, path in (("GET", "/api/status"), ("POST", "/api/reload"), ("GET", "/api/nothing")):
            self.assertEqual(browser.send(method, path).status, 401)
        self.assertEqual(browser.send("GET", "/api/events").status, 401)

    def test_in_and_out(self) -> None:
        """Who logs in may ask, until they log out."""
        browser = self.browser("desk")
        self.assertEqual(browser.send("GET", "/api/status").status, 200)
        old = browser.cookie
        self.assertEqual(browser.send("POST", "/logout").status, 200)
        browser.cookie = old
        self.assertEqual(browser.send("GET", "/api/status").status, 401)

    def test_cookie(self) -> None:
        """No script reads the cookie, and no other site sends it (RFC 6265bis section 5.6.7)."""
        [cookie] = self.browser().log_in("desk").cookies
        self.assertRegex(cookie, r"^b2bua=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict$")

    def test_wrong(self) -> None:
        """A wrong name and a wrong password are told apart by nothing."""
        browser = self.browser()
        answers = [
            browser.log_in("root", "wrong horse battery"),
            browser.log_in("nobody", "wrong horse battery"),
            browser.log_in("root", "x" * 5000),
            browser.log_in("root" * 50, PASSWORD),
            browser.log_in("root", ""),
        ]
        self.assertEqual({(answer.status, answer.body) for answer in answers}, {(401, answers[0].body)})
        self.assertEqual([answer.cookies for answer in answers], [[]] * 5)

    def test_nonsense(self) -> None:
        """What cannot be meant is refused, and costs nobody anything."""
        browser = self.browser()
        wrong: list[Any] = [
            {"name": 5},
            {"name": "root"},
            {"link": 7},
            {"name": "root", "password": None},
            [5],
        ]
        for said in wrong:
            self.assertEqual(browser.send("POST", "/login", said).status, 400, said)

    def test_fixation(self) -> None:
        """A key that somebody has put into the browser is not the one that is logged in."""
        browser = self.browser()
        browser.cookie = "planted"
        browser.log_in("desk")
        self.assertNotEqual(browser.cookie, "planted")
        stranger = Browser(self)
        stranger.cookie = "planted"
        self.assertEqual(stranger.send("GET", "/api/status").status, 401)

    def test_idle(self) -> None:
        """A session ends when it is not used, and at the latest after twelve hours."""
        browser, other = self.browser("desk"), self.browser("desk")
        self.world.run(sessions.IDLE + 1)
        self.assertEqual(browser.send("GET", "/api/status").status, 401)
        other = self.browser("desk")
        for _ in range(int(sessions.LONGEST / 3000) + 1):
            self.assertEqual(other.send("GET", "/api/status").status, 200)
            self.world.run(3000)
        self.assertEqual(other.send("GET", "/api/status").status, 401)

    def test_password_changed(self) -> None:
        """Another password ends all sessions of the account; so does its end."""
        browser = self.browser("desk")
        self.ask("PUT", "/accounts/desk/password", password="another horse")
        self.assertEqual(browser.send("GET", "/api/status").status, 401)
        self.assertEqual(browser.log_in("desk").status, 401)
        self.assertEqual(browser.log_in("desk", "another horse").status, 200)
        self.ask("DELETE", "/accounts/desk")
        self.assertEqual(browser.send("GET", "/api/status").status, 401)
        self.assertEqual(browser.log_in("desk", "another horse").status, 401)

    def test_link(self) -> None:
        """A link logs in once, and soon."""
        link = self.ask("POST", "/accounts/root/link")["link"].partition("#")[2]
        browser = self.browser()
        self.assertEqual(browser.send("POST", "/login", {"link": link}).status, 200)
        self.assertEqual(browser.send("GET", "/api/status").status, 200)
        self.assertEqual(Browser(self).send("POST", "/login", {"link": link}).status, 401)
        late = self.ask("POST", "/accounts/root/link")["link"].partition("#")[2]
        self.world.run(sessions.LINK + 1)
        self.assertEqual(Browser(self).send("POST", "/login", {"link": late}).status, 401)

    def test_many_sessions(self) -> None:
        """So many sessions there are and no more; the one that was not used for longest ends."""
        self.patch(sessions, "MOST", 3)
        first = self.browser("desk")
        for _ in range(3):
            self.browser("root")
        self.assertEqual(len(self.administration.sessions), 3)
        self.assertEqual(first.send("GET", "/api/status").status, 401)


class ForgeryTests(DoorCase):
    """The page of somebody else, in a browser in which an administrator is logged in (CSRF)."""

    def attempt(self, **fields: str) -> int:
        """Let it try to add an account, with something wrong."""
        browser = self.browser("root")
        said = {"name": "mallory", "role": "administrator", "password": PASSWORD}
        return browser.send("POST", "/api/accounts", said, **fields).status

    def test_what_is_wrong(self) -> None:
        """Without the secret, from elsewhere, or as a form, nothing is changed."""
        for fields, status in (
            ({"X_CSRF_Token": ""}, 403),
            ({"X_CSRF_Token": "guess"}, 403),
            ({"X_CSRF_Token": "gu\xdfss"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Sec_Fetch_Site": "cross-site"}, 403),
            ({"Sec_Fetch_Site": "same-site"}, 403),
            ({"Content_Type": "text/plain"}, 415),
            ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ):
            self.assertEqual(self.attempt(**fields), status, fields)
        self.assertNotIn("mallory", [row["name"] for row in self.ask("GET", "/accounts")])
        self.assertEqual(self.attempt(), 200)

    def test_logging_in(self) -> None:
        """Nobody is logged in, or out, by the page of somebody else."""
        browser = self.browser()
        said = {"name": "root", "password": PASSWORD}
        self.assertEqual(browser.send("POST", "/login", said, Origin="http://evil.example").status, 403)
        self.assertEqual(browser.send("POST", "/login", said, Content_Type="text/plain").status, 415)
        browser = self.browser("root")
        self.assertEqual(browser.send("POST", "/logout", Sec_Fetch_Site="cross-site").status, 403)
        self.assertEqual(browser.send("GET", "/api/status").status, 200)

    def test_secret_of_another(self) -> None:
        """The secret of one session is of no use in another."""
        one, other = self.browser("root"), self.browser("root")
        one.csrf = other.csrf
        self.assertEqual(one.send("POST", "/api/tokens", {"name": "x"}).status, 403)


class GuessingTests(DoorCase):
    """Who guesses is ignored, together with those who guess passwords of phones."""

    def test_ignored(self) -> None:
        """After so many attempts a source is ignored, with the right password too; pardoned, it is not."""
        guesser = self.browser(host="203.0.113.66")
        for _ in range(self.server.settings.auth.failures):
            self.assertEqual(guesser.log_in("root", "wrong horse battery").status, 401)
        self.assertEqual(guesser.log_in("root").status, 429)
        self.assertIn("203.0.113.66", [row["source"] for row in self.ask("GET", "/status")["ignored"]])
        self.ask("DELETE", "/ignored/203.0.113.66")
        self.browser("desk", "203.0.113.66")

    def test_nobody_locked_out(self) -> None:
        """Who has logged in from there before is let in, whoever guesses elsewhere."""
        self.browser("root", "203.0.113.5")
        guesser = self.browser(host="203.0.113.66")
        for _ in range(self.server.settings.auth.failures):
            guesser.log_in("root", "wrong horse battery")
        self.assertEqual(self.browser(host="203.0.113.7").log_in("root").status, 429)
        self.browser("root", "203.0.113.5")

    def test_tokens(self) -> None:
        """Guessing tokens is guessing."""
        guesser = self.browser(host="203.0.113.66")
        for number in range(self.server.settings.auth.failures):
            answer = guesser.send("GET", "/api/status", Authorization=f"Bearer {number}")
            self.assertEqual(answer.status, 401)
        self.assertEqual(guesser.send("GET", "/api/status", Authorization="Bearer x").status, 429)


class TokenTests(DoorCase):
    """Programs."""

    def test_scopes(self) -> None:
        """A token that reads changes nothing, and one of an operator does what operators do."""
        reads = self.ask("POST", "/tokens", name="screen", role="administrator")["token"]
        acts = self.ask("POST", "/tokens", name="crm", role="operator", reads=False)["token"]
        program = self.browser()
        self.assertEqual(program.send("GET", "/api/accounts", Authorization=f"Bearer {reads}").status, 200)
        self.assertEqual(program.send("POST", "/api/reload", Authorization=f"Bearer {reads}").status, 403)
        self.talk()
        [call] = self.ask("GET", "/calls")
        gone = program.send("DELETE", f"/api/calls/{call['id']}", Authorization=f"Bearer {acts}")
        self.assertEqual(gone.status, 200)
        self.assertEqual(program.send("GET", "/api/accounts", Authorization=f"Bearer {acts}").status, 403)

    def test_removed(self) -> None:
        """A token that was removed is nobody's."""
        token = self.ask("POST", "/tokens", name="screen")["token"]
        self.ask("DELETE", "/tokens/screen")
        self.assertEqual(
            self.browser().send("GET", "/api/status", Authorization=f"Bearer {token}").status, 401
        )
        self.assertRefused(404, "no token", "DELETE", "/tokens/screen")

    def test_nonsense(self) -> None:
        """What is no token is nobody's."""
        for text in ("Bearer", "Bearer ", "Basic cm9vdDpyb290", "\xff", "x" * 5000):
            self.assertEqual(self.browser().send("GET", "/api/status", Authorization=text).status, 401)


class AccountTests(DoorCase):
    """Accounts, and what is kept of them."""

    def test_kept(self) -> None:
        """Hashes are kept and no passwords, and after a restart the same people may log in."""
        token = self.ask("POST", "/tokens", name="screen")["token"]
        self.world.run(1)
        kept = self.successResultOf(self.store.load_settings())
        text = repr(kept)
        self.assertNotIn(PASSWORD, text)
        self.assertNotIn(token, text)
        self.assertIn("$argon2id$", text)
        again = accounts.Accounts(self.journal, self.administration.sessions, None, lambda n: True)  # type: ignore[arg-type]  # no thread is needed
        again.restore(kept)
        self.assertEqual(again.accounts(), self.administration.accounts.accounts())
        self.assertEqual(again.program(token), self.administration.accounts.program(token))

    def test_random_password(self) -> None:
        """None is a default one: a password that nobody chose is a random one."""
        one = self.ask("POST", "/accounts", name="a", role="operator")["password"]
        other = self.ask("POST", "/accounts", name="b", role="operator")["password"]
        self.assertNotEqual(one, other)
        self.assertGreaterEqual(len(one), 20)

    def test_by_link(self) -> None:
        """An account without a password is entered by links, and by nothing else, until it gets one."""
        said = {"name": "first", "role": "administrator", "by_link": True}
        self.assertEqual(self.ask("POST", "/accounts", **said)["password"], "")
        browser = self.browser()
        for password in ("", "first", accounts._NOBODY):
            self.assertEqual(browser.log_in("first", password).status, 401)
        link = self.ask("POST", "/accounts/first/link")["link"].partition("#")[2]
        self.assertEqual(browser.send("POST", "/login", {"link": link}).status, 200)
        self.assertEqual(browser.send("GET", "/api/status").status, 200)
        self.ask("PUT", "/accounts/first/password", password="another horse")
        self.assertEqual(browser.log_in("first", "another horse").status, 200)

    def test_what_cannot_be(self) -> None:
        """Two of a name, a password that is short, a user of nobody, an extension that is not there."""
        for status, why, said in (
            (409, "already", {"name": "ROOT", "role": "operator"}),
            (400, "at least 12", {"name": "x", "role": "operator", "password": "short"}),
            (400, "by_link: ", {"name": "x", "role": "operator", "password": PASSWORD, "by_link": True}),
            (400, "extension: is needed", {"name": "x", "role": "user"}),
            (404, "no extension", {"name": "x", "role": "user", "extension": "zoe"}),
            (400, "name: ", {"name": "<b>", "role": "operator"}),
            (400, "role: ", {"name": "x", "role": "god"}),
        ):
            self.assertRefused(status, why, "POST", "/accounts", **said)
        self.assertRefused(404, "no account", "DELETE", "/accounts/x")
        self.assertRefused(404, "no account", "POST", "/accounts/x/link")

    def test_last_administrator(self) -> None:
        """As long as there is anybody, there is an administrator."""
        self.assertRefused(409, "last administrator", "DELETE", "/accounts/root")
        for name in ("desk", "alice", "root"):
            self.ask("DELETE", f"/accounts/{name}")
        self.assertEqual(self.ask("GET", "/accounts"), [])

    def test_own_settings(self) -> None:
        """A user changes the settings of their own extension, and of no other."""
        browser = self.browser("alice")
        for extension, status in (("bob", 403), ("alice", 200)):
            said = {"extension": extension, "number": "carol"}
            self.assertEqual(browser.send("POST", "/api/calls", said).status, status)
        path = "/api/settings/extensions.{}.forward.busy"
        self.assertEqual(browser.send("PUT", path.format("alice"), {"value": "bob"}).status, 200)
        self.assertEqual(browser.send("PUT", path.format("bob"), {"value": "alice"}).status, 403)
        self.assertEqual(browser.send("PUT", path.format("alice.bob"), {"value": "bob"}).status, 400)
        self.assertEqual(browser.send("PUT", "/api/settings/extensions.alice", {"value": "bob"}).status, 403)


class AuditTests(DoorCase):
    """Who has changed what."""

    def test_noted(self) -> None:
        """Each change, by whom, what was before and after; not what was refused or only looked at."""
        browser = self.browser("alice")
        before = len(self.ask("GET", "/changes"))
        browser.send("PUT", "/api/settings/extensions.alice.forward.busy", {"value": "bob"})
        browser.send("PUT", "/api/settings/extensions.bob.forward.busy", {"value": "alice"})
        browser.send("GET", "/api/extensions/alice/settings")
        rows = self.ask("GET", "/changes")
        self.assertEqual(len(rows), before + 1)
        self.assertEqual((rows[0]["who"], rows[0]["what"]), ("alice", "PUT /settings/{path}"))
        self.assertEqual(rows[0]["said"], {"path": "extensions.alice.forward.busy", "value": "bob"})
        self.assertEqual((rows[0]["answer"]["before"], rows[0]["answer"]["value"]), ("", "bob"))

    def test_secrets(self) -> None:
        """No password and no token is written down."""
        token = self.ask("POST", "/tokens", name="screen")["token"]
        link = self.ask("POST", "/accounts/root/link")["link"]
        text = self.send(request("GET", "/api/changes?limit=5000")).body.decode()
        for secret in (PASSWORD, token, link.partition("#")[2]):
            self.assertNotIn(secret, text)

    def test_kept(self) -> None:
        """It is kept in the store, and the oldest is given up."""
        self.patch(__import__("b2bua.admin.audit", fromlist=["KEPT"]), "KEPT", 5)
        for number in range(8):
            self.ask("POST", "/tokens", name=f"t{number}")
        self.world.run(1)
        kept = [row for row in self.successResultOf(self.store.load_settings()) if row.table == "b2bua.audit"]
        names = [row.value["said"]["name"] for row in kept]
        self.assertEqual(sorted(names)[-5:], [f"t{number}" for number in range(3, 8)])


class PinTests(DoorCase):
    """The PIN of a mailbox is known to who has set it, and to administrators."""

    PATH = "extensions.alice.voicemail.pin"

    def setUp(self) -> None:
        """Alice has set one, and changed it."""
        self.settings = {"voicemail": {"directory": str(Path(self.mktemp()).absolute())}}
        super().setUp()
        for pin in ("471147", "815815"):
            answer = self.browser("alice").send("PUT", f"/api/settings/{self.PATH}", {"value": pin})
            self.assertEqual(answer.status, 200, answer.body)
            self.assertNotIn(pin, answer.body.decode())

    def assertHidden(self, text: str) -> None:
        """Neither the one nor the other stands there."""
        self.assertIn(HIDDEN, text)
        self.assertNotIn("471147", text)
        self.assertNotIn("815815", text)

    def test_noted(self) -> None:
        """Who has changed what names the setting and not the PIN, in the store, the answer and the log."""
        lines: list[str] = []

        def observer(event: LogEvent) -> None:
            """Keep a line."""
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.ask("PUT", "/settings/{path}", path=self.PATH, value="815815")
        self.assertHidden("".join(lines))
        self.assertIn(self.PATH, "".join(lines))
        rows = self.ask("GET", "/changes", limit=3)
        self.assertEqual([row["said"]["path"] for row in rows], [self.PATH] * 3)
        self.assertHidden(json.dumps(rows))
        self.world.run(1)
        kept = [row for row in self.successResultOf(self.store.load_settings()) if row.table == "b2bua.audit"]
        self.assertHidden(repr(kept))

    def test_told(self) -> None:
        """The stream of events, which webhooks get as well, says that it was changed, not to what."""
        heard: list[Event] = []
        reader = Mock(hear=heard.append)
        self.administration.events.begin(reader)
        self.administration.events.setting("extensions.alice", "voicemail", "voicemail.pin", "471147")
        self.administration.events.setting("extensions.alice", "voicemail", "voicemail.pin", None)
        self.assertEqual([event.value.path for event in heard], [self.PATH] * 2)
        self.assertEqual([event.value.value for event in heard], [HIDDEN, None])

    def test_asked(self) -> None:
        """An operator and a user see that there is one; the command, which plays calls, sees it as it is."""
        for name in ("desk", "alice"):
            self.assertHidden(self.browser(name).send("GET", "/api/extensions/alice/settings").body.decode())
        self.assertEqual(self.browser("desk").send("GET", "/api/settings").value, {self.PATH: HIDDEN})
        self.assertEqual(self.browser("root").send("GET", "/api/settings").value, {self.PATH: "815815"})
        self.assertEqual(self.ask("GET", "/settings"), {self.PATH: "815815"})

    def test_page(self) -> None:
        """A form takes a new one and shows none."""
        for name, path in (("desk", "/people/alice"), ("root", "/people/alice"), ("alice", "/mine")):
            page = self.browser(name).send("GET", path).body.decode()
            self.assertHidden(page)
            self.assertIn('class="pin"', page)


class FileTests(DoorCase):
    """What plugins have for phones, C{/files/NAME}."""

    def setUp(self) -> None:
        """A phone with a token."""
        super().setUp()
        self.token = self.ask("POST", "/tokens", name="phones", role="user")["token"]

    def get(self, path: str, said: str = "", method: str = "GET") -> Any:
        """What somebody gets who gives a name and a password by HTTP Basic (RFC 7617 section 2)."""
        known = {"Authorization": f"Basic {b64encode(said.encode()).decode()}"} if said else {}
        return self.browser().send(method, path, **known)

    def test_phone(self) -> None:
        """A phone gives the token as its password; without one it is asked for it."""
        self.patch(
            Features, "file", lambda features, name: ("text/xml", b"<x/>") if name == "x.xml" else None
        )
        answer = self.get("/files/x.xml", f"phone:{self.token}")
        self.assertEqual((answer.status, answer.body), (200, b"<x/>"))
        for said in ("", "phone:wrong", "phone"):
            self.assertEqual(self.get("/files/x.xml", said).status, 401, said)
        for path in ("/files/y.xml", "/files"):
            self.assertEqual(self.get(path, f"phone:{self.token}").status, 404, path)
        self.assertEqual(self.browser("alice").send("GET", "/files/x.xml").status, 200)

    def test_directory(self) -> None:
        """What is in a directory, a recording say, is for administrators, whoever else is known."""
        asked: list[str] = []
        sound = Path(self.mktemp())
        sound.write_bytes(b"RIFF")

        def give(features: Features, name: str) -> tuple[str, Path] | None:
            asked.append(name)
            return ("audio/wav", sound) if name == "recordings/x.wav" else None

        self.patch(Features, "file", give)
        # What is large is sent bit by bit; here no reactor runs that would do so.
        scheduler = Cooperator(scheduler=lambda step: self.world.clock.callLater(0.0, step))
        self.patch(task, "_theCooperator", scheduler)
        for path in ("/files/recordings/x.wav", "/files/recordings/", "/files/../x.xml"):
            self.assertEqual(self.get(path, f"phone:{self.token}").status, 403, path)
            self.assertEqual(self.get(path).status, 401, path)
        for name in ("alice", "desk"):
            self.assertEqual(self.browser(name).send("GET", "/files/recordings/x.wav").status, 403, name)
        self.assertEqual(asked, [])
        browser = self.browser("root")
        connection = Connection(self.door, browser.host)
        fields = {"Cookie": f"b2bua={browser.cookie}"}
        connection.send(request("GET", "/files/recordings/x.wav", None, fields))
        self.world.run(0.1)
        answer = connection.read()
        self.assertEqual((answer.status, answer.body), (200, b"RIFF"))
        self.assertEqual(self.browser("root").send("GET", "/files/recordings/y.wav").status, 404)

    def test_nonsense(self) -> None:
        """An Authorization that cannot be read lets nobody in."""
        for given in ("Basic", "Basic ???", "Basic /w==", "Digest x", "Bearer"):
            self.assertEqual(
                self.browser().send("GET", "/files/x.xml", Authorization=given).status, 401, given
            )

    def test_changes_nothing(self) -> None:
        """By Basic, which browsers send to whoever asks, nothing can be changed."""
        token = self.ask("POST", "/tokens", name="root", role="administrator", reads=False)["token"]
        self.assertEqual(self.get("/api/reload", f"x:{token}", "POST").status, 401)
