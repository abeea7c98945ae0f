"""
Calls as captures of packets (pcap), for Wireshark and sngrep, and out of captures of others.

What is written has every message of both sides of a call as a datagram of its
own, whatever transport it took, so that TLS can be read as well.  What is read
may be pcap or pcapng, over UDP or TCP.
"""

from __future__ import annotations

import os
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from b2bua.errors import PeerError
from b2bua.settings import Problem, SettingsError
from b2bua.wire.stream import Framer

if TYPE_CHECKING:
    from b2bua.explain.traced import End, Message, TracedCall

RAW_IP = 101
"""LINKTYPE_RAW: packets begin with their IP header, of either version."""
STREAMS_MAX = 4096
"""TCP connections of a capture that are followed at a time."""
PROGRESS_STEP = 4 * 1024 * 1024
"""Bytes of a capture after which it is said how far it is; a smaller one is read at once."""
_MIB = 1024 * 1024
_AHEAD_MAX = 64
"""Segments of a connection that are kept until what is before them comes."""


class Captured(NamedTuple):
    """A SIP message in a capture."""

    at: float
    transport: str
    source: End
    target: End
    raw: bytes


def write(call: TracedCall, path: Path) -> int:
    """
    Write the messages of a call as a capture.

    @return: how many messages it has.
    """
    path.write_bytes(packed(call))
    return len(call.messages)


def packed(call: TracedCall) -> bytes:
    """
    The messages of a call as a capture.

    @raise SettingsError: if what writes it is not installed.
    """
    dpkt = _dpkt()
    file = BytesIO()
    writer = dpkt.pcap.Writer(file, linktype=RAW_IP, nano=True)
    for message in call.messages:
        writer.writepkt(_packet(dpkt, message), message.at)
    return file.getvalue()


def _packet(dpkt: Any, message: Message) -> bytes:
    """Make a datagram of a message."""
    source, target = message.local, message.remote
    if not message.outgoing:
        source, target = target, source
    payload = dpkt.udp.UDP(sport=source[1], dport=target[1], data=message.raw)
    payload.ulen = len(payload)
    sender, receiver = ip_address(source[0]), ip_address(target[0])
    if sender.version == 4:
        packet = dpkt.ip.IP(src=sender.packed, dst=receiver.packed, p=dpkt.ip.IP_PROTO_UDP, data=payload)
        packet.len = len(packet)
    else:
        packet = dpkt.ip6.IP6(
            src=sender.packed, dst=receiver.packed, nxt=dpkt.ip.IP_PROTO_UDP, hlim=64, data=payload
        )
        packet.plen = len(payload)
    return bytes(packet)


def read(path: Path, progress: Callable[[int, int], None] | None = None) -> Iterator[Captured]:
    """
    Read the SIP messages of a capture, one after the other, whatever its size.

    @param progress: is told from time to time how many MiB of a large file have been read, and of
        how many.
    @raise SettingsError: if it is no capture, in one line for people.  One that
        is cut off is read as far as it goes.
    """
    dpkt = _dpkt()
    try:
        file = path.open("rb")
    except OSError as error:
        raise SettingsError(str(path), [Problem("", error.strerror or str(error))]) from None
    with file:
        try:
            reader = dpkt.pcap.UniversalReader(file)
        except (ValueError, dpkt.Error, EOFError):
            raise SettingsError(str(path), [Problem("", "it is neither pcap nor pcapng")]) from None
        parse = _packets_of(dpkt, reader.datalink())
        if parse is None:
            text = f"packets of link type {reader.datalink()} are not read; capture on Ethernet, or on any"
            raise SettingsError(str(path), [Problem("", text)])
        streams: OrderedDict[tuple[End, End], Stream] = OrderedDict()
        for at, data in _counted(_until_cut(reader), file, progress):
            try:
                packet = parse(data)
            except (dpkt.Error, ValueError, IndexError, struct.error):
                continue  # something else than IP, or cut off by the snap length
            yield from _messages(dpkt, float(at), packet, streams)


