"""One call as it was traced: plain values that can be drawn, saved, opened elsewhere and played again."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from b2bua.calls.records.record import CallRecord
from b2bua.calls.records.trace import Passed
from b2bua.errors import PeerError
from b2bua.settings import Problem, SettingsError
from b2bua.transactions.flow import Flow
from b2bua.wire.parser import parse

if TYPE_CHECKING:
    from b2bua.calls.records.story import Story
    from b2bua.calls.records.trace import Heard

FORMAT: Literal[2] = 2
"""Raised when a saved call cannot be read by the version before."""
SAVED_MAX = 64 * 1024 * 1024
"""Bytes of a file that is opened."""

Port = Annotated[int, Field(ge=0, le=65535)]
End = tuple[str, Port]


class _Value(BaseModel):
    """What a saved call is made of."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", defer_build=True
    )


class Message(_Value):
    """A message that came or went; C{raw} is base64 in a file."""

    at: float
    """Seconds since the epoch."""
    transport: Literal["UDP", "TCP", "TLS", "WS", "WSS"]
    local: End
    remote: End
    connection: int = 0
    outgoing: bool
    raw: bytes

    @property
    def flow(self) -> Flow:
        """The way that it took."""
        return Flow(self.transport, self.local, self.remote, self.connection)

    @property
    def title(self) -> str:
        """What it is: a method, or a status with its reason."""
        first = self.raw.split(b"\r\n", 1)[0].decode("utf-8", "replace")
        return first[8:] if first.startswith("SIP/2.0 ") else first.split(" ", 1)[0]

    @property
    def text(self) -> str:
        """All of it, for people."""
        return self.raw.decode("utf-8", "replace").replace("\r\n", "\n")


class Beside(Message):
    """A message that is no part of the call, but without which it would have gone otherwise."""

    before: int
    """How many messages of the call had passed before it."""


class Said(_Value):
    """What a leg told its call."""

    at: float
    party: str
    leg: str
    word: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.party}, leg {self.leg}: {self.word}"


class Reason(_Value):
    """What was decided: by a feature that was asked, or by the call itself."""

    at: float
    text: str
    hook: str = ""
    """The question; empty where nobody was asked."""
    feature: str = ""
    seconds: float = 0.0
    """How long the feature took."""
    silent: bool = False
    """Had the feature no opinion, and took no time for it?"""


class TracedMessages(Protocol):
    """Knows the messages and words of calls."""

    def __iter__(self) -> Iterator[Passed]:
        """All messages, oldest first."""

    def of(self, call_ids: Iterable[str]) -> Iterator[Passed]:
        """The messages of some dialogs, by their Call-IDs."""

    def words(self, call: str) -> Iterable[Heard]:
        """The words of one call."""


class TracedCall(_Value):
    """A call with all that is known of how it went."""

    format: Literal[1, 2] = FORMAT
    version: str = ""
    """The version of the server that traced it."""
    record: CallRecord
    messages: tuple[Message, ...] = ()
    said: tuple[Said, ...] = ()
    reasons: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()
    """The Call-IDs of legs whose first messages have fallen out of the ring."""
    related: tuple[CallRecord, ...] = ()
    """The calls that had a dialog in common with it, or an extension at the same time, or that it names."""
    around: tuple[Beside, ...] = ()
    """The messages of those, and those with which their phones have registered."""

    @classmethod
    def of(
        cls,
        record: CallRecord,
        story: Story,
        trace: TracedMessages,
        version: str = "",
        past: float = 0.0,
        others: Iterable[CallRecord] | None = None,
    ) -> TracedCall:
        """
        Gather what a server still knows of a call.

        @param past: the time of day when the clock of the server was 0.
        @param others: the records of other calls, among which are those that had to do with it; None leaves
            out what is around it.
        """
        call_ids = _call_ids([record])
        passed, related, around = list(trace.of(call_ids)), [], []
        if others is not None:
            related = _related(record, others, passed)
            around = list(_around(trace, call_ids, related, record))
        return cls(
            version=version,
            record=record,
            related=tuple(related),
            around=tuple([Beside(**dict(_message(one, past)), before=before) for before, one in around]),
            messages=tuple([_message(one, past) for one in passed]),
            said=tuple(
                Said(at=past + heard.at, party=str(heard.party), leg=heard.leg, word=heard.text)
                for heard in trace.words(record.id)
            ),
            reasons=tuple(
                Reason(
                    at=past + entry.at,
                    text=entry.text,
                    hook=entry.hook,
                    feature=entry.feature,
                    seconds=entry.seconds,
                    silent=entry.silent,
                )
                for entry in story.entries()
            ),
            missing=tuple(_without_start(call_ids, passed)),
        )

    def everything(self) -> Iterator[Message]:
        """Its messages and those around it, in their order."""
        around = deque(self.around)
        for number, message in enumerate(self.messages):
            while around and around[0].before <= number:
                yield around.popleft()
            yield message
        yield from around

    @property
    def began(self) -> float:
        """When the first thing happened."""
        return min([self.record.started, *(message.at for message in self.messages[:1])])

    @property
    def others(self) -> tuple[Reason, ...]:
        """The reasons without those of features that had no opinion."""
        return tuple(reason for reason in self.reasons if not reason.silent)

    def save(self, path: Path) -> None:
        """Write it to a file."""
        path.write_text(self.saved())

    def saved(self) -> str:
        """The text of that file."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def open(cls, path: Path) -> TracedCall:
        """
        Read a file that L{save} wrote.

        @raise SettingsError: if it is something else, or another version's, in one line for people.
        """
        try:
            with path.open("rb") as file:
                data = file.read(SAVED_MAX + 1)
        except OSError as error:
            raise SettingsError(str(path), [Problem("", error.strerror or str(error))]) from None
        if len(data) > SAVED_MAX:
            raise SettingsError(str(path), [Problem("", f"it is larger than {SAVED_MAX >> 20} MiB")])
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise SettingsError(str(path), [Problem("", _why(error))]) from None


def _why(error: ValidationError) -> str:
    """Say what is wrong with a file, without the words of the library."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return "it is not a call that b2bua trace --save wrote, or it is cut off"
    if first["loc"] == ("format",) and "input" in first:
        return f"it was written by another version (format {first['input']!r}; this one reads {FORMAT})"
    return f"it is not a call that b2bua trace --save wrote: {'.'.join(map(str, first['loc']))}"


