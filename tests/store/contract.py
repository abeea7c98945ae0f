"""What every store does: one suite for memory, SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from itertools import product
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from zope.interface.verify import verifyObject

from b2bua.calls.records.record import STATES, CallRecord, LegRecord, state
from b2bua.store import tables
from b2bua.store.ports import (
    Batch,
    BindingRow,
    Fenced,
    INodes,
    IStore,
    NodeRow,
    Search,
    Setting,
    Snapshot,
    StoreError,
    SubscriptionRow,
    TraceRow,
)

ROW = BindingRow(
    aor="101@pbx.example.com",
    contact="sip:101@192.0.2.101:5062",
    reg_id=0,
    instance="urn:uuid:1",
    expires=1700000000.25,
    since=1690000000.5,
    q=1000,
    call_id="1@phone",
    cseq=4294967295,
    transport="UDP",
    local="192.0.2.1 5060",
    remote="192.0.2.101 5062",
    path="",
    params="",
    user_agent="Yealink SIP-T46S",
    extra="MAC: 00:15:65:12:54:FB",
)
RECORD = CallRecord("call-1", "extension 101", "102", 1000.0)
ENDED = CallRecord(
    "call-1", "extension 101", "102", 1000.0, 1001.5, 1060.25, 200, "bye", "extension 102",
    ("forward", "blind_transfer"),
    [
        LegRecord("leg-1", "extension 101", True, 1000.0, 1001.5, 1060.25, "bye"),
        LegRecord("leg-2", "extension 102", False, 1000.5, 1001.5, 1060.25, name="Office"),
    ],
    why="bye", number="101", name="Reception", answered_by="extension 102",
)  # fmt: skip
Steps = Generator[Deferred[Any], Any, None]


class Contract:
    """The tests; a subclass says how a store is opened."""

    def make(self, node: str = "a") -> Any:
        """A store, not opened, that shares what it keeps with the others of this test."""
        raise NotImplementedError

    def again(self) -> Deferred[Any]:
        """The store after a restart of the service."""
        raise NotImplementedError

    @inlineCallbacks
    def other(self, node: str) -> Steps:
        """The store of another node, opened."""
        t: Any = self
        store = self.make(node)
        yield store.open()
        t.addCleanup(store.close)
        return store

    @inlineCallbacks
    def setUp(self) -> Steps:
        """Open a store without anything in it."""
        self.store = self.make()
        yield self.store.open()
        self.addCleanup(lambda: self.store.close())  # type: ignore[attr-defined]

    def test_port(self) -> None:
        """It provides all that L{IStore} promises."""
        verifyObject(IStore, self.store)
        verifyObject(INodes, self.store.nodes)

    @inlineCallbacks
    def test_empty(self) -> Steps:
        """A new store has nothing."""
        t: Any = self
        yield self.store.write(Batch())
        for found in (
            self.store.load_bindings(0.0),
            self.store.load_settings(),
            self.store.load_open(),
            self.store.find_records(),
            self.store.load_snapshots(),
            self.store.load_subscriptions(),
        ):
            t.assertEqual((yield found), [])

    @inlineCallbacks
    def test_bindings(self) -> Steps:
        """Bindings come back as they were, in their order, without those that have expired."""
        t: Any = self
        rows = (ROW, ROW._replace(contact="sip:b", expires=5.0), ROW._replace(contact="sip:c", path="a\nb"))
        yield self.store.write(Batch(bindings=((ROW.aor, rows), ("102@x", (ROW._replace(aor="102@x"),)))))
        yield self.again()
        t.assertEqual((yield self.store.load_bindings(5.0)), [rows[0], rows[2], ROW._replace(aor="102@x")])

    @inlineCallbacks
    def test_bindings_are_replaced(self) -> Steps:
        """What is written for an address-of-record is all that it has; others stay."""
        t: Any = self
        other = ROW._replace(aor="102@x")
        yield self.store.write(Batch(bindings=((ROW.aor, (ROW, ROW)), ("102@x", (other,)))))
        yield self.store.write(Batch(bindings=((ROW.aor, (ROW._replace(cseq=7),)),)))
        t.assertEqual(sorted((yield self.store.load_bindings(0.0))), sorted([ROW._replace(cseq=7), other]))
        yield self.store.write(Batch(bindings=((ROW.aor, ()), ("102@x", ()))))
        t.assertEqual((yield self.store.load_bindings(0.0)), [])

    @inlineCallbacks
    def test_strange_text(self) -> Steps:
        """No text of a peer keeps a batch from being written."""
        t: Any = self
        texts = {
            "contact": "sip:\udcff@x", "params": ";x=\0", "user_agent": "☎ Ünï'\"; DROP TABLE bindings; --",
            "call_id": "x" * 8000,
        }  # fmt: skip
        yield self.store.write(Batch(bindings=((ROW.aor, (ROW._replace(**texts),)),)))
        ((found,)) = yield self.store.load_bindings(0.0)
        t.assertEqual((found.user_agent, found.call_id), (texts["user_agent"], texts["call_id"]))

    @inlineCallbacks
    def test_settings(self) -> Steps:
        """A setting is what it was put to last; None removes it."""
        t: Any = self
        value = {"to": "sip:103", "after": 20.5, "on": True, "days": [1, 2], "name": "Ünï \0 \ud800"}
        yield self.store.write(Batch(settings=(Setting("101", "forward", "always", value),)))
        yield self.store.write(
            Batch(settings=(Setting("101", "forward", "busy", 1), Setting("", "forward", "always", False)))
        )
        yield self.again()
        t.assertEqual(
            (yield self.store.load_settings()),
            [
                Setting("", "forward", "always", False),
                Setting("101", "forward", "always", value),
                Setting("101", "forward", "busy", 1),
            ],
        )
        yield self.store.write(
            Batch(settings=(Setting("101", "forward", "always", None), Setting("101", "forward", "busy", 2)))
        )
        t.assertEqual(
            (yield self.store.load_settings()),
            [Setting("", "forward", "always", False), Setting("101", "forward", "busy", 2)],
        )

    @inlineCallbacks
    def test_record(self) -> Steps:
        """A record is written open and then ended, and is one."""
        t: Any = self
        yield self.store.write(Batch(records=(RECORD,)))
        t.assertEqual([r.id for r in (yield self.store.load_open())], ["call-1"])
        yield self.store.write(Batch(records=(ENDED,)))
        yield self.again()
        t.assertEqual((yield self.store.load_open()), [])
        t.assertEqual((yield self.store.find_records()), [replace(ENDED, node="a")])

    @inlineCallbacks
    def test_one_record(self) -> Steps:
        """A record that has ended stays as it is, whoever writes another end, or none."""
        t: Any = self
        yield self.store.write(Batch(records=(ENDED,)))
        yield self.store.write(Batch(records=(RECORD,)))
        yield self.store.write(Batch(records=(replace(ENDED, ended=1061.0, reason="other"),)))
        t.assertEqual((yield self.store.find_records()), [replace(ENDED, node="a")])

    @inlineCallbacks
    def test_media_counted(self) -> Steps:
        """What media came is known a moment after the end, and stands in the record then."""
        t: Any = self
        yield self.store.write(Batch(records=(ENDED,)))
        legs = [replace(ENDED.legs[0], packets=1500, lost=7, jitter=0.004, mos=4.2), ENDED.legs[1]]
        yield self.store.write(Batch(records=(replace(ENDED, legs=legs),)))
        yield self.again()
        t.assertEqual((yield self.store.find_records()), [replace(ENDED, legs=legs, node="a")])

    @inlineCallbacks
    def test_record_is_copied(self) -> Steps:
        """What becomes of a record after it was written does not change what is kept."""
        t: Any = self
        record = replace(RECORD, legs=[LegRecord("leg-1", "extension 101", True, 1000.0)])
        written = self.store.write(Batch(records=(record,)))
        record.dialled = "changed"
        record.legs.clear()
        yield written
        (found,) = yield self.store.find_records()
        t.assertEqual((found.dialled, len(found.legs)), ("102", 1))
        found.legs.clear()
        t.assertEqual(len((yield self.store.find_records())[0].legs), 1)

    @inlineCallbacks
    def test_find(self) -> Steps:
        """Records are found by party and time, the latest first."""
        t: Any = self
        yield self.store.write(
            Batch(
                records=(
                    replace(ENDED, id="1", started=1.0),
                    replace(ENDED, id="2", started=3.0, caller="trunk 102", number="030 1", dialled="105"),
                    replace(ENDED, id="3", started=2.0, caller="extension 105", dialled="106", legs=[]),
                )
            )
        )
        for said, wanted in [
            ({}, ["2", "3", "1"]),
            ({"limit": 2}, ["2", "3"]),
            ({"party": "102"}, ["2", "1"]),
            ({"party": "105"}, ["2", "3"]),
            ({"party": "extension 105"}, ["3"]),
            ({"party": "030 1"}, ["2"]),
            ({"party": "10_"}, []),
            ({"since": 2.0}, ["2", "3"]),
            ({"party": "102", "since": 2.0}, ["2"]),
        ]:
            found = yield self.store.find_records(Search(**said))
            t.assertEqual([record.id for record in found], wanted, said)

    @inlineCallbacks
    def test_find_by_state(self) -> Steps:
        """Records are found by how they ended, in the words that people read, however few are asked for."""
        t: Any = self
        tricky = LegRecord("1", "trunk x", True, 0.0)
        names = ('", false, 1 \\', ", false, 1.0", '\\", false, ', "], [false, ")
        legs = [[replace(tricky, name=name)] for name in names]
        legs.append([tricky, LegRecord("2", 'extension \\", true', False, 0.0)])
        reasons = ("", "operator", "crash", "shutdown")
        ends = [(0, ""), (487, ""), (480, "No Answer"), (480, ""), (486, ""), (499, ""), (603, "")]
        records = [
            replace(ENDED, id=str(number), started=float(number), ended=ended, answered=answered, why=why,
                    status=status, reason=reason, legs=some, answered_by=by)
            for number, (ended, answered, why, by, (status, reason), some) in enumerate(
                product((None, 9.0), (None, 5.0), reasons, ("", "trunk x"), ends, legs)
            )
        ]  # fmt: skip
        yield self.store.write(Batch(records=tuple(records)))
        seen = set()
        for word in STATES:
            wanted = [record.id for record in reversed(records) if state(record) == word]
            seen.update(wanted)
            found = yield self.store.find_records(Search(states=[word], limit=10_000))
            t.assertEqual([record.id for record in found], wanted, word)
            found = yield self.store.find_records(Search(states=[word], limit=3))
            t.assertEqual([record.id for record in found], wanted[:3], word)
        t.assertEqual(len(seen), len(records))
        found = yield self.store.find_records(Search(states=["busy", "declined"], party="105", limit=2))
        t.assertEqual(found, [])

    @inlineCallbacks
    def test_find_older(self) -> Steps:
        """What versions before this one have written, all in ASCII and with blanks, is found as well."""
        t: Any = self
        legs = [LegRecord("1", "extension café", True, 0.0), LegRecord("2", 'trunk \\ "x"', False, 0.0)]
        records = [replace(ENDED, id=id, legs=legs, node="a") for id in ("new", "old")]
        yield self.store.write(Batch(records=(records[0],)))
        t.patch(tables, "as_json", json.dumps)
        yield self.store.write(Batch(records=(records[1],)))
        for party in ("café", '\\ "x"'):
            t.assertEqual((yield self.store.find_records(Search(party=party))), records[::-1])
        t.assertEqual((yield self.store.drop_records(ENDED.started + 1)), 2)
        yield self.test_find_by_state()

    @inlineCallbacks
    def test_drop(self) -> Steps:
        """Old records are dropped, but not those of calls that go on."""
        t: Any = self
        records = (
            replace(ENDED, id="1", started=1.0),
            replace(ENDED, id="2", started=2.0),
            replace(RECORD, id="3", started=1.0),
        )
        yield self.store.write(Batch(records=records))
        t.assertEqual((yield self.store.drop_records(2.0)), 1)
        t.assertEqual([r.id for r in (yield self.store.find_records())], ["2", "3"])

    @inlineCallbacks
    def test_snapshots(self) -> Steps:
        """A snapshot is what it was put to last; None removes it."""
        t: Any = self
        yield self.store.write(Batch(snapshots=(Snapshot("1", "[1]"), Snapshot("2", "[2]"))))
        yield self.store.write(Batch(snapshots=(Snapshot("1", None), Snapshot("2", "not JSON"))))
        yield self.again()
        t.assertEqual((yield self.store.load_snapshots()), [Snapshot("2", "not JSON")])

    @inlineCallbacks
    def test_subscriptions(self) -> Steps:
        """A subscription is what it was put to last; None removes it."""
        t: Any = self
        rows = (SubscriptionRow("1", {"seq": 1}), SubscriptionRow("2", {"seq": 2}))
        yield self.store.write(Batch(subscriptions=rows))
        rows = (SubscriptionRow("1", None), SubscriptionRow("2", {"seq": 3}))
        yield self.store.write(Batch(subscriptions=rows))
        yield self.again()
        t.assertEqual((yield self.store.load_subscriptions()), [rows[1]])

    @inlineCallbacks
    def test_traces(self) -> Steps:
        """They are found by the call or the beginning of its id, and the oldest go first."""
        t: Any = self
        rows = [TraceRow(f"a%{n}", 100.0 + n, bytes([n]) * 10) for n in range(5)]
        yield self.store.write(Batch(traces=tuple(rows)))
        yield self.store.write(Batch(traces=(rows[1]._replace(data=b"later"),)))
        yield self.again()
        t.assertEqual((yield self.store.find_traces("a%1")), [rows[1]._replace(data=b"later")])
        t.assertEqual((yield self.store.find_traces("a")), [rows[4], rows[3]])
        t.assertEqual((yield self.store.find_traces("%")), [])
        t.assertEqual((yield self.store.drop_traces(101.0, 1000)), 1)
        t.assertEqual((yield self.store.drop_traces(0.0, 25)), 2)
        t.assertEqual((yield self.store.find_traces("a%2")), [])
        t.assertEqual((yield self.store.find_traces("a%3")), [rows[3]])
        t.assertEqual((yield self.store.drop_traces(0.0, 0)), 2)

    @inlineCallbacks
    def test_all_or_nothing(self) -> Steps:
        """A batch of which anything fails leaves nothing behind, and the store goes on."""
        t: Any = self
        batch = Batch(
            bindings=((ROW.aor, (ROW,)),),
            settings=(Setting("101", "x", "y", 1),),
            records=(ENDED,),
            subscriptions=(SubscriptionRow("1", {1, 2}),),
        )
        yield t.assertFailure(self.store.write(batch), StoreError)
        yield self.test_empty()
        yield self.store.write(replace(batch, subscriptions=()))
        t.assertEqual(len((yield self.store.find_records())), 1)

    @inlineCallbacks
    def test_call_changes_hands(self) -> Steps:
        """A call is taken from who has it, once, with its record; its former owner writes nothing more."""
        t: Any = self
        b = yield self.other("b")
        yield self.store.write(Batch(records=(RECORD,), snapshots=(Snapshot("call-1", "1"),)))
        t.assertEqual((yield self.store.nodes.number_of("call-1")), 0)
        t.assertIsNone((yield b.nodes.number_of("call-1")))
        t.assertTrue((yield b.nodes.take_call("call-1", "a", 0, "2")))
        t.assertTrue((yield b.nodes.take_call("call-1", "a", 0, "2")), "the answer was lost")
        t.assertEqual((yield b.load_snapshots()), [Snapshot("call-1", "2")])
        t.assertEqual([r.id for r in (yield b.load_open())], ["call-1"])
        t.assertEqual((yield self.store.load_snapshots()), [])
        t.assertEqual((yield self.store.load_open()), [])
        t.assertFalse((yield self.store.nodes.take_call("call-1", "a", 0, "1")), "it is not ours any more")
        yield self.store.write(Batch(records=(ENDED,)))
        t.assertEqual([r.ended for r in (yield self.store.find_records())], [None], "not ours to end")
        t.assertTrue((yield self.store.nodes.take_call("call-1", "b", 1, "3")))
        t.assertEqual((yield self.store.nodes.number_of("call-1")), 2)
        yield self.store.write(Batch(records=(ENDED,), snapshots=(Snapshot("call-1", None),)))
        t.assertEqual([r.ended for r in (yield self.store.find_records())], [ENDED.ended])
        t.assertEqual((yield b.load_snapshots()), [])

    @inlineCallbacks
    def test_two_take_a_call(self) -> Steps:
        """Of two that take a call at once one has it."""
        t: Any = self
        b, c = (yield self.other("b")), (yield self.other("c"))
        yield self.store.write(Batch(snapshots=(Snapshot("call-1", "1"),)))
        found = yield gatherResults([one.nodes.take_call("call-1", "a", 0, one.node) for one in (b, c)])
        t.assertEqual(sorted(found), [False, True])
        has = yield gatherResults([one.load_snapshots() for one in (b, c)])
        t.assertEqual([bool(one) for one in has], found)

    @inlineCallbacks
    def test_start_keeps_calls(self) -> Steps:
        """What a process has let go, and nobody has taken, is the next one's of its node, and stays so."""
        t: Any = self
        b = yield self.other("b")
        yield self.store.write(Batch(snapshots=(Snapshot("call-1", "1"),)))
        yield b.write(Batch(snapshots=(Snapshot("call-2", "2"),)))
        yield self.store.nodes.join("/a")
        t.assertFalse((yield b.nodes.take_call("call-1", "a", 0, "late")))
        t.assertEqual((yield self.store.load_snapshots()), [Snapshot("call-1", "1")])
        t.assertEqual((yield self.store.nodes.number_of("call-1")), 1)
        t.assertEqual((yield b.nodes.number_of("call-2")), 0)
        t.assertTrue((yield b.nodes.take_call("call-1", "a", 1, "3")))

    @inlineCallbacks
    def test_lease(self) -> Steps:
        """Nodes are seen to live; who is taken for dead writes nothing more, and has another number later."""
        t: Any = self
        b = yield self.other("b")
        t.assertEqual((yield self.store.nodes.join("/a")), 1)
        t.assertEqual((yield b.nodes.join("/b")), 1)
        seen = yield b.nodes.renew()
        t.assertEqual(seen, [NodeRow("a", 1, 0, "/a"), NodeRow("b", 1, 1, "/b")])
        yield self.store.nodes.renew()
        t.assertIsNone((yield b.nodes.take_node(seen[0])), "it has shown a sign of life")
        yield self.store.write(
            Batch(
                records=(RECORD, replace(ENDED, id="call-2")),
                snapshots=(Snapshot("call-1", "1"),),
                settings=(Setting("node a", "service", "starts", 7),),
            )
        )
        seen = yield b.nodes.renew()
        taken = yield b.nodes.take_node(seen[0])
        t.assertEqual((taken.snapshots, taken.starts), ([Snapshot("call-1", "1")], 7))
        t.assertEqual([record.id for record in taken.records], ["call-1"])
        t.assertIsNone((yield b.nodes.take_node(seen[0])), "it is taken already")
        t.assertEqual((yield b.load_snapshots()), [Snapshot("call-1", "1")])
        late = Batch(snapshots=(Snapshot("call-1", "late"), Snapshot("call-3", "late")))
        yield t.assertFailure(self.store.write(late), Fenced)
        yield t.assertFailure(self.store.nodes.renew(), Fenced)
        yield t.assertFailure(self.store.nodes.take_call("call-1", "b", 1, "late"), Fenced)
        t.assertEqual((yield self.store.load_snapshots()), [])
        t.assertEqual((yield self.store.nodes.join("/a")), 3)
        yield self.store.write(Batch(snapshots=(Snapshot("call-3", "new"),)))
        t.assertEqual((yield self.store.load_snapshots()), [Snapshot("call-3", "new")])
        yield b.nodes.leave()
        t.assertEqual([row.place for row in (yield self.store.nodes.renew())], ["/a", ""])

    @inlineCallbacks
    def test_order(self) -> Steps:
        """Batches are written in the order in which they were given."""
        t: Any = self
        done = [self.store.write(Batch(settings=(Setting("", "x", "y", n),))) for n in range(20)]
        t.assertEqual((yield self.store.load_settings()), [Setting("", "x", "y", 19)])
        yield gatherResults(done)
