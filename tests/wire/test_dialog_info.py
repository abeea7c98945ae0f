"""The documents of the dialog package (RFC 4235 section 4)."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError
from b2bua.wire.dialog_info import Dialog, End, document, parse
from tests.ladders.lamps import dialogs, shown

BOB = "sip:bob@example.com"


class DocumentTests(SynchronousTestCase):
    """L{document}."""

    def test_whole(self) -> None:
        """The root has version, state and entity; a dialog its id, state and both ends (section 4.1)."""
        held = End("Bob", BOB, held=True)
        other = End("", "sip:alice@example.com")
        written = document(BOB, 7, [Dialog("1", "confirmed", held, other, "recipient", "c", "l", "r")])
        self.assertEqual(
            written.decode().replace("\n", ""),
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="7" state="full"'
            ' entity="sip:bob@example.com">'
            '<dialog id="1" call-id="c" local-tag="l" remote-tag="r" direction="recipient">'
            "<state>confirmed</state>"
            '<local><identity display="Bob">sip:bob@example.com</identity>'
            '<target uri="sip:bob@example.com"><param pname="+sip.rendering" pval="no" /></target></local>'
            "<remote><identity>sip:alice@example.com</identity>"
            '<target uri="sip:alice@example.com" /></remote></dialog></dialog-info>',
        )
        self.assertEqual(shown(written), "held")

    def test_half(self) -> None:
        """A dialog without tags, or without anything known of its ends, leaves them out."""
        written = document(BOB, 0, [Dialog("idle", "terminated")])
        self.assertEqual(dialogs(written), [{"state": "terminated", "id": "idle"}])

    def test_what_xml_cannot_have(self) -> None:
        """Whatever a phone sends as a name, the document can be read."""
        names = ["<&>\"'", "\x00\x0b\x1f", "\udc80\ud800", "\ufffe", "Zoë \N{GRINNING FACE}"]
        for name in names:
            with self.subTest(ascii(name)):
                party = End(name, BOB)
                written = document(
                    BOB, 0, [Dialog("1", "early", party, party, "recipient", name, name, name)]
                )
                ElementTree.fromstring(written)
        [found] = dialogs(document(BOB, 0, [Dialog("1", "early", End(names[0], BOB))]))
        self.assertEqual(found["local-display"], names[0])


RFC = """<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1" state="full"
             entity="sip:alice@example.com">
  <dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="456887766"
          direction="initiator">
    <state event="remote-bye" code="200">{state}</state>
    <duration>274</duration>
    <local>
      <identity display="Alice">sip:alice@example.com</identity>
      <target uri="sip:alice@pc33.example.com"><param pname="+sip.rendering" pval="no"/></target>
    </local>
    <remote><target uri="sip:bob@example.org"/></remote>
  </dialog>
</dialog-info>
"""


class ParseTests(SynchronousTestCase):
    """L{parse}: documents of others."""

    def test_examples(self) -> None:
        """The documents of RFC 4235 itself can be read, each as it is meant (sections 4 and 6)."""
        found = [parse(text) for text in examples()]
        self.assertGreater(len(found), 15)
        self.assertEqual({one.full for one in found}, {True, False})
        self.assertEqual({one.entity for one in found} & {"sip:alice@example.com"}, {"sip:alice@example.com"})
        states = {dialog.state for one in found for dialog in one.dialogs}
        self.assertEqual(states, {"trying", "early", "confirmed", "terminated"})

    def test_ends(self) -> None:
        """Both ends with what is told of them: name, address, whether it is on hold."""
        told = parse(RFC.format(state="confirmed").encode())
        [dialog] = told.dialogs
        self.assertEqual((told.version, told.full), (1, True))
        self.assertEqual(dialog.local, End("Alice", "sip:alice@example.com", held=True))
        self.assertEqual(dialog.remote, End("", "sip:bob@example.org"))
        self.assertEqual((dialog.call_id, dialog.direction), ("a84b4c76e66710", "initiator"))

    def test_own(self) -> None:
        """What we write we read."""
        dialog = Dialog("1", "early", End("A", BOB, held=True), End("", BOB), "recipient", "c", "l", "r")
        self.assertEqual(parse(document(BOB, 5, [dialog])).dialogs, (dialog,))

    def test_refused(self) -> None:
        """What is no such document is refused; a dialog that cannot be understood is left out."""
        for text in ("<presence/>", RFC.replace('"full"', '"half"'), RFC.replace('"1"', '"one"')):
            with self.subTest(text[:30]):
                self.assertRaises(PeerError, parse, text.format(state="early").encode())
        self.assertEqual(parse(RFC.format(state="sleeping").encode()).dialogs, ())


def examples() -> list[bytes]:
    """The documents of RFC 4235, but for two that break its own rules: a wrong tag, and C{notify-state}."""
    return [text.encode() for text in Path(__file__).with_name("rfc4235.txt").read_text().split("\n%\n")]
