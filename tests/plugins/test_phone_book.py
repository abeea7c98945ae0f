"""The phone book: what stands in it, how phones get it, and files that are broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, World
from b2bua_plugins._phone_book import CARDS_BYTES_MAX, e164, national, read
from b2bua_plugins.phone_book import PhoneBook

LINES = "# our customers\n030 123456,Anna <Schmidt> & Co\n+43123456789,Franz\n"
CARDS = """BEGIN:VCARD
VERSION:3.0
FN:Bernd Ä
TEL;TYPE=WORK:030-555 1
TEL;TYPE=CELL,VOICE:+49 171 2345678
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Zoe\\, the last
TEL;VALUE=uri;TYPE="voice,home":tel:+1-555-0123
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Nobody
END:VCARD
"""


class BookCase(LadderTestCase):
    """Two files, and the extensions."""

    def file(self, name: str, text: str) -> str:
        """Write one."""
        path = Path(self.mktemp())
        path.mkdir()
        (path / name).write_text(text, encoding="utf-8")
        return str(path / name)

    def start(self, **more: Any) -> None:
        """A world with the book."""
        table = {"files": [self.file("a.csv", LINES), self.file("b.vcf", CARDS)], "country": "DE"} | more
        self.world = World(features=[PhoneBook], settings={"phone_book": table})

    def found(self, **given: Any) -> list[tuple[str, str]]:
        """What the command shows."""
        rows = self.successResultOf(self.world.command("phone-book", **given))
        return [(row["name"], row["number"]) for row in rows]


class BookTests(BookCase):
    """What is in it."""

    def test_found(self) -> None:
        """By a part of the name or of the number, however that is written in the file."""
        self.start()
        self.assertEqual(self.found(text="ann"), [("Anna <Schmidt> & Co", "+4930123456")])
        self.assertEqual(self.found(text="3055"), [("Bernd Ä", "+49305551")])
        self.assertEqual(self.found(text="alice"), [("Alice", "alice")])
        self.assertEqual(len(self.found(text="", limit=2)), 2)
        self.assertEqual(self.found(text="nobody"), [])

    def test_as_yealink(self) -> None:
        """A phone reads the names in their order, each with its numbers."""
        self.start(extensions=False)
        served = self.world.served
        assert served is not None
        kind, content = served.features.file("phonebook.xml") or ("", b"")
        self.assertEqual(kind, "text/xml; charset=utf-8")
        root = ElementTree.fromstring(content)
        self.assertEqual(root.tag, "YealinkIPPhoneDirectory")
        self.assertEqual(
            [(e.findtext("Name"), [t.text for t in e.findall("Telephone")]) for e in root],
            [
                ("Anna <Schmidt> & Co", ["+4930123456"]),
                ("Bernd Ä", ["+49305551", "+491712345678"]),
                ("Franz", ["+43123456789"]),
                ("Zoe, the last", ["+15550123"]),
            ],
        )

    def test_reload(self) -> None:
        """A file is read again; one that is broken by then changes nothing."""
        self.start(extensions=False)
        served = self.world.served
        assert served is not None
        path = Path(served.document["phone_book"]["files"][0])
        path.write_text("+491,Eva\n")
        self.world.reload()
        self.assertEqual(self.found(text="eva"), [("Eva", "+491")])
        path.write_text("Eva\n")
        self.assertRaises(FeaturesRefused, self.world.reload)
        self.assertEqual(self.found(text="eva"), [("Eva", "+491")])


class BadTests(BookCase):
    """Files that are broken."""

    def test_broken(self) -> None:
        """Each is one line that names the file and what is wrong with it."""
        for name, text, complaint in (
            ("a.csv", "1,2,3\n", "line 1 is not like +4930123456,Anna Schmidt"),
            ("a.csv", '1,2\n"3,4\n', "line 2 is not like"),
            ("a.vcf", "BEGIN:VCARD\nFN:x\nEND:VCALENDAR\n", "it is no vCard"),
            ("a.vcf", "BEGIN:VCARD\nFN", "it is no vCard"),
            ("a.vcf", "x" * (CARDS_BYTES_MAX + 1), f"is longer than {CARDS_BYTES_MAX} bytes"),
        ):
            with self.subTest(complaint):
                document = {"phone_book": {"files": [self.file(name, text)]}}
                refused = self.assertRaises(FeaturesRefused, Features.of, PhoneBook, document=document)
                self.assertIn(complaint, str(refused))
                self.assertNotIn("\n", str(refused).strip())

    def test_missing(self) -> None:
        """A file that is not there, and a country of nobody, are refused at start."""
        for table, complaint in (
            ({"files": ["/nowhere/a.csv"]}, "/nowhere/a.csv cannot be read: No such file"),
            ({"country": "XX"}, "[phone_book] country: XX is no country"),
        ):
            refused = self.assertRaises(
                FeaturesRefused, Features.of, PhoneBook, document={"phone_book": table}
            )
            self.assertIn(complaint, str(refused))

    def test_bytes(self) -> None:
        """One in another encoding than UTF-8 is refused."""
        path = Path(self.mktemp())
        path.write_bytes(b"1,\xff\n")
        with self.assertRaises(ValueError) as caught:
            read(path, "[x] y")
        self.assertIn("it is not in UTF-8", str(caught.exception))


class NumberTests(SynchronousTestCase):
    """How numbers are written."""

    def test_e164(self) -> None:
        """All ways to write a number in its country are one; what is no number stays as it is."""
        plain = e164("DE", "x")
        for number in ("030 123456", "+49 30 123456", "0049-30-123456", "(030) 123456"):
            self.assertEqual(plain(number), "+4930123456", number)
        for short in ("102", "alice", "112", "116117"):
            self.assertEqual(plain(short), short)
        self.assertEqual(e164("", "x")("+49-30.1"), "+49301")

    def test_national(self) -> None:
        """As it is dialled there."""
        written = national("DE", "x")
        self.assertEqual(written("+4930123456"), "030123456")
        self.assertEqual(written("+43123456789"), "0043123456789")
        self.assertEqual(written("102"), "102")
