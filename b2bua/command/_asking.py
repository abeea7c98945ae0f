"""Asking the running service, and showing what it says: a table for people, JSON for programs."""

from __future__ import annotations

import json
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from b2bua.settings import Problem, SettingsError, control_of

SECONDS = 30.0
"""So long an answer may take."""

Column = tuple[str, Callable[[dict[str, Any]], object]]
"""The head of a column, and what stands in it for a row."""


def arguments(parser: ArgumentParser) -> None:
    """Take where the service is, and how its answer is shown."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default="b2bua.toml",
        help="its configuration, by default b2bua.toml",
    )
    parser.add_argument(
        "--socket",
        metavar="PATH",
        help="its control socket, in place of the one that the configuration names",
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def ask(options: Namespace, do: str, **keys: Any) -> Any:
    """
    Ask the service.

    @raise SettingsError: if it does not answer, or says that it cannot.
    """
    path = options.socket or control_of(options.config)
    question = json.dumps({"do": do, **{k: v for k, v in keys.items() if v is not None}})
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            connection.connect(path)
            with suppress(BrokenPipeError):  # who has refused us already has said why
                connection.sendall(question.encode() + b"\n")
            with connection.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline() or b"{}")
    except (FileNotFoundError, ConnectionRefusedError):
        raise SettingsError(path, [Problem("", "no service listens here; is it running?")]) from None
    except PermissionError:
        problem = Problem("", "this user may not ask the service; see server.control_mode")
        raise SettingsError(path, [problem]) from None
    except OSError as error:
        raise SettingsError(path, [Problem("", f"the service does not answer: {error}")]) from None
    if "value" not in answer:
        raise SettingsError("b2bua", [Problem("", answer.get("error", "the service did not answer"))])
    return answer["value"]


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
    cells += [[_plain(value(row)) for _, value in columns] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _plain(value: object) -> str:
    """What a peer says of itself must not steer the terminal."""
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


def complain(text: str) -> None:
    """Say what is wrong."""
    print(text, file=sys.stderr)
