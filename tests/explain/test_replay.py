"""Calls that were made, played again: nothing differs, and what would differ is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.records.trace import Trace
from b2bua.explain import pcap
from b2bua.explain.redaction import Redaction
from b2bua.explain.replay import of_capture, record, test_file
from b2bua.explain.traced import Message, TracedCall
from b2bua.settings import SettingsError
from b2bua.testing import Manners, Phone, World
from b2bua.testing.replaying import Recording, Replay, read_script, write_script
from tests.explain.calls import ALICE, US

Story = Callable[[World, dict[str, Phone]], None]


def lived(story: Story, **settings: Any) -> tuple[TracedCall, dict[str, Any]]:
    """Let a call happen, and give what was traced of the first one, with the configuration."""
    world = World(features="installed", settings=settings)
    names = ("alice", "bob", "carol")
    phones = dict(zip(names, world.phones(*names, manners=Manners(answers_after=1)), strict=True))
    served = world.served
    assert served is not None
    calls: list[Any] = []
    served.server.core.calls.began = calls.append
    story(world, phones)
    world.run(1)
    call = calls[0]
    return TracedCall.of(call.record, call.story, served.server.trace), served.document


def plain(world: World, phones: dict[str, Phone]) -> None:
    """A call from its beginning to its end."""
    phones["alice"].dial("bob")
    world.run(3)
    phones["alice"].hang_up()


def held(world: World, phones: dict[str, Phone]) -> None:
    """Hold and resume from the other side."""
    phones["alice"].dial("bob")
    world.run(3)
    phones["bob"].session.hold()
    world.run(2)
    phones["bob"].session.resume()
    world.run(2)
    phones["bob"].hang_up()


def given_up(world: World, phones: dict[str, Phone]) -> None:
    """Given up while it rings."""
    phones["bob"].manners = phones["bob"].manners.but(answers_after=None)
    phones["alice"].dial("bob")
    world.run(3)
    phones["alice"].hang_up()


def refused(world: World, phones: dict[str, Phone]) -> None:
    """Refused."""
    phones["bob"].manners = phones["bob"].manners.but(refuses=603)
    phones["alice"].dial("bob")
    world.run(3)


def reliable(world: World, phones: dict[str, Phone]) -> None:
    """With reliable provisional responses, whose RSeq is ours."""
    for phone in phones.values():
        phone.manners = phone.manners.but(hundred_rel="supported", early_media=True)
    phones["alice"].dial("bob")
    world.run(3)
    phones["alice"].hang_up()


def transferred(world: World, phones: dict[str, Phone]) -> None:
    """A blind transfer."""
    phones["alice"].dial("bob")
    world.run(3)
    phones["bob"].session.transfer("carol")
    world.run(4)
    phones["alice"].hang_up()


def forwarded(world: World, phones: dict[str, Phone]) -> None:
    """Forwarded when busy, then timed by a session timer."""
    phones["bob"].manners = phones["bob"].manners.but(refuses=486)
    phones["alice"].dial("bob")
    world.run(3)
    phones["alice"].hang_up()


def slow(world: World, phones: dict[str, Phone]) -> None:
    """On a network that loses and doubles, so that much is sent again."""
    world.network.link.loss, world.network.link.duplicate = 0.3, 0.3
    phones["alice"].dial("bob")
    world.run(15)
    world.network.heal()
    phones["alice"].hang_up()
    world.run(5)


STORIES: tuple[Story, ...] = (plain, held, given_up, refused, reliable, transferred, forwarded, slow)
FORWARDS = {"bob": {"forward": {"busy": "carol"}}}


class RoundTripTests(SynchronousTestCase):
    """What was traced plays again as it was."""

    def test_stories(self) -> None:
        """Setup, hold, CANCEL, refusal, 100rel, transfer, forward, loss: nothing differs."""
        for story in STORIES:
            with self.subTest(story.__name__):
                call, document = lived(story, extensions=FORWARDS)
                self.assertEqual(Replay(record(call, document)).run(), [])

    def test_names_kept(self) -> None:
        """The same with the names as they were."""
        call, document = lived(held)
        self.assertEqual(Replay(record(call, document, redact=False)).run(), [])

    def test_files_stay(self) -> None:
        """A call that is played again leaves nothing where the service keeps messages."""
        call, document = lived(held)
        messages = self.mktemp()
        document["voicemail"] = {"directory": messages}
        recording = record(call, document, redact=False)
        replay = Replay(recording)
        [(_, elsewhere)] = replay.served.features.directories()
        self.assertNotIn(messages, elsewhere)
        self.assertEqual(recording.document["voicemail"], {"directory": messages})

    def test_script(self) -> None:
        """Written as a script and read again, it is the same recording."""
        call, document = lived(held)
        recording = record(call, document)
        again = read_script(write_script(recording.rungs))
        self.assertEqual([rung.raw for rung in again], [rung.raw for rung in recording.rungs])

    def test_file(self) -> None:
        """The file that is written is a test that passes."""
        call, document = lived(held)
        space: dict[str, Any] = {"__name__": "recorded"}
        exec(
            compile(test_file(call, record(call, document)), "recorded", "exec"), space
        )  # what trial would do
        case = space["RecordedCall"]("test_same")
        result = case.defaultTestResult()
        case.run(result)
        self.assertTrue(result.wasSuccessful())
        self.assertEqual(result.testsRun, 1)

    def test_capture(self) -> None:
        """A capture of both dialogs plays as the trace does."""
        call, document = lived(plain)
        path = Path(self.mktemp())
        pcap.write(call, path)
        call_ids = [leg.call_id for leg in call.record.legs]
        again = of_capture(list(pcap.read(path)), call_ids, document)
        self.assertEqual(Replay(record(again, document)).run(), [])

    def test_capture_of_others(self) -> None:
        """A capture without the dialog is refused in one line."""
        error = self.assertRaises(SettingsError, of_capture, [], ["nobody"], {})
        self.assertIn("there is no INVITE with the Call-ID nobody", str(error))


class AroundTests(SynchronousTestCase):
    """What is no part of a call, and had to do with it."""

    def lived(self, transport: str, story: Story) -> Recording:
        """Let a call happen whose phones are all on one transport."""
        world = World(features="installed")
        names = ("alice", "bob", "carol")
        manners = Manners(answers_after=1)
        phones = dict(zip(names, world.phones(*names, manners=manners, transport=transport), strict=True))
        served = world.served
        assert served is not None
        calls: list[Any] = []
        served.server.core.calls.began = calls.append
        story(world, phones)
        world.run(1)
        records = [call.record for call in calls]
        first = calls[0]
        traced = TracedCall.of(first.record, first.story, served.server.trace, others=records)
        self.traced = TracedCall.model_validate_json(traced.model_dump_json())
        return record(self.traced, served.document)

    def test_connections(self) -> None:
        """What came over TCP is played over TCP, and stands so in the script."""
        recording = self.lived("TCP", held)
        self.assertEqual(Replay(recording).run(), [])
        script = write_script(recording.rungs)
        self.assertIn(" TCP\n", script)
        self.assertEqual(read_script(script), list(recording.rungs))

    def test_moved(self) -> None:
        """A phone that registers from elsewhere during the call: what follows goes there."""

        def moves(world: World, phones: dict[str, Phone]) -> None:
            phones["bob"].instance = "urn:uuid:00000000-0000-1000-8000-001565fb5412"
            phones["bob"].register()
            world.run(1)
            phones["alice"].dial("bob")
            world.run(3)
            phones["bob"].move("10.9.9.9")
            phones["bob"].register()
            world.run(3)
            phones["alice"].hold()
            world.run(3)
            phones["alice"].hang_up()

        recording = self.lived("UDP", moves)
        self.assertEqual(Replay(recording).run(), [])
        self.assertTrue([rung for rung in recording.rungs if rung.raw.startswith(b"REGISTER ")])

    def test_consultation(self) -> None:
        """The call from which a party came, which is no part of the one it has joined."""

        def consults(world: World, phones: dict[str, Phone]) -> None:
            phones["alice"].dial("bob")
            world.run(3)
            bob = phones["bob"]
            first = bob.session
            first.hold()
            world.run(1)
            bob.dial("carol")
            world.run(3)
            first.transfer(replaces=bob.session)
            world.run(4)
            phones["alice"].hang_up()

        self.assertEqual(Replay(self.lived("UDP", consults)).run(), [])
        self.assertEqual([one.dialled for one in self.traced.related], ["carol"])


class RingTests(SynchronousTestCase):
    """The oldest messages have fallen out of the ring."""

    def left(self, story: Story) -> list[tuple[TracedCall, dict[str, Any]]]:
        """Let a call happen; give what is left of it when no message has gone, one, two, and so on."""
        world = World(features="installed")
        names = ("alice", "bob", "carol")
        phones = dict(zip(names, world.phones(*names, manners=Manners(answers_after=1)), strict=True))
        served = world.served
        assert served is not None
        calls: list[Any] = []
        served.server.core.calls.began = calls.append
        story(world, phones)
        world.run(1)
        records = [call.record for call in calls]
        found = []
        passed = list(served.server.trace)
        for gone in range(len(passed)):
            ring = Trace(sum(len(one.raw) for one in passed))
            for one in passed[gone:]:
                ring.keep(list(one))
            call = calls[-1]
            found.append((TracedCall.of(call.record, call.story, ring, others=records), served.document))
        return found

    def test_as_far_as_it_goes(self) -> None:
        """
        What is left plays as it was, without registrations and challenges that have gone.

        That is so up to the INVITE with which the caller begins the call; without
        it nothing of the call plays, and that is said.
        """
        played, refused = 0, 0
        for call, document in self.left(held):
            if any(_dials(message, "bob") for message in call.messages):
                self.assertEqual(call.missing, ())
                self.assertEqual(Replay(record(call, document)).run(), [])
                played += 1
            else:
                error = self.assertRaises(SettingsError, record, call, document)
                self.assertRegex(str(error), "not kept any more|no message of call")
                self.assertEqual(call.missing[0], call.record.legs[0].call_id)
                refused += 1
        self.assertGreater(played, 8)
        self.assertGreater(refused, 8)

    def test_other_call(self) -> None:
        """What is left of another call that had to do with it does no harm, with its beginning or without."""

        def consults(world: World, phones: dict[str, Phone]) -> None:
            phones["alice"].dial("bob")
            world.run(3)
            phones["alice"].hold()
            world.run(1)
            phones["alice"].dial("carol")
            world.run(3)

        left = [call for call in self.left(consults) if not call[0].missing]
        cut = [call for call in left if not any(_dials(one, "bob") for one in call[0].around)]
        self.assertGreater(len(cut), 8)
        for call, document in cut:
            self.assertEqual([one.dialled for one in call.related], ["bob"])
            self.assertEqual(Replay(record(call, document)).run(), [])


def _dials(message: Message, number: str) -> bool:
    """Does it begin a call to somebody?"""
    return message.raw.startswith(f"INVITE sip:{number}@pbx".encode()) and b"\r\nAuthorization" in message.raw


class DifferenceTests(SynchronousTestCase):
    """What the server does otherwise is found."""

    def setUp(self) -> None:
        """A forwarded call."""
        call, self.document = lived(forwarded, extensions=FORWARDS)
        self.recording = record(call, self.document, redact=False)

    def test_configuration(self) -> None:
        """Without the forward the call goes nowhere, and that is said."""
        document = {**self.recording.document}
        document["extensions"] = {
            name: {key: value for key, value in table.items() if key != "forward"}
            for name, table in document["extensions"].items()
        }
        faults = Replay(Recording(document, self.recording.contacts, self.recording.rungs)).run()
        self.assertIn("486 to INVITE to 10.0.0.2:5060 was not sent then", faults)
        self.assertIn("INVITE to 10.0.0.4:5060 was not sent", faults)

    def test_field(self) -> None:
        """A header field that is not as it was is named with both."""
        document = {**self.recording.document}
        document["extensions"] = {
            **document["extensions"],
            "alice": {"name": "Other", "password": "alice-knows"},
        }
        faults = Replay(Recording(document, self.recording.contacts, self.recording.rungs)).run()
        self.assertIn('INVITE to 10.0.0.3:5060 says now: From: "Other" <sip:alice@pbx.example.com>', faults)


class RedactionTests(SynchronousTestCase):
    """Nobody is recognised."""

    def test_names(self) -> None:
        """No number, name, address or device of the call is left; the same ones have the same other names."""
        call, document = lived(transferred)
        text = write_script(record(call, document).rungs)
        for name in ("alice", "Alice", "bob", "Bob", "carol", "10.0.0."):
            self.assertNotIn(name, text)
        self.assertIn('"Person 1" <sip:user1@pbx.example.com>', text)

    def test_numbers_that_mean_something_else(self) -> None:
        """The extensions 200 and 102: a status stays a status, and a code takes its extension along."""
        raw = b"\r\n".join(
            (
                b"SIP/2.0 200 OK",
                b'From: "102" <sip:102@pbx.example.com>;tag=1',
                b"To: <sip:*72102@pbx.example.com>",
                b"Contact: <sip:200@10.0.0.1:5060>",
                b"Session-Expires: 200",
                b"CSeq: 102 INVITE",
                b"",
                b"",
            )
        )
        message = Message(at=0.0, transport="UDP", local=US, remote=ALICE, outgoing=False, raw=raw)
        names = Redaction({US[0]}, "pbx.example.com")
        names.learn([message], {"extensions": {"102": {}, "200": {}}, "ring_groups": {"901": {}}})
        self.assertEqual(
            names.raw(raw).splitlines(),
            [
                b"SIP/2.0 200 OK",
                b'From: "902" <sip:902@pbx.example.com>;tag=1',
                b"To: <sip:*72902@pbx.example.com>",
                b"Contact: <sip:903@198.18.0.3:5060>",
                b"Session-Expires: 200",
                b"CSeq: 102 INVITE",
                b"",
            ],
        )

    def test_pins(self) -> None:
        """A PIN becomes another one, the same in settings and behind codes, also where names are kept."""
        pin = {"alice": {"hot_desk": {"pin": "4711"}}}
        for redact, name in ((True, "user1"), (False, "alice")):
            call, document = lived(lambda world, phones: phones["bob"].dial("*461alice*4711"), extensions=pin)
            recording = record(call, document, redact=redact)
            self.assertEqual(recording.document["extensions"][name]["hot_desk"], {"pin": "7001"})
            script = write_script(recording.rungs)
            self.assertIn(f"INVITE sip:*461{name}*7001@pbx.example.com", script)
            self.assertNotIn("4711", script)
            self.assertEqual(Replay(recording).run(), [])

    def test_numbers_outside(self) -> None:
        """With a country code, a zero or a code before them they are the same; what a setting knows stays."""
        numbers = ("+49301234567", "0301234567", "*720301234567", "+49301", "+499001")
        uris = "".join(f"X-Number: <sip:{number}@192.0.2.9>\r\n" for number in numbers)
        raw = f"OPTIONS sip:192.0.2.9 SIP/2.0\r\n{uris}\r\n".encode()
        message = Message(at=0.0, transport="UDP", local=US, remote=ALICE, outgoing=False, raw=raw)
        names = Redaction({US[0]}, "pbx.example.com")
        names.learn([message], {"extensions": {"102": {"block_callers": {"blocked": ["+49900*"]}}}})
        again = [names.name(number) for number in numbers]
        self.assertEqual(again[:3], ["+49301555001", "0301555001", "*720301555001"])
        self.assertRegex(again[3], r"^\+55\d{3}$")
        self.assertRegex(again[4], r"^\+49900\d$")

    def test_passwords(self) -> None:
        """No digest response gets in."""
        call, document = lived(plain)
        recording = record(call, document)
        self.assertNotRegex(write_script(recording.rungs), r'response="[^"]')
        self.assertIn("Authorization", write_script(recording.rungs))

    def test_nothing_left(self) -> None:
        """A call without messages cannot be played, and that is said."""
        call, document = lived(plain)
        error = self.assertRaises(SettingsError, record, call.model_copy(update={"messages": ()}), document)
        self.assertIn("no message of call", str(error))
