"""Tests of L{b2bua.settings}: what a file may say, and what is said of a bad one."""

from __future__ import annotations

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from twisted.trial.unittest import SynchronousTestCase

from b2bua.settings import Claimed, Document, Listen, Settings, SettingsError, control_of, load, read
from b2bua.settings.values import source
from b2bua.store.database import sqlite_file

# The file that the documentation fixes.
WHOLE = r"""
[server]
domain   = "pbx.example.com"
aliases  = ["pbx", "192.0.2.10"]
listen   = ["sip:0.0.0.0:5060;transport=udp", "sip:0.0.0.0:5060;transport=tcp", "sips:0.0.0.0:5061"]
advertise = "pbx.example.com"
database = "sqlite:////var/lib/b2bua/b2bua.db"

[tls]
certificate = "/etc/b2bua/cert.pem"
key = "/etc/b2bua/key.pem"

[extensions.101]
name = "Reception"
password = "Krabbe"

[extensions.102]
ha1 = { MD5 = "00112233445566778899aabbccddeeFF" }
do_not_disturb = true
[extensions.102.forward]
always = "103"

[trunks.carrier]
uri = "sip:sip.carrier.example"
accept_from = ["198.51.100.0/24", "203.0.113.7:5080"]
username = "pbx7"
password = "Krabbe"
register = true

[[routes]]
match = '\+?\d{7,}'
trunk = "carrier"

[plugins]
order = ["do_not_disturb", "forward"]
"""


def claim(document: Document) -> Claimed:
    """Take the keys of two features out of a document, as those who know them do."""
    rest = deepcopy(dict(document))
    problems = [("forward", "is odd")] if rest.pop("forward", None) == "odd" else []
    extensions = rest.get("extensions")
    for extension in extensions.values() if isinstance(extensions, dict) else ():
        if isinstance(extension, dict):
            extension.pop("forward", None)
            extension.pop("do_not_disturb", None)
    return Claimed(rest, problems)


BARE = {"server": {"domain": "pbx.example.com"}}


class Case(SynchronousTestCase):
    """Files that are there for the length of a test."""

    def file(self, text: str) -> Path:
        """A file with C{text} in it."""
        path = Path(self.mktemp())
        path.write_text(text)
        return path

    def wrong(self, text: str) -> dict[str, str]:
        """What is wrong with a file, by key path."""
        error = self.assertRaises(SettingsError, load, self.file(text), claim)
        for line in str(error).splitlines():
            self.assertTrue(line.startswith(f"{error.file}: "), line)
        paths = [problem.path for problem in error.problems]
        self.assertEqual(len(paths), len(set(paths)), paths)
        return {problem.path: problem.text for problem in error.problems}

    def wrong_one(self, text: str, path: str) -> str:
        """The one thing that is wrong with a file, which has a good C{[server]} in front."""
        found = self.wrong('server.domain = "pbx.example.com"\n' + text)
        self.assertEqual(list(found), [path])
        return found[path]


