"""The answers as typed values; their JSON is what programs read, so a field is only ever added."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from b2bua.admin.route import RoleName
from b2bua.calls.records.record import CallRecord, LegRecord
from b2bua.calls.records.view import Phase


class Value(BaseModel):
    """One answer, or a part of one."""

    model_config = ConfigDict(frozen=True, from_attributes=True, defer_build=True)


# ---- how the service does ------------------------------------------------


class TrunkRow(Value):
    """One trunk."""

    name: str
    uri: str
    alive: bool
    registered: bool | None = Field(description="null when we do not register with it")
    why: str = Field(description="why it is down, or not registered")
    since: float | None = Field(default=None, description="since when it does not answer")


class EngineRow(Value):
    """One relay of media that runs beside us."""

    name: str = Field(description="where it takes commands")
    alive: bool | None = Field(description="null until it is known")
    since: float = Field(description="since when it is so")
    calls: int = Field(description="calls whose media it has")
    owed: int = Field(description="ends of calls that it has not been told yet")


class StoreState(Value):
    """What keeps the state."""

    name: str
    failing: str = Field(description="why it fails; empty when it is good")
    failing_seconds: int | None
    waiting: int = Field(description="changes that are not written yet")
    lost: int = Field(description="records that were given up")
    took: float = Field(default=0.0, description="seconds that the last batch took")


class IgnoredRow(Value):
    """A source that is ignored for guessing passwords."""

    source: str
    seconds: int = Field(description="how long it still is")


class FailingRow(Value):
    """Who fails to log in, or for whom it is tried."""

    kind: Literal["source", "user"]
    name: str
    times: int = Field(description="how often lately, less what has been forgiven since")


class Status(Value):
    """How the service does; numbers are since it started."""

    problems: list[str] = Field(description="what somebody has to look after, in words")
    version: str
    domain: str
    seconds: int = Field(description="since it started")
    draining: bool = Field(description="it ends, and takes no new calls")
    extensions: int
    registrations: int
    subscriptions: int
    subscriptions_refused: int
    calls: int = Field(description="calls that go on")
    answered: int
    refused: int
    transactions: int
    turned_away: int = Field(description="requests that heard 503 because there was too much to do")
    strangers_refused: int = Field(description="messages of unknown hosts that came too fast")
    connections_refused: int
    trunks: list[TrunkRow]
    engines: list[EngineRow] = Field(default=[], description="the rtpengines that are configured")
    store: StoreState
    ignored: list[IgnoredRow]


# ---- phones and extensions -----------------------------------------------


class RegistrationRow(Value):
    """A phone that is registered."""

    extension: str
    contact: str
    source: str = Field(description="address and port it registered from; empty if there is no way to it")
    transport: str
    expires: int = Field(description="seconds that are left")
    since: float = Field(default=0.0, description="when it registered for the first time")
    answers: bool | None = Field(description="does it answer our OPTIONS? null when it is not asked")
    user_agent: str
    instance: str
    path: list[str]
    extra: dict[str, str] = Field(description="other fields it told, by name in small letters: mac, line")


class PlaceRow(Value):
    """A socket for phones."""

    transport: str
    port: int


class Places(Value):
    """Where phones register."""

    domain: str
    listen: list[PlaceRow]


class ExtensionRow(Value):
    """An extension."""

    extension: str
    name: str
    added: bool = Field(description="was it added at run time, and does not stand in the file?")
    registrations: int


class ExtensionChanged(Value):
    """An extension that was added or changed."""

    extension: str
    name: str
    password: str = Field(description="said this once only; hashes of it are kept")
    warning: str = ""


class ExtensionRemoved(Value):
    """An extension that was removed."""

    extension: str
    warning: str = ""


class Removed(Value):
    """How many were removed."""

    removed: int


class Pardoned(Value):
    """A source that is listened to again."""

    source: str


# ---- calls ---------------------------------------------------------------


class CallRow(Value):
    """A call that goes on, or its record; times are seconds since 1970."""

    id: str
    caller: str = Field(description='"extension 101", "trunk carrier", "stranger ..."')
    number: str
    name: str
    dialled: str
    state: str = Field(description="how far it is, or how it ended, in words")
    started: float
    answered: float | None
    ended: float | None
    seconds: float = Field(description="talked")
    status: int = Field(description="the final status that the caller heard; 0 while there is none")
    reason: str
    answered_by: str
    hung_up_by: str
    why: str = Field(description="how a call that was answered ended")
    features: list[str]
    legs: list[LegRecord]
    node: str
    restored: bool = Field(description="it was taken up again after a crash")

    @classmethod
    def of(cls, record: CallRecord, state: str, seconds: float, *, restored: bool) -> CallRow:
        """Show a record."""
        more: dict[str, Any] = {"state": state, "seconds": round(seconds, 3), "restored": restored}
        if record.ended is None:
            more["hung_up_by"] = more["why"] = ""  # who has transferred the others, and has left them talking
        return cls.model_validate({**record.to_plain(), **more})


class FileRow(Value):
    """A file that a plugin has of a call."""

    path: str = Field(description="below the address of the page; for administrators")


class WhatIf(Value):
    """What a call would do."""

    extension: str
    caller: str
    text: str = Field(description="who would ring, when, and why, for people")


class HourRow(Value):
    """The calls that began in an hour of the day."""

    hour: int
    answered: int
    others: int


class Started(Value):
    """A call that was begun: the phones of the extension ring."""

    id: str
    extension: str
    number: str


class HungUp(Value):
    """A call that was ended."""

    id: str


class Moved(Value):
    """A call that another node goes on with."""

    id: str
    node: str


# ---- features ------------------------------------------------------------


class FeatureRow(Value):
    """A plugin."""

    name: str
    version: str
    out: str = Field(description="why it is not asked; empty when it is")
    codes: dict[str, str] = Field(description="the feature codes, by what they do")
    asked: int = Field(default=0, description="questions, in calls that are over")
    answered: int = Field(default=0, description="how often it had an opinion")
    failed: int = 0
    seconds: float = Field(default=0.0, description="how long it took for all of that")


class SettingRow(Value):
    """A setting that can be changed at run time, as it holds now."""

    path: str = Field(description="as in the file: extensions.102.forward.busy")
    value: Any
    changed: bool = Field(description="does it differ from the file?")
    feature: str = Field(default="", description="the plugin whose it is")
    form: dict[str, Any] = Field(default={}, description="what it may be, as JSON Schema")


class SettingChanged(SettingRow):
    """A setting after it was changed."""

    before: Any = Field(description="what it was")


class ArgumentRow(Value):
    """One argument of a command."""

    name: str
    kind: str = Field(description='"text", "whole number", "number", "flag" or "one of"')
    choices: list[str]
    required: bool
    default: Any


class CommandRow(Value):
    """A command that a plugin adds."""

    name: str
    plugin: str
    text: str
    arguments: list[ArgumentRow]


class Forgotten(Value):
    """What was removed of a plugin."""

    name: str
    rows: int
    settings: int


class Reloaded(Value):
    """What came of reading the configuration again."""

    said: list[str]
    problems: list[str] = Field(
        description="what is wrong with the file; if there is any, nothing was changed"
    )


class Restarted(Value):
    """What came of a restart without loss."""

    pid: int | None = Field(description="the new process; none if it did not come to serve")
    silent_ms: int = Field(description="milliseconds in which nothing was answered")
    handed_over: int = Field(description="the calls that the new process had at once")
    left: int = Field(description="those that go over when they have been answered, or are over")
    problem: str = Field(description="why the old process goes on; empty if it does not")


# ---- who is told by us ---------------------------------------------------


class WebhookRow(Value):
    """A program that is told what happens."""

    name: str
    url: str
    kinds: list[str] = Field(description="of events; empty: all")
    extensions: list[str] = Field(description="whose events; empty: all events")
    waiting: int = Field(description="events that are not delivered yet")
    dead: int = Field(description="events that were given up")
    failing: str = Field(description="why the last request failed; empty when it did not")
    since: float | None = Field(description="since when they fail")


class DeadLetter(Value):
    """An event that could not be delivered."""

    id: int
    at: float
    why: str
    event: str = Field(description="the event, as JSON")


class SentAgain(Value):
    """Dead letters that are sent once more."""

    name: str
    events: int


# ---- who may come in -----------------------------------------------------


class AccountRow(Value):
    """Somebody who may log in."""

    name: str
    role: RoleName
    extension: str = Field(description="their own")


class AccountSecret(AccountRow):
    """An account with its password, which is said this once; empty if there is none."""

    password: str


class AccountLink(Value):
    """A way to log in once."""

    name: str
    link: str = Field(description="where to go; good for a quarter of an hour, once")


class TokenRow(Value):
    """A program that may ask."""

    name: str
    role: RoleName
    extension: str
    reads: bool = Field(description="it may look only")


class TokenSecret(TokenRow):
    """A token, which is said this once."""

    token: str


class AuditRow(Value):
    """Something that somebody has changed."""

    at: float
    who: str
    what: str = Field(description="method and path")
    said: dict[str, Any]
    answer: Any


# ---- what happens --------------------------------------------------------


class PartyNow(Value):
    """Somebody in a call."""

    leg: str
    kind: str
    name: str
    number: str
    display: str
    phase: Phase
    talks_to: str


class CallEvent(Value):
    """A call as it is now."""

    id: str
    dialled: str
    phase: Phase
    since: float
    started: float
    answered: float | None
    parties: list[PartyNow]


class PhoneEvent(Value):
    """A phone that came or went."""

    extension: str
    contact: str
    user_agent: str
    why: str


class SettingEvent(Value):
    """A setting that was changed."""

    path: str
    feature: str
    value: Any = Field(description="null when the file's is back")


class PluginEvent(Value):
    """A plugin that is not asked any more, or again."""

    name: str
    out: str


class Event(Value):
    """Something that happened."""

    id: int
    at: float
    kind: str
    what: str
    extensions: list[str]
    value: Any

    @cached_property
    def json_line(self) -> bytes:
        """It in one line."""
        return to_json(self, fallback=str)
