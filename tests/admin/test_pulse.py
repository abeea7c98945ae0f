"""Pages are told that they have to look again."""

from __future__ import annotations

import re

from b2bua.admin.page import pulse
from tests.admin.case import Connection, request
from tests.admin.door import Browser, DoorCase


class PulseTests(DoorCase):
    """C{GET /pulse}."""

    def listen(self, browser: Browser, query: str = "") -> Connection:
        """Open the stream, as a page does."""
        connection = Connection(self.door)
        connection.send(request("GET", f"/pulse{query}", fields={"Cookie": f"b2bua={browser.cookie}"}))
        self.world.run(0.0)
        return connection

    def told(self, connection: Connection) -> list[set[str]]:
        """What was told, each time."""
        text = connection.transport.value().decode()
        connection.transport.clear()
        return [set(kinds.split()) for kinds in re.findall(r"event: changed\ndata: ([^\n]*)", text)]

    def test_told(self) -> None:
        """A call, a phone, a setting, a guesser: each within a second, and nothing when nothing happens."""
        page = self.listen(self.browser("desk"))
        self.assertIn(b"event: hello", page.transport.value())
        self.world.run(5)
        self.assertEqual(self.told(page), [])
        self.talk()
        self.assertIn({"call"}, self.told(page))
        self.ask("DELETE", "/extensions/bob/registrations")
        self.world.run(1)
        self.assertEqual(self.told(page), [{"phone"}])
        self.ask("PUT", "/settings/{path}", path="extensions.bob.do_not_disturb", value=True)
        self.world.run(1)
        self.assertEqual(self.told(page), [{"setting"}])
        for _ in range(50):
            self.server.authenticator.throttle.failed("203.0.113.66", "alice")
        self.world.run(1)
        self.assertEqual(self.told(page), [{"ignored"}])
        self.assertEqual(self.server.core.calls.onlookers, ())

    def test_own(self) -> None:
        """A user is told of their own calls only, and has to say so."""
        alice = self.browser("alice")
        for query in ("", "?extension=bob"):
            self.assertEqual(self.listen(alice, query).read().status, 403)
        page = self.listen(alice, "?extension=alice")
        carol, _ = self.world.phones("carol", "dave")
        carol.dial("dave")
        self.world.run(3)
        self.assertFalse(any("call" in kinds for kinds in self.told(page)))
        self.talk()
        self.assertTrue(any("call" in kinds for kinds in self.told(page)))

    def test_busy(self) -> None:
        """Where much happens pages are told seldom."""
        self.patch(pulse, "BUSY", -1)
        page = self.listen(self.browser("desk"))
        for _ in range(10):
            self.ask("PUT", "/settings/{path}", path="extensions.bob.forward.busy", value="alice")
            self.world.run(1)
        self.assertLessEqual(len(self.told(page)), 2)

    def test_gone(self) -> None:
        """Who logs out is told nothing more; who goes leaves nothing behind; there may be so many."""
        desk = self.browser("desk")
        page = self.listen(desk)
        desk.send("POST", "/logout")
        self.world.run(pulse.BEAT + 2)
        self.assertTrue(page.transport.disconnecting or page.transport.value().endswith(b"0\r\n\r\n"))
        self.patch(pulse, "READERS", 2)
        desk = self.browser("desk")
        pages = [self.listen(desk) for _ in range(3)]
        self.assertEqual(pages[2].read().status, 503)
        for one in pages:
            one.close()
        self.assertNotEqual(self.listen(desk).read().status, 503)

    def test_shared(self) -> None:
        """What goes on is made once for all who look, and anew when it is not as it was."""
        desk, root = self.browser("desk"), self.browser("root")
        page = self.listen(desk)
        first = desk.send("GET", "/now/all").body
        self.assertEqual(root.send("GET", "/now/all").body, first)
        self.talk()
        self.assertTrue(self.told(page))
        self.assertIn(b"talking", desk.send("GET", "/now/all").body)
        self.assertEqual(self.browser("alice").send("GET", "/now/all").status, 403)
        self.assertIn("Gespräche", root.send("GET", "/now/all", Accept_Language="de").body.decode())
