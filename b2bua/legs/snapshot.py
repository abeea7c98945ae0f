"""
A leg as plain values, so that an established call can outlive its process.

What is written is what a stable leg needs to answer and to ask: its dialog, its
session and its session timer.  An exchange that is open is not written; its
peer repeats it or gives it up.

Nothing is written for a CSeq number alone, and the last write may be lost.  So
whoever takes a leg up goes on with numbers that cannot have been used: CSeq may
leave gaps (RFC 3261 section 12.2.2), and so may the version of our o= line,
which must only never be that of another body (RFC 3264 section 8).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from b2bua.dialogs.device import Device
from b2bua.dialogs.dialog import AHEAD, Dialog
from b2bua.dialogs.offer_answer import Origin
from b2bua.dialogs.session_timer import SessionTimer
from b2bua.errors import UsageError
from b2bua.legs import session_expires
from b2bua.legs.inherited import Inherited
from b2bua.legs.state import ANSWERED
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import DialogKey
    from b2bua.legs.party import Party
    from b2bua.legs.state import LegData

VERSION = 1
"""Changes with what is written, from the first release on; what another version wrote is refused."""


@contextmanager
def reading(what: str, plain: dict[str, Any], version: int) -> Iterator[None]:
    """
    Make one error of all that can be wrong with what was written.

    @param what: what it is, for people.
    @raise UsageError: another version wrote it, or it is not whole.
    """
    if not isinstance(plain, dict):
        raise UsageError(f"{what} that is no JSON object")
    if plain.get("version") != version:
        raise UsageError(f"{what} of version {plain.get('version')!r}; only version {version} can be read")
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise UsageError(f"{what} that is not as version {version} writes it: {why}") from error


def write(leg: LegData) -> dict[str, Any]:
    """
    Write down an established leg.

    It is done for each call, so it calls little.

    @raise UsageError: it is not established.
    """
    dialog = leg.dialog
    if leg.state is not ANSWERED or dialog is None:
        raise UsageError(f"Only an established leg can be written down: {leg!r}")
    timer, origin, channel, party = leg.agreed, leg.origin, leg.channel, leg.party
    flow, device, allows = channel.flow, channel.device, leg.peer_allows
    way = None if flow is None else [flow.transport, [*flow.local], [*flow.remote], flow.connection]
    # Mostly the phone is where its binding says.
    bound = None if device is None else way if device.flow is flow else write_flow(device.flow)
    # To a voice of ours the peer says something else of itself.
    music = None if leg.seldom is None else leg.music
    session = leg.remote_session if music is None else music.described
    alias = leg.context.dialogs.alias_of(dialog)
    return {
        "version": VERSION,
        "id": leg.id,
        "incoming": leg.incoming,
        "party": [party.kind, party.name, party.aor, party.display, party.at],
        "dialog": dialog.snapshot(),
        "flow": way,
        "device": None if device is None else [device.aor, device.contact, device.instance, bound],
        "sticky": channel.sticky,
        "contact_user": channel.contact_user,
        "ringing": leg.ringing,
        "referred": leg.seldom is not None and leg.referred,
        "allows": allows if allows is None else _joined(allows),
        "supports": _joined(leg.peer_supports),
        "origin": None if origin is None else _write_origin(origin),
        "remote_session": session if session is None else session.decode("latin-1"),
        "timer": None if timer is None else _write_timer(timer),
        "expires": None if timer is None else _expiry(leg),
        "alias": alias and [*alias],
    }


def read(leg: LegData, plain: dict[str, Any], lives: int = 1) -> None:
    """
    Fill in a leg that was just made from what L{write} wrote; its requests find it from now on.

    @param lives: how many processes may have used its numbers since.
    """
    leg.id = plain["id"]
    leg.context.serial = max(leg.context.serial, int(leg.id, 16))
    leg.state = ANSWERED
    leg.dialog = dialog = Dialog.restore(plain["dialog"])
    leg.call_id = dialog.call_id
    dialog.local_seq += AHEAD * lives
    channel = leg.channel
    channel.take_flow(read_flow(plain["flow"]))
    channel.device = None if plain["device"] is None else read_device(plain["device"])
    channel.sticky = plain["sticky"]
    channel.secure = dialog.secure
    channel.contact_user = plain["contact_user"]
    leg.ringing = plain["ringing"]
    # There may have been a REFER that was not written any more; the id may be there always (RFC 3515 2.4.6).
    leg.referred = plain["referred"] or lives > 0
    leg.peer_allows = None if plain["allows"] is None else frozenset(plain["allows"].split())
    leg.peer_supports = frozenset(plain["supports"].split())
    leg.origin = None if plain["origin"] is None else _read_origin(plain["origin"], AHEAD * lives)
    leg.remote_session = _bytes(plain["remote_session"])
    leg.inherited = Inherited(leg, dialog.local_seq) if lives > 0 else None
    leg.agreed = None if plain["timer"] is None else SessionTimer(*plain["timer"])
    expires = plain["expires"]
    left = None if expires is None else float(expires) - leg.context.layer.wall()
    alias = read_alias(plain)
    # What others see of it comes last, when all of it could be read.
    leg.context.dialogs.add(dialog, leg)
    if alias is not None:
        leg.context.dialogs.alias(dialog, alias)
    channel.resume()
    session_expires.resume(leg, left)


def read_alias(plain: dict[str, Any]) -> DialogKey | None:
    """
    The other name of its dialog, if a leg has one (see L{b2bua.dialogs.index.DialogIndex.alias}).

    By it a party may be about to replace another one (RFC 3891).
    """
    alias = plain.get("alias")  # written since calls are moved
    if alias is None:
        return None
    call_id, to_tag, from_tag = alias
    return str(call_id), str(to_tag), str(from_tag)


def write_party(party: Party) -> list[str]:
    """Write down who it is; what we let it do is said by the configuration of the time."""
    return [party.kind, party.name, party.aor, party.display, party.at]


def write_flow(flow: Flow | None) -> list[Any] | None:
    """Write down a way to a peer."""
    return None if flow is None else [flow.transport, [*flow.local], [*flow.remote], flow.connection]


def read_flow(plain: list[Any] | None) -> Flow | None:
    """Read what L{write_flow} wrote; a connection is not there any more after a restart."""
    if plain is None or plain[3]:
        return None
    transport, local, remote, _ = plain
    return Flow(transport, tuple(local), tuple(remote))


def write_device(device: Device) -> list[Any]:
    """Write down which phone it is."""
    return [device.aor, device.contact, device.instance, write_flow(device.flow)]


def read_device(plain: list[Any]) -> Device:
    """Read what L{write_device} wrote."""
    aor, contact, instance, flow = plain
    return Device(aor, contact, instance, read_flow(flow))


def _write_timer(timer: SessionTimer) -> list[Any]:
    """Write down what was agreed on for the session timer."""
    return [timer.wanted, timer.ours, timer.interval, timer.refreshing, timer.min_se]


def _expiry(leg: LegData) -> float | None:
    """The time of day at which the session expires; None without a session timer."""
    left = session_expires.left(leg)
    return None if left is None else round(leg.context.layer.wall() + left, 3)


def _write_origin(origin: Origin) -> list[Any]:
    """Write down the o= line and the body that it was last sent with."""
    version, shown, last = origin.kept
    return [origin.id, origin.address, version, shown, last.decode("latin-1")]


def _read_origin(plain: list[Any], ahead: int) -> Origin:
    """Read what L{_write_origin} wrote; what is sent next has a version that was not used yet."""
    session_id, address, version, shown, last = plain
    origin = Origin(session_id, address, version + ahead)
    origin.resume(version + ahead if ahead else shown, _bytes(last) or b"", known=not ahead)
    return origin


@lru_cache(maxsize=512)
def _joined(tokens: frozenset[str]) -> str:
    """Write down methods or option tags; legs of like phones share the result."""
    return " ".join(sorted(tokens))


def _bytes(text: str | None) -> bytes | None:
    """The body that was written as text, every byte a character."""
    return None if text is None else text.encode("latin-1")
