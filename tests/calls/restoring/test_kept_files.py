"""What a release has written is read by the next one: files of the old format are kept for that."""

from __future__ import annotations

import json
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.records.record import CallRecord
from b2bua.calls.restoring.snapshot import VERSION
from b2bua.legs.snapshot import VERSION as LEG_VERSION
from b2bua.store.memory import MemoryStore
from b2bua.store.ports import Batch, Snapshot
from b2bua.testing import World
from b2bua.wire.message import Message, Request, write
from b2bua.wire.parser import parse
from tests.calls.restoring.kept_files import path_of, written

Kept = dict[str, Any]


class KeptFilesTests(SynchronousTestCase):
    """Each file is taken up by a server that has just started, among phones that know only their own side."""

    def start(self, kept: Kept) -> World:
        """Start a server whose store has this; what it sends to the phones is in C{heard}."""
        store = MemoryStore()
        records = tuple(CallRecord.from_plain(plain) for plain in kept["records"])
        snapshots = tuple(Snapshot(call, json.dumps(plain)) for call, plain in kept["snapshots"].items())
        store.write(Batch(records=records, snapshots=snapshots))
        world = World(seed=2, store=store)
        self.heard: dict[str, list[Message]] = {}
        self.phones: dict[str, Any] = {}
        for party, remote in self.places(kept):
            heard = self.heard[party] = []
            self.phones[party] = world.network.listen(
                remote, lambda data, source, heard=heard: heard.append(parse(data))
            )
        assert world.served is not None
        world.served.crash()
        recovery = world.served.restart()
        self.assertEqual((recovery.restored, recovery.unreadable), (1, []))
        return world

    def places(self, kept: Kept) -> list[tuple[str, tuple[str, int]]]:
        """Where the phones are, by their parties."""
        written = [one["legs"] if isinstance(one, dict) else one for one in kept["snapshots"].values()]
        return [(leg["party"][1], tuple(leg["flow"][2])) for legs in written for leg in legs]

    def check(self, version: int) -> None:
        """Who talked can hang up, and the other one hears so; who rang stops."""
        kept = json.loads(path_of(version).read_text())
        world = self.start(kept)
        [call] = [plain for plain in kept["snapshots"].values() if isinstance(plain, dict)]
        self.assertEqual(call["version"], version)
        first, second = call["legs"]
        dialog = first["dialog"]
        bye = Request(
            "BYE",
            "sip:alice@192.0.2.1",
            [
                ("Via", f"SIP/2.0/UDP {first['flow'][2][0]}:{first['flow'][2][1]};branch=z9hG4bKbye"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{first['party'][1]}@pbx.example.com>;tag={dialog['remote_tag']}"),
                ("To", f"<sip:x@pbx.example.com>;tag={dialog['local_tag']}"),
                ("Call-ID", dialog["call_id"]),
                ("CSeq", "4000 BYE"),
            ],
        )
        world.run(1)
        self.phones[first["party"][1]].send(write(bye), ("192.0.2.1", 5060))
        world.run(1)
        codes = [one.code for one in self.heard[first["party"][1]] if not isinstance(one, Request)]
        self.assertEqual(codes, [200])
        [told, *_] = [one for one in self.heard[second["party"][1]] if isinstance(one, Request)]
        self.assertEqual((told.method, told.call_id), ("BYE", second["dialog"]["call_id"]))
        self.assertGreater(told.cseq.number, second["dialog"]["local_seq"])
        [rang, *_] = [one for one in self.heard["dave"] if isinstance(one, Request)]
        self.assertEqual(rang.method, "CANCEL")
        self.assertEqual([one.code for one in self.heard["carol"] if not isinstance(one, Request)][:1], [500])

    def test_this_version(self) -> None:
        """What this version writes is kept for the next one."""
        self.assertEqual(VERSION, LEG_VERSION)
        self.check(VERSION)

    def test_version_before(self) -> None:
        """What the release before has written is read, from the second one on."""
        if VERSION > 1:
            self.check(VERSION - 1)
        else:
            self.assertFalse(path_of(0).exists())

    def test_as_it_is_written(self) -> None:
        """The file is of what is written now: the same keys, from the call down to its legs."""
        kept, now = json.loads(path_of(VERSION).read_text()), json.loads(json.dumps(written()))
        self.assertEqual(shape(kept), shape(now))


def shape(value: Any) -> Any:
    """The keys of what was written, without its values and without the ids of calls."""
    if isinstance(value, dict):
        return {re.sub("^[0-9a-f]{18}", "", key): shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else None
