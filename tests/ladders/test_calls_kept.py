"""Calls outlive the server: after kill -9 and a start whoever talked goes on, or is told."""

from __future__ import annotations

import json
from typing import Any

from b2bua.calls.records.record import CallRecord
from b2bua.calls.restoring.recovery import BACK, FIRST
from b2bua.store.memory import MemoryStore
from b2bua.testing import World
from b2bua.testing.agent import Message, Path
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.wire.message import Request, write
from tests.ladders.transfers import FEATURES, TransferTestCase

KEPT = 3.0
"""Seconds after which a call is kept: two of quiet, half a one for the batch, and some."""


class KeptCase(TransferTestCase):
    """Phones, a server with a store, and what crashes it."""

    def make_world(self, **more: Any) -> World:
        """A world with a store."""
        self.store = MemoryStore()
        return World(features=FEATURES, store=self.store, **more)

    def talk(self) -> None:
        """Alice calls Bob, and that is kept."""
        self.call(self.alice, self.bob)
        self.world.run(KEPT)

    def records(self) -> list[CallRecord]:
        """What the store has of calls."""
        self.world.run(1)
        found = self.successResultOf(self.store.find_records())
        return list(found)

    def kept(self) -> list[Any]:
        """What the store has of calls that go on."""
        self.world.run(1)
        return [json.loads(one.text) for one in self.successResultOf(self.store.load_snapshots())]


