"""
A call that was recorded, played again: does the server do now what it did then?

The parties are no phones here: each says at its time, to the byte, what it said
then, but for what the server has chosen anew (tags, branches, Call-IDs,
numbers in CSeq) and for passwords, which no recording has.  What the server
sends is compared with what it sent.

What came over a connection is played over one, which is there from the
beginning, and a message that was sent again unchanged counts once.  What the
server says to a REGISTER is not compared, nor is a NOTIFY that belongs to none
of the dialogs that were recorded (of lamps and messages waiting).
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.records.trace import call_id_of
from b2bua.registrar.bindings import Binding
from b2bua.testing.network import Address, Endpoint, Stream
from b2bua.testing.served import HOST, Served, password_of
from b2bua.testing.world import World
from b2bua.transactions.flow import Flow
from b2bua.wire.digest import answer_challenge, choose
from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse

AFTERWARDS = 1.0
"""Seconds after the last message in which the server may still say something."""
TOKEN_MIN = 6
"""Shorter identifiers are looked for as whole parameters only."""
_Way: TypeAlias = tuple[str, Address]
"""A party as the server reaches it: the transport, and where it is."""


class Rung(NamedTuple):
    """A message of a recording."""

    at: float
    """Seconds since the first one."""
    peer: Address
    outgoing: bool
    """Did the server send it?"""
    raw: bytes
    transport: str = "UDP"
    """Or TCP."""


class Contact(NamedTuple):
    """Where an extension is registered when a recording begins."""

    extension: str
    uri: str
    address: Address
    transport: str = "UDP"


class Recording(NamedTuple):
    """All that is needed to play a call again."""

    document: Mapping[str, Any]
    """The tables of the configuration."""
    contacts: Sequence[Contact]
    rungs: Sequence[Rung]


class Replay:
    """A recording while it is played."""

    def __init__(self, recording: Recording, features: Sequence[object] | str | None = "installed") -> None:
        """
        Set up the server, and who was registered.

        @param features: plugins, as for L{World}.
        """
        self._recording = recording
        domain = str(recording.document["server"]["domain"])
        self.world = World(server=False, domain=domain)
        self.world.network.link.delay = 0.0
        document = copy.deepcopy(dict(recording.document))
        self.served = Served(self.world, document, features, files_aside=True)
        self.world.served = self.served
        self._ends: dict[_Way, Endpoint | Stream] = {}
        self._known: dict[str, str] = {}
        """Identifiers that the server chose then, and those of now."""
        self._counts: dict[tuple[str, int], int] = {}
        """Of its numbers in CSeq and RSeq the same, by Call-ID of now."""
        self._challenges: dict[_Way, str] = {}
        self._used: Counter[str] = Counter()
        """How often each nonce was."""
        self._expected = list(
            _once(rung for rung in recording.rungs if rung.outgoing and not _registers(rung.raw))
        )
        self._dialogs = {call_id_of(rung.raw) for rung in recording.rungs}
        """Their Call-IDs, with those of now."""
        self._said: set[tuple[_Way, bytes]] = set()
        self.faults: list[str] = []
        for rung in recording.rungs:
            self._open((rung.transport, rung.peer))
        for contact in recording.contacts:
            self._register(contact)

    def _register(self, contact: Contact) -> None:
        """Bind an extension to where it was."""
        server = self.served.server
        way = contact.transport, contact.address
        self._open(way)
        flow = Flow("UDP", (HOST, 5060), contact.address)
        if contact.transport != "UDP":
            flow = self.served.streams.flow_to(contact.address, "")
        aor = server.domain.address(contact.extension)
        binding = Binding(aor, contact.uri, flow, server.runner.now() + 1e9)
        server.bindings.put(aor, (*server.bindings.all(aor), binding))

    def _open(self, way: _Way) -> None:
        """Give a party its place in the network; what is a connection is opened."""
        if way in self._ends:
            return
        transport, address = way
        network = self.world.network
        if transport == "UDP":
            self._ends[way] = network.listen(address, lambda data, _: self._heard(way, data))
            return

        def opened(stream: Stream) -> None:
            stream.receive = lambda data: self._heard(way, data)
            self._ends[way] = stream

        network.connect(address[0], (HOST, 5060), opened, lambda: None, port=address[1])
        self.world.run_until(lambda: way in self._ends)

    def _send(self, way: _Way, data: bytes) -> None:
        """Say something at once."""
        end = self._ends[way]
        if isinstance(end, Stream):
            end.write(data)
        else:
            end.send(data, (HOST, 5060))
        self.world.run(0)

    def run(self) -> list[str]:
        """Play it; gives what the server did otherwise, a line each."""
        began = self.world.clock.seconds()
        for rung in self._recording.rungs:
            self.world.run(max(0.0, began + rung.at - self.world.clock.seconds()))
            if not rung.outgoing:
                self._send((rung.transport, rung.peer), self._now(rung))
        self.world.run(AFTERWARDS)
        self.faults += [f"{_title(rung.raw)} to {_place(rung.peer)} was not sent" for rung in self._expected]
        return self.faults

    # ---- what the parties say ---------------------------------------------

    def _now(self, rung: Rung) -> bytes:
        """What a party said then, with the identifiers of now."""
        head, gap, body = rung.raw.partition(b"\r\n\r\n")
        text = self._renamed(head)
        call_id = call_id_of(text.encode("utf-8", "surrogateescape"))
        lines = [self._line(line, call_id, rung, text) for line in text.split("\r\n")]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + gap + body

    def _renamed(self, raw: bytes) -> str:
        """Something that was said then, with the identifiers of now."""
        text = raw.decode("utf-8", "surrogateescape")
        if not self._known:
            return text
        # All at once: what is chosen now may be what was chosen then for another one.
        longest_first = sorted(self._known, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest_first)), lambda then: self._known[then[0]], text)

    def _line(self, line: str, call_id: str, rung: Rung, head: str) -> str:
        """One line with the numbers and the password of now."""
        name, _, value = line.partition(":")
        match name.strip().lower():
            case "cseq" if rung.raw.startswith(b"SIP/2.0 "):
                number, _, method = value.strip().partition(" ")
                return f"{name}: {self._counts.get((call_id, int(number)), int(number))} {method}"
            case "rack":
                first, _, rest = value.strip().partition(" ")
                return f"{name}: {self._counts.get((call_id, int(first)), int(first))} {rest}"
            case "authorization" | "proxy-authorization":
                user = re.search(r'username="([^"]*)"', value)
                uri = re.search(r'uri="([^"]*)"', value)
                if user is not None and uri is not None:
                    method = head.partition(" ")[0]
                    return (
                        f"{name}: {self._credentials((rung.transport, rung.peer), user[1], method, uri[1])}"
                    )
        return line

    def _credentials(self, way: _Way, user: str, method: str, uri: str) -> str:
        """Answer the challenge that the party has got, with the password of the simulated world."""
        if way not in self._challenges:
            self._be_challenged(way, user)
        response = parse(self._challenges[way].encode())
        assert isinstance(response, Response)
        challenge = choose([*response.challenges, *response.proxy_challenges])
        assert challenge is not None
        self._used[challenge.nonce] += 1
        count = self._used[challenge.nonce]
        return answer_challenge(challenge, user, password_of(user), method, uri, b"", "0a1b2c3d", count)

    def _be_challenged(self, way: _Way, user: str) -> None:
        """Get a nonce, in place of one that a party had from before the recording."""
        transport, (host, port) = way
        aor = f"<sip:{user}@{self.world.domain}>"
        head = [
            ("Via", f"SIP/2.0/{transport} {host}:{port};branch=z9hG4bK-nonce-{host}-{port};rport"),
            ("Max-Forwards", "70"),
            ("From", f"{aor};tag=nonce"),
            ("To", aor),
            ("Call-ID", f"nonce@{host}"),
            ("CSeq", "1 REGISTER"),
        ]
        self._send(way, write(Request("REGISTER", f"sip:{self.world.domain}", head)))

    # ---- what the server says ---------------------------------------------

    def _heard(self, way: _Way, data: bytes) -> None:
        """Compare a message of the server with what it sent then."""
        if (way, data) in self._said or not data.strip():
            return
        self._said.add((way, data))
        if re.match(rb"SIP/2\.0 40[17] ", data):
            self._challenges[way] = data.decode()
        if _registers(data):
            return
        kind, peer = _kind(data), way[1]
        for rung in self._expected:
            if (
                (rung.transport, rung.peer) == way
                and _kind(rung.raw) == kind
                and self._same_dialog(rung.raw, data)
            ):
                self._expected.remove(rung)
                self._learn(rung.raw, data)
                then = self._renamed(rung.raw).encode("utf-8", "surrogateescape")
                self.faults += _differences(then, data, peer)
                return
        if kind == ("NOTIFY", "NOTIFY") and call_id_of(data) not in self._dialogs:
            return
        self.faults.append(f"{_title(data)} to {_place(peer)} was not sent then")

    def _same_dialog(self, then: bytes, now: bytes) -> bool:
        """May they belong to the same dialog?"""
        known = self._known.get(call_id_of(then), call_id_of(then))
        return call_id_of(now) in (known, call_id_of(then)) or call_id_of(then) not in self._known

    def _learn(self, then: bytes, now: bytes) -> None:
        """Note the identifiers that the server has chosen."""
        for old, new in zip(_identifiers(then), _identifiers(now), strict=False):
            if old and old != new and len(old) >= TOKEN_MIN:
                self._known[old] = new
        before, after = parse(then), parse(now)
        call_id = after.call_id
        self._dialogs.add(call_id)
        if isinstance(after, Request):
            self._counts[call_id, before.cseq.number] = after.cseq.number
        elif isinstance(before, Response) and before.rseq is not None and isinstance(after, Response):
            self._counts[call_id, before.rseq] = after.rseq or before.rseq


class ReplayTestCase(SynchronousTestCase):
    """
    A recorded call as a test; C{b2bua replay} writes them.

    C{script} has the messages: a line C{+SECONDS < HOST:PORT} for what came from
    there, C{>} for what was sent there, with C{TCP} behind it for a connection;
    and below it the message, indented.
    """

    configuration: Mapping[str, Any] = {}
    contacts: Sequence[tuple[str, str, Address, str]] = ()
    """Where extensions are registered at the beginning: name, URI, address and transport."""
    script: str = ""

    def replay(self) -> None:
        """Insist that the server does what it did."""
        recording = Recording(
            self.configuration, [Contact(*contact) for contact in self.contacts], read_script(self.script)
        )
        play = Replay(recording)
        faults = play.run()
        if faults:
            self.fail("\n".join(faults) + "\n\n" + play.world.ladder())


# ---- scripts -----------------------------------------------------------------

_RUNG = re.compile(r"\+(\d+\.\d+) ([<>]) (\S+):(\d+)( TCP)?\Z")
INDENT = "    "


def write_script(rungs: Iterable[Rung]) -> str:
    """Write messages down so that people can read and change them."""
    lines: list[str] = []
    for rung in rungs:
        over = "" if rung.transport == "UDP" else f" {rung.transport}"
        lines.append(f"+{rung.at:.3f} {'>' if rung.outgoing else '<'} {_place(rung.peer)}{over}")
        text = rung.raw.decode("utf-8", "replace")
        lines += [INDENT + line if line else "" for line in text.split("\r\n")]
    return "\n".join(lines)


def read_script(script: str) -> list[Rung]:
    """
    Read what L{write_script} wrote.

    @raise ValueError: with the line that makes no sense.
    """
    rungs: list[Rung] = []
    lines: list[str] = []
    for number, line in enumerate(script.split("\n"), 1):
        found = _RUNG.match(line)
        if found is not None:
            if rungs:
                rungs[-1] = rungs[-1]._replace(raw=_raw(lines))
            transport = (found[5] or "UDP").strip()
            rungs.append(Rung(float(found[1]), (found[3], int(found[4])), found[2] == ">", b"", transport))
            lines = []
        elif line.startswith(INDENT) or not line:
            lines.append(line[len(INDENT) :])
        else:
            raise ValueError(f"line {number} is neither a time nor indented: {line}")
    if rungs:
        rungs[-1] = rungs[-1]._replace(raw=_raw(lines))
    return rungs


def _raw(lines: list[str]) -> bytes:
    """Make a message of its lines."""
    return with_length("\r\n".join(lines).rstrip("\r\n").encode() + b"\r\n")


def with_length(raw: bytes) -> bytes:
    """A message that was changed, with a Content-Length that fits, and an end to its head."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [
        b"Content-Length: %d" % len(body) if _LENGTH.match(line) else line for line in head.split(b"\r\n")
    ]
    return b"\r\n".join(filter(None, lines)) + b"\r\n\r\n" + body


