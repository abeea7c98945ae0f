"""Asking the running service, and showing what it says: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from b2bua.settings import Problem, SettingsError, control_of, find
from b2bua.settings.finding import VARIABLE

ACCEPTS = 0x10000
"""The flag of a socket that listens, in the table of the system."""
CONTROL_NAME = re.compile(r"/(?:b2bua|b2bua-[0-9a-f]{24})\.sock$")
"""How the control socket is called where the configuration does not say otherwise."""
SECONDS = 60.0
"""So long an answer may take; a restart has a whole process start in that time."""

Column = tuple[str, Callable[[dict[str, Any]], object]]
"""The head of a column, and what stands in it for a row."""


def arguments(parser: ArgumentParser) -> None:
    """Take where the service is, and how its answer is shown."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="its configuration; by default B2BUA_CONFIG, b2bua.toml here or /etc/b2bua/b2bua.toml",
    )
    parser.add_argument(
        "--socket",
        metavar="PATH",
        help="its control socket, in place of the one that the configuration names",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


class _Local(HTTPConnection):
    """A connection to the local socket."""

    def __init__(self, path: str) -> None:
        """Know where it is."""
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


def ask(options: Namespace, method: str, path: str, /, **values: Any) -> Any:
    """
    Ask the service something of its API.

    @param path: below C{/api}; what is in braces is one of the values.
    @param values: those that are None are not said.
    @raise SettingsError: if it does not answer, or says that it cannot.
    """
    return ask_at(socket_of(options), method, path, **values)


def ask_at(where: str, method: str, path: str, /, **values: Any) -> Any:
    """Ask the service that listens at a socket; else as L{ask}."""
    said = {name: value for name, value in values.items() if value is not None}
    target = re.sub(r"\{(\w+)\}", lambda name: quote(str(said.pop(name[1])), safe=""), f"/api{path}")
    body: str | None = None
    if method in ("GET", "DELETE"):
        target += f"?{urlencode(said)}" if said else ""
    else:
        body = json.dumps(said)
    connection = _Local(where)
    try:
        connection.request(method, target, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"null")
    except (FileNotFoundError, ConnectionRefusedError):
        raise SettingsError(where, [Problem("", "no service listens here; is it running?")]) from None
    except PermissionError:
        problem = Problem("", "this user may not ask the service; see server.control_mode")
        raise SettingsError(where, [problem]) from None
    except (OSError, HTTPException, ValueError) as error:
        why = f"the service does not answer: {error or type(error).__name__}"
        raise SettingsError(where, [Problem("", why)]) from None
    finally:
        connection.close()
    if response.status != 200:
        why = answer["error"] if isinstance(answer, dict) and "error" in answer else response.reason
        raise SettingsError("b2bua", [Problem("", why)])
    return answer


def socket_of(options: Namespace) -> str:
    """
    The control socket: as it is named, else that of the configuration, else of the one service that runs.

    @raise SettingsError: if none of them says it.
    """
    if options.socket:
        return str(options.socket)
    try:
        return control_of(find(options.config))
    except SettingsError:
        if options.config or os.environ.get(VARIABLE):
            raise
        running = listening()
        if not running:
            raise
        if len(running) > 1:
            why = f"several services run; say which one with --socket: {', '.join(running)}"
            raise SettingsError("b2bua", [Problem("", why)]) from None
        return running[0]


def listening(table: str = "/proc/net/unix") -> list[str]:
    """The control sockets of services that run on this host, as far as the system tells (proc(5))."""
    try:
        lines = Path(table).read_text(errors="replace").splitlines()
    except OSError:
        return []
    # Num RefCount Protocol Flags Type St Inode Path; the flag says that it listens.
    rows = [line.split(maxsplit=7) for line in lines[1:]]
    found = {row[7] for row in rows if len(row) == 8 and int(row[3], 16) & ACCEPTS}
    return sorted(path for path in found if CONTROL_NAME.search(path))


def show(options: Namespace, value: Any, people: Callable[[Any], str]) -> int:
    """Print an answer; gives the exit status."""
    print(json.dumps(value, indent=2, ensure_ascii=False) if options.json else people(value))
    return 0


def table(rows: Sequence[dict[str, Any]], columns: Sequence[Column], none: str) -> str:
    """
    Draw a table.

    @param none: what to say when there are no rows.
    """
    if not rows:
        return none
    cells = [[head for head, _ in columns]]
    cells += [[plain(value(row)) for _, value in columns] for row in rows]
    return "\n".join(aligned(cells))


def aligned(rows: Sequence[Sequence[str]], *, rule: bool = False) -> list[str]:
    """
    The lines of a table, each column as wide as its widest cell.

    @param rule: is the first line, the head, underlined?
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if rule:
        rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def plain(value: object) -> str:
    """What people read; what a peer says of itself must not steer the terminal."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else "?" for char in text)


def duration(seconds: float | None) -> str:
    """
    How long, for people.

    >>> duration(3725)
    '1:02:05'
    """
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(text: str | None, option: str, command: str) -> datetime | None:
    """
    Read a date and a time of day, in the zone of this machine unless it names another.

    @raise SettingsError: if it is none.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        problem = Problem(option, f'{text!r} is no time; write it as "2026-12-24 19:30"')
        raise SettingsError(command, [problem]) from None


def complain(text: str) -> None:
    """Say what is wrong."""
    print(text, file=sys.stderr)
