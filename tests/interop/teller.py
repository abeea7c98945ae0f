"""What phones tell, and how a test waits for it; what went over their wires, and who would hear whom."""

from __future__ import annotations

import re
from itertools import count
from typing import Any, ClassVar, NamedTuple

from twisted.internet.defer import Deferred, TimeoutError
from twisted.python.failure import Failure

from b2bua.errors import PeerError
from b2bua.wire.message import Message, Request, write
from b2bua.wire.parser import parse
from b2bua.wire.sdp import Sdp
from tests.interop.processes import LIMIT, Ended, Program, reactor

Event = dict[str, Any]

GLARE_SECONDS = 4.0
"""The longest that a phone waits after a 491 before it asks again (RFC 3261 section 14.1)."""


class Side(NamedTuple):
    """One side of a session: where it wants media, and in which directions."""

    host: str
    port: int
    direction: str

    @classmethod
    def of(cls, message: Message) -> Side:
        """Read the session of a message."""
        stream = Sdp.parse(message.body).media[0]
        return cls(stream.connection.rpartition(" ")[2], stream.port, stream.direction)

    @property
    def place(self) -> tuple[str, int]:
        """Where it wants media."""
        return self.host, self.port

    @property
    def receives(self) -> bool:
        """Does it listen?"""
        return self.direction in ("sendrecv", "recvonly")

    @property
    def sends(self) -> bool:
        """Does it talk?"""
        return self.direction in ("sendrecv", "sendonly")


class Session(NamedTuple):
    """What a phone has said, and what it has been told, in one call."""

    said: Side
    told: Side

    def hears(self, other: Session) -> bool:
        """Would the voice of the other phone arrive here, by what both have said and been told?"""
        met = self.said.place == other.told.place and self.told.place == other.said.place
        return met and self.said.receives and self.told.sends and other.said.sends and other.told.receives


class Sessions:
    """The sessions of one phone, by what went over its wire (RFC 3264 section 4)."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self.settled: dict[str, Session] = {}
        """By Call-ID, of the calls that are not over."""
        self.changing: set[tuple[str, int, bool]] = set()
        """The changes and ends of calls that go on: Call-ID, CSeq number, and was it the phone's own."""
        self._offers: dict[str, tuple[bool, Side]] = {}
        self._over: set[str] = set()
        self._passed: set[tuple[bool, bytes]] = set()

    def pass_by(self, sent: bool, message: Message) -> None:
        """A message went by; one that is sent again, since nobody answered in time, says nothing new."""
        call_id, passed = message.call_id, (sent, write(message))
        if passed in self._passed:
            return
        self._passed.add(passed)
        self._transaction(sent, message)
        if isinstance(message, Request):
            if message.method == "BYE":
                self.settled.pop(call_id, None)
                self._over.add(call_id)
                self.changing = {change for change in self.changing if change[0] != call_id}
                self.changing.add((call_id, message.cseq.number, sent))
        elif message.code >= 300 and message.cseq.method in ("INVITE", "UPDATE"):
            self._offers.pop(call_id, None)  # RFC 3261 section 14.1: all stays as it was
        if call_id in self._over or not message.body.startswith(b"v=0"):
            return
        side = Side.of(message)
        offered = self._offers.pop(call_id, None)
        if offered is None or offered[0] is sent:
            self._offers[call_id] = sent, side
        else:
            self.settled[call_id] = Session(side, offered[1]) if sent else Session(offered[1], side)

    def _transaction(self, sent: bool, message: Message) -> None:
        """A change begins, or has come to its end."""
        method, number = message.cseq.method, message.cseq.number
        if isinstance(message, Request):
            if method in ("INVITE", "UPDATE") and message.call_id in self.settled:
                self.changing.add((message.call_id, number, sent))
            elif method == "ACK":
                self.changing.discard((message.call_id, number, sent))
        elif method in ("UPDATE", "BYE") and message.code >= 200:
            self.changing.discard((message.call_id, number, not sent))


