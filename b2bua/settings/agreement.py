"""
What must agree between the tables of a configuration.

It looks at the text rather than at the values made of it, so that a mistake in
one table hides none in another; what it cannot read it leaves to those who say
what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, TypeAlias, TypeVar

from b2bua.settings.problems import Problem, key_path, meant
from b2bua.settings.values import Listen, Source, listen, source, user

Value = TypeVar("Value")
Text: TypeAlias = Mapping[str, Any]


def disagreements(data: Text) -> Iterator[Problem]:
    """All that is wrong between tables."""
    yield from _sockets(data)
    yield from _web(data)
    yield from _extensions(data)
    yield from _hashes(data)
    yield from _trunks(data)
    yield from _routes(data)


def _sockets(data: Text) -> Iterator[Problem]:
    """No socket is opened twice, and a secure one needs a certificate."""
    seen: dict[Listen, int] = {}
    for index, place in _readable(_in(data, "server").get("listen"), listen):
        path = key_path(["server", "listen", index])
        if place.secure and "tls" not in data:
            yield Problem(path, f"{place} needs the table [tls] with certificate and key")
        if place.port and place in seen:
            yield Problem(path, f"{place} is the same as server.listen[{seen[place]}]; remove one")
        seen.setdefault(place, index)
    everywhere = any(place.transport == "UDP" and place.host == "0.0.0.0" for place in seen)
    if _in(data, "server").get("multicast") and seen and not everywhere:
        why = 'needs a UDP socket on all addresses in server.listen, such as "sip:0.0.0.0:5060;transport=udp"'
        yield Problem("server.multicast", why)


def _web(data: Text) -> Iterator[Problem]:
    """Passwords do not cross the network in the clear."""
    place = _in(data, "web").get("listen")
    host = place.rpartition(":")[0].strip("[]") if isinstance(place, str) else ""
    try:
        local = not host or ip_address(host).is_loopback
    except ValueError:
        return  # told already
    if not local and "tls" not in data:
        why = f"{place} can be reached by others, so that it needs the table [tls] with certificate and key"
        yield Problem("web.listen", why)


def _extensions(data: Text) -> Iterator[Problem]:
    """An extension can be dialled, and no two look the same to a person."""
    seen: dict[str, str] = {}
    for name in _in(data, "extensions"):
        path = key_path(["extensions", name])
        try:
            user(name)
        except ValueError as error:
            yield Problem(path, f"{name!r} {error}; use letters, digits and -_.!~*'()&=+$,;?/")
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            yield Problem(path, f"differs from the extension {other} by case only; rename one")


def _hashes(data: Text) -> Iterator[Problem]:
    """There is an algorithm for which every extension has a hash; only such ones can be offered."""
    wanted = _in(data, "auth").get("algorithms")
    names = ("SHA-256", "SHA-512-256", "MD5")
    common = {name for name in names if name in wanted} if isinstance(wanted, list) else set(names)
    for name, extension in _in(data, "extensions").items():
        table = extension.get("ha1") if isinstance(extension, Mapping) else None
        if not isinstance(table, Mapping) or not table or not set(names).issuperset(table):
            continue  # no digests, or none that can be read, which others say
        if common.isdisjoint(table):
            yield Problem(
                key_path(["extensions", name, "ha1"]),
                f"has no digest for {' or '.join(sorted(common))}, the algorithms that all others can use; "
                "add one",
            )
        else:
            common &= table.keys()


def _trunks(data: Text) -> Iterator[Problem]:
    """It is clear from which trunk a call comes."""
    taken: list[tuple[str, int, Source]] = []
    for name, trunk in _in(data, "trunks").items():
        accepted = trunk.get("accept_from") if isinstance(trunk, Mapping) else None
        for index, place in _readable(accepted, source):
            for other, at, theirs in taken:
                if other != name and place.meets(theirs):
                    where = key_path(["trunks", other, "accept_from", at])
                    yield Problem(
                        key_path(["trunks", name, "accept_from", index]),
                        f"{place} is within {theirs} of {where} or the other way round; "
                        "a caller must belong to one trunk only",
                    )
            taken.append((name, index, place))


def _routes(data: Text) -> Iterator[Problem]:
    """A route leads to trunks that there are."""
    trunks = sorted(_in(data, "trunks"))
    rows = data.get("routes")
    for index, route in enumerate(rows if isinstance(rows, list) else ()):
        if not isinstance(route, Mapping):
            continue
        several = route.get("trunks")
        wanted: list[tuple[list[str | int], Any]] = [(["trunk"], route.get("trunk"))]
        wanted += [
            (["trunks", at], name) for at, name in enumerate(several if isinstance(several, list) else ())
        ]
        for steps, name in wanted:
            if isinstance(name, str) and name not in trunks:
                none = "" if trunks else "; there is none at all"
                text = f"there is no trunk {name[:40]}{meant(name, trunks)}{none}"
                yield Problem(key_path(["routes", index, *steps]), text)


def _in(data: Text, name: str) -> Text:
    """The table C{name}, or an empty one in place of what is none."""
    table = data.get(name)
    return table if isinstance(table, Mapping) else {}


def _readable(texts: object, reader: Callable[[object], Value]) -> Iterator[tuple[int, Value]]:
    """The items of a list that can be read, with their places."""
    for index, text in enumerate(texts if isinstance(texts, list) else ()):
        try:
            yield index, reader(text)
        except ValueError:
            continue  # told already, with its own path