_LENGTH = re.compile(rb"(?i)(content-length|l)[ \t]*:")


# ---- comparing ---------------------------------------------------------------

# What is of no interest: chosen anew, of this moment, or of this host.
_IGNORED = frozenset(
    ("via", "call-id", "content-length", "date", "user-agent", "server", "rseq", "rack", "timestamp")
)
_REPLACES = re.compile(r"Replaces=([^%&>]+)%3Bto-tag%3D([^%&>]+)%3Bfrom-tag%3D([^%&>]+)")
_CHOSEN = re.compile(r";(tag|to-tag|from-tag|branch)=[^;>&, ]+")
_SECRETS = frozenset(("www-authenticate", "proxy-authenticate", "authorization", "proxy-authorization"))


def _once(rungs: Iterable[Rung]) -> Iterator[Rung]:
    """Leave out what was sent again unchanged."""
    seen = set()
    for rung in rungs:
        said = rung.transport, rung.peer, rung.raw
        if said not in seen:
            seen.add(said)
            yield rung


def _kind(raw: bytes) -> tuple[str, str]:
    """What a message is: a method, or a status and the method it answers."""
    first = raw.split(b" ", 2)
    method = re.search(rb"(?im)^cseq[ \t]*:[ \t]*\d+[ \t]+(\w+)", raw)
    return (first[1] if first[0] == b"SIP/2.0" else first[0]).decode(), method[1].decode() if method else ""


