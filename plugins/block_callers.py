"""
Block callers: by number or pattern, for everybody or for one extension, and those who hide their number.

    [block_callers]
    blocked = ["+49900*", "0190*"]     # * stands for any digits, ? for one
    allowed = ["+493012345*"]          # come through whatever is blocked, by anybody
    anonymous = false                  # block those who hide their number

    [extensions.102.block_callers]
    blocked = ["+491700000000"]        # more of them, for this extension
    anonymous = true

Who is blocked hears 603; who hides the number hears 433, and so knows what
would help (RFC 5079).  Calls between extensions are never
blocked, nor is whom somebody transfers.  Users block
their last caller from outside with C{*60}, and those without a number with
C{*77}, C{*87} lets them in again.  An operator does it by command::

    b2bua block 102 +491700000000
    b2bua unblock 102 +491700000000
    b2bua allow 102 +491700000001     # comes through whatever is blocked; disallow ends that
    b2bua blocked 102
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints

from b2bua import Changeable, NotConfigured, Options, Service, Table, hookimpl
from b2bua.calls import Confirm, Lamp, Refuse

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Party

BLOCKED = Refuse(603, "Blocked")
ANONYMOUS = Refuse(433, "Anonymity Disallowed")
NUMBERS_MAX = 1000

Pattern = Annotated[str, StringConstraints(pattern=r"^[+*?#0-9A-Za-z._-]{1,64}$")]
Patterns = Annotated[tuple[Pattern, ...], Field(max_length=NUMBERS_MAX)]


class ForAll(Table):
    """C{[block_callers]}: who calls nobody."""

    blocked: Patterns = ()
    allowed: Patterns = ()
    anonymous: bool = False


class OfExtension(Table):
    """C{[extensions.NUMBER.block_callers]}: who does not call this extension."""

    blocked: Changeable[Patterns] = ()
    allowed: Changeable[Patterns] = ()
    anonymous: Changeable[bool] = False


def _is_handed_on(attempt: Attempt) -> bool:
    """Does a transfer lead here, or another operation on somebody who talks already?"""
    return attempt.leg is not None and attempt.leg.answered


def _is_hidden(attempt: Attempt) -> bool:
    """Does who is called not see the number?"""
    identity = None if attempt.leg is None else attempt.leg.identity
    return not attempt.caller_number or (identity is not None and identity.private)


def matches(number: str, patterns: tuple[str, ...]) -> bool:
    """Is it one of these numbers?"""
    return any(fnmatchcase(number, pattern) for pattern in patterns)


class BlockCallers:
    """Refuses calls from outside that nobody wants."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"block_callers": ForAll, "extensions.*.block_callers": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """The last caller, and those without a number."""
        return {"block_last": "*60", "block_anonymous_on": "*77", "block_anonymous_off": "*87"}

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """Change and show what an extension blocks."""
        return {
            "block": self.block,
            "unblock": self.unblock,
            "allow": self.allow,
            "disallow": self.disallow,
            "blocked": self.blocked,
        }

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Whom nobody wants is not sent on either."""
        return (
            "boss_secretary",
            "office_hours",
            "do_not_disturb",
            "forward",
            "find_me",
            "ring_group",
            "agents",
            "redirects",
        )

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take what holds for all; what users want is looked up when it is needed."""
        if not options.names(ForAll) and not options.names(OfExtension):
            raise NotConfigured("no [block_callers] table")
        self._options = options
        self._all = options.of(ForAll)

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Rows remember the last caller of each extension."""
        self._service = service

    @hookimpl
    def route_call(self, attempt: Attempt) -> Refuse | None:
        """Refuse who is blocked, by all or by the extension that is called."""
        if attempt.internal or _is_handed_on(attempt):
            return None
        return self._judged(attempt.caller_number, _is_hidden(attempt), attempt.extension)

    def _judged(self, number: str, hidden: bool, extension: str | None) -> Refuse | None:
        """What a caller hears; a carrier may tell us a number that who calls wants to be hidden."""
        own = OfExtension() if extension is None else self._options.of(OfExtension, extension)
        if hidden and (self._all.anonymous or own.anonymous):
            return ANONYMOUS
        if not number:
            return None
        if matches(number, self._all.allowed) or matches(number, own.allowed):
            return None
        return BLOCKED if matches(number, self._all.blocked) or matches(number, own.blocked) else None

    @hookimpl
    def target_ringing(self, attempt: Attempt) -> None:
        """Remember who has called an extension last."""
        if attempt.extension is not None and not attempt.internal and attempt.caller_number:
            with self._service.data.change() as rows:
                rows[attempt.extension] = attempt.caller_number

    @hookimpl
    def code_shown(self, name: str, argument: str, watcher: Party) -> Lamp | None:
        """The code is lit that holds."""
        if argument or name not in ("block_anonymous_on", "block_anonymous_off"):
            return None
        on = self._options.of(OfExtension, watcher.name).anonymous
        return Lamp("busy" if on == (name == "block_anonymous_on") else "idle")

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str) -> Confirm | Refuse:
        """Block the last caller of who dials, or those who hide their number."""
        extension = attempt.caller.name
        if name != "block_last":
            on = name == "block_anonymous_on"
            self._options.change(OfExtension, extension, anonymous=on)
            return Confirm(f"Anonymous callers: {'blocked' if on else 'allowed'}")
        last = self._service.data.get(extension)
        if last is None:
            return Refuse(404, "Nobody has called")
        try:
            self.block(extension, last)
        except ValueError:
            return Refuse(603, "Cannot be blocked")
        return Confirm("Last caller blocked")  # whose number may be hidden

    # ---- commands -------------------------------------------------------

    def block(self, extension: str, number: str) -> str:
        """Block a number, or a pattern, for an extension."""
        found = self._known(extension).blocked
        if number not in found:
            self._options.change(OfExtension, extension, blocked=(*found, number))
        return f"{number} does not call {extension} any more"

    def unblock(self, extension: str, number: str) -> str:
        """Let a number, or a pattern, call an extension again."""
        found = self._known(extension).blocked
        if number not in found:
            raise ValueError(f"{extension} does not block {number}; it blocks {', '.join(found) or 'nobody'}")
        self._options.change(OfExtension, extension, blocked=tuple(one for one in found if one != number))
        return f"{number} may call {extension} again"

    def allow(self, extension: str, number: str) -> str:
        """Let a number, or a pattern, through to an extension, whatever is blocked."""
        found = self._known(extension).allowed
        if number not in found:
            self._options.change(OfExtension, extension, allowed=(*found, number))
        return f"{number} may always call {extension}"

    def disallow(self, extension: str, number: str) -> str:
        """Let a number, or a pattern, through no more than others."""
        found = self._known(extension).allowed
        if number not in found:
            raise ValueError(f"{extension} does not allow {number}; it allows {', '.join(found) or 'nobody'}")
        self._options.change(OfExtension, extension, allowed=tuple(one for one in found if one != number))
        return f"{number} calls {extension} like others"

    def blocked(self, extension: str) -> list[dict[str, str]]:
        """Show what an extension blocks, and who comes through all the same: C{allowed} before the number."""
        own = self._known(extension)
        rows = [{"number": one, "by": extension} for one in own.blocked]
        rows += [{"number": one, "by": "all"} for one in self._all.blocked]
        if self._all.anonymous or own.anonymous:
            rows.append({"number": "anonymous", "by": "all" if self._all.anonymous else extension})
        rows += [{"number": f"allowed {one}", "by": extension} for one in own.allowed]
        rows += [{"number": f"allowed {one}", "by": "all"} for one in self._all.allowed]
        return rows

    def _known(self, extension: str) -> OfExtension:
        """What an extension blocks, if there is such an extension."""
        if not self._service.is_extension(extension):
            raise ValueError(f"there is no extension {extension}")
        return self._options.of(OfExtension, extension)
