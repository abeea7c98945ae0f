"""What parties do before a call that is played and in it: C{102 transfers to 104}."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from b2bua.settings import Problem

if TYPE_CHECKING:
    from b2bua.explain.scene import Scene
    from b2bua.testing import Phone
    from b2bua.testing.session import Session


class Impossible(Exception):
    """It cannot be done as things stand; the text says why, after the name of who was to do it."""


class Said(NamedTuple):
    """A step in its parts."""

    name: str
    verb: str
    number: str
    """What comes after the verb: empty where it needs nothing."""


class Deed(NamedTuple):
    """What a verb does."""

    do: Callable[[Scene, Phone, str], None]
    example: str = ""
    """What comes after it; empty if nothing does."""


def check(flag: str, steps: Iterable[str], names: Iterable[str]) -> Iterator[Problem]:
    """
    See whether steps can be read.

    @param flag: where they were written.
    @param names: the extensions and trunks.
    """
    for what in steps:
        said = parse(what)
        if said is None:
            known = ", ".join(
                f"«{' '.join(('102', verb, deed.example)).strip()}»" for verb, deed in DEEDS.items()
            )
            yield Problem(flag, f"{what!r} is not one of {known}")
        elif said.name not in names:
            yield Problem(flag, f"there is no extension or trunk {said.name}")


def parse(what: str) -> Said | None:
    """Read a step; None if it is none."""
    name, _, rest = " ".join(what.split()).partition(" ")
    for verb, deed in DEEDS.items():
        if rest == verb and not deed.example:
            return Said(name, verb, "")
        number = rest.removeprefix(f"{verb} ")
        if deed.example and number != rest and (" " not in number or deed.do is _dials):
            return Said(name, verb, number)
    return None


def do(scene: Scene, what: str) -> str:
    """Do it, and give why it cannot be done: empty if it can."""
    said = parse(what)
    assert said is not None, what  # as check has seen
    phone = scene.phones.get(said.name) or scene.trunks[said.name]
    try:
        DEEDS[said.verb].do(scene, phone, said.number)
    except Impossible as error:
        return f"{said.name} {error}"
    return ""


def _dialled(scene: Scene, text: str) -> str:
    """What is dialled: a number, or a feature code that is named, with what comes after it."""
    name, _, argument = text.partition(" ")
    features = scene.served.features
    there = {plugin.name for plugin in features.plugins if not plugin.out}
    codes = {code.name: code.code for code in features.codes.all if code.feature in there}
    if name in codes and name not in scene.phones:
        return codes[name] + argument
    if argument:
        raise Impossible(f"knows no code {name}; there are {', '.join(codes)}")
    return text


def _talking(phone: Phone) -> Session:
    """The call that a party is in."""
    up = [session for session in phone.sessions if session.state == "up"]
    if not up:
        raise Impossible("is in no call then")
    return up[-1]


def _blind(scene: Scene, phone: Phone, number: str) -> None:
    """Transfer without a word."""
    _talking(phone).transfer(number)


def _dials(scene: Scene, phone: Phone, number: str) -> None:
    """Call somebody, or dial a code; whoever is in a call holds it."""
    uri = scene.uri(phone, _dialled(scene, number))
    for session in phone.sessions:
        if session.state == "up" and session.media.wish == "sendrecv":
            session.hold()
            scene.world.run(1)
    phone.dial(uri)


def _attended(scene: Scene, phone: Phone, number: str) -> None:
    """Join the two whom one has called and consulted."""
    if len(phone.live) < 2:
        raise Impossible("has no two calls to join then")
    first, second = phone.live[:2]
    first.transfer(replaces=second)


def _hold(scene: Scene, phone: Phone, number: str) -> None:
    """Put the other one on hold."""
    _talking(phone).hold()


def _resume(scene: Scene, phone: Phone, number: str) -> None:
    """Take the other one back."""
    _talking(phone).resume()


def _presses(scene: Scene, phone: Phone, keys: str) -> None:
    """Press keys, for the server to hear."""
    try:
        voice = scene.world.voice(phone)
    except AssertionError:
        raise Impossible("does not talk to the server then") from None
    voice.press(keys)


def _hangs_up(scene: Scene, phone: Phone, number: str) -> None:
    """End the call."""
    if not phone.live:
        raise Impossible("is in no call then")
    phone.live[-1].hang_up()


DEEDS = {
    "transfers to": Deed(_blind, "104"),
    "consults": Deed(_dials, "104"),
    "joins them": Deed(_attended),
    "holds": Deed(_hold),
    "resumes": Deed(_resume),
    "dials": Deed(_dials, "104"),
    "presses": Deed(_presses, "1"),
    "hangs up": Deed(_hangs_up),
}
"""By its verb.  A feature code may be dialled by name, with what comes after it: C{103 dials pickup 102}."""
