"""
Phones from afar: have them fetch their configuration, answer, hold, or press a key.

C{b2bua check-sync 102} has the phones of 102 look for a new configuration, C{b2bua
check-sync --model Yealink --over 600 --reboot} all of that make within ten minutes,
lest the provisioning server be overrun.  C{b2bua talk 102} and C{b2bua hold 102} press
those keys in the call of 102 (phones that list them in Allow-Events), and C{b2bua
press-key 102 OK} any key of a Yealink, which asks its user once whether it may
(C{features.action_uri.enable}).

Phones fresh out of the box ask the whole network where their configuration is (PnP,
C{Event: ua-profile} to 224.0.1.75).  They are told, if there is something to tell::

    [server]
    multicast = ["224.0.1.75"]

    [phone_control]
    provisioning = "https://prov.example.com/{mac}.cfg"   # {vendor} and {model} as well

    [phone_control.vendors]
    snom = "https://prov.example.com/snom/{mac}.xml"      # those whose vendor begins so
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field
from twisted.internet.defer import gatherResults

from b2bua import Options, Service, Table, hookimpl
from b2bua.calls import Phase, Refuse
from b2bua.subscriptions import Body, EventPackage, Watcher

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.calls import Registration

OVER_MAX = 24 * 3600.0
MAC = re.compile(r"(?:MAC:)?[0-9A-Fa-f]{12}", re.ASCII | re.IGNORECASE)
"""The user of what a phone subscribes to, C{MAC%3a0015655e1234}."""
RESYNC = ("cisco/spa", "linksys/spa")
"""How the User-Agent of phones begins that have words of their own for it."""


def place(text: str) -> str:
    """Check the address of a configuration."""
    if (
        not text.startswith(("https://", "http://", "tftp://", "ftp://"))
        or not text.isprintable()
        or " " in text
    ):
        raise ValueError("is no address such as https://prov.example.com/{mac}.cfg")
    if left := re.search(r"[{}]", re.sub(r"\{(?:mac|vendor|model)\}", "", text)):
        raise ValueError(f"has {left[0]} outside of {{mac}}, {{vendor}} and {{model}}")
    return text


PlaceURL = Annotated[str, AfterValidator(place)]


class Provisioning(Table):
    """C{[phone_control]}: where phones find their configuration."""

    provisioning: PlaceURL | None = None
    vendors: Mapping[str, PlaceURL] = Field(
        default_factory=dict, description="the same for phones whose vendor begins so"
    )


class ProfilePackage(EventPackage):
    """C{Event: ua-profile}: where a phone finds its configuration (RFC 6080 section 5.1)."""

    name = "ua-profile"
    bodies = ("application/url",)
    open = True

    def __init__(self, places: Provisioning) -> None:
        """Tell of these."""
        self._places = places

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """A phone names its hardware address, and has something to fetch."""
        known = MAC.fullmatch(resource) is not None and self._url(resource, watcher) is not None
        return None if known else Refuse(404)

    def state(self, resource: str, watcher: Watcher) -> Body:
        """The address."""
        return Body("application/url", (self._url(resource, watcher) or "").encode())

    def _url(self, resource: str, watcher: Watcher) -> str | None:
        """What the phone is to fetch."""
        said = {name: _plain(watcher.event.param(name) or "") for name in ("vendor", "model")}
        vendors = [name for name in self._places.vendors if said["vendor"].lower().startswith(name.lower())]
        url = self._places.vendors[max(vendors, key=len)] if vendors else self._places.provisioning
        if url is None:
            return None
        mac = resource[-12:].lower()
        for name, value in (("mac", mac), *said.items()):
            url = url.replace(f"{{{name}}}", value)
        return url


class PhoneControl:
    """Adds commands that make phones do something."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """Where phones find their configuration."""
        return {"phone_control": Provisioning}

    @hookimpl
    def b2bua_event_packages(self) -> Iterable[EventPackage]:
        """What new phones ask for, if there is an answer."""
        places = self._options.of(Provisioning)
        return (ProfilePackage(places),) if places.provisioning or places.vendors else ()

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Know whose phones there may be."""
        self._options = options

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Phones are reached by the service."""
        self._service = service

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """One for each thing that a phone can be asked for."""
        return {
            "check-sync": self.check_sync,
            "talk": self.talk,
            "hold": self.hold,
            "press-key": self.press_key,
        }

    async def check_sync(
        self,
        extension: str | None = None,
        *,
        model: str = "",
        reboot: bool = False,
        over: float = 0.0,
    ) -> list[dict[str, Any]] | str:
        """
        Have phones look for a new configuration.

        @param extension: whose phones; all phones if it is left out.
        @param model: how the User-Agent begins of those that are meant.
        @param reboot: start again in any case.
        @param over: seconds over which many phones are told.
        """
        if not 0 <= over <= OVER_MAX:
            raise ValueError(f"over is 0 to {OVER_MAX:.0f} seconds")
        phones = [
            phone
            for name in ([extension] if extension is not None else sorted(self._options.extensions))
            for phone in self._service.registrations(self._known(name))
            if phone.user_agent.lower().startswith(model.lower())
        ]
        if over:
            for place, phone in enumerate(phones):
                self._service.after(over * place / len(phones), self._sync, phone, reboot)
            return f"phones: {len(phones)}, the last one within {over:g} s"
        codes = await gatherResults([self._sync(phone, reboot) for phone in phones])
        return [_row(phone, code) for phone, code in zip(phones, codes, strict=True)]

    def _sync(self, phone: Registration, reboot: bool) -> Deferred[int]:
        """Tell one, in its own words."""
        if phone.user_agent.lower().startswith(RESYNC):
            event = "reboot_now" if reboot else "resync"
        else:
            event = f"check-sync;reboot={'true' if reboot else 'false'}"
        return self._service.notify(phone, event)

    async def talk(self, extension: str) -> list[dict[str, Any]]:
        """Have the phone of an extension answer, or take back whom it holds."""
        return await self._press(extension, "talk")

    async def hold(self, extension: str) -> list[dict[str, Any]]:
        """Have the phone of an extension hold its call."""
        return await self._press(extension, "hold")

    async def _press(self, extension: str, key: Literal["talk", "hold"]) -> list[dict[str, Any]]:
        """Press a key in the calls in which it means something."""
        wanted = (Phase.RINGING, Phase.HOLDING) if key == "talk" else (Phase.TALKING,)
        rows = []
        for call in self._service.calls(self._known(extension)):
            for party in call.parties:
                if party.name == extension and party.phase in wanted:
                    code = await self._service.press(call.id, party.leg, key)
                    rows.append({"call": call.id, "extension": extension, "answer": code})
        if not rows:
            raise ValueError(f"{extension} has no call in which that can be pressed")
        return rows

    async def press_key(self, extension: str, key: str) -> list[dict[str, Any]]:
        """Press a key of a Yealink, as its action URI does: OK, SPEAKER, F1, Reboot..."""
        if not key.isascii() or not key.replace("=", "").isalnum() or len(key) > 64:
            raise ValueError("a key is one word: OK, SPEAKER, F1...")
        phones = self._service.registrations(self._known(extension))
        body = f"key={key}".encode()
        told = [self._service.notify(phone, "ACTION-URI", body, "message/sipfrag") for phone in phones]
        codes = await gatherResults(told)
        return [_row(phone, code) for phone, code in zip(phones, codes, strict=True)]

    def _known(self, extension: str) -> str:
        """An extension that there is."""
        if not self._service.is_extension(extension):
            raise ValueError(f"there is no extension {extension}")
        return extension


def _row(phone: Registration, code: int) -> dict[str, Any]:
    """What a phone has answered."""
    return {
        "extension": phone.extension,
        "contact": phone.contact,
        "phone": phone.user_agent,
        "answer": code if code != 408 else "none",
    }


def _plain(text: str) -> str:
    """What a phone says of itself, as far as it may stand in an address."""
    return re.sub(r"[^A-Za-z0-9._-]", "", text.strip('"'))[:40]
