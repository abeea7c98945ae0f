"""A call that was made becomes a test: written as a file of the kit, and played at once."""

from __future__ import annotations

import pprint
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from b2bua.calls.records.record import CallRecord, LegRecord, state
from b2bua.calls.records.trace import call_id_of
from b2bua.errors import PeerError
from b2bua.explain.pcap import Captured
from b2bua.explain.redaction import Redaction
from b2bua.explain.traced import Message, TracedCall
from b2bua.settings import Problem, SettingsError
from b2bua.testing.replaying import Contact, Recording, Rung, write_script
from b2bua.testing.served import HOST, password_of
from b2bua.wire.message import Request, Response
from b2bua.wire.parser import parse


def record(call: TracedCall, document: Mapping[str, Any], *, redact: bool = True) -> Recording:
    """
    Make a recording of a traced call.

    @param document: the tables of the configuration that it was made with.
    @param redact: give everybody other names.
    @raise SettingsError: if nothing is left of its messages, or nothing that plays.
    """
    if not call.messages:
        raise SettingsError(
            "b2bua replay", [Problem("", f"no message of call {call.record.id} is kept any more")]
        )
    messages = list(call.everything())
    names = Redaction(
        {message.local[0] for message in messages}, str(document["server"]["domain"]), keep=not redact
    )
    names.learn(messages, document)
    own = {leg.call_id for leg in call.record.legs}
    played = list(_from_beginnings(call, messages))
    if not any(call_id_of(message.raw) in own for message in played):
        text = f"the beginning of call {call.record.id} is not kept any more; without it nothing plays"
        raise SettingsError("b2bua replay", [Problem("", text)])
    rungs = [
        Rung(
            round(message.at - played[0].at, 3),
            _place(message, names),
            message.outgoing,
            names.raw(_at_our_port(message)),
            _transport(message),
        )
        for message in played
    ]
    return Recording(_document(call, document, names), list(_contacts(call, names)), rungs)


def _from_beginnings(call: TracedCall, messages: Sequence[Message]) -> Iterator[Message]:
    """
    Leave out what cannot be played, since what was before it has fallen out of the ring.

    A dialog plays from the request that begins it, which has no tag in its To
    (RFC 3261 12.1.2); a call, only with its first leg.
    """
    begun = {call_id_of(message.raw) for message in messages if _begins(message)}
    for one in (call.record, *call.related):
        dialogs = [leg.call_id for leg in one.legs if leg.call_id]
        if dialogs and dialogs[0] not in begun:
            begun -= set(dialogs)
    going: set[str] = set()
    for message in messages:
        call_id = call_id_of(message.raw)
        if call_id in begun and (call_id in going or _begins(message)):
            going.add(call_id)
            yield message


def _begins(message: Message) -> bool:
    """Is it a request outside of a dialog?"""
    request = _request(message)
    return request is not None and not request.to.tag


def test_file(call: TracedCall, recording: Recording) -> str:
    """Write a recording as a test."""
    when = datetime.fromtimestamp(call.record.started, tz=UTC).strftime("%Y-%m-%d")
    configuration = pprint.pformat(dict(recording.document), width=100, sort_dicts=False)
    contacts = pprint.pformat([tuple(contact) for contact in recording.contacts], width=100)
    script = write_script(recording.rungs).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'''"""A call of {when}, as it was: {state(call.record)}; the names in it are made up."""

from b2bua.testing.replaying import ReplayTestCase


class RecordedCall(ReplayTestCase):
    """What was said then, and what the server sent."""

    configuration = {configuration}
    contacts = {contacts}
    script = """\\
{script}"""

    def test_same(self) -> None:
        """The server does now what it did then."""
        self.replay()
'''


def _at_our_port(message: Message) -> bytes:
    """A message as if we had been reached at the usual port."""
    host, port = message.local
    place = f"[{host}]" if ":" in host else host
    return message.raw.replace(f"{place}:{port}".encode(), f"{place}:5060".encode())


def _document(call: TracedCall, document: Mapping[str, Any], names: Redaction) -> dict[str, Any]:
    """The configuration as it plays: our names, our place, the trunks where they were."""
    plain: dict[str, Any] = names.document(document)
    server = plain["server"]
    plain["server"] = {
        **{key: value for key, value in server.items() if key in ("domain", "aliases", "user_agent")},
        "listen": [f"sip:{HOST}:5060;transport=udp", f"sip:{HOST}:5060;transport=tcp"],
    }
    for table in ("tls", "web", "log", "limits"):
        plain.pop(table, None)
    plain.setdefault("registrar", {})["options_seconds"] = 0
    for name, extension in plain.get("extensions", {}).items():
        extension["password"] = password_of(name)
    places = _trunks(call, names)
    for name, trunk in plain.get("trunks", {}).items():
        place = places.get(name)
        if place is not None:
            host, port = names.name(place[0]), place[1]
            port_too = "" if port == 5060 else f":{port}"
            trunk["uri"], trunk["accept_from"] = f"sip:{host}{port_too}", [host]
        else:
            trunk["uri"] = "sip:192.0.2.99"
        trunk.update({"register": False, "options_seconds": 0})
        trunk.pop("backups", None)
        if "username" in trunk:
            trunk["password"] = password_of(name)
    return plain


