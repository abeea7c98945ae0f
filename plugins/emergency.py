"""
Emergency calls: numbers that always go, whatever else is set.

    [emergency]
    numbers = ["112", "110"]
    trunks = ["carrier", "mobile"]      # tried in this order, also when they are full or seem to be down;
                                        # without it, those of the route that matches the number
    location = "https://lis.example.com/office"      # where we are (RFC 6442): by its URI,
    # address = { country = "DE", A3 = "Berlin", RD = "Hauptstrasse", HNO = "5", PC = "10115" }
    # position = [52.5200, 13.4050]                  # or by value, if the carrier takes one

    [extensions.102.emergency]
    address = { country = "DE", A3 = "Berlin", RD = "Hauptstrasse", HNO = "5", FLR = "2" }
    number = "+4930123456102"           # shown in place of the extension, so that they can call back

A number of this list is dialled before any other feature has a say, with the
server's own permission: C{may_dial}, blocks, classes and limits do not count.
The INVITE has C{Priority: emergency} (RFC 3261 section 20.26).  That somebody
has called is a line in the log, C{emergency: 102 calls 112}; a feature of yours
hears it by C{call_started}.

A call that is forwarded to such a number is not an emergency call: only who
dials it, or transfers somebody there, has that right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints, model_validator
from twisted.logger import Logger

from b2bua import Options, Table, hookimpl
from b2bua.calls import Dial, Member
from b2bua.wire import pidf_lo
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.calls import Attempt, InvitationDraft

Location = Annotated[str, StringConstraints(pattern=r"^((https?|sips?|pres):[!-;=?-~]+)?$", max_length=1024)]
Civic = Annotated[str, StringConstraints(pattern=r"^(country|[A-Z][A-Z0-9]{1,5})$")]
KEPT = timedelta(days=1)
"""How long others may keep where somebody was."""
Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{1,15}$")]


class Place(Table):
    """Where phones are: by a URI, by a civic address, or by latitude and longitude (RFC 6442 section 5)."""

    location: Location = ""
    address: Annotated[
        Mapping[Civic, Annotated[str, StringConstraints(min_length=1, max_length=128)]], Field(max_length=30)
    ] = Field(default_factory=dict)
    position: (
        tuple[Annotated[float, Field(ge=-90, le=90)], Annotated[float, Field(ge=-180, le=180)]] | None
    ) = None

    @model_validator(mode="after")
    def one_of_them(self) -> Place:
        """Two that differ would send help to either."""
        if sum(map(bool, (self.location, self.address, self.position))) > 1:
            raise ValueError("says where twice; give one of location, address and position")
        return self

    def written(self, entity: str, now: datetime) -> bytes:
        """The place by value, if it is given so."""
        if not self.address and self.position is None:
            return b""
        return pidf_lo.document(entity, now.astimezone(UTC) + KEPT, self.address, self.position)


class Numbers(Place):
    """C{[emergency]}: which numbers, and which ways."""

    numbers: Annotated[tuple[Number, ...], Field(min_length=1)]
    trunks: tuple[str, ...] = ()


class OfExtension(Place):
    """C{[extensions.NUMBER.emergency]}: where the phone is, and by which number it is called back."""

    number: Annotated[str, StringConstraints(pattern=r"^(\+?[0-9]{1,15})?$")] = ""


class Emergency:
    """Lets emergency calls out."""

    log = Logger()

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"emergency": Numbers, "extensions.*.emergency": OfExtension}

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Nobody has a say before, of those that route calls."""
        return (
            "agents",
            "auto_attendant",
            "block_callers",
            "boss_secretary",
            "call_back",
            "caller_id",
            "class_of_service",
            "conference",
            "do_not_disturb",
            "find_me",
            "forward",
            "night_ring",
            "office_hours",
            "paging",
            "park",
            "recording",
            "ring_group",
            "shared_lines",
            "speed_dial",
            "voicemail",
        )

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the numbers; they are nobody's, and the trunks are there."""
        self._options = options
        self._numbers = options.of(Numbers)
        for trunk in self._numbers.trunks:
            if trunk not in options.trunks:
                raise ValueError(f"[emergency] trunks: there is no trunk {trunk}")

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Nobody else may have these."""
        return dict.fromkeys(self._numbers.numbers, "emergency.numbers")

    def _is_emergency(self, attempt: Attempt) -> bool:
        """Does one of us dial such a number, or transfer somebody there?"""
        dialled = attempt.local and attempt.user in self._numbers.numbers
        own = (
            attempt.parent is None or attempt.behalf.key == attempt.caller.key
        )  # by a code or a short number
        return dialled and own and attempt.behalf.internal

    @hookimpl
    def route_call(self, attempt: Attempt) -> Dial | None:
        """Dial it, and ask nobody else."""
        if not self._is_emergency(attempt):
            return None
        self.log.warn("emergency: {who} calls {number}", who=attempt.behalf.name, number=attempt.user)
        return Dial((Member(attempt.user),), granted=True, trunks=self._numbers.trunks)

    @hookimpl
    def invitation_leaving(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Say that it is urgent, where the caller is, and how to call back."""
        if attempt.parent is None or not self._is_emergency(attempt.parent):
            return
        draft.replace("Priority", "emergency")
        draft.remove("Privacy")  # whom to help is no secret
        phone = attempt.caller.at or attempt.caller.name  # help is for where the phone is
        own = self._options.of(OfExtension, phone) if attempt.caller.internal else OfExtension()
        if attempt.caller.internal and (
            own.number or attempt.leg is None or attempt.leg.identity is not None
        ):
            known = Uri.parse(f"sip:{attempt.caller.aor}")  # though who calls has hidden it
            uri = str(replace(known, user=own.number or known.user))
            draft.from_display, draft.from_uri = attempt.caller.display, uri
            if any(name == "P-Asserted-Identity" for name, _ in draft.fields):
                draft.replace("P-Asserted-Identity", f"<{uri}>")
        place = own if own.location or own.address or own.position else self._numbers
        uri, value = place.location, place.written(f"pres:{attempt.caller.aor}", self._options.now())
        if value:
            uri = draft.attach(pidf_lo.TYPE, value)
        if uri:
            draft.replace("Geolocation", f"<{uri}>")
            draft.replace("Geolocation-Routing", "yes")  # RFC 6442 section 4.2: they may route by it