class CrashTests(KeptCase):
    """A crash, and the start after it."""

    def test_goes_on(self) -> None:
        """Hold, resume, UPDATE, INFO and BYE from either side work as if nothing had happened."""
        for holder, other in ((self.alice, self.bob), (self.bob, self.alice)):
            self.talk()
            self.goes_on(holder, other, lambda: self.assertEqual(self.crash().restored, 1))
        self.assertEqual(self.kept(), [])
        self.quiet()

    def test_unwritten(self) -> None:
        """CSeq numbers and versions of SDP never go back, also when the last changes were not kept."""
        self.talk()
        for _ in range(3):
            for wait in (0.3, 0.1):
                self.bob.hold()
                self.world.run(wait)
                self.bob.resume()
                self.world.run(wait)
            self.crash()
        self.world.run(5)
        self.bob.hold()
        self.world.run(1)
        self.bob.resume()
        self.world.run(1)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_one_record(self) -> None:
        """A restored call has one record, from its first beginning to its true end."""
        self.talk()
        (begun,) = self.records()
        self.crash(30)
        self.world.run(10)
        self.alice.hang_up()
        self.quiet()
        (record,) = self.records()
        self.assertEqual((record.id, record.started), (begun.id, begun.started))
        self.assertEqual((record.hung_up_by, record.why, len(record.legs)), ("extension alice", "bye", 2))
        assert record.answered is not None and record.ended is not None
        self.assertGreater(record.ended - record.answered, 40)

    def test_hung_up_meanwhile(self) -> None:
        """Who hung up while nobody was there to hear it is found out, and the other one is told."""
        self.talk()
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(40)
        self.assertEqual(served.restart().restored, 1)
        self.world.run(8)
        self.assertEqual(self.bob.live, [])
        self.quiet()
        (record,) = self.records()
        self.assertEqual((record.hung_up_by, record.why), ("extension alice", "lost"))

    def test_repeated(self) -> None:
        """A BYE that came while nobody was there is answered when it is repeated (section 17.1.2.2)."""
        self.world.network.icmp = False
        self.talk()
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(2)
        served.restart()
        self.world.run(5)
        self.assertEqual(self.bob.live, [])
        self.quiet()
        self.assertEqual([r.why for r in self.records()], ["bye"])

    def test_answer_owed(self) -> None:
        """The 2xx of an INVITE without an offer has one, and each ACK its answer (section 13.2.2.4)."""
        self.alice.dial("bob", offer=False)
        self.world.run(1)
        ack_received = self.bob.ack_received
        self.bob.ack_received = lambda request, asked: None  # type: ignore[method-assign]  # each gets lost
        self.bob.answer()
        self.world.run(2 * KEPT)
        self.assertEqual(self.crash().restored, 1)
        self.bob.ack_received = ack_received  # type: ignore[method-assign]
        self.world.run(5)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_power_cut(self) -> None:
        """A phone that is gone with the server is found out, too."""
        self.talk()
        self.bob.vanish()
        self.crash()
        self.world.run(60)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_session_timer(self) -> None:
        """The session timer goes on with its roles and its deadline (RFC 4028)."""
        for refresher in ("uac", "uas"):
            manners = Manners(answers_after=1.0, session_expires=90, refresher=refresher)
            dave, erin = self.world.phones(f"dave{refresher}", f"erin{refresher}", manners=manners)
            self.call(dave, erin)
            self.world.run(KEPT)
            for _ in range(4):
                self.world.run(100)
                self.crash()
            self.insist(dave.talks_to(erin), "the call was lost")
            dave.hang_up()
            self.world.run(2)
        self.quiet()

    def test_young(self) -> None:
        """A call that is over within two seconds is never written; one that goes on is once, and who rang."""
        self.call(self.alice, self.bob)
        self.alice.hang_up()
        self.world.run(5)
        kept: list[Any] = []
        self.patch(self.store, "write", _noting(self.store.write, kept))
        self.call(self.alice, self.bob)
        self.world.run(60)
        (call,) = self.world.served.server.core.calls.going
        rang, talks = [json.loads(text) for of, text in kept if of == call]
        self.assertEqual(([one["ours"] for one in rang], len(talks["legs"])), ([False, True], 2))
        self.alice.hang_up()
        self.quiet()

    def test_restless(self) -> None:
        """A call that changes again and again is written all the same, as it is between two changes."""
        self.call(self.alice, self.bob)
        for _ in range(4):
            self.alice.session.hold()
            self.world.run(0.45)
            self.alice.session.resume()
            self.world.run(0.45)
        self.assertEqual(self.crash().restored, 1)
        self.world.run(10)
        self.insist(self.alice.talks_to(self.bob), "the call was lost")
        self.alice.hang_up()
        self.world.run(2)
        self.quiet()

    def test_connection(self) -> None:
        """A phone by TCP registers by a new connection, and its restored call follows it (RFC 5626)."""
        dave, erin = self.world.phones("dave", "erin", manners=Manners(answers_after=1.0), transport="TCP")
        self.call(dave, erin)
        self.world.run(KEPT)
        self.crash()
        self.world.run(10)
        for phone in (dave, erin):
            phone.register()
        self.world.run(2)
        dave.hold()
        self.world.run(2)
        dave.resume()
        self.world.run(BACK)
        self.only_talking(dave, erin)
        erin.hang_up()
        self.world.run(2)
        self.assertEqual(dave.live, [])
        self.quiet()

    def test_set_aside(self) -> None:
        """What cannot be read is named, and the others are restored."""
        carol = self.carol
        (dave,) = self.world.phones("dave", manners=Manners(answers_after=1.0))
        self.talk()
        self.call(carol, dave)
        self.world.run(KEPT)
        served = self.world.served
        assert served is not None
        # The last one is read as what rings, of which nothing can be ended.
        for id, text in (("a", "{"), ("b", "3"), ("c", '{"version":7}'), ("d", "[3]")):
            assert served.server.persistence is not None
            served.server.persistence.journal.snapshot(id, text)
        self.world.run(1)
        found = self.crash()
        self.assertEqual(found.restored, 2)
        self.assertEqual([one.call for one in found.unreadable], ["a", "b", "c"])
        self.insist(self.alice.talks_to(self.bob) and carol.talks_to(dave), "a call was lost")
        for phone in (self.alice, carol):
            phone.hang_up()
        self.quiet()

    def test_not_wanted(self) -> None:
        """With survive = false nothing of calls is kept, and what was kept is dropped."""
        self.talk()
        served = self.world.served
        assert served is not None
        served.document["calls"] = {"survive": False}
        found = self.crash()
        self.assertEqual((found.restored, found.cut), (0, 1))
        self.assertEqual(self.kept(), [])
        for phone in (self.alice, self.bob):
            phone.hang_up()
        self.quiet()


