"""Header fields as an ordered value, and how they are found."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar, overload

from b2bua.errors import PeerError
from b2bua.once import Remembered
from b2bua.wire.careful import LIMITS, too_many
from b2bua.wire.grammar import digits, split_list
from b2bua.wire.names import NameAddr, parse_again
from b2bua.wire.registry import KNOWN, canonical

Field: TypeAlias = tuple[str, str]
T = TypeVar("T")


class view(Generic[T]):
    """A property that is computed once and then stands in the instance itself."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        """Take the method that parses."""
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the name to be remembered under."""
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> view[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> view[T] | T:
        """Parse and remember; Python does not ask again."""
        if instance is None:
            return self
        value = self._compute(instance)
        setattr(instance, self._name, value)  # its __dict__, once asked for, makes all of it slower
        return value

    if TYPE_CHECKING:
        # Not at run time: a descriptor that sets would be asked each time.
        def __set__(self, instance: object, value: T) -> None: ...


class _Optional(view[T | None]):
    """What L{optional} makes."""

    def __init__(self, field: str, compute: Callable[[Any], T]) -> None:
        """Take the name of the field, and the method that parses it."""
        super().__init__(compute)
        self._field = field

    @overload
    def __get__(self, instance: None, owner: type) -> _Optional[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T | None: ...
    def __get__(self, instance: Any, owner: type) -> _Optional[T] | T | None:
        """Parse and remember, also that there is nothing to be had."""
        if instance is None:
            return self
        value = None
        if self._field in instance.first:
            with suppress(PeerError):
                value = self._compute(instance)
        setattr(instance, self._name, value)
        return value


def optional(field: str) -> Callable[[Callable[[Any], T]], _Optional[T]]:
    """Make a view of a field that can be done without: malformed, it reads as absent (RFC 3261 8.2.2)."""
    return lambda compute: _Optional(field, compute)


def index(fields: Sequence[Field]) -> dict[str, str]:
    """Map each canonical name to its first value, however the names are spelled."""
    return {canonical(name): value for name, value in fields[::-1]}


are_known = KNOWN.issuperset


class Fields:
    """
    Header fields in order and a body; nobody changes them once they are made.

    Names are as received; they are found by their canonical spelling.
    """

    fields: tuple[Field, ...]
    body: bytes
    limits = LIMITS
    """What it was parsed by; lists in it may still be too long."""

    def __init__(self, fields: Iterable[Field] = (), body: bytes = b"") -> None:
        """Take the header fields in order, and the body."""
        self.fields = tuple(fields)
        self.body = body

    @view
    def distinct(self) -> bool:
        """Is no field there twice?"""
        return len(self.first) == len(self.fields)

    @view
    def first(self) -> dict[str, str]:
        """The first value of each field, by canonical name (see L{canonical})."""
        first = dict(self.fields[::-1])
        return first if are_known(first) else index(self.fields)

    def get(self, name: str) -> str | None:
        """Find the first value of a field, by its name in the RFC."""
        first = self.first
        if name in first:
            return first[name]
        return None if name in KNOWN else first.get(canonical(name))

    def all(self, name: str) -> list[str]:
        """Find the value of each field line of that name."""
        first = self.first
        if name not in first and (name in KNOWN or (name := canonical(name)) not in first):
            return []
        if self.distinct:
            return [first[name]]
        return [
            value
            for known, value in self.fields
            if known == name or (known not in KNOWN and canonical(known) == name)
        ]

    def joined(self, name: str) -> str:
        """Give all values of a field that is there, as one line (RFC 3261 section 7.3.1)."""
        return self.first[name] if self.distinct else ", ".join(self.all(name))

    def values(self, name: str) -> list[str]:
        """Find the values of a field, with comma-separated lists taken apart."""
        if name in KNOWN and name not in self.first:
            return []
        return [item for line in self.all(name) for item in split_list(line)]

    def only(self, names: Container[str]) -> list[Field]:
        """Give the fields of some names, which are those of the RFCs."""
        return [
            item
            for item in self.fields
            if item[0] in names or (item[0] not in KNOWN and canonical(item[0]) in names)
        ]

    def with_fields(
        self,
        *,
        remove: Iterable[str] = (),
        add: Iterable[Field] = (),
        prepend: Iterable[Field] = (),
    ) -> Self:
        """Copy it without some fields, with others at the end or on top."""
        gone = {canonical(name) for name in remove}
        kept: Iterable[Field] = self.fields
        if gone:
            kept = [item for item in kept if canonical(item[0]) not in gone]
        return self._copy((*prepend, *kept, *add), self.body)

    def with_body(self, body: bytes, content_type: str = "") -> Self:
        """Copy it with another body, and its type if there is one."""
        gone = ("Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition")
        kept = [item for item in self.fields if canonical(item[0]) not in gone]
        if content_type:
            kept.append(("Content-Type", content_type))
        return self._copy(tuple(kept), body)

    def _copy(self, fields: tuple[Field, ...], body: bytes) -> Self:
        """Make the like with other fields and body."""
        return type(self)(fields, body)

    def start_line(self) -> str:
        """The first line; a part of a message may have none."""
        return ""

    def __eq__(self, other: object) -> bool:
        """Compare the content."""
        if not isinstance(other, Fields):
            return NotImplemented
        return (
            self.start_line() == other.start_line()
            and self.fields == other.fields
            and self.body == other.body
        )

    def __hash__(self) -> int:
        """Hash the content."""
        return hash((self.start_line(), self.fields, self.body))

    # For the typed views

    def _needed(self, name: str) -> str:
        """Find a field that every message must have."""
        first = self.first
        if name not in first or not first[name]:
            raise PeerError(f"No {name}", section="RFC 3261 8.1.1")
        return first[name]

    def _addresses(self, name: str) -> tuple[NameAddr, ...]:
        """Parse a list of addresses."""
        first = self.first
        if name not in first:
            return ()
        if "," not in (value := first[name]) and self.distinct:
            return (parse_again(value),)
        values = self.values(name)
        if len(values) > self.limits.routes and name in ("Route", "Record-Route"):
            raise too_many(name)
        return tuple([parse_again(item) for item in values])

    def _readable(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """Parse the values of a list that can be done without; malformed ones are passed over."""
        if name not in self.first:
            return ()
        return tuple([value for line in self.all(name) for value in _readable(line, parse)])

    def _words(self, name: str) -> frozenset[str]:
        """Read a list of words that can be done without, in lower case."""
        if name not in self.first:
            return NO_TAGS
        if self.distinct:
            return _words[self.first[name]]
        return frozenset(self._readable(name, str.lower))

    def _number(self, name: str, most: int, section: str) -> int:
        """Parse a field that is one number."""
        return digits(self.first[name], most, section=section, what=name)

    def _tags(self, name: str) -> frozenset[str]:
        """Parse a list of tokens that are compared in lower case."""
        if name not in self.first:
            return NO_TAGS
        return frozenset([item.lower() for item in self.values(name)])


NO_TAGS: frozenset[str] = frozenset()


def _readable(line: str, parse: Callable[[str], T]) -> list[T]:
    """Parse those values of a list that can be parsed."""
    found: list[T] = []
    with suppress(PeerError):
        for item in split_list(line):
            with suppress(PeerError):
                found.append(parse(item))
    return found


def _read_words(line: str) -> frozenset[str]:
    """Read a list of words in lower case."""
    return frozenset(_readable(line, str.lower))


def _media_type(value: str) -> str:
    """C{type/subtype} in lower case, without parameters."""
    return value.partition(";")[0].replace(" ", "").replace("\t", "").lower()


# All phones of a kind send the same.
_words = Remembered(_read_words, most=256)
media_types = Remembered(_media_type, most=256)
"""C{type/subtype} in lower case, by the value of Content-Type and the like."""