def _registers(raw: bytes) -> bool:
    """Is it about a registration?"""
    return _kind(raw)[1] == "REGISTER"


def _title(raw: bytes) -> str:
    """Name a message for people."""
    kind, method = _kind(raw)
    return kind if kind == method or not kind.isdigit() else f"{kind} to {method}"


def _place(peer: Address) -> str:
    """Name a place."""
    return f"{peer[0]}:{peer[1]}"


def _identifiers(raw: bytes) -> list[str]:
    """The Call-ID, tags and branches of a message, and of a dialog that it names, in a fixed order."""
    message, text = parse(raw), raw.decode("utf-8", "replace")
    via = [one.branch or "" for one in message.vias]
    nonces = re.findall(r'nonce="([^"]+)"', text)
    named = [part for dialog in _REPLACES.findall(text) for part in dialog]
    return [message.call_id, message.from_.tag or "", message.to.tag or "", *via, *nonces, *named]


def _differences(then: bytes, now: bytes, peer: Address) -> Iterator[str]:
    """Say in what a message differs from what it was, a line each."""
    before, after = _essence(then), _essence(now)
    for line in before:
        if line not in after:
            yield f"{_title(now)} to {_place(peer)} said then: {line}"
    for line in after:
        if line not in before:
            yield f"{_title(now)} to {_place(peer)} says now: {line}"


def _essence(raw: bytes) -> list[str]:
    """What counts of a message."""
    head, _, body = raw.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    found = [start]
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        if key in _IGNORED:
            continue
        if key in _SECRETS:
            value = value.split()[0]
        elif key == "cseq":
            value = value.split()[-1]
        elif key == "retry-after":
            value = "drawn at random"
        found.append(f"{name.strip()}: {_CHOSEN.sub('', value).strip()}")
    found += [line for line in body.split("\r\n") if not line.startswith("o=")]
    return found
