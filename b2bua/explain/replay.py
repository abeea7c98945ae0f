"""A call that was made becomes a test: written as a file of the kit, and played at once."""

from __future__ import annotations

import pprint
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from b2bua.calls.records.record import CallRecord, LegRecord, state
from b2bua.calls.records.trace import call_id_of
from b2bua.errors import PeerError
from b2bua.explain.pcap import Captured
from b2bua.explain.redaction import Redaction
from b2bua.explain.traced import Message, TracedCall
from b2bua.settings import Problem, SettingsError
from b2bua.testing.replaying import Recording, Rung, write_script
from b2bua.testing.served import HOST, password_of
from b2bua.wire.message import Request, Response, parse


def record(call: TracedCall, document: Mapping[str, Any], *, redact: bool = True) -> Recording:
    """
    Make a recording of a traced call.

    @param document: the tables of the configuration that it was made with.
    @param redact: give everybody other names.
    @raise SettingsError: if nothing is left of its messages.
    """
    if not call.messages:
        raise SettingsError(
            "b2bua replay", [Problem("", f"no message of call {call.record.id} is kept any more")]
        )
    local = {message.local[0] for message in call.messages}
    names = Redaction(local, str(document["server"]["domain"]), keep=not redact)
    names.learn(call.messages, document.get("extensions", {}))
    begin = call.messages[0].at
    rungs = [
        Rung(
            round(message.at - begin, 3),
            (names.name(message.remote[0]), message.remote[1]),
            message.outgoing,
            names.raw(_at_our_port(message)),
        )
        for message in call.messages
    ]
    return Recording(_document(call, document, names), _contacts(call, names), rungs)


def test_file(call: TracedCall, recording: Recording) -> str:
    """Write a recording as a test."""
    when = datetime.fromtimestamp(call.record.started, tz=UTC).strftime("%Y-%m-%d")
    configuration = pprint.pformat(dict(recording.document), width=100, sort_dicts=False)
    contacts = pprint.pformat(dict(recording.contacts), width=100)
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
    places = _places(call)
    for name, trunk in plain.get("trunks", {}).items():
        place = places.get(f"trunk {name}")
        if place is not None:
            host, port = names.name(place[0]), place[1]
            trunk["uri"], trunk["accept_from"] = f"sip:{host}:{port}", [host]
        else:
            trunk["uri"] = "sip:192.0.2.99"
        trunk.update({"register": False, "options_seconds": 0})
        trunk.pop("backups", None)
        if "username" in trunk:
            trunk["password"] = password_of(name)
    return plain


def _places(call: TracedCall) -> dict[str, tuple[str, int]]:
    """Where each party was."""
    parties = {leg.call_id: leg.party for leg in call.record.legs}
    found: dict[str, tuple[str, int]] = {}
    for message in call.messages:
        call_id = call_id_of(message.raw)
        if call_id in parties:
            found.setdefault(parties[call_id], message.remote)
    return found


def _contacts(call: TracedCall, names: Redaction) -> dict[str, tuple[str, tuple[str, int]]]:
    """Where extensions were registered: where our INVITEs went to."""
    parties = {leg.call_id: leg.party for leg in call.record.legs if not leg.incoming}
    found: dict[str, tuple[str, tuple[str, int]]] = {}
    for message in call.messages:
        if not (message.outgoing and message.raw.startswith(b"INVITE ")):
            continue
        request = parse(_at_our_port(message))
        kind, _, name = parties.get(request.call_id, "").partition(" ")
        if kind == "extension" and isinstance(request, Request) and not request.to.tag:
            place = names.name(message.remote[0]), message.remote[1]
            found.setdefault(names.name(name), (names.text(str(request.request_uri)), place))
    return found


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
