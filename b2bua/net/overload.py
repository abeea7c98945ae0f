"""
What to do when more comes than we can do (RFC 6357, RFC 7339 section 5.10).

While there is little to read each datagram is dealt with as it is read.  When
one turn of the reactor is not enough, all that has come is read first, so that the
kernel has room, and is served as it came: nobody waits long for some dozens of
messages.  When it is more, all of it is sorted: what belongs to something that goes
on is served first, and what begins something new waits.  When that would have to
wait too long, it hears 503 at once, so that the calls that we have taken go on as
if nothing were.

Those whom we know take turns, and all strangers together have one turn among
them: nobody's flood costs others their share.  That something goes on is looked
up and not believed, since anybody can write BYE.

A 503 is written out of the bytes of the request, without parsing it, since turning
away must be much cheaper than serving.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from b2bua.errors import PeerError
from b2bua.net.admission import Admission
from b2bua.net.shares import Shares, Waiting
from b2bua.plural import counted
from b2bua.transactions.flow import Flow
from b2bua.transactions.matching import COOKIE, via_key, way_back
from b2bua.wire.via import Via

if TYPE_CHECKING:
    from b2bua.net.client_transactions import ClientTransactions
    from b2bua.net.server_transactions import ServerTransactions
    from b2bua.net.transport import TransportLayer

WORK = 32
"""Messages that are served before we look for more."""
FEW = 128
"""So many may wait as they came, a hundredth of a second of work or two; more are sorted."""
MOST = 16 << 20
"""Bytes that may wait; what is more gets lost, as it would in the kernel."""
EIGHTH = 8
"""Of so many messages one is something new, however much goes on."""
STRANGERS = ""
"""The party of all whom we do not know."""
MEMORY = 32
"""New requests by which we know how fast they are served."""
QUIET = 10.0
"""Seconds between two lines of the log about it."""
TOO_MUCH = b"SIP/2.0 503 Service Unavailable\r\n"
EMPTY = b"\r\nContent-Length: 0\r\n\r\n"
_NEW = {
    name.encode(): name
    for name in ("INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "MESSAGE", "REFER", "NOTIFY", "PUBLISH")
}
# What a response copies (RFC 3261 section 8.2.6.2), by the usual spellings of its names.
_COPIED = {
    spelled.encode(): name[0]
    for name, compact in (("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i"), ("CSeq", "CSEQ"))
    for spelled in (name, name.lower(), compact)
}
_ALL = "".join(sorted("VFTCC"))
_via = re.compile(rb"^(?:Via|v)[ \t]*:([^,\r\n]+)", re.IGNORECASE | re.MULTILINE).search
_call_id = re.compile(rb"^(?:Call-ID|i)[ \t]*:([^\r\n]+)", re.IGNORECASE | re.MULTILINE).search
_TAG = rb"[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^\s;,]+)"
_to_tag = re.compile(rb"^(?:To|t)" + _TAG, re.IGNORECASE | re.MULTILINE).search
_from_tag = re.compile(rb"^(?:From|f)" + _TAG, re.IGNORECASE | re.MULTILINE).search
_cseq = re.compile(rb"^CSeq[ \t]*:[ \t]*[0-9]+[ \t]+([A-Z]+)", re.IGNORECASE | re.MULTILINE).search
_tagged = re.compile(rb";[ \t]*tag[ \t]*=", re.IGNORECASE).search
# The same by their usual spellings, which are found several times as fast.
_usual_call_id = re.compile(rb"\r\nCall-ID: ([^ \t\r\n]++)\r").search
# Behind the last angle bracket: a parameter of the URI, or a name in quotes, may look like a tag.
_usual_to_tag = re.compile(rb"\r\nTo: [^\r\n]*>[^\"\r\n>]*?;tag=([^\s;,]++)").search
_usual_from_tag = re.compile(rb"\r\nFrom: [^\r\n]*>[^\"\r\n>]*?;tag=([^\s;,]++)").search
_usual_cseq = re.compile(rb"\r\nCSeq: [0-9]++ ([A-Z]++)\r").search
_usual_branch = re.compile(rb"SIP/2\.0 [^\r\n]*+\r\nVia: [^\r\n,\"]*?;branch=([^\s;,\"]++)").match


class Sketch(NamedTuple):
    """A request that begins something new, seen at a glance."""

    key: Hashable
    """That of its server transaction."""
    via: Via
    lines: list[bytes]
    """What a response copies, the top Via first."""
    to: int
    """Where To is among them."""


def sketch(data: bytes) -> Sketch | None:
    """
    Look at a message as nearly all are written.

    None when it begins nothing new, or is written in another way; then it is
    for those who look more carefully.
    """
    method = _NEW.get(data[: data.find(b" ", 0, 16)])
    if method is None:
        return None
    head = data.partition(b"\r\n\r\n")[0]
    if b"\r\n " in head or b"\r\n\t" in head:
        return None
    lines: list[bytes] = []
    seen, to, top = "", 0, b""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        kind = _COPIED.get(name)
        if kind is None:
            continue
        if kind != "V":
            seen += kind
            if kind == "T":
                to = len(lines)
        elif not top:
            seen += kind
            top = value
            if lines:
                return None
        lines.append(line)
    if "".join(sorted(seen)) != _ALL or _tagged(lines[to]):
        return None
    try:
        via = Via.parse(top.strip().decode("ascii"))
    except (PeerError, UnicodeDecodeError):
        return None
    if not via.branch.startswith(COOKIE):
        return None
    return Sketch(via_key(via, method), via, lines, to)


def via_of(data: bytes) -> Via | None:
    """The top Via of a message as nearly all are written."""
    found = _via(data)
    if found is None:
        return None
    try:
        return Via.parse(found[1].strip().decode("ascii"))
    except (PeerError, UnicodeDecodeError):
        return None


def dialog_of(data: bytes) -> tuple[str, str, str] | None:
    """Call-ID, To tag and From tag of a message as nearly all are written, in the UTF-8 of the parser."""
    end = data.find(b"\r\n\r\n") + 1 or len(data)
    to = _usual_to_tag(data, 0, end) or _to_tag(data, 0, end)
    if to is None:
        return None
    call_id = _usual_call_id(data, 0, end) or _call_id(data, 0, end)
    if call_id is None:
        return None
    source = _usual_from_tag(data, 0, end) or _from_tag(data, 0, end)
    return (
        call_id[1].strip().decode("utf-8", "replace"),
        to[1].decode("utf-8", "replace"),
        source[1].decode("utf-8", "replace") if source else "",
    )


def answered_by(data: bytes) -> tuple[str, str] | None:
    """Branch and method of the request that a response is for, as nearly all are written."""
    method = _usual_cseq(data) or _cseq(data)
    if method is None:
        return None
    usual = _usual_branch(data)
    if usual is not None:
        return usual[1].decode("latin-1"), method[1].decode()
    via = via_of(data)
    return None if via is None else (via.branch, method[1].decode())


class Overload:
    """What waits, and whether we are behind."""

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        transport: TransportLayer,
        clients: ClientTransactions,
        servers: ServerTransactions,
        serve: Callable[[bytes, Flow], None],
    ) -> None:
        """
        Begin with nothing to do.

        @param clients: who says which response goes on with something.
        @param servers: who says which request does.
        @param serve: takes a message whose turn has come.
        """
        self.has_dialog: Callable[[str, str, str], bool] = lambda call_id, to_tag, from_tag: True
        """Is there such a dialog?  Without a user who says so none is doubted."""
        self.busy = False
        """Is what comes to be taken, and not to be dealt with as it is read?"""
        self._transport = transport
        self._clients = clients
        self._servers = servers
        self._serve_one = serve
        self._clock = clock
        self._lag = transport.limits.lag
        self._unsorted: deque[tuple[bytes, Flow]] = deque()
        self._sorting = False
        self._going = Shares()
        self._new = Shares()
        self._turn = 0
        # Of those whom we know, too, not each flood is worth an answer.
        limits = transport.limits
        self._refusals = Admission(limits.rate, limits.burst, limits.sources)
        self._keys: set[Hashable] = set()
        self._bytes = 0
        self._pace = self._served = 0.0
        self._call: IDelayedCall | None = None
        self._emptied: list[Deferred[None]] = []
        self._mark = b""
        self._told = -QUIET
        self._counted = 0
        self._patient = 0.0

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._unsorted) + self._going.count + self._new.count

    def be_patient(self, seconds: float) -> None:
        """What comes in that time has waited while nobody could serve it: that is no overload."""
        self._patient = self._clock.seconds() + seconds

    def begin(self) -> None:
        """There is more to read than can be done in one turn: take it from now on, before it is served."""
        self.busy = True
        self._call = self._clock.callLater(0, self.work)

    def take(self, data: bytes, flow: Flow) -> None:
        """Keep a message for its turn, or turn it away."""
        if self._sorting:
            self._sort(data, flow)
            return
        self._unsorted.append((data, flow))
        if len(self._unsorted) > FEW:
            self.sort()

    def sort(self) -> None:
        """Sort what waits, and what comes until nothing waits any more."""
        self._sorting = True
        while self._unsorted:
            self._sort(*self._unsorted.popleft())

    def _sort(self, data: bytes, flow: Flow) -> None:
        """Keep a message among those that go on or those that are new, or turn it away."""
        party = self._party(flow)
        found = sketch(data)
        if found is None:
            if self._mark and data.startswith(b"ACK ") and self._mark in data:
                return  # of a 503 of ours
            going = self._goes_on(data)
            if going or not self.behind(party) or self._is_wanted(data):
                self._keep(self._going if going else self._new, party, None, data, flow)
            else:
                self._transport.counts.overflown += 1
        elif found.key in self._keys:
            self._transport.counts.absorbed += 1
        elif found.key in self._servers:
            self._keep(self._going, party, None, data, flow)
        elif self.behind(party):
            self._refuse(found, flow)
        elif self._keep(self._new, party, found.key, data, flow):
            self._keys.add(found.key)

    def refuses(self, data: bytes, flow: Flow) -> bool:
        """Turn away what has come over a connection, if it is new and we are behind."""
        if not self.behind(self._party(flow)):
            return False
        found = sketch(data)
        if found is None or found.key in self._servers:
            return False
        self._refuse(found, flow)
        return True

    def _party(self, flow: Flow) -> str:
        """Whose share a message is taken from."""
        host = flow.remote[0]
        return host if host in self._transport.admission.known else STRANGERS

    def _goes_on(self, data: bytes) -> bool:
        """Does it belong to a transaction or a dialog of ours?"""
        if data.startswith(b"SIP/"):
            request = answered_by(data)
            return request is not None and self._clients.awaits(*request)
        if data.startswith(b"CANCEL ") and (via := via_of(data)) is not None:
            # It must not overtake its INVITE, which may still wait.
            return via_key(via, "INVITE") in self._servers
        dialog = dialog_of(data)
        if dialog is not None and self.has_dialog(*dialog):
            return True
        via = via_of(data) if data.startswith(b"ACK ") else None
        return via is not None and via_key(via, "INVITE") in self._servers

    def _is_wanted(self, data: bytes) -> bool:
        """Is it the CANCEL of an INVITE that waits?"""
        via = via_of(data) if data.startswith(b"CANCEL ") else None
        return via is not None and via_key(via, "INVITE") in self._keys

    def behind(self, party: str) -> bool:
        """Would something new of a party have to wait too long, or does something of it already?"""
        waiting, lag, late = self._new, self._lag, self._transport.wheel.late
        if (not waiting.count and late <= lag) or self._clock.seconds() < self._patient:
            return False
        count, since = waiting.of(party), waiting.since(party)
        if since is not None and (
            count * waiting.parties * self._pace > lag or self._clock.seconds() - since > lag
        ):
            return True
        return late > lag and (count > 0 or party == STRANGERS)

    def work(self) -> None:
        """Serve some of what waits; when nothing is left, all is as usual again."""
        self._call = None
        try:
            self._transport.together(self._serve)
        finally:
            if self.busy and self._call is None:
                # It broke, and all others wait still.
                self._call = self._clock.callLater(0, self.work)

    def _serve(self) -> None:
        """Serve some of it."""
        if self._sorting:
            self._serve_sorted()
        else:
            unsorted, serve = self._unsorted, self._serve_one
            for _ in range(min(WORK, len(unsorted))):
                if unsorted:  # one of them may have closed it all
                    serve(*unsorted.popleft())
        if not self.busy:
            return
        if len(self):
            self._call = self._clock.callLater(0, self.work)
        else:
            self.busy = self._sorting = False
            self._tell_emptied()

    def _serve_sorted(self) -> None:
        """Serve first what goes on, and now and then something new."""
        going, new = self._going, self._new
        for _ in range(WORK):
            self._turn += 1
            if going.count and not (new.count and self._turn % EIGHTH == 0):
                waiting = going.take()
            elif new.count:
                waiting = self._next()
            else:
                return
            _, key, data, flow = waiting
            self._bytes -= len(data)
            if key is None or not self._is_late(waiting):
                self._serve_one(data, flow)

    def emptied(self) -> Deferred[None]:
        """Wait until all that was read is served; who goes on to read may wait for long."""
        done: Deferred[None] = Deferred()
        self._emptied.append(done)
        if not self.busy:
            self._tell_emptied()
        return done

    def _tell_emptied(self) -> None:
        """Nothing waits."""
        waiters, self._emptied = self._emptied, []
        for waiter in waiters:
            waiter.callback(None)

    def _next(self) -> Waiting:
        """Take what is new and whose turn it is, and note how fast that goes."""
        now = self._clock.seconds()
        if self._served:
            self._pace += (now - self._served - self._pace) / MEMORY
        waiting = self._new.take()
        self._served = now if self._new.count else 0.0
        self._keys.discard(waiting.key)
        return waiting

    def clear(self) -> None:
        """Forget all that waits."""
        if self._call is not None:
            self._call.cancel()
        self.busy = self._sorting = False
        self._call = None
        self._unsorted.clear()
        self._going.clear()
        self._new.clear()
        self._keys.clear()
        self._bytes = 0
        self._tell_emptied()

    def _keep(self, queue: Shares, party: str, key: Hashable | None, data: bytes, flow: Flow) -> bool:
        """Let it wait, if there is room."""
        if self._bytes + len(data) > MOST:
            self._transport.counts.overflown += 1
            return False
        self._bytes += len(data)
        queue.put(party, Waiting(self._clock.seconds(), key, data, flow))
        return True

    def _is_late(self, waiting: Waiting) -> bool:
        """What goes on was so much that something new has waited far too long: turn it away now."""
        now = self._clock.seconds()
        if now - waiting.since <= 2 * self._lag or now < self._patient:
            return False
        found = sketch(waiting.data)
        if found is not None:
            self._refuse(found, waiting.flow)
        return True

    def _refuse(self, found: Sketch, flow: Flow) -> None:
        """
        Answer with 503 and no Retry-After (RFC 7339 section 5.10.2), keeping nothing.

        With it the client would stop sending anything, to whatever server.  A
        request that comes again gets the same tag (RFC 3261 section 8.2.7).
        """
        transport = self._transport
        if not transport.admits(flow) or not self._refusals.admit(flow.remote[0], self._clock.seconds()):
            return
        transport.counts.turned_away += 1
        if not self._mark:
            self._mark = b";tag=" + transport.token().encode()
        via, lines = found.via, list(found.lines)
        stamped = via.seen_from(*flow.remote)
        if stamped is not via:
            lines[0] = b"Via: " + str(stamped).encode()
        lines[found.to] += b"%s%x" % (self._mark, hash(via.branch) & 0xFFFFFFFF)
        self._tell()
        transport.send(TOO_MUCH + b"\r\n".join(lines) + EMPTY, way_back(via, flow))

    def _tell(self) -> None:
        """Say now and then that it happens."""
        self._counted += 1
        now = self._clock.seconds()
        if now - self._told >= QUIET:
            self.log.warn(
                "overloaded: {turned_away} turned away, {waiting} waiting",
                turned_away=counted(self._counted, "new request"),
                waiting=counted(len(self), "message"),
            )
            self._told, self._counted = now, 0
