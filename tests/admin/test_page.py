"""The page: what it shows to whom, and that nothing that a peer says becomes a part of it."""

from __future__ import annotations

import ast
import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.admin.page import site
from b2bua.admin.page.past import COLUMNS, _cell
from b2bua.admin.page.site import PAGES
from b2bua.admin.page.words import GERMAN, language
from b2bua.calls.records.record import STATES
from b2bua.explain.traced import TracedCall
from b2bua.features.commands import Command
from tests.admin.door import Browser, DoorCase

ROOT = Path(__file__).resolve().parents[2] / "b2bua" / "admin" / "page"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"


class Markup(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        """Read a page."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Text."""
        self.text += data


class PageCase(DoorCase):
    """Reading pages."""

    def read(self, browser: Browser, path: str, status: int = 200, language: str = "en") -> str:
        """A page."""
        answer = browser.send("GET", path, Accept_Language=language)
        self.assertEqual(answer.status, status, f"{path}: {answer.body[:300]!r}")
        return answer.body.decode()


class ViewTests(PageCase):
    """What is shown."""

    def test_nobody(self) -> None:
        """Who has not logged in is sent to where they can, from everywhere."""
        for page in PAGES:
            answer = self.browser().send("GET", "/" + page.path.replace("*", "x"))
            self.assertEqual((answer.status, answer.fields["location"]), (303, "/login"))
        self.assertIn('data-path="/login"', self.read(self.browser(), "/login"))

    def test_first(self) -> None:
        """An operator begins with what goes on, a user with what is theirs."""
        for name, place in (("desk", "/now"), ("alice", "/mine")):
            answer = self.browser(name).send("GET", "/")
            self.assertEqual((answer.status, answer.fields["location"]), (303, place))

    def test_roles(self) -> None:
        """Each page is for those whose role it is for."""
        self.talk()
        [row] = self.ask("GET", "/calls")
        for name, role in (("root", 3), ("desk", 2), ("alice", 1)):
            browser = self.browser(name)
            for page in PAGES:
                if page.path.startswith("mine"):
                    continue
                path = page.path.replace("*", row["id"] if page.path.startswith("calls") else "bob")
                self.assertEqual(
                    browser.send("GET", f"/{path}").status, 200 if role >= page.role else 403, path
                )
        self.assertEqual(self.browser("desk").send("GET", "/mine").status, 403)

    def test_now(self) -> None:
        """Calls, phones and trunks, as they are."""
        self.talk()
        text = Markup(self.read(self.browser("desk"), "/now")).text
        for part in ("alice Alice", "bob", "talking", "carrier", "Everything is well"):
            self.assertIn(part, text)

    def test_boards(self) -> None:
        """What plugins show of themselves stands there too; one that fails does no harm."""
        features = self.administration.choices.generation
        parked = Command("parked", "forward", "", (), list)

        def rows() -> list[dict[str, object]]:
            return [{"place": "701", "who": EVIL, "since": None}]

        def broken() -> list[dict[str, object]]:
            raise ValueError("no")

        for call, expected in ((rows, True), (broken, False)):
            changed = {"parked": replace(parked, call=call)}
            self.patch(type(features), "commands", property(lambda _, changed=changed: changed))
            page = Markup(self.read(self.browser("desk"), "/now"))
            self.assertEqual("701" in page.text and EVIL in page.text, expected)
            self.assertEqual({tag for tag, _ in page.elements} - KNOWN, set())

    def test_alarm(self) -> None:
        """What somebody has to look after stands in words."""
        self.store.failing = "disk full"
        self.talk()
        self.world.run(10)
        self.assertIn("disk full", self.read(self.browser("desk"), "/now/all"))

    def test_call(self) -> None:
        """A call with its ladder, legs, reasons and messages, and as a picture and a text."""
        self.talk()
        browser = self.browser("desk")
        [row] = self.ask("GET", "/calls")
        page = self.read(browser, f"/calls/{row['id']}")
        for part in ("INVITE", "ladder.svg", "<details>", "extension bob"):
            self.assertIn(part, page)
        self.assertTrue(self.read(browser, f"/calls/{row['id']}/ladder.svg").startswith("<svg"))
        self.assertIn("INVITE", self.read(browser, f"/calls/{row['id']}/ladder.txt"))
        self.assertIn("there is no call x", self.read(browser, "/calls/x", 404))

    def test_call_without_beginning(self) -> None:
        """A call of which the first messages are not kept says so, on the page and in the picture."""
        self.talk()
        browser = self.browser("desk")
        [row] = self.ask("GET", "/calls")
        path, lost = f"/calls/{row['id']}", row["legs"][0]["call_id"]
        for shown in (path, f"{path}/ladder.svg"):
            self.assertNotIn("not kept any more", self.read(browser, shown))
        trace = self.administration.calls.trace

        async def late(call: str) -> TracedCall:
            """Find what was kept of it."""
            found = await trace(call)
            kept = [one for one in found.messages if not one.raw.startswith(b"INVITE ")]
            return found.model_copy(update={"messages": tuple(kept), "missing": (lost,)})

        self.patch(self.administration.calls, "trace", late)
        page = Markup(self.read(browser, path))
        self.assertIn(f"The beginning of this is not kept any more: {lost}", page.text)
        picture = self.read(browser, f"{path}/ladder.svg")
        self.assertIn(f"the beginning of {lost} is not kept any more", picture)

    def test_past(self) -> None:
        """Records are looked up by party and day, page by page, and what was looked for is in the address."""
        self.patch(site.past, "PAGE", 2)
        for _ in range(3):
            self.talk()
            self.alice.hang_up()
            self.world.run(40)
        browser = self.browser("desk")
        page = self.read(browser, "/past?party=bob")
        self.assertEqual(page.count("/calls/"), 2)
        [older] = re.findall(r'href="(/past\?[^"]*before=[^"]*)"', page)
        rest = self.read(browser, older.replace("&amp;", "&"))
        self.assertEqual(rest.count("/calls/"), 1)
        self.assertIn("No call was found", self.read(browser, "/past?party=zoe"))
        self.assertIn("No call was found", self.read(browser, "/past?until=1999-12-31"))
        self.assertIn("No call was found", self.read(browser, "/past?state=busy"))
        self.assertIn(
            '<option value="answered" selected="selected">', self.read(browser, "/past?state=answered")
        )
        for nonsense in ("since=yesterday", "until=0000-99-99", "before=x", "since=9999-12-31T99"):
            self.assertIn(browser.send("GET", f"/past?{nonsense}").status, (200, 400), nonsense)

    def test_chart(self) -> None:
        """Calls by the hour in which they began, and whether they were answered; the API says the same."""
        self.talk()
        self.alice.hang_up()
        self.alice.dial("nobody")
        self.world.run(40)
        page = Markup(self.read(self.browser("desk"), "/past"))
        columns = [a for tag, a in page.elements if tag == "rect" and a["height"] not in ("0", "0.0")]
        self.assertEqual(
            [(one["class"], one["height"]) for one in columns], [("yes", "60.0"), ("no", "60.0")]
        )
        rows = [row for row in self.ask("GET", "/calls/past/hours") if row["answered"] + row["others"]]
        self.assertEqual([(row["answered"], row["others"]) for row in rows], [(1, 1)])
        self.assertNotIn("<rect", self.read(self.browser("desk"), "/past?party=zoe"))

    def test_next_page(self) -> None:
        """The chart and the files are of all that was looked for, whichever page of it is read."""
        self.patch(site.past, "PAGE", 2)
        for _ in range(3):
            self.talk()
            self.alice.hang_up()
            self.world.run(40)
        browser = self.browser("desk")
        first = self.read(browser, "/past?party=bob")
        [older] = re.findall(r'href="(/past\?[^"]*before=[^"]*)"', first)
        second = self.read(browser, older.replace("&amp;", "&"))
        for page in (first, second):
            self.assertEqual(
                re.findall(r'href="/((?:past|Master)\.csv[^"]*)"', page),
                ["past.csv?party=bob", "Master.csv?party=bob"],
            )
            self.assertRegex(page, r"\d+: 3 \+ 0")
            self.assertNotIn("the latest", page)

    def test_cut(self) -> None:
        """Where more calls are found than are counted, the page says how many were."""
        self.patch(site.past, "CHART_MOST", 2)
        for _ in range(3):
            self.talk()
            self.alice.hang_up()
            self.world.run(40)
        page = Markup(self.read(self.browser("desk"), "/past"))
        self.assertIn("Calls by hour (the latest 2)", page.text)
        self.assertIn(f"A file has at most the latest {site.past.CSV_MOST}.", page.text)

    def test_asterisk(self) -> None:
        """The columns of Asterisk's cdr_csv, in its order, without a head."""
        self.talk()
        self.alice.hang_up()
        self.world.run(40)
        answer = self.browser("desk").send("GET", "/Master.csv?party=alice")
        [row] = list(csv.reader(io.StringIO(answer.body.decode())))
        self.assertEqual(len(row), 18)
        self.assertEqual(
            (row[2], row[3], row[5], row[7], row[14]), ("bob", "b2bua", "SIP/alice", "Dial", "ANSWERED")
        )
        self.assertRegex(row[9], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertEqual(row[13], "3")
        self.bob.dial("*78")  # as a mailbox is, it is answered by the server
        self.world.run(5)
        answer = self.browser("desk").send("GET", "/Master.csv?party=bob")
        rows = csv.reader(io.StringIO(answer.body.decode()))
        self.assertEqual([row[14] for row in rows if row[2] == "*78"], ["ANSWERED"])

    def test_why_not(self) -> None:
        """Why an extension did not ring is asked on its page, and on one's own."""
        page = self.read(self.browser("desk"), "/people/bob?caller=0301234&via=carrier")
        self.assertIn("0301234 would reach bobcarrier", page)
        self.assertIn("alice would reach alice", self.read(self.browser("alice"), "/mine?caller=alice"))
        self.assertRefused(
            404, "no extension", "GET", "/extensions/{extension}/whatif", extension="x", caller="1"
        )
        self.assertRefused(
            400, "caller", "GET", "/extensions/{extension}/whatif", extension="bob", caller="\0"
        )

    def test_missed(self) -> None:
        """A user sees who has called in vain, and what is typed into a phone."""
        self.bob.dial("alice")
        self.world.run(1)
        self.bob.hang_up()
        self.world.run(40)
        page = self.read(self.browser("alice"), "/mine")
        self.assertIn("Missed calls", page)
        self.assertIn("sip:alice@", page)
        self.alice.dial("bob")
        self.world.run(40)
        self.assertNotIn("Missed calls", self.read(self.browser("desk"), "/people/carol"))

    def test_csv(self) -> None:
        """RFC 4180: the columns that the page of docs names, lines that end with CR LF."""
        self.talk()
        self.alice.hang_up()
        self.world.run(40)
        answer = self.browser("desk").send("GET", "/past.csv?party=alice")
        self.assertTrue(answer.body.endswith(b"\r\n"))
        [row] = list(csv.DictReader(io.StringIO(answer.body.decode())))
        self.assertEqual((tuple(row), row["dialled"], row["answered_by"]), (COLUMNS, "bob", "extension bob"))

    def test_formula(self) -> None:
        """No caller's name is a formula of a spreadsheet, and a number stays one."""
        self.assertEqual(_cell("=1+1"), "'=1+1")
        self.assertEqual(_cell("@x"), "'@x")
        self.assertEqual(
            [_cell(text) for text in ("+4930123", "*72", "bob", "")], ["+4930123", "*72", "bob", ""]
        )

    def test_person(self) -> None:
        """An extension with its settings as forms; who may not change them gets them to look at."""
        path = "/api/settings/extensions.alice.forward.busy"
        self.assertIn(f'data-path="{path}"', self.read(self.browser("root"), "/people/alice"))
        page = self.read(self.browser("desk"), "/people/alice")
        self.assertIn("disabled", page)
        self.assertNotIn(">Save<", page)
        own = self.browser("alice")
        self.assertIn(">Save<", self.read(own, "/mine"))
        own.send("PUT", path, {"value": "bob"})
        self.assertIn("changed", Markup(self.read(own, "/mine")).text)
        self.read(self.browser("root"), "/people/zoe", 404)

    def test_links(self) -> None:
        """Every link of a page leads to one that its reader may see; who may see a call can open it."""
        self.talk()
        self.alice.hang_up()
        self.world.run(40)
        for name, path, opens in (("alice", "/mine", False), ("desk", "/people/alice", True)):
            browser = self.browser(name)
            page = Markup(self.read(browser, path))
            links = {attrs["href"] or "" for tag, attrs in page.elements if tag == "a" and "href" in attrs}
            self.assertEqual(any(link.startswith("/calls/") for link in links), opens)
            self.assertEqual("/people/alice" in links, opens)
            self.assertIn("bob", page.text)
            for link in sorted(link for link in links if link.startswith("/")):
                self.read(browser, link)

    def test_attacks(self) -> None:
        """Who is ignored, and a button that pardons them."""
        for _ in range(50):
            self.server.authenticator.throttle.failed("203.0.113.66", "alice")
        page = self.read(self.browser("desk"), "/attacks")
        self.assertIn("203.0.113.66", page)
        self.assertIn('data-path="/api/ignored/203.0.113.66"', page)

    def test_failing(self) -> None:
        """Who fails to log in is shown, and for whom it was tried; it is forgiven in time."""
        for _ in range(3):
            self.server.authenticator.throttle.failed("203.0.113.66", "9001")
        text = Markup(self.read(self.browser("desk"), "/attacks")).text
        for part in ("203.0.113.66", "9001", "Nobody is ignored"):
            self.assertIn(part, text)
        rows = self.ask("GET", "/failing")
        self.assertEqual([(row["kind"], row["times"]) for row in rows], [("source", 3), ("user", 3)])
        self.world.run(600)
        self.assertEqual(self.ask("GET", "/failing"), [])

    def test_settings(self) -> None:
        """Plugins in their order, and who has changed what."""
        text = Markup(self.read(self.browser("root"), "/settings")).text
        self.assertIn("do_not_disturb", text)
        self.assertIn("POST /accounts", text)

    def test_no_page(self) -> None:
        """What there is no page for gets 404, whatever path it is."""
        browser = self.browser("root")
        for path in (
            "/x",
            "/now/x",
            "/static/../page.py",
            "/static/%2e%2e/site.py",
            "/static/page.css/x",
            "/calls",
        ):
            self.read(browser, path, 404)
        self.assertEqual(browser.send("POST", "/now").status, 405)

    def test_bug(self) -> None:
        """A bug of ours is logged, and nothing of its inside is shown."""
        browser = self.browser("desk")
        self.patch(self.administration.service, "_server", None)
        self.assertEqual(self.read(browser, "/now", 500), "An error of ours; it is in the log.\n")
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)


class FilesTests(PageCase):
    """What plugins have of calls: their recordings."""

    def setUp(self) -> None:
        """Let there be two recordings of a call that is over, and one of another call."""
        place = TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.settings = {"recording": {"directory": place.name}}
        super().setUp()
        self.talk()
        self.alice.hang_up()
        self.world.run(40)
        [row] = self.ask("GET", "/calls/past")
        self.call = row["id"]
        self.names = [f"2026112{day}-101500-{self.call}-alice-bob.wav" for day in (6, 7)]
        for name in (*self.names, "20261126-101500-other-alice-bob.wav"):
            (Path(place.name) / name).write_bytes(b"RIFF")

    def test_shown(self) -> None:
        """An administrator finds them with the call, to be heard there and then."""
        browser = self.browser("root")
        past = Markup(self.read(browser, "/past", language="de"))
        self.assertIn("2 Dateien", past.text)
        self.assertIn("1 File", Markup(self._with_one(browser)).text)

    def _with_one(self, browser: Browser) -> str:
        """The view when one of them has been removed."""
        directory = Path(self.settings["recording"]["directory"])
        (directory / self.names[1]).unlink()
        return self.read(browser, "/past")

    def test_heard(self) -> None:
        """The page of the call has a player for each, and a link by which it can be kept."""
        browser = self.browser("root")
        page = Markup(self.read(browser, f"/calls/{self.call}"))
        paths = [f"/files/recordings/{name}" for name in self.names]
        self.assertEqual([a["src"] for tag, a in page.elements if tag == "audio"], paths)
        self.assertEqual([a["href"] for _, a in page.elements if a.get("href") in paths], paths)

    def test_asked(self) -> None:
        """The API says the same."""
        rows = self.ask("GET", f"/calls/{self.call}/files")
        self.assertEqual(rows, [{"path": f"/files/recordings/{name}"} for name in self.names])
        self.assertEqual(self.ask("GET", "/calls/x/files"), [])

    def test_others(self) -> None:
        """Nobody else sees that there are any."""
        browser = self.browser("desk")
        for path in ("/past", f"/calls/{self.call}"):
            self.assertNotIn("/files/", self.read(browser, path))
            self.assertNotIn("File", self.read(browser, path))
        for path in (f"/api/calls/{self.call}/files", f"/files/recordings/{self.names[0]}"):
            self.assertEqual(browser.send("GET", path).status, 403)


class SafetyTests(PageCase):
    """What cannot be done with it."""

    def test_policy(self) -> None:
        """A browser loads nothing from elsewhere, runs nothing that stands in a page, and frames none."""
        browser = self.browser("root")
        for path in ("/now", "/login", "/static/page.js", "/x"):
            fields = browser.send("GET", path).fields
            policy = fields["content-security-policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(
                (fields["x-content-type-options"], fields["x-frame-options"]), ("nosniff", "deny")
            )

    def test_nothing_inline(self) -> None:
        """No page has a style, a script or a handler in it, which the policy would stop."""
        browser = self.browser("root")
        for path in ("/now", "/past", "/people", "/people/alice", "/attacks", "/settings", "/login"):
            for tag, attributes in Markup(self.read(browser, path)).elements:
                self.assertNotEqual(tag, "style")
                self.assertFalse(
                    [name for name in attributes if name.startswith("on") or name == "style"], path
                )
                if tag == "script":
                    self.assertEqual(attributes["src"], "/static/page.js")

    def shown(self, evil: str) -> None:
        """Whatever a phone and a caller say of themselves is text on every page that shows it."""
        browser = self.browser("root")
        pages = ["/now", "/past", "/people/alice", "/now/all", "/now/all"]
        found = [Markup(self.read(browser, path)) for path in pages]
        for path, page in zip(pages, found, strict=True):
            kinds = {tag for tag, _ in page.elements}
            self.assertLessEqual(kinds, KNOWN, path)
            self.assertFalse([a for _, a in page.elements if any(name.startswith("on") for name in a)])
        self.assertIn(evil, found[0].text)

    def test_display_name(self) -> None:
        """Display names and User-Agent fields (XSS)."""
        self.bob.user_agent = EVIL
        self.bob.register()
        self.world.run(1)
        self.talk()
        call = next(iter(self.server.core.calls.going.values()))
        call.record.name = EVIL
        self.shown(EVIL)
        [row] = self.ask("GET", "/calls")
        browser = self.browser("root")
        page = Markup(self.read(browser, f"/calls/{row['id']}"))
        self.assertNotIn("onerror", str(page.elements))

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=60))
    def test_any_text(self, text: str) -> None:
        """Any text is shown as that text, and as nothing else."""
        browser = self.__dict__.get("_browser") or self.__dict__.setdefault("_browser", self.browser("root"))
        self.bob.user_agent = text
        binding = self.server.bindings.all(self.server.domain.address("bob"))[0]
        self.server.bindings.put(binding.aor, (binding._replace(user_agent=text),))
        page = Markup(self.read(browser, "/now"))
        self.assertLessEqual({tag for tag, _ in page.elements}, KNOWN)
        self.assertIn(text, page.text)