class Teller:
    """A phone that tells events and answers commands."""

    trace: ClassVar[re.Pattern[str]]
    """How its log shows a C{message}, and C{to} whom it went or in which C{way}, TX or RX."""

    noise: ClassVar[re.Pattern[str] | None] = None
    """What its threads write into the middle of a message."""
    settles: ClassVar[float] = 0.0
    """Seconds after an answer in which it may change the call by itself."""

    def __init__(self, program: Program, user: str, server: str) -> None:
        """
        Tell what a program tells.

        @param server: where the server is, as C{host:port}.
        """
        self.events: list[Event] = []
        """All it has told."""
        self.program = program
        self.user = user
        self.server = server
        self.going = 0
        """Calls that it has made or got, and not told the end of."""
        self.messages: list[tuple[bool, Message]] = []
        """All its messages that were looked at, in order: was it sent, and what it was."""
        self._sessions = Sessions()
        self._established = 0.0
        self._glared: dict[str, float] = {}
        """When a change of its own met glare that it has not tried again yet, by Call-ID."""
        self._read = 0
        self._unread = ""
        self._seen = 0
        self._waiting: list[tuple[str, dict[str, str], Deferred[Event]]] = []
        self._answers: dict[str, Deferred[str]] = {}
        self._tokens = count(1)

    def asked(self) -> tuple[str, Deferred[str]]:
        """Prepare for the answer to a command: its token, and what will fire."""
        token = str(next(self._tokens))
        deferred: Deferred[str] = Deferred()
        self._answers[token] = deferred
        return token, deferred

    def heard(self, event: Event) -> None:
        """It tells something."""
        self.events.append(event)
        kind = event.get("type")
        self.going += (kind in ("CALL_INCOMING", "CALL_OUTGOING")) - (kind == "CALL_CLOSED")
        if kind == "CALL_ESTABLISHED":
            self._established = reactor.seconds()
        self._look()

    def answered(self, told: Event) -> None:
        """It answers a command."""
        deferred = self._answers.pop(told.get("token", ""), None)
        if deferred is None:
            return
        if told.get("ok"):
            deferred.callback(told.get("data", ""))
        else:
            deferred.errback(Ended(f"{self.program.name} refused: {told.get('data')}; {self.told}"))

    def lost(self) -> None:
        """It does not talk to us any more."""
        answers, self._answers = self._answers, {}
        waiting, self._waiting = self._waiting, []
        for deferred in (*answers.values(), *(entry[2] for entry in waiting)):
            deferred.errback(Ended(f"connection lost; {self.program.story()}"))

    def _look(self) -> None:
        """Give events to those who wait, in the order of both."""
        while self._waiting:
            kind, wanted, deferred = self._waiting[0]
            for at in range(self._seen, len(self.events)):
                event = self.events[at]
                if event.get("type") == kind and all(
                    event.get(key) == value for key, value in wanted.items()
                ):
                    break
            else:
                return
            self._seen = at + 1
            del self._waiting[0]
            deferred.callback(event)

    def tells(self, kind: str, limit: float = LIMIT, **wanted: str) -> Deferred[Event]:
        """
        Wait for the next event of a kind; those before it are passed over.

        @param kind: such as C{REGISTER_OK}, C{CALL_INCOMING}, C{CALL_RINGING},
            C{CALL_ESTABLISHED} or C{CALL_CLOSED}.
        @param wanted: what else it must say: C{peeruri}, C{param}...
        """
        deferred: Deferred[Event] = Deferred()
        entry = (kind, wanted, deferred)
        self._waiting.append(entry)

        def late(failure: Failure) -> Failure:
            failure.trap(TimeoutError)
            if entry in self._waiting:
                self._waiting.remove(entry)
            what = f"{kind} {wanted or ''}, but {self.told}"
            raise Ended(f"{self.program.name} did not tell {what}; {self.program.story()}")

        deferred.addTimeout(limit, reactor)
        deferred.addErrback(late)
        self._look()
        return deferred

    def pass_over(self, kind: str) -> None:
        """What it has told of a kind until now is not what somebody waits for."""
        for event in self.events[self._seen :]:
            if event.get("type") == kind:
                event["type"] = f"{kind} before"

    @property
    def told(self) -> list[str]:
        """All it has told, for people."""
        return [f"{event.get('type')} {event.get('param', '')}" for event in self.events]

    def forget(self) -> None:
        """What it has told and sent until now is not looked at any more."""
        self._seen = len(self.events)
        self.messages.clear()

    # ---- what went over its wire ----------------------------------------

    def _follow(self) -> None:
        """Look at the messages that its log has shown since we looked last."""
        lines = self.program.lines
        text = self._unread + "".join(line + "\n" for line in lines[self._read :])
        self._read = len(lines)
        if self.noise is not None:
            text = self.noise.sub("", text)
        end = 0
        for shown in self.trace.finditer(text):
            end = shown.end()
            try:
                message = parse(_raw(shown["message"]))
            except PeerError:
                continue  # a keep-alive
            sent = self._sent(shown.groupdict())
            self.messages.append((sent, message))
            self._sessions.pass_by(sent, message)
            if isinstance(message, Request):
                if message.method == "BYE" or (sent and message.method in ("INVITE", "UPDATE")):
                    self._glared.pop(message.call_id, None)
            elif message.code == 491 and not sent and message.cseq.method in ("INVITE", "UPDATE"):
                self._glared[message.call_id] = reactor.seconds()
        self._unread = text[end:]

    def _sent(self, shown: dict[str, str]) -> bool:
        """Was a message of the log one that the phone sent?"""
        return shown["to"] == self.server if "to" in shown else shown["way"] == "TX"

    @property
    def ladder(self) -> str:
        """Its messages, for people."""
        self._follow()
        return "\n".join(f"  {self.user} {'->' if sent else '<-'} {brief(m)}" for sent, m in self.messages)

    @property
    def sessions(self) -> list[Session]:
        """The sessions of the calls that are not over."""
        self._follow()
        return list(self._sessions.settled.values())

    @property
    def changing(self) -> bool:
        """Is a change of a call under way, a hold say, or its end?"""
        self._follow()
        return bool(self._sessions.changing)

    @property
    def restless(self) -> bool:
        """May it change a call by itself, as after a 491?  What is asked of it before is taken back."""
        self._follow()
        now = reactor.seconds()
        glared = any(now - at < GLARE_SECONDS for at in self._glared.values())
        return glared or now - self._established < self.settles

    def hears(self, other: Teller) -> bool:
        """Would the voice of another phone arrive at this one?"""
        return any(mine.hears(theirs) for mine in self.sessions for theirs in other.sessions)


def _raw(shown: str) -> bytes:
    """A message as it was on the wire, of which a log may show other line ends and no last one."""
    head, _, body = shown.strip().replace("\r\n", "\n").partition("\n\n")
    lines = [*head.split("\n"), "", *body.split("\n")]
    return "\r\n".join([*lines, ""] if body else lines).encode()


def brief(message: Message) -> str:
    """A message in one line."""
    body = Side.of(message) if message.body.startswith(b"v=0") else message.body[:30].decode(errors="replace")
    what = message.method if isinstance(message, Request) else f"{message.code}"
    return f"{what} {message.cseq.number} {message.cseq.method} {message.call_id[:12]} {body or ''}"
