"""
A recording made of what an engine has written: the packets of a call, as they came from each party.

The engine writes files of libpcap named by its id of the call, one for each
time that it was told to begin: none of them has what was said in a pause.
Beside each is one that tells of the call; all are removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred

from b2bua.media.growing import Growing
from b2bua.media.rtp import Packet
from b2bua.media.rtpengine.pcap import Datagram, NotACapture, datagrams
from b2bua.media.stereo import Stereo

SOUNDLESS = ("telephone-event", "cn")
"""Formats that are no voice."""
GOES_ON = 0.0
"""The end of a recording that has none yet."""
Formats: TypeAlias = Mapping[int, str]
"""Payload types, as C{name/rate}."""


class Work(NamedTuple):
    """What is to be made of which files; plain values, fit for JSON."""

    path: str
    """The recording."""
    directory: str
    """Where the engine writes."""
    id: str
    """The call's id at the engine."""
    began: float
    ended: float
    """Both in seconds since 1970; L{GOES_ON} while it has no end."""
    left: str
    """The leg on the left channel; all others are on the right one."""
    ports: dict[int, tuple[str, dict[int, str]]]
    """Which leg sends to a port of the engine, and its payload types."""


Write: TypeAlias = Callable[[Work], Deferred[str]]
"""Makes a recording; fires with why something of it is missing, empty if nothing is."""


class Recording:
    """One that goes on."""

    def __init__(self, path: str, began: float, left: str) -> None:
        """Begin."""
        self.path, self.began, self.left = path, began, left
        self.ports: dict[int, tuple[str, dict[int, str]]] = {}

    def work(self, directory: str, id: str, ended: float) -> Work:
        """What is to be done at its end."""
        return Work(self.path, directory, id, self.began, ended, self.left, self.ports)

    def state(self) -> dict[str, Any]:
        """Write it down."""
        ports = {
            str(port): [leg, {str(number): name for number, name in formats.items()}]
            for port, (leg, formats) in self.ports.items()
        }
        return {"path": self.path, "began": self.began, "left": self.left, "ports": ports}

    @staticmethod
    def restored(state: Mapping[str, Any]) -> Recording:
        """Read it again."""
        recording = Recording(state["path"], state["began"], state["left"])
        for port, (leg, formats) in state["ports"].items():
            recording.ports[int(port)] = leg, {int(number): name for number, name in formats.items()}
        return recording


def make(work: Work) -> str:
    """
    Make the recording; it takes as long as the disk does.

    @return: why something of it is missing; empty if nothing is.
    """
    stereo, others = Stereo(work.began), set[str]()
    try:
        found = Path(work.directory, "pcaps").glob(f"{escape(work.id)}-*.pcap")
        captures = sorted(found, key=_began)
        if not captures and Path(work.path).exists():
            return ""  # it has been made, by a process that was stopped since
        missing = "" if captures else f"the engine has written nothing in {work.directory}"
        growing = Growing(work.path)
        try:
            for capture in captures:
                _add(capture, work, growing, stereo, others)
            _advance(growing, stereo, work.ended)
        finally:
            missing = growing.end() or missing
    except OSError as error:
        return f"{error.filename or work.path}: {error.strerror or error}"
    try:
        about = Path(work.directory, "metadata").glob(f"rtpengine-meta-{escape(work.id)}-*.txt")
        for written in [*captures, *about]:
            written.unlink(missing_ok=True)
    except OSError as error:
        missing = missing or f"{error.filename} cannot be removed: {error.strerror}; let this user do it"
    if others:
        return (
            missing or f"what was said in {', '.join(sorted(others))} is silence: it is not understood here"
        )
    return missing


def _add(capture: Path, work: Work, growing: Growing, stereo: Stereo, others: set[str]) -> None:
    """
    Add what one file has.

    @param others: gets the names of codecs that are not understood.
    """
    understood = Stereo.understood()
    for moment, port, payload in _read(capture):
        _advance(growing, stereo, min(moment, work.ended))
        packet, known = Packet.parse(payload), work.ports.get(port)
        if packet is None or known is None:
            continue
        leg, formats = known
        name, _, rest = formats.get(packet.payload_type, "").partition("/")
        rate = rest.partition("/")[0]
        if name.upper() in understood and rate.isdigit() and int(rate):
            stereo.hear(leg, 0 if leg == work.left else 1, packet, name.upper(), int(rate))
        elif name and name.lower() not in SOUNDLESS:
            others.add(name)


def _advance(growing: Growing, stereo: Stereo, until: float) -> None:
    """Write all that is due by then: after a pause or a hold it is more than is made at once."""
    while pcm := stereo.until(until):
        growing.add(pcm)


def _began(capture: Path) -> float:
    """When the first packet of a file came."""
    return next((datagram.moment for datagram in _read(capture)), 0.0)


def _read(capture: Path) -> Iterator[Datagram]:
    """The packets of a file, as far as it is one."""
    with suppress(NotACapture):
        yield from datagrams(capture)
