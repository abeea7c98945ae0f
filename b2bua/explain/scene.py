"""
A configuration in the simulated world: its extensions have phones, its trunks carriers.

Nothing of it touches the network, a database or the running service.  What
belongs to the host is put aside (sockets, certificates, addresses of carriers,
passwords, the files that features keep); all that decides where calls go is as
the configuration says.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from b2bua.registrar.bindings import Binding
from b2bua.testing import Manners, Phone, Trunk, World
from b2bua.testing.served import HOST, Served, password_of
from b2bua.transactions.flow import Flow
from b2bua.wire.uri import escape_user

Behaviour: TypeAlias = Literal["answers", "busy", "declines", "no answer", "unregistered"]

ANSWERS_AFTER = 5.0
"""Seconds after which a phone is answered that answers."""
FOR_EVER = 1e9
SILENT = ("log", "web", "webhooks", "hep")
"""Tables about what people and other programs are told; they change no call."""
NONE: Mapping[str, str] = MappingProxyType({})

_MANNERS: dict[Behaviour, Manners] = {
    "busy": Manners(refuses=486),
    "declines": Manners(refuses=603, rings_first=True, refuses_after=2.0),
    "no answer": Manners(answers_after=None),
    "unregistered": Manners(),
}


class Scene:
    """A configuration that can be played."""

    def __init__(
        self, document: Mapping[str, Any], at: datetime, answers_after: float = ANSWERS_AFTER
    ) -> None:
        """
        Set it up; everybody is registered, and answers, until L{behave} says otherwise.

        @param document: the tables of a configuration that is good.
        @param at: the time of day.
        @param answers_after: the seconds that those take who answer.
        """
        self.answers_after = answers_after
        self._manners = {**_MANNERS, "answers": Manners(answers_after=answers_after)}
        self.document = portable(document)
        domain = str(self.document["server"]["domain"])
        self.world = World(server=False, domain=domain)
        self.world.dawn = at.timestamp() - self.world.clock.seconds()
        self.served = Served(self.world, self.document, "installed", zone=at.tzinfo, files_aside=True)
        self.world.served = self.served
        self.world.server_address = (HOST, 5060)
        self.phones: dict[str, Phone] = {}
        self.trunks: dict[str, Trunk] = {}
        for name, table in self.document.get("trunks", {}).items():
            trunk = Trunk(self.world, name, host=table["accept_from"][0])
            self.world.agents.append(trunk)
            self.trunks[name] = trunk
        for name in self.document.get("extensions", {}):
            self.phones[name] = self._phone(name)
        self._others = {*self.phones, *self.trunks}
        """Who does not just answer."""
        self.behave({})
        self.world.run(1)  # registrations with carriers

    def _phone(self, name: str) -> Phone:
        """Set up the phone of an extension; it is not registered yet."""
        host = f"198.19.{len(self.phones) // 250}.{len(self.phones) % 250 + 1}"
        shown = self.document["extensions"][name].get("name", "")
        phone = Phone(self.world, name, host=host, password=password_of(name), display=shown)
        self.world.agents.append(phone)
        return phone

    def everybody(self) -> list[Phone]:
        """The phones and carriers that have or had a call."""
        return [one for one in (*self.phones.values(), *self.trunks.values()) if one.sessions]

    def behave(self, behaviours: Mapping[str, Behaviour], redirects: Mapping[str, str] = NONE) -> None:
        """
        Say who is busy, who does not pick up...; all others answer.

        @param behaviours: by the number of an extension or the name of a trunk.
        @param redirects: where phones send their calls on by themselves (302).
        """
        before, self._others = self._others, {*behaviours, *redirects}
        for name in before | self._others:
            behaviour = behaviours.get(name, "answers")
            manners = self._manners[behaviour].but(redirects=redirects.get(name))
            if name in self.trunks:
                self.trunks[name].manners = manners
            elif name in self.phones:
                self.phones[name].manners = manners
                self._register(name, behaviour != "unregistered")

    def _register(self, name: str, there: bool) -> None:
        """Bind the phone of an extension, or not."""
        server, phone = self.served.server, self.phones[name]
        aor, flow = server.domain.address(name), Flow("UDP", (HOST, 5060), (phone.host, phone.port))
        binding = Binding(aor, phone.contact, flow, server.runner.now() + FOR_EVER)
        server.bindings.put(aor, (binding,) if there else ())

    def calling(self, caller: str, via: str = "") -> Phone:
        """
        The phone, or the carrier, from which somebody calls.

        @param via: the trunk through which a number outside calls.
        @raise KeyError: if there is no such extension or trunk.
        """
        if not via:
            return self.phones[caller]
        trunk = self.trunks[via]
        trunk.number = caller
        return trunk

    def uri(self, phone: Phone, dialled: str) -> str:
        """What is dialled, as the INVITE of a phone or a carrier says it."""
        if ":" in dialled:
            return dialled
        return f"sip:{escape_user(dialled)}@{HOST if isinstance(phone, Trunk) else self.world.domain}"


def portable(document: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a configuration without what belongs to its host; trunks have addresses of the simulated world."""
    plain: dict[str, Any] = copy.deepcopy(dict(document))
    server = plain["server"]
    server["listen"] = [f"sip:{HOST}:5060;transport=udp", f"sip:{HOST}:5060;transport=tcp"]
    for key in ("advertise", "database", "control", "control_mode"):
        server.pop(key, None)
    plain.pop("tls", None)
    plain.setdefault("registrar", {})["options_seconds"] = 0
    for name, extension in plain.get("extensions", {}).items():
        extension.pop("ha1", None)
        extension["password"] = password_of(name)
    for number, trunk in enumerate(plain.get("trunks", {}).values()):
        host = f"198.18.0.{number + 1}"
        trunk.update(uri=f"sip:{host}", accept_from=[host], options_seconds=0)
        trunk.pop("backups", None)
    return plain


def plays_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Is every call the same, since the configurations differ in nothing that a scene has?"""
    told = [
        {name: table for name, table in portable(of).items() if name not in SILENT} for of in (one, other)
    ]
    return told[0] == told[1]


def with_changes(document: Mapping[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    """
    Lay what users have changed over a configuration.

    @param changes: values by their path, C{extensions.102.forward.busy}.
    """
    plain: dict[str, Any] = copy.deepcopy(dict(document))
    for path, value in changes.items():
        *above, key = path.split(".")
        table = plain
        for step in above:
            table = table.setdefault(step, {})
        table[key] = value
    return plain
