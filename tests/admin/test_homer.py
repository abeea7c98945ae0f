"""A copy of every message for Homer."""

from __future__ import annotations

from b2bua.admin import homer
from b2bua.explain.traced import masked
from b2bua.settings import Hep
from tests.admin.case import AdministrationCase
from tests.explain.test_hep import chunks


class HomerTests(AdministrationCase):
    """C{[hep]}."""

    def setUp(self) -> None:
        """Tell it."""
        super().setUp()
        self.table = Hep(send_to="203.0.113.5:9060", node="pbx")
        self.administration.homer.configure(self.table)

    def told(self, kind: int = 1) -> list[dict[int, bytes]]:
        """What it got of a kind."""
        found = [chunks(data) for data, _ in self.datagrams]
        return [one for one in found if one[11] == bytes((kind,))]

    def test_correlation(self) -> None:
        """All messages of both legs carry the Call-ID of the first; all is there, in order."""
        self.talk()
        [row] = self.ask("GET", "/calls")
        self.alice.hang_up()
        self.world.run(2)
        first = row["legs"][0]["call_id"].encode()
        call_ids = {leg["call_id"].encode() for leg in row["legs"]}
        self.assertEqual(len(call_ids), 2)
        of_call = [one for one in self.told() if any(id in one[15] for id in call_ids)]
        self.assertEqual({one[17] for one in of_call}, {first})
        kept = [masked(passed.raw) for passed in self.server.trace.of([id.decode() for id in call_ids])]
        self.assertEqual([one[15] for one in of_call], kept)
        times = [one[9] + one[10] for one in of_call]
        self.assertEqual(times, sorted(set(times)))
        self.assertEqual({address for _, address in self.datagrams}, {("203.0.113.5", 9060)})
        self.assertEqual({(one[19], one[2]) for one in of_call}, {(b"pbx", b"\x11")})

    def test_reasons(self) -> None:
        """Why a call did what it did comes as lines, with the same correlation."""
        self.talk()
        [row] = self.ask("GET", "/calls")
        self.alice.hang_up()
        self.world.run(2)
        lines = self.told(100)
        self.assertIn("calls bob", lines[0][15].decode())
        self.assertEqual({one[17].decode() for one in lines}, {row["legs"][0]["call_id"]})

    def test_others(self) -> None:
        """What belongs to no call keeps its own Call-ID; no digest is in it, however its field is written."""
        passed, *_ = self.server.trace._passed()
        for number, name in enumerate((b"Authorization", b"AUTHORIZATION"), 1):
            own = b"own%d" % number
            raw = (
                b"REGISTER sip:example.com SIP/2.0\r\nCall-ID: " + own + b"\r\n" + name +
                b': Digest username="bob", response="0a4f113b"\r\n\r\n'
            )  # fmt: skip
            self.server.runner.transport.traffic.tap(self.server.runner.now(), passed[1], False, raw)
            self.world.run(1)
            [said] = [one for one in self.told() if one[17] == own]
            self.assertEqual(said[15], raw.replace(b"0a4f113b", b"********"))

    def test_too_much(self) -> None:
        """What is too much is left out, and counted; telephones notice nothing."""
        self.patch(homer, "MOST", 3)
        self.talk()
        self.assertGreater(self.administration.homer.left_out, 0)
        self.assertEqual(self.ask("GET", "/calls")[0]["state"], "talking")
        passed, *_ = self.server.trace._passed()
        before = len(self.datagrams)
        self.server.runner.transport.traffic.tap(0.0, passed[1], False, b"x" * 70_000)
        self.world.run(1)
        self.assertEqual(len(self.datagrams), before)

    def test_off(self) -> None:
        """Without the table nothing is sent, and a message costs nothing more."""
        self.administration.homer.configure(None)
        self.assertIsNone(self.server.runner.transport.traffic.tap)
        self.datagrams.clear()
        self.talk()
        self.assertEqual(self.datagrams, [])

    def test_wrong(self) -> None:
        """What cannot be meant is said."""
        for wrong in ("homer", "homer.example.com:9060", "203.0.113.5", "203.0.113.5:0", "203.0.113.5:99999"):
            self.assertRaises(ValueError, Hep, send_to=wrong)
        self.assertEqual(Hep(send_to="[2001:db8::1]:9060").address, ("2001:db8::1", 9060))