KNOWN = {
    "html", "head", "meta", "title", "link", "script", "body", "a", "header", "nav", "span", "strong", "main",
    "h1", "h2", "p", "ul", "ol", "li", "div", "table", "thead", "tbody", "tr", "th", "td", "time", "button",
    "form", "label", "input", "output", "noscript", "live-part", "em", "details", "summary", "pre", "img",
    "section", "dl", "dt", "dd", "small", "b", "time-since", "fieldset", "svg", "rect", "text", "legend",
    "select", "option",
}  # fmt: skip
"""The elements that pages of ours are made of."""


class WordsTests(PageCase):
    """The languages."""

    def test_states(self) -> None:
        """All that is said of how a call ended is said in German too."""
        self.assertEqual([word for word in STATES if word not in GERMAN], [])

    def test_chosen(self) -> None:
        """RFC 9110 section 12.5.4: what the browser likes best among what we speak."""
        for accepted, code in (
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en-GB,en;q=0.9,de;q=0.8", "en"),
            ("fr,de;q=0.5", "de"),
            ("fr", "en"),
            ("", "en"),
            ("de;q=x", "en"),
            ("," * 5000, "en"),
        ):
            self.assertEqual(language(accepted)[0], code, accepted[:40])

    def test_all_german(self) -> None:
        """Every text that the page says is there in German."""
        said: set[str] = set()
        for path in ROOT.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Name(id="say"), args=[ast.Constant(value=str() as text)]):
                        said.add(text)
        said |= {page.title for page in PAGES if page.title}
        self.assertGreater(len(said), 25)
        self.assertEqual(said - set(GERMAN), set())

    def test_german(self) -> None:
        """A page in German says so."""
        page = self.read(self.browser("desk"), "/now", language="de")
        self.assertIn('<html lang="de">', page)
        self.assertIn("Zurzeit gibt es kein Gespräch", page)