def _transport(message: Message) -> str:
    """The transport that plays it: what is encrypted is played in clear."""
    return "UDP" if message.transport == "UDP" else "TCP"


def _place(message: Message, names: Redaction) -> tuple[str, int]:
    """Where its party is in the recording."""
    return names.name(message.remote[0]), message.remote[1]


def _parties(call: TracedCall) -> dict[str, LegRecord]:
    """The legs of a call and of those related to it, by their dialogs."""
    return {leg.call_id: leg for record in (call.record, *call.related) for leg in record.legs}


def _trunks(call: TracedCall, names: Redaction) -> dict[str, tuple[str, int]]:
    """Where each trunk was, by its name in the recording."""
    legs = _parties(call)
    found: dict[str, tuple[str, int]] = {}
    for message in call.everything():
        leg = legs.get(call_id_of(message.raw))
        kind, _, name = leg.party.partition(" ") if leg is not None else ("", "", "")
        if kind == "trunk":
            found.setdefault(names.name(name), message.remote)
    return found


def _contacts(call: TracedCall, names: Redaction) -> Iterator[Contact]:
    """
    Say where extensions were registered, as far as no REGISTER says it.

    That is where our INVITEs went to, and where those came from who have moved since.
    """
    legs = _parties(call)
    known: set[str] = set()
    seen: set[Contact] = set()
    came_from: dict[str, Contact] = {}
    for message in call.everything():
        request = _request(message)
        if request is None or request.to.tag:
            continue
        leg = legs.get(request.call_id)
        kind, _, extension = leg.party.partition(" ") if leg is not None else ("", "", "")
        if request.method == "REGISTER":
            extension = request.to.uri.user_unescaped
            if extension in came_from and extension not in known:
                yield came_from[extension]
            known.add(extension)
        elif request.method == "INVITE" and kind == "extension" and extension not in known:
            uri = (
                request.request_uri if message.outgoing else next((one.uri for one in request.contacts), None)
            )
            contact = Contact(
                names.name(extension), names.text(str(uri)), _place(message, names), _transport(message)
            )
            if not message.outgoing:
                came_from.setdefault(extension, contact)
            elif contact not in seen:
                seen.add(contact)
                yield contact


def _request(message: Message) -> Request | None:
    """Read a request; None if it is a response, or makes no sense."""
    try:
        read = parse(_at_our_port(message))
    except PeerError:
        return None
    return read if isinstance(read, Request) else None


def of_capture(
    messages: Iterable[Captured], call_ids: Sequence[str], document: Mapping[str, Any]
) -> TracedCall:
    """
    Make a call of what a capture has of it.

    We are who got the first INVITE.  Who the others are is told by the
    configuration: the numbers in From and in the Request-URI.

    @param call_ids: the dialogs of the call, the caller's first.
    @raise SettingsError: if the capture has no INVITE of them.
    """
    wanted = [(one, message) for one in messages if (message := _read(one.raw, call_ids)) is not None]
    first = next(((one, m) for one, m in wanted if isinstance(m, Request) and m.method == "INVITE"), None)
    if first is None:
        text = f"there is no INVITE with the Call-ID {' or '.join(call_ids)} in it"
        raise SettingsError("b2bua replay", [Problem("", text)])
    us, began, dialled = first[0].target, first[0].at, first[1].request_uri.user or ""
    extensions, trunks = document.get("extensions", {}), document.get("trunks", {})
    legs: dict[str, LegRecord] = {}
    for one, message in wanted:
        if message.call_id in legs or not isinstance(message, Request):
            continue
        incoming = one.target == us
        user = (message.from_.uri if incoming else message.request_uri).user or ""
        party = f"extension {user}" if user in extensions else f"trunk {next(iter(trunks), user)}"
        leg = LegRecord(str(len(legs) + 1), party, incoming, one.at, call_id=message.call_id)
        legs[message.call_id] = leg
    kept = CallRecord(call_ids[0], next(iter(legs.values())).party, dialled, began)
    kept.legs = list(legs.values())
    return TracedCall(
        record=kept,
        messages=tuple(
            Message.model_validate(
                {
                    "at": one.at,
                    "transport": one.transport,
                    "local": us,
                    "remote": one.target if one.source == us else one.source,
                    "outgoing": one.source == us,
                    "raw": one.raw,
                }
            )
            for one, _ in wanted
            if us in (one.source, one.target)
        ),
    )


def _read(raw: bytes, call_ids: Sequence[str]) -> Request | Response | None:
    """Read a message if it belongs to one of the dialogs and makes sense."""
    if call_id_of(raw) not in call_ids:
        return None
    try:
        return parse(raw)
    except PeerError:
        return None
