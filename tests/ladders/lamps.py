"""What a phone makes of a NOTIFY of the dialog package, as the LED of a Yealink does."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from b2bua.testing import LadderTestCase, Manners, World

NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"


def dialogs(body: bytes) -> list[dict[str, str]]:
    """The dialogs of a document, as plain values."""
    root = ElementTree.fromstring(body)
    assert root.get("state") == "full", body
    found = []
    for dialog in root.findall(f"{NAMESPACE}dialog"):
        plain = {"state": dialog.findtext(f"{NAMESPACE}state") or "", **dialog.attrib}
        for end in ("local", "remote"):
            identity = dialog.find(f"{NAMESPACE}{end}/{NAMESPACE}identity")
            if identity is not None:
                plain[end] = identity.text or ""
                plain[f"{end}-display"] = identity.get("display", "")
            if dialog.find(f"{NAMESPACE}{end}/{NAMESPACE}target/{NAMESPACE}param") is not None:
                plain[f"{end}-held"] = "yes"
        found.append(plain)
    return found


def shown(body: bytes) -> str:
    """One word for the lamp: what counts most comes first."""
    found = dialogs(body)
    if not found:
        return "off"
    words = {_word(dialog) for dialog in found}
    order = ("ringing", "held", "talking", "calling", "do-not-disturb", "unregistered", "idle")
    return next(word for word in order if word in words)


def _word(dialog: dict[str, str]) -> str:
    state = dialog["state"]
    if dialog["id"] in ("do-not-disturb", "unregistered"):
        return dialog["id"]
    if state == "terminated":
        return "idle"
    if state == "confirmed":
        return "held" if "local-held" in dialog else "talking"
    return "ringing" if dialog["direction"] == "recipient" and state == "early" else "calling"


class LampCase(LadderTestCase):
    """A world with all features, in which Wanda watches."""

    more: dict[str, Any] = {}  # noqa: RUF012  # each class has its own

    def make_world(self) -> World:
        """Make it."""
        return World(features="installed", settings=self.more)

    def setUp(self) -> None:
        """Everybody is there, and answers after a second."""
        super().setUp()
        self.alice, self.bob, self.carol, self.wanda = self.world.phones(
            "alice", "bob", "carol", "wanda", manners=Manners(answers_after=2, rings_after=0.05)
        )

    def watch(self, name: str, **options: Any) -> Any:
        """Let Wanda watch somebody."""
        watching = self.wanda.watch(name, **options)
        self.world.run(0.2)
        return watching

    def assert_shown(self, **lamps: str) -> None:
        """Insist on what the lamps of Wanda show."""
        latest = {one.to.partition(":")[2].partition("@")[0]: one for one in self.wanda.subscriptions}
        found = {name: shown(latest[name].body) for name in lamps}
        if found != lamps:
            raise self.world.failure(f"shown: {found}, not {lamps}\n{latest}")
