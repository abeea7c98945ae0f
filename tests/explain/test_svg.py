"""A call drawn as SVG, and as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.explain.page import page
from b2bua.explain.picture import US, Between, media, picture
from b2bua.explain.svg import svg
from b2bua.explain.traced import Reason
from tests.explain.calls import forwarded, small

NAMES = {"svg": "http://www.w3.org/2000/svg"}


class Tags(HTMLParser):
    """Counts the elements of a page."""

    def __init__(self, text: str) -> None:
        """Read it."""
        super().__init__()
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note one."""
        self.seen.append(tag)


class SvgTests(SynchronousTestCase):
    """The picture."""

    def test_every_message(self) -> None:
        """Each message is an arrow with its title, and can be read whole by resting on it."""
        call = forwarded()
        root = ElementTree.fromstring(svg(call))
        self.assertEqual(len(root.findall(".//svg:line[@class]", NAMES)), len(call.messages) + 4)
        titles = [title.text or "" for title in root.findall(".//svg:g/svg:title", NAMES)]
        for message in call.messages:
            self.assertIn(message.text, titles)

    def test_media(self) -> None:
        """What a session description says stands at its arrow: codecs, direction, address."""
        self.assertRegex(svg(forwarded()), r"G722 PCMU PCMA sendonly 10\.0\.0\.\d:\d+")

    def test_media_unreadable(self) -> None:
        """A description that cannot be read is said to be so."""
        self.assertIn("cannot be read", media(b"INVITE x SIP/2.0\r\n\r\nv=0\r\nm=?\r\n"))
        self.assertEqual(media(b"INVITE x SIP/2.0\r\n\r\nhello"), "")

    def test_reasons_between(self) -> None:
        """A decision stands between the message that asked for it and the one that followed."""
        rows = picture(forwarded()).rows
        (at,) = [n for n, row in enumerate(rows) if isinstance(row, Between) and row.feature == "forward"]
        before = [row.title for row in rows[:at] if not isinstance(row, Between)]
        after = [row.title for row in rows[at:] if not isinstance(row, Between)]
        self.assertEqual((before[-1], after[0]), ("486 Busy Here", "ACK"))

    def test_caller_at_the_left(self) -> None:
        """The caller stands at our left, everybody else at our right, one column each."""
        drawn = picture(forwarded())
        self.assertEqual([column.name for column in drawn.columns], ["alice", "b2bua", "bob", "carol"])
        self.assertTrue(all(US in (rung.source, rung.target) for rung in drawn.rungs))

    def test_no_script(self) -> None:
        """It needs no script, and nothing from elsewhere."""
        for text in (svg(forwarded()), page(forwarded())):
            self.assertNotRegex(text, r"<script|javascript:|https?://(?!www\.w3\.org/2000/svg)|@import|url\(")

    def test_light_and_dark_and_printed(self) -> None:
        """It follows what the reader likes."""
        self.assertIn("prefers-color-scheme: dark", svg(small()))
        self.assertIn("@media print", svg(small()))

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Whatever a peer or a feature says is text, in the picture and on the page."""
        call = small()
        call.record.caller = f"trunk {text}"
        told = call.model_copy(update={"reasons": (Reason(at=5.0, text=text),)})
        root = ElementTree.fromstring(svg(told))
        kinds = {element.tag.partition("}")[2] for element in root.iter()}
        self.assertLessEqual(kinds, {"svg", "title", "style", "text", "tspan", "line", "path", "g"})
        usual, these = Tags(page(small())).seen, Tags(page(told)).seen
        self.assertEqual(these, usual)


class PageTests(SynchronousTestCase):
    """The page around it."""

    def test_every_message(self) -> None:
        """All messages can be unfolded."""
        call = forwarded()
        self.assertEqual(len(re.findall("<details>", page(call))), len(call.messages))

    def test_control_characters(self) -> None:
        """What would steer a terminal is shown, and steers none."""
        self.assertNotIn("\x1b", page(small()))
        self.assertIn("486 \ufffd[2JBusy", page(small()))