def _until_cut(reader: Iterator[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Give what packets there are; the last one may be cut off."""
    packets = iter(reader)
    while True:
        try:
            yield next(packets)  # the library gives its times as decimals
        except (StopIteration, ValueError, EOFError, struct.error):
            return


def _counted(
    packets: Iterator[tuple[float, bytes]], file: BinaryIO, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[float, bytes]]:
    """Give packets, and tell how far the file that they come from has been read; a pipe has no size."""
    size = os.fstat(file.fileno()).st_size
    if progress is None or size <= PROGRESS_STEP:
        yield from packets
        return
    told = 0
    for packet in packets:
        yield packet
        if file.tell() - told >= PROGRESS_STEP:
            told = file.tell()
            progress(min(told, size - 1) // _MIB, -(-size // _MIB))
    progress(-(-size // _MIB), -(-size // _MIB))


def _packets_of(dpkt: Any, link: int) -> Callable[[bytes], Any] | None:
    """Find what takes the packets of a link type apart, down to IP; None if nothing does."""
    layers = {
        dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
        dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
        dpkt.pcap.DLT_LINUX_SLL2: dpkt.sll2.SLL2,
        dpkt.pcap.DLT_NULL: dpkt.loopback.Loopback,
    }
    if link in (RAW_IP, dpkt.pcap.DLT_RAW):
        return lambda data: dpkt.ip6.IP6(data) if data[0] >> 4 == 6 else dpkt.ip.IP(data)
    layer = layers.get(link)
    return None if layer is None else lambda data: layer(data).data


def _messages(
    dpkt: Any, at: float, packet: Any, streams: OrderedDict[tuple[End, End], Stream]
) -> Iterator[Captured]:
    """Give the SIP messages that a packet completes."""
    if not isinstance(packet, (dpkt.ip.IP, dpkt.ip6.IP6)):
        return
    inner = packet.data
    if not isinstance(inner, (dpkt.udp.UDP, dpkt.tcp.TCP)):
        return
    source = str(ip_address(packet.src)), inner.sport
    target = str(ip_address(packet.dst)), inner.dport
    if isinstance(inner, dpkt.udp.UDP):
        whole = len(inner.data) >= inner.ulen - len(dpkt.udp.UDP())  # not cut off by the snap length
        if whole and _is_sip(bytes(inner.data)):
            yield Captured(at, "UDP", source, target, bytes(inner.data))
        return
    stream = streams.setdefault((source, target), Stream())
    streams.move_to_end((source, target))
    if len(streams) > STREAMS_MAX:
        streams.popitem(last=False)
    for raw in stream.take(inner.seq, bytes(inner.data)):
        yield Captured(at, "TCP", source, target, raw)


def _is_sip(data: bytes) -> bool:
    """Does it begin like a message?"""
    first = data[:4096].partition(b"\r\n")[0]
    return first.startswith(b"SIP/2.0 ") or first.endswith(b" SIP/2.0")


class Stream:
    """One direction of a TCP connection: its segments in order, each once."""

    def __init__(self) -> None:
        """Begin where the first segment that is seen begins."""
        self._framer: Framer | None = Framer()
        self._next: int | None = None
        self._ahead: dict[int, bytes] = {}

    def take(self, seq: int, data: bytes) -> list[bytes]:
        """Take a segment and give the messages that it completes."""
        if not data or self._framer is None:
            return []
        if self._next is None:
            if not _is_sip(data):
                return []  # the capture begins within a message
            self._next = seq
        if len(self._ahead) < _AHEAD_MAX:
            self._ahead[seq] = data
        found: list[bytes] = []
        while (segment := self._ahead.pop(self._next, None)) is not None:
            self._next = (self._next + len(segment)) & 0xFFFFFFFF
            try:
                found += [unit for unit in self._framer.feed(segment) if isinstance(unit, bytes)]
            except PeerError:
                self._framer = None  # it is not SIP any more
                break
        return found


def _dpkt() -> Any:
    """
    Bring the library.

    @raise SettingsError: if it is not there.
    """
    try:
        import dpkt
    except ImportError:
        raise SettingsError("b2bua", [Problem("", "captures need dpkt: pip install 'b2bua[pcap]'")]) from None
    return dpkt
