"""What scanners of web pages try, one after the other, on every page and every route."""

from __future__ import annotations

from b2bua.admin import stream
from b2bua.admin.page.site import PAGES
from tests.admin.case import Connection, request
from tests.admin.door import Browser, DoorCase

TRICKS = (
    "/static/../page.css",
    "/static/..%2fpage.css",
    "/static/%2e%2e/%2e%2e/site.py",
    "/static//etc/passwd",
    "/static/page.css%00.js",
    "/..%5c..%5cetc/passwd",
    "/static/....//....//etc/passwd",
    "/%c0%ae%c0%ae/etc/passwd",
    "/.git/config",
    "/.env",
    "/server-status",
    "/static/",
    "//evil.example.com/",
    "/now;jsessionid=1",
    "/calls/..%2f..%2f/ladder.svg",
    "/people/%00",
    "/api/../now",
    "/api/%2e%2e/now",
)
INJECTED = (
    "' OR '1'='1",
    "%' OR 1=1 --",
    '"; DROP TABLE records; --',
    "{{7*7}}",
    "${7*7}",
    "<script>alert(1)</script>",
    "() { :; }; echo x",
    "| id",
    "$(id)",
    "../../../../etc/passwd",
    "\r\nSet-Cookie: evil=1",
    "%0d%0aSet-Cookie:%20evil=1",
    "A" * 3000,
    "\N{ZERO WIDTH SPACE}",
    "9" * 400,
    "1e309",
    "NaN",
    "[[[[",
    "\ud7ff",
)
PLACES = (
    "/past?party={}",
    "/past?since={}",
    "/past?state={}",
    "/past.csv?party={}",
    "/people/{}",
    "/calls/{}",
    "/people/bob?caller={}",
    "/api/calls?party={}",
    "/api/calls/past?limit={}",
    "/api/events?kind={}",
    "/api/extensions/{}/settings",
    "/api/calls/{}/trace",
    "/?next={}",
)


class AttackTests(DoorCase):
    """Nothing of it works, and nothing of it is an error of ours."""

    def assertWell(self, browser: Browser, method: str, path: str) -> bytes:
        """Something was answered, by us and as it should be; gives the page, if it is one."""
        answer = browser.send(method, path)
        self.assertLess(answer.status, 500, path)
        self.assertNotIn("evil", answer.fields)
        self.assertFalse([one for one in answer.cookies if "evil" in one], path)
        self.assertNotIn(b"root:", answer.body)
        self.assertNotIn(b"Traceback", answer.body)
        self.assertNotIn(b"from __future__", answer.body)
        place = answer.fields.get("location", "/")
        self.assertTrue(place.startswith("/") and not place.startswith("//"), path)
        self.assertNotIn("twisted", answer.fields.get("server", ""))
        return answer.body if answer.fields.get("content-type", "").startswith("text/html") else b""

    def test_paths(self) -> None:
        """No path leads to a file, or to another host; before and after one has logged in."""
        for browser in (self.browser(), self.browser("root")):
            for path in TRICKS:
                self.assertWell(browser, "GET", path)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_injected(self) -> None:
        """What is put into queries and paths is a value like any other, and is found nowhere."""
        browser = self.browser("root")
        self.talk()
        for text in INJECTED:
            quoted = "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "replace"))
            for place in PLACES:
                self.assertNotIn(b"<script>alert", self.assertWell(browser, "GET", place.format(quoted)))
        self.assertEqual(len(self.ask("GET", "/calls/past", party="%' OR 1=1 --")), 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_methods(self) -> None:
        """A page is read and nothing else; TRACE gives nothing back."""
        browser = self.browser("root")
        for method in ("POST", "PUT", "DELETE", "TRACE", "PROPFIND", "CONNECT"):
            for path in ("/now", "/static/page.css", "/metrics", "/health", "/pulse"):
                answer = browser.send(method, path)
                self.assertIn(answer.status, (400, 404, 405, 501), (method, path))
                self.assertNotIn(browser.cookie.encode(), answer.body)

    def test_fields(self) -> None:
        """Every page says what a browser may do with it, and who may keep it."""
        self.talk()
        [row] = self.ask("GET", "/calls")
        browser = self.browser("root")
        for page in PAGES:
            if page.path.startswith("mine"):
                continue
            path = page.path.replace("*", row["id"] if page.path.startswith("calls") else "bob")
            fields = browser.send("GET", f"/{path}").fields
            self.assertIn("default-src 'none'", fields["content-security-policy"])
            self.assertNotIn("unsafe-eval", fields["content-security-policy"])
            self.assertEqual(fields["x-content-type-options"], "nosniff", path)
            self.assertEqual(fields["x-frame-options"], "deny", path)
            self.assertEqual(fields["referrer-policy"], "no-referrer", path)
            self.assertEqual(fields["cache-control"], "no-store", path)

    def test_other_site(self) -> None:
        """No route that changes anything does it for the page of somebody else."""
        browser = self.browser("root")
        self.assertEqual(browser.send("GET", "/api/status").status, 200)
        changing = [route for route in self.administration.routes if route.method != "GET"]
        self.assertGreater(len(changing), 15)
        for route in changing:
            path = "/api" + route.path.replace("{", "").replace("}", "")
            for fields in (
                {"X_CSRF_Token": ""},
                {"X_CSRF_Token": "guessed"},
                {"Origin": "https://evil.example.com"},
                {"Sec_Fetch_Site": "cross-site"},
                {"Origin": "null"},
            ):
                self.assertEqual(browser.send(route.method, path, **fields).status, 403, (path, fields))

    def test_other_host(self) -> None:
        """Whatever host a request names, nobody is sent there."""
        connection = Connection(self.door)
        connection.send(
            b"GET /now HTTP/1.1\r\nHost: evil.example.com\r\nX-Forwarded-Host: evil.example.com\r\n\r\n"
        )
        self.world.run(0.0)
        answer = connection.read()
        self.assertEqual((answer.status, answer.fields["location"]), (303, "/login"))
        self.assertNotIn(b"evil", answer.body)

    def test_large(self) -> None:
        """What is too large is refused or cut off, and the next one is served."""
        for data in (
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
            b"GET /login HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
            b"GET /login HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n{",
            b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"
            + b"{" * 70_000,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET / HTTP/9.9\r\n\r\n",
        ):
            connection = Connection(self.door)
            connection.send(data)
            self.world.run(0.0)
            said = connection.transport.value()
            self.assertFalse(said.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5")), said[:60])
            connection.close()
        self.assertEqual(self.browser().send("GET", "/login").status, 200)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_idle_readers(self) -> None:
        """Ten thousand who say nothing: as many are served as there may be, and others still come in."""
        desk = self.browser("desk")
        field = {"Cookie": f"b2bua={desk.cookie}"}
        connections = []
        for _ in range(10_000):
            connection = Connection(self.door)
            connection.send(request("GET", "/api/events", fields=field))
            connections.append(connection)
        self.world.run(1)
        streams = sum(b"event: hello" in one.transport.value() for one in connections)
        self.assertEqual(streams, stream.READERS)
        refused = sum(b" 503 " in one.transport.value()[:20] for one in connections)
        self.assertEqual(streams + refused, 10_000)
        self.talk()
        self.assertEqual(self.ask("GET", "/calls")[0]["state"], "talking")
        for connection in connections:
            connection.close()
        self.world.run(1)
        self.assertEqual(self.browser("desk").send("GET", "/now").status, 200)
