"""
Feature keys: do not disturb and forwards, set at the phone or at the server, the same at both.

A phone that synchronises its keys (C{Event: as-feature-event}, BroadWorks' invention in
the words of ECMA-323) subscribes to its own account.  Its SUBSCRIBE without a
body asks how things are; one with a body sets something.  The settings are
those of the plugins C{do_not_disturb} and C{forward}, so star codes, C{b2bua set}, the file and all
phones of an account are one.  A setting that has the value already is not
changed, and nobody is told: phones that toggle each other for ever are known
(fusionpbx#5864).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

from b2bua import Service, hookimpl
from b2bua.calls import Refuse
from b2bua.errors import PeerError
from b2bua.subscriptions import Body, EventPackage, Watcher
from b2bua.wire import xml

TYPE = "application/x-as-feature-event+xml"
NAMESPACE = "http://www.ecma-international.org/standards/ecma-323/csta/ed3"
BOUNDARY = "b2bua-features"
RING = 6.0
"""Seconds of one ring, in which phones count how long they wait for an answer."""
KINDS = {"forwardImmediate": "always", "forwardBusy": "busy", "forwardNoAns": "no_answer"}
"""The words of ECMA-323 for our forwards."""


class FeaturePackage(EventPackage):
    """C{Event: as-feature-event}."""

    name = "as-feature-event"
    bodies = (TYPE,)
    commands = (TYPE,)

    service: Service

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Everybody has keys of their own only."""
        return None if watcher.party.internal and watcher.party.name == resource else Refuse(403)

    def commanded(self, resource: str, watcher: Watcher, body: bytes) -> Refuse | None:
        """Set what the phone wants; whatever it says of its device is its own affair."""
        try:
            root = xml.read(body)
            for path, value in _wanted(self.service.user(resource), root):
                if self.service.setting(path) != value:
                    self.service.change(path, value)
        except PeerError as error:
            return Refuse(error.code, error.why)
        except ValueError:
            return Refuse(400, "Not a setting")
        return None

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Tell all: one state is a plain body, several are a multipart."""
        states = list(self._states(self.service.user(resource)))
        if len(states) == 1:
            return Body(TYPE, states[0])
        parts = [
            f"--{BOUNDARY}\r\nContent-Type: {TYPE}\r\nContent-Length: {len(state)}\r\n\r\n".encode() + state
            for state in states
        ]
        content = b"\r\n".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
        return Body(f'multipart/mixed;boundary="{BOUNDARY}"', content) if states else Body()

    def _states(self, extension: str) -> Iterator[bytes]:
        """One document for each feature that there is."""
        on = self.service.setting(f"extensions.{extension}.do_not_disturb")
        if on is not None:
            yield _document("DoNotDisturbEvent", doNotDisturbOn=_flag(bool(on)))
        for word, kind in KINDS.items():
            target = self.service.setting(f"extensions.{extension}.forward.{kind}")
            if target is None:
                continue
            said = {"forwardingType": word, "forwardStatus": _flag(bool(target)), "forwardTo": str(target)}
            if kind == "no_answer":
                seconds = self.service.setting(f"extensions.{extension}.forward.no_answer_after")
                if isinstance(seconds, int | float):
                    said["ringCount"] = str(max(1, round(seconds / RING)))
            yield _document("ForwardingEvent", **said)


class FeatureKeys:
    """Keeps the keys of phones in step."""

    def __init__(self) -> None:
        """Have the package."""
        self._package = FeaturePackage()

    @hookimpl
    def b2bua_event_packages(self) -> Iterable[EventPackage]:
        """One."""
        return (self._package,)

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Settings are asked for when somebody is told."""
        self._package.service = service

    @hookimpl
    def setting_changed(self, owner: str, key: str) -> None:
        """Tell all phones of whoever has changed one of these."""
        table, _, name = owner.partition(".")
        if table == "extensions" and (key == "do_not_disturb" or key.startswith("forward.")):
            phones = self._package.service.registrations(name)  # also those at which they have logged in
            for one in {name, *(phone.extension for phone in phones)}:
                self._package.changed(one)


def _wanted(extension: str, root: xml.Element) -> Iterator[tuple[str, object]]:
    """
    The settings that a command changes, with their values.

    A forward never touches another one, nor do-not-disturb; without a number it
    can only be turned off.  The number, which may be refused, comes before the
    rings, which are good: so nothing is left half done.
    """
    own = f"extensions.{extension}"
    if root.name == "SetDoNotDisturb":
        yield f"{own}.do_not_disturb", _is_on(root, "doNotDisturbOn")
    elif root.name == "SetForwarding":
        kind = KINDS.get(root.text_of("forwardingType") or "")
        if kind is None:
            raise PeerError("An unknown forwardingType", section="ECMA-323")
        on, target = _is_on(root, "activateForward"), root.text_of("forwardDN") or ""
        if on and not target:
            raise PeerError("A forward without a number", section="ECMA-323")
        yield f"{own}.forward.{kind}", target if on else ""
        rings = root.text_of("ringCount") or ""
        if on and kind == "no_answer" and rings.isascii() and rings.isdecimal() and len(rings) < 3:
            yield f"{own}.forward.no_answer_after", max(1, int(rings)) * RING
    else:
        raise PeerError("An unknown command", section="ECMA-323", where=root.name)


def _is_on(root: xml.Element, name: str) -> bool:
    """Read a flag."""
    said = (root.text_of(name) or "").lower()
    if said not in ("true", "false", "1", "0"):
        raise PeerError(f"{name} is neither true nor false", section="ECMA-323")
    return said in ("true", "1")


def _flag(on: bool) -> str:
    """Write one."""
    return "true" if on else "false"


def _document(name: str, **values: str) -> bytes:
    """One state."""
    root = ElementTree.Element(name, {"xmlns": NAMESPACE})
    ElementTree.SubElement(root, "device")
    for key, value in values.items():
        ElementTree.SubElement(root, key).text = value
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)
