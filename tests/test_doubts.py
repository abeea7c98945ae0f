"""What is allowed in a configuration but hardly meant: all of it at once, with its key."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.configuration import configuration
from b2bua.doubts import doubts
from tests.command.support import run

BARE = """
[server]
domain = "pbx.example.com"
listen = ["sip:127.0.0.1:0"]
[extensions.101]
password = "x"
[extensions.102]
password = "x"
[trunks.c]
uri = "sip:c.example"
"""


class DoubtsTests(SynchronousTestCase):
    """L{doubts}."""

    def doubts(self, text: str) -> dict[str, str]:
        """What looks like a mistake, by key."""
        path = Path(self.mktemp())
        path.write_text(BARE + text)
        return {doubt.path: doubt.text for doubt in doubts(configuration(path))}

    def assertDoubt(self, text: str, path: str, *words: str) -> None:
        """There is this one."""
        found = self.doubts(text)
        self.assertEqual(list(found), [path])
        for word in words:
            self.assertIn(word, found[path])

    def test_relay(self) -> None:
        """Media are to pass through a relay that is not there, or cannot encrypt."""
        relay = '[extensions.103]\npassword = "x"\nmedia = "relay"\n'
        self.assertDoubt(f"{relay}[media]\nworkers = 0", "extensions.103.media", "workers", "1 or more")
        secret = '[trunks.d]\nuri = "sip:d.example"\nmedia_encryption = "sdes"\n'
        self.assertDoubt(secret, "trunks.d.media_encryption", "rtpengine")
        self.assertDoubt(
            '[extensions.103]\npassword = "x"\ncodecs = ["opus"]\n', "extensions.103.codecs", "rtpengine"
        )
        engine = '[media.rtpengine]\nengines = ["127.0.0.1:2223"]\n'
        for fine in (relay, f"{relay}{secret}{engine}[media]\nworkers = 0\n"):
            self.assertEqual(self.doubts(fine), {}, fine)
        self.assertDoubt(f'{engine}recordings = "nowhere"', "media.rtpengine.recordings", "recording-dir")

    def test_directories(self) -> None:
        """Files are to be kept where none can be: below a file, or where we may not write."""
        place = Path(self.mktemp()).absolute()
        place.mkdir()
        (place / "file").touch()
        table = '[recording]\ndirectory = "{}"\n[voicemail]\ndirectory = "{}"\n'
        for fine in (place, place / "a" / "b"):
            self.assertEqual(self.doubts(table.format(fine, place)), {})
        below = table.format(place / "file" / "x", place)
        self.assertDoubt(below, "recording.directory", f"since {place}/file is no directory", "name another")
        self.assertDoubt(
            table.format(place, place / "file"), "voicemail.directory", f"{place}/file is no directory"
        )
        self.patch(os, "access", lambda path, *_, **__: Path(path) != place)
        found = self.doubts(table.format(place, place / "new"))
        self.assertEqual(list(found), ["recording.directory", "voicemail.directory"])
        self.assertIn(f"{place} cannot be written to by this user", found["recording.directory"])
        self.assertIn("cannot be made", found["voicemail.directory"])

    def test_none(self) -> None:
        """What leads somewhere is as it should be."""
        self.assertEqual(
            self.doubts(
                r"""
                [extensions.101.forward]
                busy = "102"
                no_answer = "+49301234"
                unreachable = "sip:x@elsewhere.example"
                [extensions.102.find_me]
                places = ["102", "101", { target = "*72101" }]
                [ring_groups.600]
                members = ["101", { target = "601", after = 5 }]
                otherwise = "sip:102@pbx.example.com"
                [ring_groups.601]
                members = ["102"]
                otherwise = "600"
                [[routes]]
                match = '\+?\d{7,}'
                trunk = "c"
                [[routes]]
                match = '.*'
                trunk = "c"
                """
            ),
            {},
        )

    def test_mailbox(self) -> None:
        """The number of voicemail with an extension behind it is a mailbox, if that takes messages."""
        voicemail = '[voicemail]\ndirectory = "."\nremote = "98"\n[extensions.101.voicemail]\non = true\n'
        group = '[ring_groups.600]\nmembers = ["101"]\notherwise = "{}"\n'
        for number in ("97101", "98"):
            self.assertEqual(self.doubts(voicemail + group.format(number)), {})
        self.assertDoubt(
            voicemail + group.format("97102"), "ring_groups.600.otherwise", "97102 leads nowhere"
        )

    def test_nowhere(self) -> None:
        """Members and targets that are nobody's; the number that is near is named."""
        self.assertDoubt(
            '[ring_groups.600]\nmembers = ["101", "999"]', "ring_groups.600.members[1]", "999 leads nowhere"
        )
        self.assertDoubt(
            '[ring_groups.600]\nmembers = [{target = "999"}]', "ring_groups.600.members[0].target"
        )
        self.assertDoubt(
            '[extensions.101.forward]\nbusy = "1022"', "extensions.101.forward.busy", "102 meant?"
        )
        self.assertDoubt(
            '[ring_groups.600]\nmembers = ["101"]\notherwise = "sip:9@pbx.example.com"',
            "ring_groups.600.otherwise",
        )

    def test_named(self) -> None:
        """Numbers that are recorded or watched, and are nobody's."""
        record = '[recording]\ndirectory = "."\nnumbers = ["101", "{}"]\n'
        self.assertDoubt(record.format("999"), "recording.numbers[1]", "999 leads nowhere")
        lamps = "[lamp_lists.office]\nmembers = {}\n"
        self.assertDoubt(lamps.format('["101", "999"]'), "lamp_lists.office.members[1]", "999 leads nowhere")
        orbits = '[park]\norbits = "701-702"\n'
        for fine in ('["101", "*78", "701"]', '"all"'):
            self.assertEqual(self.doubts(lamps.format(fine) + orbits + record.format("102")), {}, fine)

    def test_braces(self) -> None:
        """A brace that is not closed stands for itself in a regular expression: no number has one."""
        route = "[[routes]]\nmatch = '{}'\ntrunk = 'c'\n"
        for match in (r"0\d{4,", r"0\d4,}", r"0\d{4;7}", r"0[{]?\d{x}"):
            self.assertDoubt(route.format(match), "routes[0].match", "brace")
        for match in (r"0\d{4,}", r"0\d{,4}", r"0\d{4}", r"0\d{4,7}?", r"0[\]{}]\d", r"0\{\d"):
            self.assertEqual(self.doubts(route.format(match)), {}, match)
        rules = "[trunks.d]\nuri = 'sip:d.example'\n{} = [{{match = '0(.{{4,)', replace = '\\1'}}]"
        for key in ("numbers_in", "numbers_out"):
            self.assertDoubt(rules.format(key), f"trunks.d.{key}[0].match", "brace")

    def test_blocked(self) -> None:
        """A route that is for nobody leads nowhere."""
        self.assertDoubt(
            "[extensions.101.forward]\nbusy = '0900'\n[[routes]]\nmatch = '0.*'\ntrunk = 'c'\ncallers = []",
            "extensions.101.forward.busy",
            "routes[0] blocks it",
        )

    def test_circles(self) -> None:
        """A group in itself, by whatever way."""
        self.assertDoubt(
            '[ring_groups.600]\nmembers = ["101", "600"]', "ring_groups.600.members[1]", "itself"
        )
        found = self.doubts('[ring_groups.600]\nmembers = ["601"]\n[ring_groups.601]\nmembers = ["600"]')
        self.assertEqual(sorted(found), ["ring_groups.600.members[0]", "ring_groups.601.members[0]"])

    def test_codes(self) -> None:
        """A number that begins with a feature code is dialled by nobody."""
        self.assertDoubt("[extensions.'*7299']\npassword = 'x'", 'extensions."*7299"', "feature code")
        self.assertDoubt("[ring_groups.'*7299']\nmembers = ['101']", 'ring_groups."*7299"', "feature code")

    def test_shadowed_routes(self) -> None:
        """An extension in front of a route, and a route behind its equal; one for the rest is meant so."""
        self.assertDoubt("[[routes]]\nmatch = '101|112'\ntrunk = 'c'", "routes[0].match", "never gets 101")
        self.assertDoubt(2 * "[[routes]]\nmatch = '0.*'\ntrunk = 'c'\n", "routes[1].match", "routes[0]")

    def test_said(self) -> None:
        """C{b2bua check} says them, and the configuration is good all the same."""
        path = Path(self.mktemp())
        path.write_text(BARE + '[ring_groups.600]\nmembers = ["999", "998"]\n')
        status, out, _ = run("check", str(path))
        first, second, last = out.splitlines()
        self.assertEqual(status, 0)
        for line in (first, second):
            self.assertTrue(line.startswith(f"{path}: warning: ring_groups.600.members["), line)
        self.assertIn("good", last)
