"""Tests of L{b2bua.preflight}: what no file can tell."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import tempfile
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from b2bua.preflight import is_running, obstacles, why_not
from b2bua.settings import read
from b2bua.store.migrations import versions
from tests.interop.certificates import pair

NOBODY = 65534
"""The user who may do nothing, by convention."""


class Case(SynchronousTestCase):
    """A good configuration, from which each test goes astray."""

    def setUp(self) -> None:
        """A directory, whose name is short, as those of sockets have to be."""
        self.directory = Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.directory)

    def found(self, *, running: bool = False, **tables: dict[str, Any]) -> dict[str, str]:
        """What would keep a service from starting, by key path."""
        server = {
            "domain": "pbx.example.com",
            "listen": ["sip:127.0.0.1:0;transport=udp", "sip:127.0.0.1:0;transport=tcp"],
            **tables.pop("server", {}),
        }
        settings = read({"server": server, **tables}, directory=self.directory)
        problems = obstacles(settings, running=running)
        for problem in problems:
            self.assertNotIn("\n", str(problem))
        return {problem.path: problem.text for problem in problems}

    def test_good(self) -> None:
        """Nothing keeps a good one; and nothing is left of the look."""
        self.assertEqual(self.found(), {})
        self.assertEqual(list(self.directory.iterdir()), [])


class SocketTests(Case):
    """Sockets that cannot be opened."""

    def test_in_use(self) -> None:
        """A port that another program has, for each transport."""
        for kind, name in ((socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")):
            with self.subTest(name), socket.socket(socket.AF_INET, kind) as other:
                other.bind(("127.0.0.1", 0))
                if kind == socket.SOCK_STREAM:
                    other.listen()
                place = f"sip:127.0.0.1:{other.getsockname()[1]};transport={name}"
                found = self.found(server={"listen": ["sip:127.0.0.1:0", place]})
                self.assertEqual(
                    found,
                    {
                        "server.listen[1]": f"{place} is in use by another program; "
                        "end that, or choose another port"
                    },
                )
                self.assertEqual(self.found(running=True, server={"listen": [place]}), {})

    def test_not_ours(self) -> None:
        """An address that this host does not have."""
        found = self.found(server={"listen": ["sip:192.0.2.254:5060"]})
        self.assertEqual(
            found, {"server.listen[0]": "sip:192.0.2.254:5060;transport=udp is not an address of this host"}
        )

    def test_forbidden(self) -> None:
        """A low port says what capability it takes."""
        self.assertIn("AmbientCapabilities", why_not(PermissionError(13, "Permission denied")))

    def test_ipv6(self) -> None:
        """All addresses of both families at one port go together."""
        if not socket.has_ipv6:
            raise SkipTest("no IPv6 here")
        self.assertEqual(self.found(server={"listen": ["sip:0.0.0.0:0", "sip:[::]:0"]}), {})

    def test_control(self) -> None:
        """A local socket needs a directory that is there, and a name that nobody has."""
        file = self.directory / "taken"
        file.write_text("")
        for name, text in {
            "nowhere/b2bua.sock": "there is no directory",
            "taken": "is no socket",
            "d" * 120: "too long",
        }.items():
            with self.subTest(name):
                for key in ("control", "cluster"):
                    found = self.found(server={key: name})
                    self.assertEqual(list(found), [f"server.{key}"])
                    self.assertIn(text, found[f"server.{key}"])

    def test_cluster(self) -> None:
        """Calls that do not survive cannot be moved."""
        server = {"cluster": "cluster.sock"}
        self.assertEqual(self.found(server=server), {})
        found = self.found(server=server, calls={"survive": False})
        self.assertIn("calls.survive", found["server.cluster"])

    def test_is_running(self) -> None:
        """A service that runs answers at its control socket; one that has crashed does not."""
        # The name of a socket is short, so it is asked for from within the directory.
        settings = read({"server": {"domain": "a", "control": "control"}})
        here = os.getcwd()
        os.chdir(self.directory)
        self.addCleanup(os.chdir, here)
        self.assertFalse(is_running(settings))
        with socket.socket(socket.AF_UNIX) as service:
            service.bind("control")
            self.assertFalse(is_running(settings))
            service.listen()
            self.assertTrue(is_running(settings))
        self.assertFalse(is_running(settings))


class CertificateTests(Case):
    """Certificates and keys."""

    def tls(self, **more: str) -> dict[str, str]:
        """What is wrong with a table C{[tls]}."""
        return self.found(tls={"certificate": "cert.pem", "key": "key.pem", **more})

    def test_good(self) -> None:
        """A certificate and its key."""
        pair(self.directory)
        self.assertEqual(self.tls(authorities="cert.pem"), {})

    def test_missing(self) -> None:
        """Each file that is missing is named."""
        found = self.tls()
        self.assertEqual(list(found), ["tls.certificate", "tls.key"])
        self.assertIn("No such file", found["tls.key"])

    def test_mismatch(self) -> None:
        """A key of another certificate."""
        pair(self.directory)
        pair(self.directory / "other")
        found = self.tls(key="other/key.pem")
        self.assertEqual(list(found), ["tls.key"])
        self.assertIn("is not the key of the certificate", found["tls.key"])

    def test_rubbish(self) -> None:
        """Files with something else in them."""
        pair(self.directory)
        (self.directory / "rubbish").write_text("rubbish")
        self.assertEqual(list(self.tls(certificate="rubbish")), ["tls.certificate"])
        self.assertEqual(list(self.tls(key="rubbish")), ["tls.key"])
        self.assertEqual(list(self.tls(authorities="rubbish")), ["tls.authorities"])

    def test_passphrase(self) -> None:
        """A key with a passphrase is refused; nobody is asked at the terminal."""
        pair(self.directory, passphrase="secret")
        found = self.tls()
        self.assertEqual(list(found), ["tls.key"])
        self.assertIn("without a passphrase", found["tls.key"])


class DatabaseTests(Case):
    """Databases that cannot be opened; none is changed."""

    def database(self, url: str) -> str:
        """What is wrong with a database."""
        found = self.found(server={"database": url})
        self.assertEqual(list(found), ["server.database"])
        return found["server.database"]

    def test_good(self) -> None:
        """One that is there already, and one in memory."""
        with sqlite3.connect(self.directory / "good.db") as connection:
            connection.execute("CREATE TABLE t (x)")
        connection.close()
        self.assertEqual(self.found(server={"database": "sqlite:///good.db"}), {})
        self.assertEqual(self.found(server={"database": "sqlite://"}), {})

    def test_rubbish(self) -> None:
        """A file that is no database stays as it is."""
        file = self.directory / "b2bua.db"
        file.write_text("not a database, but somebody's diary" * 100)
        before = file.read_bytes()
        self.assertIn("file is not a database", self.database("sqlite:///b2bua.db"))
        self.assertEqual(file.read_bytes(), before)

    def test_later_version(self) -> None:
        """One that a later version of the service has made is left to that."""
        for revision, good in (("0001", True), ("9999", False)):
            with sqlite3.connect(self.directory / f"{revision}.db") as connection:
                connection.execute("CREATE TABLE alembic_version (version_num)")
                connection.execute("INSERT INTO alembic_version VALUES (?)", [revision])
            connection.close()
            found = self.found(server={"database": f"sqlite:///{revision}.db"})
            self.assertEqual(found == {}, good, found)
        self.assertIn("later version", found["server.database"])

    def test_steps(self) -> None:
        """The file of a step of the migrations bears the name of its revision."""
        for module in iter_modules(versions.__path__):
            step = import_module(f"{versions.__name__}.{module.name}")
            self.assertEqual(module.name, f"step_{step.revision}")

    def test_no_directory(self) -> None:
        """There is no such directory."""
        self.assertIn("there is no directory", self.database("sqlite:///nowhere/b2bua.db"))

    def test_options(self) -> None:
        """The URL of an SQLite database has nothing but its file; what else stands there is told."""
        for url in ("sqlite:///b2bua.db?timeout=5", "sqlite://host/b2bua.db", "sqlite+other:///b2bua.db"):
            self.assertIn('which is "sqlite:///FILE"', self.database(url))
        self.assertEqual(list(self.directory.glob("b2bua.db*")), [])

    def test_port(self) -> None:
        """A port that is no number makes it no URL, and the password is not told."""
        why = self.database("postgresql+psycopg://b2bua:secret@db:port/b2bua")
        self.assertIn("is not the URL of a database", why)
        self.assertNotIn("secret", why)

    def test_long(self) -> None:
        """A name that no file can have."""
        self.assertIn("name too long", self.database(f"sqlite:///{'a' * 300}.db"))
        self.assertIn("there is no directory", self.database(f"sqlite:///{'a' * 300}/b2bua.db"))

    def test_directory(self) -> None:
        """A directory in the place of the file."""
        (self.directory / "b2bua.db").mkdir()
        self.assertIn("cannot be opened", self.database("sqlite:///b2bua.db"))

    def test_read_only(self) -> None:
        """A directory in which this user may not write."""
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(self.directory.rmdir)
        os.chmod(self.directory, 0o555)
        if os.geteuid() == 0:
            # Root may write everywhere: be somebody else for a moment.
            os.seteuid(NOBODY)
            self.addCleanup(os.seteuid, 0)
        found = self.found()
        self.assertEqual(list(found), ["server.database", "server.control"])
        for why in found.values():
            self.assertIn("cannot be written by this user", why)

    def test_postgresql(self) -> None:
        """A server that is not there, or a driver that is not."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            why = self.database(f"postgresql+psycopg://b2bua:secret@127.0.0.1:{port}/b2bua")
        self.assertNotIn("secret", why)
        self.assertTrue("b2bua[postgresql]" in why or "cannot be opened" in why, why)
