"""XML of peers: read with care."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError
from b2bua.wire.xml import DEPTH_MAX, ELEMENTS_MAX, SIZE_MAX, read

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>"""


class ReadTests(SynchronousTestCase):
    """L{read}."""

    def test_names(self) -> None:
        """Elements are found without their namespace, whatever its prefix."""
        for text in (
            b'<a xmlns="urn:x"><b c="1"> d </b><b/></a>',
            b'<x:a xmlns:x="urn:y"><x:b x:c="1"> d </x:b><x:b/></x:a>',
            '<?xml version="1.0" encoding="UTF-16"?><a><b c="1">d</b><b/></a>'.encode("utf-16"),
        ):
            root = read(text)
            self.assertEqual((root.name, root.text_of("b"), root.text_of("c")), ("a", "d", None))
            self.assertEqual([one.attributes for one in root.all("b")], [{"c": "1"}, {}])

    def test_refused(self) -> None:
        """No document type, so no entities; nothing deep, long or broken (section 21.4.1)."""
        for text in (
            b"",
            b"<a>",
            b"<a/><b/>",
            b"\xff\xfe\x00",
            b"<a>&b;</a>",
            b'<?xml version="1.0" encoding="odd"?><a/>',
            LAUGHS,
            OUTSIDE,
            b"<!DOCTYPE a><a/>",
            b"<a>" * (DEPTH_MAX + 1) + b"</a>" * (DEPTH_MAX + 1),
            b"<a>" + b"<b/>" * ELEMENTS_MAX + b"</a>",
            b"<a>" + b" " * SIZE_MAX + b"</a>",
        ):
            with self.subTest(text[:40]):
                self.assertIn(self.assertRaises(PeerError, read, text).code, (400, 413))
