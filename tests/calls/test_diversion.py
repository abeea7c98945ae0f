"""Diversion and History-Info, written from one path and read into one."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.diversion import CAUSES, fields_for, path_from
from b2bua.calls.path import HOPS_MAX, Diversion, Path
from b2bua.calls.verdicts import Diverted
from b2bua.wire.message import Request

THREE = (
    Diversion("sip:one@pbx.example", Diverted.NO_ANSWER),
    Diversion("sip:two@pbx.example", Diverted.BUSY, private=True),
    Diversion("sip:three@pbx.example", Diverted.ALWAYS),
)


def invite(fields: Iterable[tuple[str, str]]) -> Request:
    """An INVITE with some header fields."""
    return Request("INVITE", "sip:last@pbx.example", fields)


def written(path: Path, name: str, *, trusted: bool = True) -> list[str]:
    """The values of one header field that a path is written as."""
    fields = fields_for(path, "sip:last@pbx.example", trusted=trusted)
    return [value for known, value in fields if known == name]


class WritingTests(SynchronousTestCase):
    """L{fields_for}."""

    def test_nothing(self) -> None:
        """A call that nobody has diverted says nothing."""
        self.assertEqual(fields_for(Path(("101",)), "sip:101@pbx.example"), ())

    def test_diversion(self) -> None:
        """The latest diversion stands on top (RFC 5806 section 3, the example of RFC 7544 section 7.1)."""
        self.assertEqual(
            written(Path(diversions=THREE), "Diversion"),
            [
                "<sip:three@pbx.example>;reason=unconditional;counter=1",
                "<sip:two@pbx.example>;reason=user-busy;counter=1;privacy=full",
                "<sip:one@pbx.example>;reason=no-answer;counter=1",
            ],
        )

    def test_history(self) -> None:
        """The history goes down to whom is invited now (the example of RFC 7544 section 7.1)."""
        self.assertEqual(
            written(Path(diversions=THREE), "History-Info"),
            [
                "<sip:one@pbx.example>;index=1",
                "<sip:two@pbx.example;cause=408?Privacy=history>;index=1.1;mp=1",
                "<sip:three@pbx.example;cause=486>;index=1.1.1;mp=1.1",
                "<sip:last@pbx.example;cause=302>;index=1.1.1.1;mp=1.1.1",
            ],
        )

    def test_privacy(self) -> None:
        """Whom we do not trust learns of who wants privacy only that there was somebody (section 3.2)."""
        both = written(Path(diversions=THREE), "Diversion", trusted=False)
        both += written(Path(diversions=THREE), "History-Info", trusted=False)
        self.assertEqual([value for value in both if "two@" in value or "rivacy" in value], [])
        self.assertEqual(len([value for value in both if "<sip:anonymous@anonymous.invalid" in value]), 2)

    def test_counter(self) -> None:
        """Diversions that are only counted are placeholders in the history (section 5, note 4)."""
        path = Path(diversions=(Diversion("sip:bob@pbx.example", Diverted.BUSY, 2),))
        self.assertEqual(
            written(path, "History-Info"),
            [
                "<sip:unknown@unknown.invalid>;index=1",
                "<sip:bob@pbx.example;cause=404>;index=1.1;mp=1",
                "<sip:last@pbx.example;cause=486>;index=1.1.1;mp=1.1",
            ],
        )

    def test_tel(self) -> None:
        """A tel URI becomes a sip URI in the history, where it needs a cause (section 5, note 3)."""
        path = Path(diversions=(Diversion("tel:+49-30-1", Diverted.BUSY),))
        self.assertEqual(written(path, "History-Info")[0], "<sip:+49301@unknown.invalid;user=phone>;index=1")
        self.assertEqual(written(path, "Diversion"), ["<tel:+49-30-1>;reason=user-busy;counter=1"])


class ReadingTests(SynchronousTestCase):
    """L{path_from}."""

    def test_section_7_2(self) -> None:
        """The example of RFC 7544 section 7.2."""
        history = (
            "<sip:one@example.com?Privacy=history>;index=1, "
            "<sip:two@example.com;cause=302?Privacy=none>;index=1.1;mp=1, "
            "<sip:last@example.com;cause=486>;index=1.1.1;mp=1.1"
        )
        self.assertEqual(
            path_from(invite([("History-Info", history)])).diversions,
            (
                Diversion("sip:one@example.com", Diverted.ALWAYS, private=True),
                Diversion("sip:two@example.com", Diverted.BUSY),
            ),
        )

    def test_no_mp(self) -> None:
        """Without an mp parameter the entry before is the one that diverted (section 6)."""
        history = "<sip:one@example.com>;index=1, <sip:last@example.com;cause=503>;index=1.1"
        found = path_from(invite([("History-Info", history)])).diversions
        self.assertEqual(found, (Diversion("sip:one@example.com", Diverted.UNREACHABLE),))

    def test_no_diversion(self) -> None:
        """Entries without a cause are not about diversions (section 3.5)."""
        history = "<sip:one@example.com>;index=1, <sip:192.0.2.1>;index=1.1;rc=1"
        self.assertEqual(path_from(invite([("History-Info", history)])), Path())

    def test_both(self) -> None:
        """What both say counts once; what only the history knows is older (section 3.4)."""
        fields = fields_for(Path(diversions=THREE[1:]), "sip:x@pbx.example", trusted=True)
        older = "<sip:one@pbx.example>;index=1, <sip:two@pbx.example;cause=408>;index=1.1;mp=1"
        found = path_from(invite([("History-Info", older), *[f for f in fields if f[0] == "Diversion"]]))
        self.assertEqual(found.diversions, THREE)

    def test_malformed(self) -> None:
        """What cannot be read is passed over, and is no reason to refuse a call."""
        fields = [
            ("Diversion", "<<>>, <sip:one@pbx.example>;counter=nine;reason=whim"),
            ("History-Info", '"'),
            ("History-Info", "<sip:last@example.com;cause=>;index="),
        ]
        self.assertEqual(path_from(invite(fields)).diversions, (Diversion("sip:one@pbx.example"),))

    def test_privacy_of_all(self) -> None:
        """A caller's wish covers who has diverted, and who will (RFC 7044 section 10.1.2, RFC 7544 3.2)."""
        diversion = ("Diversion", "<sip:one@example.com>")
        for value in ("history", "id;header", "History , critical"):
            with self.subTest(value):
                path = path_from(invite([diversion, ("Privacy", value)]))
                path = path.diverted("sip:two@pbx.example", Diverted.BUSY)
                self.assertEqual([one.private for one in path.diversions], [True, True])
                path = path_from(invite([("Privacy", value)])).through("two")
                self.assertTrue(path.diverted("sip:two@pbx.example", Diverted.BUSY).diversions[0].private)
        self.assertFalse(path_from(invite([diversion, ("Privacy", "id")])).diversions[0].private)

    def test_not_believed(self) -> None:
        """Who is not trusted says nothing about the way of a call."""
        history = (
            "History-Info",
            "<sip:one@example.com>;index=1, <sip:last@example.com;cause=486>;index=1.1",
        )
        self.assertEqual(path_from(invite([("Diversion", "<sip:one@b>"), history]), believed=False), Path())

    def test_bounded(self) -> None:
        """However much a peer says, there are never more than 16, and such a call goes nowhere."""
        many = [("Diversion", f"<sip:{n}@pbx.example>") for n in range(100)]
        path = path_from(invite(many)).through("102")
        self.assertEqual(len(path.diversions), HOPS_MAX)
        self.assertTrue(path.exhausted)


URIS = st.from_regex(r"\Asip:[a-z]{1,4}@[a-z]{1,4}\.example\Z")
DIVERSIONS = st.lists(
    st.builds(
        Diversion,
        by=URIS,
        why=st.sampled_from(sorted(CAUSES, key=str)),
        counter=st.integers(1, 5),
        private=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: one.by,
)


class RoundTripTests(SynchronousTestCase):
    """Neither header field loses what the other one has."""

    @given(DIVERSIONS)
    def test_each(self, diversions: list[Diversion]) -> None:
        """One of the two is enough, and both together say no more."""
        path = Path(diversions=tuple(diversions))
        fields = fields_for(path, "sip:last@pbx.example", trusted=True)
        for names in ({"Diversion"}, {"History-Info"}, {"Diversion", "History-Info"}):
            self.assertEqual(path_from(invite([f for f in fields if f[0] in names])), path)