class TransferTests(KeptCase):
    """Transfers before, during and after a crash."""

    def in_place_of(self, phone: Phone) -> tuple[tuple[str, str], ...]:
        """What an INVITE says to replace the dialog of a phone."""
        session = phone.session
        replaces = f"{session.call_id};to-tag={session.remote_tag};from-tag={session.local_tag}"
        return ("Replaces", replaces), ("Require", "replaces")

    def test_attended(self) -> None:
        """Two restored calls can be joined by an attended transfer (RFC 5589 section 7)."""
        self.talk()
        self.bob.hold()
        self.world.run(1)
        second = self.bob.dial("carol")
        self.world.run(5)
        self.assertEqual(self.crash().restored, 2)
        first = next(s for s in self.bob.live if s is not second)
        first.transfer(replaces=second)
        self.world.run(6)
        self.only_talking(self.alice, self.carol)
        self.world.run(KEPT)
        self.assertEqual([len(one["legs"]) for one in self.kept()], [2])
        self.crash()
        self.world.run(8)
        self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_id(self) -> None:
        """
        Whoever transfers after a crash may have done so before, which was not written (RFC 3515 2.4.6).

        So the NOTIFYs of a REFER in a restored call have an id.
        """
        self.talk()
        self.crash()
        self.bob.session.transfer("carol")
        self.world.run(5)
        heard = [one.message for one in self.bob.inbox if isinstance(one.message, Request)]
        events = [message.get("Event") or "" for message in heard if message.method == "NOTIFY"]
        self.assertTrue(events and all(event.startswith("refer;id=") for event in events), events)
        self.insist(self.alice.talks_to(self.carol), "nobody was transferred")
        self.carol.hang_up()
        self.world.run(2)
        self.quiet()

    def test_cut(self) -> None:
        """A blind transfer that a crash cuts leaves the two who talked before, or tells who is left."""
        # Whose phone has begun to ring in the last second is not written yet, and rings on.
        for after in (
            0.0,
            0.002,
            0.005,
            1.5,
            2.0,
            2.995,
            3.0,
            3.005,
            3.01,
            3.02,
            3.03,
            3.035,
            3.04,
            3.045,
            3.05,
            3.1,
            3.5,
            4.0,
            6.0,
            8.0,
        ):
            with self.anew(after):
                self.carol.manners.answers_after = 3.0
                self.talk()
                self.bob.session.transfer("carol")
                self.world.run(after)
                self.crash()
                self.world.run(60)
                for phone in (self.alice, self.bob, self.carol):
                    for session in phone.live:
                        others = [s for p in (self.alice, self.bob, self.carol) for s in p.live]
                        self.insist(any(session.talks_to(one) for one in others), f"{session} was not told")
                        session.hang_up()
                    self.world.run(2)
                self.quiet()

    def blind(self) -> None:
        """Bob transfers Alice to Carol, who answers after three seconds."""
        self.carol.manners.answers_after = 3.0
        self.talk()
        self.bob.session.transfer("carol")

    def attended(self) -> None:
        """Bob holds Alice, asks Carol, and joins the two."""
        self.talk()
        self.bob.hold()
        self.world.run(1)
        second = self.bob.dial("carol")
        self.world.run(5)
        next(s for s in self.bob.live if s is not second).transfer(replaces=second)

    def test_joined(self) -> None:
        """
        Who was joined by a transfer talks on after a crash, as soon as a batch has gone to the store.

        The transferor has left by then; one whose phone waits for our BYE gets it from the next process.
        """
        for transfer in (self.blind, self.attended):
            for leaves in ("final", "never"):
                for after in (0.25, 0.6, 1.0):
                    with self.anew(transfer=transfer.__name__, leaves=leaves, after=after):
                        self.bob.manners.leaves_after_refer = leaves
                        transfer()
                        self.world.run_until(lambda: self.alice.talks_to(self.carol))
                        self.world.run(after)
                        self.assertEqual(bool(self.bob.live), leaves == "never")
                        self.crash()
                        self.world.run(70)
                        self.only_talking(self.alice, self.carol)
                        self.assertEqual(self.bob.live, [])
                        self.alice.hang_up()
                        self.world.run(2)
                        self.quiet()
                        self.assertEqual(self.kept(), [])

    def test_replaced(self) -> None:
        """
        Who has taken the place of another by Replaces talks on after a crash, as soon as a batch has gone.

        It is written when the ACK has come: until then nobody can go on with the call.
        """
        for caller in (True, False):
            for offer in (True, False):
                for after in (0.25, 0.6, 1.0):
                    with self.anew(caller=caller, offer=offer, after=after):
                        replaced, other = (self.alice, self.bob) if caller else (self.bob, self.alice)
                        self.talk()
                        self.carol.dial(replaced.name, fields=self.in_place_of(replaced), offer=offer)
                        self.world.run_until(lambda other=other: other.talks_to(self.carol))
                        self.world.run(after)
                        self.assertEqual(replaced.live, [])
                        self.crash()
                        self.world.run(70)
                        self.only_talking(other, self.carol)
                        other.hang_up()
                        self.world.run(2)
                        self.quiet()
                        self.assertEqual(self.kept(), [])

    def test_transferor_stays(self) -> None:
        """
        A transferor whose phone waits for our BYE talks again to the other party, if a crash comes first.

        One of the two was shown the target meanwhile, so they are shown each other anew.
        """
        self.bob.manners.leaves_after_refer = "never"
        self.blind()
        self.world.run_until(lambda: self.alice.talks_to(self.carol))
        self.world.run(0.1)  # the batch that says so has not gone
        self.crash()
        self.world.run(70)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.world.run(2)
        self.quiet()

    def test_transfers_again(self) -> None:
        """
        Who transfers just when the two are to be shown to each other anew, to one who refuses, talks on.

        Nothing is said to the other party then, so it is shown to them afterwards.
        """
        self.bob.manners.leaves_after_refer = "never"
        self.blind()
        self.world.run_until(lambda: self.alice.talks_to(self.carol))
        self.world.run(0.1)
        self.crash()
        self.world.run(FIRST - 1)
        self.carol.manners.refuses, self.carol.manners.refuses_after = 486, 3.0
        self.bob.session.transfer("carol")
        self.world.run(2)
        (call,) = self.world.served.server.core.calls.going.values()
        self.assertIsNone(call.bridge)
        self.world.run(10)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.world.run(2)
        self.quiet()

    def still_held_by_bob(self) -> None:
        """Bob holds Alice still, resumes, and they talk to each other until they hang up."""
        (call,) = self.world.served.server.core.calls.going.values()
        self.assertEqual([leg.party.name for leg in call.holders], ["bob"])
        self.assertEqual(self.world.talking(), {("bob", "alice")})
        self.bob.resume()
        self.world.run(2)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.world.run(2)
        self.quiet()

    def test_held_and_transferred(self) -> None:
        """Who has put the other party on hold just before a transfer that a crash cuts still holds it."""
        self.carol.manners.answers_after = None
        self.talk()
        self.bob.hold()
        self.world.run(0.2)
        self.bob.session.transfer("carol")
        self.world.run(3)
        self.crash()
        self.world.run(20)
        self.still_held_by_bob()

    def test_held_and_replaced(self) -> None:
        """
        Who has put the other party on hold still holds it after a crash, however long that one's phone takes.

        Its phone asks its user first, before the hold, and again whether Carol may take the place of Bob.
        """
        self.talk()
        self.alice.manners.change_after = 5.0
        self.bob.hold()
        self.world.run(3)
        self.carol.dial("bob", fields=self.in_place_of(self.bob))
        self.world.run(4)
        self.assertEqual(self.world.talking(), {("bob", "alice")})
        self.alice.manners.change_after = 0.0
        self.crash()
        self.world.run(20)
        self.still_held_by_bob()

    def test_operation_noted(self) -> None:
        """That an operation is at work is written also if a party was in another call when it was to be."""
        self.talk()
        calls = self.world.served.server.core.calls
        (call,) = calls.going.values()
        bridge = call.bridge
        self.alice.manners.change_after = 5.0
        self.bob.hold()
        self.world.run(0.1)
        bridge.release()
        other = calls.new_call(bridge.b, "elsewhere")
        self.world.run(1)
        self.assertEqual([one["told"] for one in self.kept()], [False])
        call.take(bridge.b)
        self.assertTrue(other.over)
        self.world.run(1)
        self.assertEqual([one["told"] for one in self.kept()], [True])
        bridge.begin()
        self.world.run(5)
        self.alice.hang_up()
        self.world.run(2)
        self.quiet()

    def test_attended_cut(self) -> None:
        """
        A crash while two are joined leaves no 2xx without ACK, and everybody talks or is told (13.3.1.4).

        The one who was asked for an offer gets its answer in that ACK (section 13.2.2.4).
        """
        answered = 0
        for after in range(0, 100, 5):
            with self.anew(after):
                self.talk()
                self.bob.hold()
                self.world.run(1)
                second = self.bob.dial("carol")
                self.world.run(5)
                first = next(s for s in self.bob.live if s is not second)
                first.transfer(replaces=second)
                self.world.run(after / 1000)
                self.crash()
                lost = len(self.world.network.log)
                self.world.run(60)
                sent = [packet.data for packet in [*self.world.network.log][lost:]]
                answered += sum(data.startswith(b"ACK") and b"m=audio" in data for data in sent)
                for phone in (self.alice, self.bob, self.carol):
                    for session in phone.live:
                        session.hang_up()
                    self.world.run(2)
                self.quiet()
        self.assertTrue(answered)

    def test_strange(self) -> None:
        """A 2xx to an INVITE that nobody can have sent, or from elsewhere than the phone, gets no ACK."""
        self.talk()
        self.crash()
        self.world.run(10)
        core = self.world.served.server.core
        for leg in next(iter(core.calls.going.values())).legs:
            dialog = leg.dialog
            for number, host in (
                (dialog.local_seq + 1, leg.flow.remote[0]),
                (dialog.local_seq - 500, "10.9.9.9"),
            ):
                invite = dialog.request("INVITE", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx", number)
                flow = leg.flow._replace(remote=(host, 5060))
                before = len(self.world.network.log)
                self.world.served.server.runner.received(write(invite.response(200)), flow)
                self.world.run(1)
                self.assertEqual(len(self.world.network.log), before)
        self.alice.hang_up()
        self.quiet()


class RingingTests(KeptCase):
    """Calls that only rang are gone, and nobody is left ringing or waiting."""

    def setUp(self) -> None:
        """Bob lets it ring."""
        super().setUp()
        self.bob.manners.answers_after = None

    def test_ends(self) -> None:
        """Within 2 s of the start the phone gets a CANCEL, and the caller a final response."""
        alices = self.alice.dial("bob")
        self.world.run(5)
        (bobs,) = self.bob.live
        self.crash()
        self.world.run(2)
        self.assertEqual((alices.state, alices.code), ("over", 500))
        self.assertEqual((bobs.state, bobs.why), ("over", "cancelled"))
        self.quiet()
        (record,) = self.records()
        self.assertEqual((record.answered, record.why), (None, "crash"))
        self.assertEqual(self.kept(), [])

    def test_group(self) -> None:
        """Each phone of the callee is told; one that registers anew by TCP, when it has."""
        other = self.world.phone("bob", manners=Manners(answers_after=None), transport="TCP")
        other.register()
        self.world.run(1)
        self.alice.dial("bob")
        self.world.run(3)
        self.assertEqual(len(self.bob.live + other.live), 2)
        self.crash()
        other.register()
        self.world.run(5)
        self.assertEqual(self.bob.live + other.live, [])
        self.quiet()

    def test_answered_meanwhile(self) -> None:
        """A 2xx that was sent while nobody was there gets its ACK and a BYE (section 13.2.2.4)."""
        self.world.network.icmp = False
        self.alice.dial("bob")
        self.world.run(3)
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(1)
        self.bob.answer()
        self.world.run(1)
        served.restart()
        self.world.run(10)
        self.assertEqual(self.bob.live + self.alice.live, [])
        self.quiet()

    def test_answered_unheard(self) -> None:
        """Who answered just before, after nothing but a 100, gets a BYE by the tag of its 200 to CANCEL."""
        self.bob.manners.rings_after = None
        self.alice.dial("bob")
        self.world.run(3)
        self.bob.answer()
        self.world.run(1)
        self.crash()
        self.world.run(10)
        self.assertEqual(self.bob.live, [])
        self.world.run(60)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_answer_comes_late(self) -> None:
        """One that comes only after the BYE gets its ACK, and no second BYE (section 15.1.1)."""
        self.world.network.icmp = False
        self.alice.dial("bob")
        self.world.run(3)
        served = self.world.served
        assert served is not None
        served.crash()
        transmit = self.bob.transmit

        def but_the_answer(message: Message, path: Path) -> None:
            if message.cseq.method != "INVITE":
                transmit(message, path)

        self.bob.transmit = but_the_answer  # type: ignore[method-assign]  # as if it got lost again and again
        self.bob.answer()
        served.restart()
        self.world.run(7)
        self.assertEqual(self.bob.live, [])
        self.bob.transmit = transmit  # type: ignore[method-assign]
        self.world.run(10)
        to_bob = [packet.data for packet in self.world.network.log if packet.destination[0] == self.bob.host]
        self.assertEqual(sum(data.startswith(b"ACK") for data in to_bob), 1)
        self.quiet()

    def test_cancelled_meanwhile(self) -> None:
        """A CANCEL that was sent meanwhile is answered when it is repeated (section 9.2)."""
        self.world.network.icmp = False
        alices = self.alice.dial("bob")
        self.world.run(3)
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(1)
        alices.hang_up()
        self.world.run(1)
        served.restart()
        self.world.run(10)
        self.assertEqual(self.bob.live + self.alice.live, [])
        self.quiet()

    def test_short(self) -> None:
        """Who is answered or refused within half a second costs the store nothing."""
        self.bob.manners.answers_after = 0.2
        kept: list[Any] = []
        self.patch(self.store, "write", _noting(self.store.write, kept))
        self.alice.dial("bob")
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(5)
        self.assertEqual(kept, [])
        self.quiet()


def _noting(write: Any, kept: list[Any]) -> Any:
    """Note the calls that are written."""

    def noting(batch: Any) -> Any:
        kept.extend(batch.snapshots)
        return write(batch)

    return noting
