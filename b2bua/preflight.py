"""
Would the service start?  What no file can tell: sockets, certificates, databases.

Each check leaves everything as it was: a socket is closed again, a database
only looked at.
"""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EPERM
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from b2bua.settings import Listen, Problem, Settings, Tls
from b2bua.settings.problems import shown_value
from b2bua.settings.tables import SOCKET_NAME
from b2bua.store.database import sqlite_file
from b2bua.store.migrations import versions
from b2bua.store.ports import StoreError

if TYPE_CHECKING:
    from OpenSSL import SSL

_CONNECT_SECONDS = 5
_VERSION = "SELECT version_num FROM alembic_version"


def is_running(settings: Settings) -> bool:
    """Does a service listen on the control socket of this configuration?"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(settings.server.control)
        except OSError:
            return False
    return True


def obstacles(settings: Settings, *, running: bool = False) -> list[Problem]:
    """
    Say what would keep the service from starting.

    @param running: it runs already, so that its sockets are its own.
    """
    found: list[Problem] = []
    if settings.tls is not None:
        found += _certificate(settings.tls)
    found += _database(settings.server.database)
    found += _local("server.control", settings.server.control)
    if settings.server.cluster is not None:
        found += _local("server.cluster", settings.server.cluster)
        if not settings.calls.survive:
            why = "only calls that survive can be moved; set calls.survive, or leave this out"
            found.append(Problem("server.cluster", why))
    if not running:
        for index, place in enumerate(settings.server.listen):
            found += _port(f"server.listen[{index}]", place)
    return found


def obstacles_of_database(url: str) -> list[Problem]:
    """Say what would keep a database from being opened."""
    return list(_database(url))


def _may(path: Path, mode: int) -> bool:
    """May the user that we act as do this?  It is not always the one who started us."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


# ---- certificates -------------------------------------------------------


def _certificate(tls: Tls) -> Iterator[Problem]:
    """The certificate, the key, and whether they belong together."""
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_METHOD)
    # Without this OpenSSL would ask whoever sits at the terminal.
    context.set_passwd_cb(lambda *_: b"")
    complete = True
    for key, path, use in (
        ("certificate", tls.certificate, context.use_certificate_chain_file),
        ("key", tls.key, context.use_privatekey_file),
        ("authorities", tls.authorities, context.load_verify_locations),
    ):
        if path is None:
            continue
        try:
            Path(path).read_bytes()
            use(path)
        except OSError as error:
            yield Problem(f"tls.{key}", f"{path} cannot be read: {error.strerror}")
        except SSL.Error as error:
            if _mismatch(error):
                break
            what = {"key": "private key without a passphrase"}.get(key, "certificate")
            yield Problem(f"tls.{key}", f"{path} holds no PEM {what}")
        else:
            continue
        complete = complete and key == "authorities"
    if complete:
        try:
            context.check_privatekey()
        except SSL.Error:
            yield Problem("tls.key", f"{tls.key} is not the key of the certificate {tls.certificate}")


def _mismatch(error: SSL.Error) -> bool:
    """Is it that key and certificate do not fit, which OpenSSL may notice while it reads the key?"""
    return any("mismatch" in reason for _, _, reason in error.args[0])


# ---- databases ----------------------------------------------------------


def _database(url: str) -> Iterator[Problem]:
    """Can the database be opened?"""
    path = "server.database"
    try:
        file = sqlite_file(url)
    except StoreError as error:
        yield Problem(path, str(error))
        return
    if file is None:
        yield from _postgresql(path, url)
    elif why := _sqlite(file):
        yield Problem(path, why)


def _postgresql(path: str, url: str) -> Iterator[Problem]:
    """Can it be connected to, and has it nothing of a later version?"""
    from sqlalchemy import create_engine, inspect, text  # SQLite does without
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

    try:
        parsed = make_url(url)
        engine = create_engine(parsed, connect_args={"connect_timeout": _CONNECT_SECONDS})
    except (ArgumentError, ValueError):  # the port, say, is no number
        yield Problem(path, f"{shown_value(url)} is not the URL of a database")
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        yield Problem(path, f"the driver is missing: {error}; install b2bua[postgresql]")
    else:
        try:
            with engine.connect() as connection:
                kept = []
                if inspect(connection).has_table("alembic_version"):
                    kept = [row[0] for row in connection.execute(text(_VERSION))]
            if why := _later(kept):
                yield Problem(path, f"{parsed.render_as_string()} {why}")
        except DBAPIError as error:
            why = str(error.orig).strip().splitlines()[0]
            yield Problem(path, f"{parsed.render_as_string()} cannot be opened: {why}")
        finally:
            engine.dispose()


def _sqlite(name: str) -> str:
    """Say what is wrong with the file of an SQLite database, which is not changed."""
    if not name:
        return ""
    file = Path(name)
    if not os.path.isdir(file.parent):
        return f"there is no directory {file.parent}; make it, or name another"
    if not _may(file.parent, os.W_OK):
        return f"the directory {file.parent} cannot be written by this user"
    try:
        file.stat()
    except FileNotFoundError:
        return ""
    except OSError as error:  # its name is too long, say
        return f"{file} cannot be opened: {error.strerror}"
    if not _may(file, os.R_OK | os.W_OK):
        return f"{file} cannot be read and written by this user"
    try:
        # The first read of anything is what finds out.
        with sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=1) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            kept = [row[0] for row in connection.execute(_VERSION)] if "alembic_version" in tables else []
        connection.close()
    except sqlite3.DatabaseError as error:
        return f"{file} cannot be opened: {error}"
    why = _later(kept)
    return why and f"{file} {why}"


def _later(kept: list[str]) -> str:
    """Say so if a later version of this program has made the tables."""
    names = (module.name for module in iter_modules(versions.__path__))
    steps = {name.removeprefix("step_") for name in names}
    if set(kept) <= steps:
        return ""
    return "was made by a later version of b2bua; install that, or name another database"


# ---- sockets ------------------------------------------------------------


def _local(key: str, name: str) -> Iterator[Problem]:
    """Is there room for a local socket?"""
    path = Path(name)
    if len(os.fsencode(name)) > SOCKET_NAME:
        why = f"{name} is too long for the name of a socket; at most {SOCKET_NAME} bytes"
        yield Problem(key, why)
    elif not path.parent.is_dir():
        yield Problem(key, f"there is no directory {path.parent}; make it, or name another")
    elif not _may(path.parent, os.W_OK):
        yield Problem(key, f"the directory {path.parent} cannot be written by this user")
    elif path.exists() and not path.is_socket():
        yield Problem(key, f"{name} is there and is no socket; remove it, or name another")


def _port(path: str, place: Listen) -> Iterator[Problem]:
    """Can this socket be opened?"""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if place.transport == "UDP" else socket.SOCK_STREAM
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((place.host, place.port))
            if kind == socket.SOCK_STREAM:
                probe.listen()
    except OSError as error:
        yield Problem(path, f"{place} {why_not(error)}")


def why_not(error: OSError) -> str:
    """Say why a socket cannot be opened, and what to do."""
    if error.errno == EADDRINUSE:
        return "is in use by another program; end that, or choose another port"
    if error.errno == EADDRNOTAVAIL:
        return "is not an address of this host"
    if error.errno in (EACCES, EPERM):
        return "may not be opened by this user; see AmbientCapabilities in the unit of b2bua install-service"
    return f"cannot be opened: {error.strerror}"