class GoodTests(Case):
    """What a good file says."""

    def test_whole(self) -> None:
        """Everything that people write by hand arrives as a typed value."""
        settings = load(self.file(WHOLE), claim)
        self.assertEqual(settings.server.domain, "pbx.example.com")
        self.assertEqual(settings.server.aliases, ("pbx", "192.0.2.10"))
        self.assertEqual(
            settings.server.listen,
            (Listen("UDP", "0.0.0.0", 5060), Listen("TCP", "0.0.0.0", 5060), Listen("TLS", "0.0.0.0", 5061)),
        )
        self.assertEqual(settings.server.database, "sqlite:////var/lib/b2bua/b2bua.db")
        self.assertEqual(settings.tls and settings.tls.key, "/etc/b2bua/key.pem")
        self.assertEqual(settings.extensions["101"].password, "Krabbe")
        ha1 = settings.extensions["102"].ha1
        self.assertEqual(dict(ha1 or {}), {"MD5": "00112233445566778899aabbccddeeff"})
        carrier = settings.trunks["carrier"]
        self.assertIs(carrier.registers, True)
        self.assertEqual(carrier.accept_from, (source("198.51.100.0/24"), source("203.0.113.7:5080")))
        [route] = settings.routes
        self.assertTrue(route.match.fullmatch("+4930123456"))
        self.assertEqual(route.ways, ("carrier",))
        self.assertEqual(settings.plugins.order, ("do_not_disturb", "forward"))

    def test_bare(self) -> None:
        """Only the domain must be given; UDP and TCP on port 5060 are the default."""
        settings = read(BARE)
        self.assertEqual(str(settings.server.listen[0]), "sip:0.0.0.0:5060;transport=udp")
        self.assertEqual([place.transport for place in settings.server.listen], ["UDP", "TCP"])
        self.assertEqual((settings.timers.t1, dict(settings.timers.peers)), (0.5, {}))
        self.assertEqual(settings.extensions, {})

    def test_claimed(self) -> None:
        """What features claim is not looked at by anybody else."""
        document = {**BARE, "forward": {"strange": 1}, "extensions": {"1": {"password": "a", "forward": 5}}}
        self.assertEqual(read(document, claim).extensions["1"].password, "a")
        self.assertIn("forward", document)

    def test_frozen(self) -> None:
        """Nobody can change a configuration."""
        settings = load(self.file(WHOLE), claim)
        with self.assertRaises(ValidationError):
            settings.server.domain = "else.example"
        with self.assertRaises(TypeError):
            settings.extensions["103"] = settings.extensions["101"]  # type: ignore[index]  # what is tested

    def test_secrets_are_not_shown(self) -> None:
        """A configuration in a log tells no password."""
        text = repr(load(self.file(WHOLE), claim))
        self.assertNotIn("Krabbe", text)
        self.assertNotIn("00112233", text)

    def test_relative_paths(self) -> None:
        """They start where the file is, not where the service was started."""
        self.assertEqual(read(BARE, directory=Path("/etc")).server.control, "/etc/b2bua.sock")
        path = self.file('server.domain = "a"\ntls.certificate = "c.pem"\ntls.key = "/k.pem"\n')
        settings = load(path)
        here = path.resolve().parent
        self.assertEqual(settings.server.database, f"sqlite:///{here}/b2bua.db")
        self.assertEqual(settings.tls and settings.tls.certificate, f"{here}/c.pem")
        self.assertEqual(settings.tls and settings.tls.key, "/k.pem")

    def test_strange_directory(self) -> None:
        """What means something in a URL may stand in the name of the directory; what is written is a URL."""
        for directory in ("/srv/100%41", "/srv/what?", "/srv/%3F/a b#c"):
            written = {**BARE, "server": {**BARE["server"], "database": "sqlite:///%41.db"}}
            url = read(written, directory=Path(directory)).server.database
            self.assertEqual(sqlite_file(url), f"{directory}/A.db")

    def test_deep_directory(self) -> None:
        """In a directory whose name is too long for a socket it is elsewhere, always at the same place."""
        deep = Path("/", "d" * 120)
        control = read(BARE, directory=deep).server.control
        self.assertTrue(control.startswith("/tmp/b2bua-"), control)
        self.assertEqual(read(BARE, directory=deep).server.control, control)
        self.assertNotEqual(read(BARE, directory=deep / "e").server.control, control)

    def test_control_of_a_bad_file(self) -> None:
        """A service that runs can be asked while its file is being edited."""
        path = self.file('[server]\ncontrol = "/run/b2bua.sock"\nlisten = 5\n[timers]\nt1 = 0\n')
        self.assertEqual(control_of(path), "/run/b2bua.sock")
        good = self.file('server.domain = "a"\n')
        self.assertEqual(control_of(good), load(good).server.control)
        self.assertRaises(SettingsError, control_of, "/nowhere/b2bua.toml")

    def test_memory(self) -> None:
        """The URL of a database in memory, or on a server, is left alone."""
        for url in ("sqlite://", "sqlite:///:memory:", "postgresql+psycopg://b2bua@db/b2bua"):
            self.assertEqual(read({"server": {"domain": "a", "database": url}}).server.database, url)


class FileTests(Case):
    """Files that cannot be read at all."""

    def test_missing(self) -> None:
        """The line says how to get one."""
        error = self.assertRaises(SettingsError, load, "/nowhere/b2bua.toml")
        self.assertEqual(
            str(error),
            '/nowhere/b2bua.toml: there is no such file; "b2bua init /nowhere/b2bua.toml" writes one',
        )

    def test_directory(self) -> None:
        """The system's own word for it is passed on."""
        os.mkdir(path := self.mktemp())
        self.assertEqual(
            str(self.assertRaises(SettingsError, load, path)), f"{path}: cannot be read: Is a directory"
        )

    def test_malformed(self) -> None:
        """Where it stops being TOML is said; so are keys that are written twice."""
        for text in ("[server\n", "a = \n", "[extensions.101]\n[extensions.101]\n", "a = 1\na = 2\n"):
            with self.subTest(text):
                problem = self.wrong(text)[""]
                self.assertTrue(problem.startswith("is not TOML: "), problem)
                self.assertIn("line", problem)

    def test_no_text(self) -> None:
        """Bytes that are no UTF-8 are no traceback either."""
        path = Path(self.mktemp())
        path.write_bytes(b"a = '\xff'\n")
        error = self.assertRaises(SettingsError, load, path)
        self.assertEqual(str(error), f"{path}: is not UTF-8 text: byte 5 is wrong; save it as UTF-8")