def _related(record: CallRecord, others: Iterable[CallRecord], own: Iterable[Passed]) -> list[CallRecord]:
    """Find the calls that had to do with one: by a dialog, by an extension at the same time, or by name."""
    named = unquote_to_bytes(b"".join(passed.raw for passed in own if b"eplaces" in passed.raw))
    rest = [other for other in others if other.id != record.id]
    found = [record]
    for one in found:  # it grows: parties go from call to call
        dialogs = _call_ids([one])
        found += [other for other in rest if other not in found and dialogs & _call_ids([other])]
    parties = tuple(found)
    for other in rest:
        if other not in found and (
            any(_meet(one, other) for one in parties)
            or any(call_id.encode() in named for call_id in _call_ids([other]))
        ):
            found.append(other)
    return found[1:]


def _meet(one: CallRecord, other: CallRecord) -> bool:
    """Have two calls an extension in common, at the same time?"""
    ends = [record.ended if record.ended is not None else float("inf") for record in (one, other)]
    together = one.started <= ends[1] and other.started <= ends[0]
    return together and bool(_extensions([one]) & _extensions([other]))


def _call_ids(records: Iterable[CallRecord]) -> Set[str]:
    """The dialogs of calls, in their order."""
    return dict.fromkeys(leg.call_id for record in records for leg in record.legs if leg.call_id).keys()


def _extensions(records: Iterable[CallRecord]) -> set[str]:
    """The extensions in calls, and what was dialled: that may be one too."""
    found = set()
    for record in records:
        found.add(record.dialled)
        for leg in record.legs:
            kind, _, name = leg.party.partition(" ")
            if kind == "extension":
                found.add(name)
    return found


def _around(
    trace: Iterable[Passed], call_ids: Set[str], related: list[CallRecord], record: CallRecord
) -> Iterator[tuple[int, Passed]]:
    """Find the messages around a call, with the number of its own before each."""
    dialogs = _call_ids(related)
    phones = _extensions([record, *related])
    beside = set(dialogs)
    own = 0
    for passed in trace:
        call_id = passed.call_id
        if call_id in call_ids:
            own += 1
        elif call_id in beside or _concerns(passed.raw, call_ids | dialogs, phones):
            beside.add(call_id)
            yield own, passed


def _concerns(raw: bytes, dialogs: Set[str], phones: Set[str]) -> bool:
    """Does it register one of these phones, or ask from outside for a change of one of these dialogs?"""
    if raw.startswith(b"REGISTER "):
        return _registers(raw) in phones
    # RFC 4538: a REFER in a dialog of its own, with Target-Dialog.
    return raw.startswith(b"REFER ") and any(call_id.encode() in raw for call_id in dialogs)


def _registers(raw: bytes) -> str:
    """Say whose registration a REGISTER is about; empty if that cannot be read."""
    try:
        return parse(raw).to.uri.user_unescaped
    except PeerError:
        return ""


def _message(passed: Passed, past: float) -> Message:
    """Write a message of the ring down."""
    flow = passed.flow
    return Message.model_construct(
        at=past + passed.at,
        transport=flow.transport,
        local=flow.local,
        remote=flow.remote,
        connection=flow.connection,
        outgoing=passed.outgoing,
        raw=masked(passed.raw),
    )


_LOGIN = re.compile(
    rb"^(?:(?:Proxy-)?Authorization|(?:Proxy-)?Authentication-Info)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*",
    re.IGNORECASE | re.MULTILINE,
)
_DIGEST = re.compile(rb'(\b(?:response|rspauth)\s*=\s*"?)([0-9a-f]+)', re.IGNORECASE)


def masked(raw: bytes) -> bytes:
    """
    A message without the digests that prove a password.

    Whoever has one can try passwords on it without asking anybody, so that it
    belongs neither on a screen nor into a file that is sent to somebody.
    """
    # Hardly any has one, and to see that costs a tenth of looking at each line.
    if b"auth" not in raw.lower():
        return raw

    def mask(field: re.Match[bytes]) -> bytes:
        return _DIGEST.sub(lambda found: found[1] + b"*" * len(found[2]), field[0])

    return _LOGIN.sub(mask, raw)


def _without_start(call_ids: Iterable[str], passed: Iterable[Passed]) -> list[str]:
    """Find the dialogs of which the first INVITE is not there any more; later ones have a tag in their To."""
    started = {p.call_id for p in passed if p.raw.startswith(b"INVITE ") and not _within(p.raw)}
    return [call_id for call_id in call_ids if call_id not in started]


def _within(raw: bytes) -> bool:
    """Was it sent within a dialog?"""
    try:
        return bool(parse(raw).to.tag)
    except PeerError:
        return False
