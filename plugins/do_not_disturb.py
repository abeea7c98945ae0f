"""
Do not disturb: no phone of the extension rings.

The caller hears the status that the configuration names, the one that phones
themselves use for it by default (480 with a Yealink)::

    [extensions.102]
    do_not_disturb = true

    [do_not_disturb]
    status = 480               # or 486, 603, 404
    reason = "Do not disturb"
    otherwise = "97"           # where such calls go, the extension behind it: 97102 is its mailbox

Users turn it on with C{*78} and off with C{*79}.  Who is not to be disturbed is
not looked for elsewhere either: it comes before every forward, unless the
order of the plugins says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import StringConstraints

from b2bua import Changeable, Options, Table, hookimpl
from b2bua.calls import Confirm, Diverted, Forward, Lamp, Refuse

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Party


class Answer(Table):
    """C{[do_not_disturb]}: what the caller hears."""

    status: Literal[404, 480, 486, 603] = 480
    reason: Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=64)] = "Do not disturb"
    otherwise: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,8}$")] = ""


class OfExtension(Table):
    """The key that this feature adds to C{[extensions.NUMBER]}."""

    do_not_disturb: Changeable[bool] = False


class DoNotDisturb:
    """Refuses calls to those who want none."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table and the key of this feature."""
        return {"do_not_disturb": Answer, "extensions.*": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """On and off."""
        return {"do_not_disturb_on": "*78", "do_not_disturb_off": "*79"}

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Who wants no call is not looked for anywhere."""
        return ("forward", "find_me", "ring_group", "redirects")

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the answer."""
        self._options = options
        answer = options.of(Answer)
        self._refusal = Refuse(answer.status, answer.reason)
        self._otherwise = answer.otherwise

    @hookimpl
    def route_call(self, attempt: Attempt) -> Forward | Refuse | None:
        """Refuse, if the extension is not to be disturbed, or let the mailbox have the call."""
        name = attempt.extension
        if name is None or not self._options.of(OfExtension, name).do_not_disturb:
            return None
        if self._otherwise and attempt.forwards:
            return Forward(self._otherwise + name, Diverted.DO_NOT_DISTURB, granted=True)
        return self._refusal

    @hookimpl
    def extension_unavailable(self, extension: str) -> str | None:
        """Let those know who see the extension on a lamp."""
        return "Do not disturb" if self._options.of(OfExtension, extension).do_not_disturb else None

    @hookimpl
    def code_shown(self, name: str, argument: str, watcher: Party) -> Lamp:
        """A key that turns it on is lit while it is."""
        on = self._options.of(OfExtension, argument or watcher.name).do_not_disturb
        return Lamp("busy" if on == (name == "do_not_disturb_on") else "idle")

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str) -> Confirm:
        """Turn it on or off for whoever dials."""
        on = name == "do_not_disturb_on"
        self._options.change(OfExtension, attempt.caller.name, do_not_disturb=on)
        return Confirm(f"Do not disturb: {'on' if on else 'off'}")
