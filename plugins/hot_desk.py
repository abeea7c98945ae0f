"""
Hot desk: somebody logs in at any phone, and it is their phone until they log out.

    [hot_desk]
    until = "20:00"             # everybody is logged out then, by the clock of the server
    phones = ["120", "121"]     # the extensions at whose phones people log in; by default all

    [extensions.102.hot_desk]
    pin = "4711"                # *461102*4711 at such a phone

From then on whatever is dialled at the phone is a call of 102, with all that is
set for 102, and calls for 102 ring there, beside phones of its own.  Keys and
lamps for do-not-disturb, forwards and messages show those of 102.  The phone's
own number rings there too, and whoever calls for help from there is where the
phone is.  C{*462} logs out: at that phone whoever has logged in there, at one's
own phone oneself.  Who logs in elsewhere, or where somebody is, takes over.

Calls that go on stay whose they are.  All of it is remembered over restarts.
Five wrong PINs, and for ten minutes nobody logs in from that phone, nor as that
extension.  Records of calls show what was dialled, PINs included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints

from b2bua import NotConfigured, Options, Service, Table, Timer, hookimpl
from b2bua.calls import Confirm, Lamp, Refuse
from b2bua_plugins._pins import PIN, Guesses

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Party, Registration

LOOK = 3600.0
"""Seconds after which the clock is looked at again, which people may have set meanwhile."""


class Desks(Table):
    """C{[hot_desk]}: where people log in, and until when."""

    until: time | None = None
    phones: tuple[str, ...] | None = None


class OfExtension(Table):
    """C{[extensions.NUMBER.hot_desk]}: who logs in elsewhere."""

    pin: Annotated[str, StringConstraints(pattern=PIN)] = Field(default="", repr=False)


class HotDesk:
    """Lets people use the phones of others as their own."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"hot_desk": Desks, "extensions.*.hot_desk": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Come and go."""
        return {"desk_in": "*461", "desk_out": "*462"}

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """Who is where, and to log somebody out."""
        return {"desks": self.desks, "leave-desk": self.leave_desk}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the phones."""
        if not options.names(OfExtension):
            raise NotConfigured("no [extensions.NUMBER.hot_desk] table")
        self._options = options
        self._desks = options.of(Desks)
        for phone in self._desks.phones or ():
            if phone not in options.extensions:
                raise ValueError(f"[hot_desk] phones: there is no extension {phone}")
        self._guesses = Guesses(options.now)
        self._timer: Timer | None = None

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Who had logged in still is, unless the evening has come meanwhile, or it is not wanted any more."""
        self._service = service
        self._guesses.start(service)
        for phone, row in service.data.items():
            known = service.is_extension(phone) and service.is_extension(row["guest"])
            if known and self._may(phone, row["guest"]):
                service.lodge(phone, row["guest"])
            else:
                self._forget(phone)
        self._look()

    def _may(self, phone: str, guest: str) -> bool:
        """May somebody log in there?"""
        allowed = self._desks.phones is None or phone in self._desks.phones
        return allowed and phone != guest and bool(self._options.of(OfExtension, guest).pin)

    # ---- coming and going -----------------------------------------------

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> Confirm | Refuse:
        """Somebody comes or goes."""
        own = attempt.caller
        phone = own.at or own.name
        if name == "desk_out":
            left = [at for at, row in self._service.data.items() if at == phone or row["guest"] == own.name]
            for at in left:
                self._leave(at)
            return Confirm("Logged out" if left else "Nobody has logged in")
        guest, _, pin = argument.partition("*")
        known = self._service.is_extension(guest)
        right = self._options.of(OfExtension, guest).pin if known else ""
        if not self._guesses.opens(pin, right, f"at {phone}", *([f"as {guest}"] if known else [])):
            return Refuse(403, "Wrong extension or PIN")
        if not self._may(phone, guest):
            return Refuse(403, "Your own phone" if phone == guest else "Not at this phone")
        for at, row in self._service.data.items():
            if row["guest"] == guest or at == phone:
                self._leave(at)
        with self._service.data.change() as rows:
            rows[phone] = {"guest": guest, "since": self._clock().isoformat()}
        self._service.lodge(phone, guest)
        self._service.changed("dialog", None)
        self._look()
        return Confirm(f"Logged in: {guest}")

    def _leave(self, phone: str) -> None:
        """Somebody has logged out."""
        self._forget(phone)
        self._service.lodge(phone, None)
        self._service.changed("dialog", None)

    def _forget(self, phone: str) -> None:
        """Nobody has logged in there."""
        with self._service.data.change() as rows:
            del rows[phone]

    # ---- the evening ----------------------------------------------------

    def _clock(self) -> datetime:
        """What the clocks show: over a change of summer time too, evening is when they say so."""
        return self._options.now().replace(tzinfo=None)

    def _look(self) -> None:
        """Log out those whose day is over, and look again later."""
        if self._timer is not None:
            self._timer.stop()
        if self._desks.until is None:
            return
        now = self._clock()
        evening = datetime.combine(now.date(), self._desks.until)
        last = evening if evening <= now else evening - timedelta(days=1)
        for phone, row in self._service.data.items():
            if datetime.fromisoformat(row["since"]) < last:
                self._leave(phone)
        if self._service.data:
            left = (last + timedelta(days=1) - now).total_seconds()
            self._timer = self._service.after(min(left, LOOK), self._look)

    # ---- what phones show -----------------------------------------------

    @hookimpl
    def code_shown(self, name: str, watcher: Party) -> Lamp | None:
        """The key to log in is lit while somebody has logged in at this phone, with who it is."""
        user = self._service.user(watcher.name)
        if name != "desk_in":
            return None
        return Lamp("busy", user) if user != watcher.name else Lamp("idle")

    @hookimpl
    def contact_registered(self, binding: Registration) -> None:
        """The phone is there again, and so is who has logged in at it."""
        self._tell(binding.extension)

    @hookimpl
    def contact_unregistered(self, binding: Registration) -> None:
        """The phone has gone."""
        self._tell(binding.extension)

    def _tell(self, phone: str) -> None:
        """Have the lamp of who has logged in at a phone told."""
        guest = self._service.user(phone)
        if guest != phone:
            self._service.changed("dialog", guest)

    # ---- commands -------------------------------------------------------

    def desks(self) -> list[dict[str, str]]:
        """Show who has logged in, at whose phones, and since when."""
        return [
            {"phone": phone, "extension": row["guest"], "since": row["since"][:16].replace("T", " ")}
            for phone, row in self._service.data.items()
        ]

    def leave_desk(self, extension: str) -> str:
        """Log an extension out, wherever it has logged in."""
        for phone, row in self._service.data.items():
            if row["guest"] == extension:
                self._leave(phone)
                return f"{extension} has logged out at {phone}"
        raise ValueError(f"{extension} has logged in nowhere")
