"""
Every message of every ladder, with one header field of it broken.

A cell is a ladder, one of the messages that we receive in it, a header field,
and how it is broken: missing, empty, garbage, doubled, huge, with bytes that
are no UTF-8, or of a form that is legal but rare.  What is broken is broken
again in each retransmission.

What has to hold: nothing is raised, nothing is left, every request is answered,
every 2xx to an INVITE acknowledged, nobody but the sender is in a call that is
none, and all others can call each other afterwards.  A field that is not needed
(RFC 3261 section 8.2.2) changes nothing at all of what comes of the ladder; nor
does a rare form of any.

    python -m tests.simulation.broken_fields --every 1       # all of them
    python -m tests.simulation.broken_fields --ladder call --at 3 --field Contact --form empty
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import provider

from b2bua.testing import World
from b2bua.testing.network import Address, Endpoint
from b2bua.testing.served import HOST
from b2bua.wire.registry import COMPACT, canonical
from tests.simulation.ladders_to_break import LADDERS, Ladder, Scene

NEEDED = frozenset((
    "Authorization", "Call-ID", "Contact", "Content-Disposition", "Content-Encoding", "Content-Length",
    "Content-Type", "CSeq", "Event", "From", "Join", "Max-Forwards", "Proxy-Authenticate",
    "Proxy-Authorization", "Proxy-Require", "RAck", "Record-Route", "Refer-To", "Replaces", "Require",
    "Route", "RSeq", "Subscription-State", "Target-Dialog", "To", "Via", "WWW-Authenticate",
))  # fmt: skip
"""Fields without which, or with another meaning of which, a request is another one."""

OPTIONAL = (
    "Accept", "Alert-Info", "Allow", "Allow-Events", "Call-Info", "Date", "Diversion", "Error-Info",
    "Expires", "History-Info", "Max-Breadth", "Min-Expires", "Min-SE", "P-Asserted-Identity",
    "P-Preferred-Identity", "Privacy", "Reason", "Refer-Sub", "Referred-By", "Remote-Party-ID", "Reply-To",
    "Retry-After", "Server", "Session-Expires", "Subject", "Supported", "Timestamp", "Unsupported",
    "User-Agent", "Warning",
)  # fmt: skip
"""What a message may have and mostly has not: it is put there, broken."""

NAMED = ("From", "To", "Contact", "Refer-To")
"""Of those that are needed, the ones that hold a name for people."""

REGISTERING = 6
"""The first messages of each ladder: three phones register, which is a ladder of its own."""

GARBAGE = ("@", ';;="<,>"', "\xff\udcff\\")


class Broken(NamedTuple):
    """One way to break a field."""

    name: str
    value: Callable[[str, str], list[str]]
    """Makes the lines of the field, of its name and of its line as it was."""


def _rare(name: str, line: str) -> list[str]:
    """Write a field as the grammar allows but nobody does: folded, compact or in odd case."""
    value = line.partition(":")[2].strip()
    short = next((one for one, long in COMPACT.items() if long == name), name.swapcase())
    if name in NAMED and "<" in value:
        value = re.sub(r"^[^<]*<", r'"a \\"b\\" <c>, d" \t<', value)
        value += ';x="y;z,\\"<"'
    return [f"{short} \t:\r\n {value} "]


def _latin(name: str, line: str) -> list[str]:
    """Write a field as phones do that know no UTF-8: a name in Latin-1, or a remark."""
    value = line.partition(":")[2].strip()
    if name == PHRASE:
        return [f"{line} caf\udce9"]
    if "<" in value:
        return [f"{name}: " + re.sub(r"^[^<]*<", '"Andr\udce9" <', value)]
    return [f"{name}: {value} (caf\udce9)"]


PHRASE = "Reason-Phrase"
"""Stands for that of a response, as if it were a field."""
LATIN = Broken("Latin-1", _latin)
FORMS = (
    Broken("missing", lambda name, line: []),
    Broken("empty", lambda name, line: [f"{name}:"]),
    *(
        Broken(f"garbage {at}", lambda name, line, text=text: [f"{name}: {text}"])
        for at, text in enumerate(GARBAGE)
    ),
    Broken("doubled", lambda name, line: [line, line]),
    Broken("huge number", lambda name, line: [f"{name}: {'9' * 40}"]),
    Broken("huge", lambda name, line: [line + "," + "x" * 6000]),
    Broken("rare", _rare),
    LATIN,
)
ADDED = tuple(form for form in FORMS if form.name.startswith(("empty", "garbage", "huge number", "Latin-1")))


def name_of(line: str) -> str:
    """The name of the field in a line, as its RFC spells it."""
    return canonical(line.partition(":")[0].strip())


def broken(data: bytes, field: str, form: Broken) -> bytes:
    """Break one field of a message; what is not there is put before the others."""
    head, _, body = data.partition(b"\r\n\r\n")
    start, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if field == PHRASE:
        (start,) = form.value(field, start)
    elif not any(name_of(line) == field for line in lines):
        lines = [*form.value(field, f"{field}: 1"), *lines]
        field = ""
    made: list[str] = []
    for line in lines:
        made += form.value(field, line) if name_of(line) == field else [line]
    return "\r\n".join([start, *made, "", ""]).encode("utf-8", "surrogateescape") + body


class Spoiler:
    """Counts what we receive, and breaks one message of it each time that it comes."""

    def __init__(self, at: int = -1, field: str = "", form: Broken | None = None) -> None:
        """Take what is to be broken: the message with that number."""
        self.at, self.field, self.form = at, field, form
        self.seen: list[bytes] = []
        self.who = ""
        """The host of who sends the broken message."""

    def __call__(self, world: World) -> None:
        """Sit down in the network, before the server."""
        carry = world.network.datagram

        def datagram(source: Endpoint, data: bytes, to: Address) -> None:
            if to[0] == HOST and len(data) > 4:
                if data not in self.seen:
                    self.seen.append(data)
                if self.seen.index(data) == self.at and self.form is not None:
                    self.who = world.network.names[source.address[0]]
                    data = broken(data, self.field, self.form)
            carry(source, data, to)

        world.network.datagram = datagram  # type: ignore[method-assign]


class Cell(NamedTuple):
    """One entry of the table."""

    ladder: Ladder
    at: int
    field: str
    form: Broken

    def __str__(self) -> str:
        """For the report."""
        start = undisturbed(self.ladder)[1][self.at].partition(b"\r\n")[0].decode()
        cseq = re.search(rb"CSeq: \d+ (\w+)", undisturbed(self.ladder)[1][self.at])
        what = f"{start[8:]} to {cseq[1].decode()}" if start.startswith("SIP") and cseq else start.split()[0]
        where = f'--ladder "{self.ladder.name}" --at {self.at} --field {self.field} --form "{self.form.name}"'
        return f"{where} ({what})"

    @property
    def harmless(self) -> bool:
        """Must what comes of the ladder be the same?"""
        return (
            self.form.name == "rare"
            or self.field not in NEEDED
            or (self.form is LATIN and self.field in NAMED)
        )

    def play(self, *, show: bool = False) -> str:
        """Play it; what was wrong."""
        spoiler = Spoiler(self.at, self.field, self.form)
        raised: list[str] = []

        @provider(ILogObserver)
        def listen(event: LogEvent) -> None:
            if (failure := event.get("log_failure")) is not None:
                raised.append(failure.getTraceback())
            elif event["log_level"] in (LogLevel.error, LogLevel.critical):
                raised.append(str(event.get("log_format")))

        globalLogPublisher.addObserver(listen)
        try:
            scene = Scene(self.ladder, spoiler)
            self.ladder.play(scene)
            wrong = self.judge(scene, spoiler.who)
        finally:
            globalLogPublisher.removeObserver(listen)
        if show:
            sys.stdout.write(scene.world.ladder() + "\n")
        if raised:
            wrong = f"{raised[0].strip().splitlines()[-1]}\n{wrong}"
            if show:
                sys.stdout.write("\n".join(raised))
        return wrong

    def judge(self, scene: Scene, who: str) -> str:
        """Say what does not hold when the ladder is over."""
        notes = undisturbed(self.ladder)[0]
        if self.harmless and scene.notes != notes:
            at = next((n for n, (a, b) in enumerate(zip(scene.notes, notes, strict=False)) if a != b), -1)
            return f"it came otherwise: step {at}"
        return _left_alone(scene, who) or _not_served(scene, who) or _not_quiet(scene, who)


def _left_alone(scene: Scene, who: str) -> str:
    """Say who is in a call that is none, though nothing was wrong with what they said."""
    scene.world.run(40)
    assert scene.world.served is not None
    dialogs = scene.world.served.server.context.dialogs
    for phone in (*scene.phones, *scene.carriers):
        for session in phone.live if phone.name != who else ():
            known = dialogs.find_replaced(session.call_id, session.remote_tag, session.local_tag)
            if session.state == "up" and not known:
                return f"{phone.name} is in a call that does not exist"
    for phone in (*scene.phones, *scene.carriers):
        for session in phone.live:
            session.hang_up()
    scene.world.run(40)
    return ""


def _not_served(scene: Scene, who: str) -> str:
    """Say who cannot call anybody afterwards."""
    caller, callee = [phone for phone in scene.phones if phone.name != who][:2]
    for phone in (caller, callee):
        phone.manners.refuses = phone.manners.redirects = None
        if not phone.registered:
            phone.register()
    scene.world.run(2)
    session = caller.dial(callee.name)
    scene.world.run(3)
    served = caller.talks_to(callee)
    session.hang_up()
    scene.world.run(2)
    return "" if served else f"{caller.name} cannot call {callee.name} afterwards"


def _not_quiet(scene: Scene, who: str) -> str:
    """Say what is left, and which rules were broken by others than who sent the broken message."""
    try:
        scene.world.quiet()
    except AssertionError as error:
        lines = str(error).partition("\nseed ")[0].splitlines()
        return "; ".join(line for line in lines if not _own_fault(line, who))
    return ""


def _own_fault(line: str, who: str) -> bool:
    """Is a complaint one of who sent the broken message, or of what it left in itself?"""
    return line.startswith(f"{who} still has") or f" {who}: " in line.partition(" (")[0]


@cache
def undisturbed(ladder: Ladder) -> tuple[list[object], list[bytes]]:
    """What comes of a ladder in which nothing is broken, and what we receive in it."""
    spoiler = Spoiler()
    scene = Scene(ladder, spoiler)
    ladder.play(scene)
    seen = list(spoiler.seen)
    if wrong := _left_alone(scene, "") or _not_quiet(scene, ""):
        raise AssertionError(f"{ladder.name}: {wrong}")
    return scene.notes, seen


def cells(ladder: Ladder) -> Iterator[Cell]:
    """Every cell of a ladder."""
    first = 0 if ladder.name == "registration" else REGISTERING
    for at, data in enumerate(undisturbed(ladder)[1][first:], first):
        lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        own = list(dict.fromkeys(map(name_of, lines)))
        for field in own:
            for form in FORMS:
                yield Cell(ladder, at, field, form)
        if data[:4] == b"SIP/":
            yield Cell(ladder, at, PHRASE, LATIN)
        for field in OPTIONAL:
            if field not in own:
                for form in ADDED:
                    yield Cell(ladder, at, field, form)


def main(arguments: list[str] | None = None) -> int:
    """Play cells from the command line; the exit status is 1 when one of them is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.broken_fields", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each so manieth cell")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--ladder", help="only that ladder")
    parser.add_argument("--at", type=int, help="only that message")
    parser.add_argument("--field", help="only that field")
    parser.add_argument("--form", help="only that form")
    parser.add_argument("--show", action="store_true", help="draw the ladders")
    wanted = parser.parse_args(arguments)
    played = wrong = 0
    for ladder in LADDERS:
        if wanted.ladder not in (None, ladder.name):
            continue
        for number, cell in enumerate(cells(ladder)):
            if number % wanted.every != wanted.first % wanted.every:
                continue
            chosen = (cell.at, cell.field, cell.form.name)
            asked = (wanted.at, wanted.field, wanted.form)
            if any(want not in (None, have) for want, have in zip(asked, chosen, strict=True)):
                continue
            played += 1
            if problem := cell.play(show=wanted.show):
                wrong += 1
                sys.stdout.write(f"{cell}\n    {problem}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{played} cells, {wrong} wrong\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