class MistakeTests(Case):
    """Each mistake has one line with its key path and what it should be."""

    def test_all_at_once(self) -> None:
        """A file with many mistakes is told all of them."""
        found = self.wrong(
            """
            [server]
            domian = "a"
            listen = ["sip:x", "sips:0.0.0.0"]
            drain = "soon"
            [extensions.101]
            [trunks.a]
            uri = 5
            [[routes]]
            match = '('
            trunk = "b"
            [plugins]
            order = "forward"
            """
        )
        self.assertEqual(
            set(found),
            {
                "server.domain",
                "server.domian",
                "server.listen[0]",
                "server.listen[1]",
                "server.drain",
                "extensions.101",
                "trunks.a.uri",
                "routes[0].match",
                "routes[0].trunk",
                "plugins.order",
            },
        )

    def test_unknown_key(self) -> None:
        """The line names the key that is meant, or those that are known."""
        self.assertEqual(
            self.wrong_one("limits.cals = 1", "limits.cals"), "is not a known key; is calls meant?"
        )
        self.assertEqual(
            self.wrong_one("timers.retries = 1", "timers.retries"),
            "is not a known key; there are peers, t1, t2, t4",
        )
        self.wrong_one('[extensions.101]\npassword = "a"\ncolour = "red"', "extensions.101.colour")

    def test_keys_nobody_claims(self) -> None:
        """A feature's keys are unknown without the feature."""
        text = 'server.domain = "a"\nextensions.101 = {password = "a", do_not_disturb = true}'
        error = self.assertRaises(SettingsError, load, self.file(text))
        self.assertEqual([problem.path for problem in error.problems], ["extensions.101.do_not_disturb"])

    def test_problems_of_features(self) -> None:
        """What features find is told with the rest."""
        error = self.assertRaises(SettingsError, read, {"forward": "odd"}, claim, file="x.toml")
        self.assertEqual(str(error).splitlines()[0], "x.toml: forward: is odd")
        self.assertIn("x.toml: server: is missing", str(error))

    def test_wrong_type(self) -> None:
        """Nothing is taken for what it is not: no "5" for 5, no 1 for true."""
        for text, path in {
            "timers.t1 = '0.5'": "timers.t1",
            "timers.t1 = true": "timers.t1",
            "timers.t1 = 0": "timers.t1",
            "timers.t1 = nan": "timers.t1",
            "timers.t1 = inf": "timers.t1",
            "limits.calls = 1.5": "limits.calls",
            "limits.calls = '5'": "limits.calls",
            "limits.calls = 0": "limits.calls",
            "limits = 5": "limits",
            "trunks = []": "trunks",
            "extensions.101 = 5": "extensions.101",
            "auth.algorithms = ['SHA1']": "auth.algorithms[0]",
            "auth.algorithms = []": "auth.algorithms",
            "auth.algorithms = 'MD5'": "auth.algorithms",
            "registrar.contacts_policy = 'queue'": "registrar.contacts_policy",
            "extensions.101.password = 5": "extensions.101.password",
            "extensions.101.password = ''": "extensions.101.password",
            "extensions.101 = {password = 'a', trusted = 1}": "extensions.101.trusted",
            "extensions.101 = {password = 'a', may_dial = ['moon']}": "extensions.101.may_dial[0]",
            "trunks.a = {uri = 'sip:a', identity = 'green'}": "trunks.a.identity",
            "routes = 5": "routes",
            "timers.peers.nobody.t1 = 1": "timers.peers",
            "timers.peers.UDP.t1 = 0": "timers.peers.UDP.t1",
        }.items():
            with self.subTest(text):
                self.wrong_one(text, path)

    def test_secret_is_not_shown(self) -> None:
        """Not even a wrong password is written to a log."""
        for text, path in {
            "extensions.101.password = 471147114711": "extensions.101.password",
            "extensions.101.ha1.MD5 = '471147114711'": "extensions.101.ha1",
        }.items():
            self.assertNotIn("4711", self.wrong_one(text, path))

    def test_needs(self) -> None:
        """What does not go together in one table."""
        digest = "0" * 32
        for text, path in {
            f"extensions.101 = {{password = 'a', ha1 = {{MD5 = '{digest}'}}}}": "extensions.101",
            "extensions.101.ha1.MD5 = 'xyz'": "extensions.101.ha1",
            "extensions.101.ha1.SHA1 = 'xyz'": "extensions.101.ha1",
            "extensions.101.ha1 = {}": "extensions.101.ha1",
            "trunks.a = {uri = 'sip:a', password = 'b'}": "trunks.a",
            "trunks.a = {uri = 'sip:a', session_expires = 100, min_se = 200}": "trunks.a",
            "trunks.a = {uri = 'sip:a', min_se = 5}": "trunks.a.min_se",
            "trunks.a = {uri = 'sip:a', pass_fields = ['x-a', 'contact']}": "trunks.a.pass_fields[1]",
            "trunks.a = {uri = 'sip:a', pass_fields = ['a b']}": "trunks.a.pass_fields[0]",
            "trunks.a = {uri = 'sip:a', proxy = 'b'}": "trunks.a.proxy",
            "trunks.a = {uri = 'sip:a', callers = {1 = 'a b'}}": "trunks.a.callers.1",
            "trunks.a = {uri = 'sip:a', from_domain = 'a b'}": "trunks.a.from_domain",
            "trunks.a = {uri = 'sip:a', reliable = 'often'}": "trunks.a.reliable",
            "trunks.a = {uri = 'sip:a', register = true}": "trunks.a",
            "registrar = {min_expires = 100, max_expires = 50}": "registrar",
            "routes = [{match = '1'}]": "routes[0]",
            "trunks.a.uri = 'sip:a'\nroutes = [{match = '1', trunk = 'a', trunks = ['a']}]": "routes[0]",
            "[trunks.a]\nuri='sip:a'\nnumbers_in = [{match = '', replace = '\\1'}]": "trunks.a.numbers_in[0]",
        }.items():
            with self.subTest(text):
                self.wrong_one(text, path)

    def test_databases(self) -> None:
        """A database that we cannot speak to is refused by its name."""
        for url in ("mysql://x", "b2bua.db", ""):
            with self.subTest(url):
                self.wrong_one(f"server.database = '{url}'", "server.database")


