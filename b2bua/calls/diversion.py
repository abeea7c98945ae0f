"""
By whom a call was sent on, told to others: Diversion and History-Info.

Both header fields are written from one recorded path and read into one, so
they always say the same (RFC 5806, RFC 7044, mapped by RFC 7544 sections 5 and
6).  Who diverted for which reason is what phones show and what carriers ask
for; the count of both is what ends a loop that runs through other servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from b2bua.calls.path import HOPS_MAX, STRAIGHT, Diversion, Path
from b2bua.calls.verdicts import Diverted
from b2bua.errors import PeerError
from b2bua.wire.message import Response
from b2bua.wire.names import NameAddr
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Message, Request

ANONYMOUS = Uri("sip", "anonymous", "anonymous.invalid")
"""RFC 3323 section 4.1.1.3."""
UNKNOWN = Uri("sip", "unknown", "unknown.invalid")
"""Stands for a diversion that is only counted (RFC 7544 section 5, note 4)."""

# RFC 7544 section 5; reasons that are not here are 404, "unknown".
CAUSES = {
    Diverted.ALWAYS: "302",
    Diverted.BUSY: "486",
    Diverted.NO_ANSWER: "408",
    Diverted.DEFLECTED: "480",
    Diverted.UNREACHABLE: "503",
}
# RFC 7544 section 6.
REASONS = {cause: why for why, cause in CAUSES.items()} | {"487": Diverted.DEFLECTED, "404": Diverted.UNKNOWN}


def fields_for(path: Path, target: str, *, trusted: bool = False) -> Fields:
    """
    The header fields that tell an invited party by which way the call came.

    @param target: the URI that is invited, as the last entry of the history.
    @param trusted: may the party know who asked not to be named (RFC 7544
        section 3.2)?
    """
    if not path.diversions:
        return ()
    latest_first = tuple(("Diversion", _diversion(one, trusted)) for one in reversed(path.diversions))
    return latest_first + tuple(
        ("History-Info", entry) for entry in _history(path.diversions, target, trusted)
    )


def _diversion(one: Diversion, trusted: bool) -> str:
    """One entry of Diversion (RFC 5806 section 4)."""
    uri, display = _shown(one, trusted)
    params = [("reason", one.why.value), ("counter", str(min(one.counter, 99)))]
    if one.private and trusted:
        params.append(("privacy", "full"))
    return str(NameAddr.make(display, uri, params))


def _history(diversions: tuple[Diversion, ...], target: str, trusted: bool) -> Iterator[str]:
    """The entries of History-Info, oldest first (RFC 7544 section 5)."""
    index, cause = "", ""
    entries: list[tuple[Uri, str]] = []
    for one in diversions:
        for _ in range(min(one.counter, HOPS_MAX) - 1):
            entries.append((UNKNOWN, cause))
            cause = "404"
        uri = _plain(_shown(one, trusted)[0])
        entries.append((uri.with_headers(("Privacy", "history")) if one.private and trusted else uri, cause))
        cause = CAUSES.get(one.why, "404")
    entries.append((_plain(Uri.parse(target)), cause))
    for uri, why in entries:
        former, index = index, f"{index}.1" if index else "1"
        params = [("index", index)] + ([("mp", former)] if former else [])
        yield str(NameAddr.make("", uri.with_params(cause=why) if why else uri, params))


def _shown(one: Diversion, trusted: bool) -> tuple[Uri, str]:
    """The URI and the name of a diverting party, as far as they may be told."""
    if one.private and not trusted:
        return ANONYMOUS, "Anonymous"
    return Uri.parse(one.by).bare(), one.display


def _plain(uri: Uri) -> Uri:
    """A URI that can have a cause: a sip URI (RFC 7544 section 5, note 3)."""
    if not uri.is_sip:
        return Uri.make(uri.user_unescaped, UNKNOWN.host).with_params(user="phone")
    return uri.bare().without("cause")


def path_from(request: Request, *, believed: bool = True) -> Path:
    """
    The diversions that a call has behind it when it comes to us.

    Entries that cannot be read are passed over: they are for information, and
    no reason to refuse a call.

    @param believed: may whoever brings the call say so?  Who may not could
        have others named as those who sent the call on, and keep them from
        doing it; RFC 7544 section 3.2 wants a trusted domain.
    """
    said = request.first
    private = "Privacy" in said and not request.privacy.isdisjoint(("header", "history"))
    if not believed or ("Diversion" not in said and "History-Info" not in said):
        return Path(private=True) if private else STRAIGHT
    told = _told(request)
    if private:
        told = tuple(replace(one, private=True) for one in told)
    return Path(diversions=told[-HOPS_MAX:], private=private)


def told_in(fields: Fields) -> tuple[Diversion, ...]:
    """The diversions that a redirection tells of (3xx), oldest first."""
    return _told(Response(302, "", fields))


def _told(message: Message) -> tuple[Diversion, ...]:
    """What Diversion and History-Info say, oldest first."""
    told = tuple(_told_by_diversion(message))
    known = {one.by for one in told}
    # RFC 7544 section 3.4: what Diversion says is more recent than what only the history knows.
    earlier = (one for one in _told_by_history(message) if one.by not in known)
    return (*earlier, *told)[-HOPS_MAX:]


def _addresses(message: Message, name: str) -> Iterator[NameAddr]:
    """The values of a header field that can be read."""
    for value in message.values(name):
        try:
            address = NameAddr.parse(value)
            _ = address.uri, address.params
        except PeerError:
            continue
        yield address


def _told_by_diversion(message: Message) -> Iterator[Diversion]:
    """What Diversion says, oldest first."""
    for address in reversed(list(_addresses(message, "Diversion"))):
        try:
            why = Diverted((address.param("reason") or "").lower())
        except ValueError:
            why = Diverted.UNKNOWN
        counter = address.param("counter") or "1"
        yield Diversion(
            str(address.uri.bare()),
            why,
            max(1, int(counter)) if counter.isascii() and counter.isdigit() and len(counter) < 3 else 1,
            address.display,
            (address.param("privacy") or "off").lower() != "off",
        )


def _told_by_history(message: Message) -> Iterator[Diversion]:
    """What History-Info says, oldest first (RFC 7544 section 6)."""
    entries = list(_addresses(message, "History-Info"))
    by_index = {entry.param("index"): entry for entry in entries}
    counted = 1
    for former, entry in zip([None, *entries], entries, strict=False):
        why = REASONS.get(entry.uri.param("cause") or "")
        by = by_index.get(entry.param("mp"), former)
        if why is None or by is None:
            continue
        uri = by.uri
        if uri.host == UNKNOWN.host and uri.user == UNKNOWN.user:
            counted += 1
            continue
        private = "history" in (uri.header("Privacy") or "").lower()
        one = Diversion(str(uri.bare().without("cause")), why, counted, by.display, private)
        counted = 1
        yield replace(one, counter=min(one.counter, 99))
