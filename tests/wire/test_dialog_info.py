"""The documents of the dialog package (RFC 4235 section 4)."""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from b2bua.wire.dialog_info import Dialog, End, document
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