class AgreementTests(Case):
    """What must agree between tables."""

    def test_digests(self) -> None:
        """There must be an algorithm for which every extension has a digest, or nobody could be asked."""
        md5, sha = "0" * 32, "0" * 64
        text = f"extensions.101.ha1.MD5 = '{md5}'\nextensions.102.ha1.SHA-256 = '{sha}'"
        self.wrong_one(text, "extensions.102.ha1")
        self.wrong_one(f"auth.algorithms = ['SHA-256']\n{text.splitlines()[0]}", "extensions.101.ha1")

    def test_sockets(self) -> None:
        """A socket is opened once, and a secure one needs a certificate."""
        self.wrong_one("server.listen = ['sip:0.0.0.0', 'sip:0.0.0.0:5060']", "server.listen[1]")
        self.wrong_one("server.listen = ['sips:0.0.0.0']", "server.listen[0]")
        twice = ["sip:127.0.0.1:0", "sip:127.0.0.1:0"]
        self.assertEqual(len(read({"server": {"domain": "a", "listen": twice}}).server.listen), 2)

    def test_multicast(self) -> None:
        """A group is one, and there is a socket that hears it."""
        self.wrong_one("server.multicast = ['10.0.0.1']", "server.multicast[0]")
        one = "server.listen = ['sip:10.0.0.1:5060']\n"
        self.wrong_one(f"{one}server.multicast = ['224.0.1.75']", "server.multicast")
        load(self.file("server.domain = 'a'\nserver.multicast = ['224.0.1.75']"))

    def test_extensions(self) -> None:
        """Extensions can be dialled and told apart."""
        self.wrong_one("extensions.'1 1'.password = 'a'", 'extensions."1 1"')
        self.wrong_one("extensions.bob.password = 'a'\nextensions.Bob.password = 'a'", "extensions.Bob")

    def test_trunks(self) -> None:
        """A caller without a password belongs to one trunk."""
        text = "[trunks.a]\nuri = 'sip:a'\naccept_from = ['10.0.0.0/8']\n[trunks.b]\nuri = 'sip:b'\n"
        problem = self.wrong_one(text + "accept_from = ['10.1.1.1:5060']", "trunks.b.accept_from[0]")
        self.assertIn("trunks.a.accept_from[0]", problem)
        load(self.file("server.domain = 'a'\n" + text + "accept_from = ['11.1.1.1:5060']"))

    def test_routes(self) -> None:
        """A route leads to trunks that there are."""
        text = "trunks.carrier.uri = 'sip:a'\nroutes = [{match = '1', trunks = ['carrier', 'carier']}]"
        self.assertEqual(
            self.wrong_one(text, "routes[0].trunks[1]"), "there is no trunk carier; is carrier meant?"
        )


class DescriptionTests(SynchronousTestCase):
    """Each key says what it is."""

    def test_described(self) -> None:
        """No key of the server's own is without a description."""
        seen: set[type[BaseModel]] = set()
        wanted: list[Any] = [Settings]
        while wanted:
            kind = wanted.pop()
            wanted += getattr(kind, "__args__", ())
            if not (isinstance(kind, type) and issubclass(kind, BaseModel)) or kind in seen:
                continue
            seen.add(kind)
            for name, field in kind.model_fields.items():
                wanted.append(field.annotation)
                if kind is not Settings:
                    self.assertTrue(field.description, f"{kind.__name__}.{name}")
        self.assertEqual(len(seen), 21)
