"""The stream of events: what is told, to whom, and what a slow reader costs."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from b2bua.admin import events, stream
from tests.admin.case import Connection, request
from tests.admin.door import Browser, DoorCase


class Told(NamedTuple):
    """One event as a browser sees it."""

    id: str
    kind: str
    value: Any


class Reader:
    """A browser's EventSource."""

    def __init__(self, case: DoorCase, browser: Browser, query: str = "", last: str = "") -> None:
        """Begin to read."""
        fields = {"Cookie": f"b2bua={browser.cookie}"}
        if last:
            fields["Last-Event-ID"] = last
        self.connection = Connection(case.door)
        self.connection.send(request("GET", f"/api/events{query}", None, fields))

    @property
    def told(self) -> list[Told]:
        """What it was told; comments count for nothing."""
        text = self.connection.transport.value().decode().partition("\r\n\r\n")[2]
        # Each piece of a chunked body has its length in a line before it.
        found = []
        for block in text.split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "event" in lines:
                found.append(Told(lines.get("id", ""), lines["event"], json.loads(lines["data"])))
        return found

    def words(self) -> list[str]:
        """What happened, in words."""
        return [one.value.get("what", one.kind) for one in self.told]

    def leave(self) -> None:
        """Go."""
        self.connection.close()


class StreamTests(DoorCase):
    """What is told."""

    def read(self, query: str = "", last: str = "", name: str = "desk") -> Reader:
        """Read as somebody."""
        return Reader(self, self.browser(name), query, last)

    def test_call(self) -> None:
        """A call begins, rings, is answered, held, taken up again, and ends: in this order."""
        reader = self.read("?kind=call")
        self.talk()
        self.alice.hold()
        self.world.run(1)
        self.alice.resume()
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(1)
        words = [word for word in reader.words() if word != "changed"]
        self.assertEqual(words, ["hello", "started", "ringing", "answered", "held", "resumed", "ended"])
        ids = [int(one.id) for one in reader.told]
        self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))))

    def test_joined(self) -> None:
        """Who begins to read during a call hears what changes of it, not that it begins."""
        self.talk()
        reader = self.read("?kind=call")
        self.alice.hold()
        self.world.run(1)
        self.alice.resume()
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(1)
        words = [word for word in reader.words() if word != "changed"]
        self.assertEqual(words, ["hello", "held", "resumed", "ended"])

    def test_phones_and_settings(self) -> None:
        """Phones come and go; settings are changed, by the page or by the phone."""
        reader = self.read("?kind=phone&kind=setting")
        self.ask("DELETE", "/extensions/bob/registrations")
        self.bob.register()
        self.world.run(1)
        self.administration.events.setting("extensions.bob", "forward", "forward.busy", "alice")
        self.assertEqual(reader.words(), ["hello", "unregistered", "registered", "changed"])
        self.assertEqual(reader.told[-1].value["value"]["path"], "extensions.bob.forward.busy")

    def test_guesser(self) -> None:
        """Who is ignored is told of, and who is pardoned."""
        reader = self.read("?kind=ignored")
        for _ in range(50):
            self.server.authenticator.throttle.failed("203.0.113.66", "alice")
        self.world.run(2)
        self.ask("DELETE", "/ignored/203.0.113.66")
        self.world.run(2)
        self.assertEqual(reader.words(), ["hello", "ignored", "pardoned"])

    def test_own(self) -> None:
        """A user hears of their own extension, and has to say so."""
        self.assertEqual(self.read(name="alice").connection.read().status, 403)
        self.assertEqual(self.read("?extension=bob", name="alice").connection.read().status, 403)
        reader = self.read("?extension=alice&kind=phone", name="alice")
        self.ask("DELETE", "/extensions/bob/registrations")
        self.ask("DELETE", "/extensions/alice/registrations")
        self.assertEqual([one.value.get("extensions") for one in reader.told[1:]], [["alice"]])

    def test_unknown_kind(self) -> None:
        """What there is no kind of cannot be asked for."""
        self.assertEqual(self.read("?kind=weather").connection.read().status, 400)

    def test_who_comes_back(self) -> None:
        """Who comes back gets what they have missed; after too long they are told to look again."""
        first = self.read("?kind=call")
        last = first.told[0].id
        first.leave()
        self.talk()
        again = self.read("?kind=call", last)
        self.assertIn("answered", again.words())
        self.assertNotIn("hello", again.words())
        for nonsense in ("1", "99999999999999999999", str(int(last) + 10**9)):
            reader = self.read("?kind=call", nonsense)
            self.assertIn(reader.words()[0], ("resync", "hello"))
            reader.leave()
        latest = again.told[-1].id
        again.leave()
        self.world.run(events.PATIENCE + 5)
        for seen in (last, latest):
            self.assertEqual(self.read("?kind=call", seen).words()[0], "resync")

    def test_slow_reader(self) -> None:
        """A reader who does not read costs a bounded amount, and is told to look again."""
        reader, other = self.read("?kind=phone"), self.read("?kind=phone")
        listener = next(iter(self.administration.events._readers))
        listener.pauseProducing()  # type: ignore[attr-defined]  # a L{stream.Listener}
        for _ in range(stream.QUEUE + 50):
            self.administration.events.tell("phone", "registered", ["bob"], {})
        self.assertLessEqual(len(listener._queue), stream.QUEUE)  # type: ignore[attr-defined]  # the same
        before = len(reader.told)
        listener.resumeProducing()  # type: ignore[attr-defined]  # the same
        self.assertEqual([one.kind for one in reader.told[before:]], ["resync"])
        self.assertEqual(len(other.told), 1 + stream.QUEUE + 50)
        self.administration.events.tell("phone", "registered", ["bob"], {})
        self.assertEqual(reader.told[-1].kind, "phone")

    def test_nobody_reads(self) -> None:
        """While nobody reads, calls pay nothing; some time after the last reader has gone neither."""
        self.assertEqual(self.server.core.calls.onlookers, ())
        reader = self.read()
        self.assertEqual(len(self.server.core.calls.onlookers), 1)
        reader.leave()
        self.world.run(events.PATIENCE + 5)
        self.assertEqual(self.server.core.calls.onlookers, ())

    def test_logged_out(self) -> None:
        """Who logs out hears no more."""
        browser = self.browser("desk")
        reader = Reader(self, browser)
        browser.send("POST", "/logout")
        self.world.run(stream.BEAT + 1)
        self.assertEqual(len(self.administration.events), 0)
        self.assertTrue(reader.connection.transport.value().endswith(b"0\r\n\r\n"))

    def test_many(self) -> None:
        """So many may read at once and no more."""
        self.patch(stream, "READERS", 2)
        readers = [self.read() for _ in range(3)]
        self.assertEqual(readers[2].connection.read().status, 503)
        readers[0].leave()
        self.assertEqual(self.read().words(), ["hello"])
