"""Names and numbers of others: how numbers are written, and the files in which both stand."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import StringConstraints

from b2bua.wire.uri import telephone

if TYPE_CHECKING:
    import phonenumbers

BYTES_MAX = 2_000_000
CARDS_BYTES_MAX = 500_000
"""Reading a card takes half a millisecond, and while a file is read no call is served."""
ENTRIES_MAX = 20_000
NAME_MAX = 64
SHORTEST = 5
"""Digits; what has fewer is an extension."""

Country = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")]
"""Two letters, C{DE}; empty leaves numbers as they are."""


class Entry(NamedTuple):
    """Somebody in a phone book."""

    name: str
    numbers: tuple[str, ...]


# ---- numbers ----------------------------------------------------------------


def e164(country: str, where: str) -> Callable[[str], str]:
    """
    How to write a number as all the world does (E.164), whatever way it is written in a country.

    Without a country separators are left out, and that is all.

    @param where: whose key the country is, for people.
    @raise ValueError: if it is no country, or what knows countries is not installed.
    """
    if not country:
        return lambda number: telephone(number)[0]
    try:
        import phonenumbers
    except ImportError:
        raise ValueError(f"{where}: what knows numbers is missing; install b2bua[numbers]") from None
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{where}: {country} is no country whose numbers are known")

    def written(number: str) -> str:
        parsed = _parsed(number, country)
        if parsed is None:
            return telephone(number)[0]
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)

    return written


def national(country: str, where: str) -> Callable[[str], str]:
    """How to write a number as it is dialled in a country; raises as L{e164}."""
    e164(country, where)

    def written(number: str) -> str:
        import phonenumbers

        parsed = _parsed(number, country)
        if parsed is None:
            return telephone(number)[0]
        return "".join(
            filter(str.isdigit, phonenumbers.format_out_of_country_calling_number(parsed, country))
        )

    return written


def _parsed(number: str, country: str) -> phonenumbers.PhoneNumber | None:
    """A number of the world; None for what is none: a name, an extension, an emergency."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    short = len(telephone(number)[0]) < SHORTEST or phonenumbers.is_valid_short_number_for_region(
        parsed, country
    )
    return None if short or not phonenumbers.is_possible_number(parsed) else parsed


# ---- files ------------------------------------------------------------------


def read(path: Path, where: str) -> list[Entry]:
    """
    Read a phone book: cards (RFC 6350) from a C{.vcf}, else lines of number and name.

    @param where: whose key the file is, for people.
    @raise ValueError: if it cannot be read; the text is one line for people.
    """
    where = f"{where}: {path}"
    cards = path.suffix.lower() == ".vcf"
    most = CARDS_BYTES_MAX if cards else BYTES_MAX
    try:
        if path.stat().st_size > most:
            raise ValueError(f"{where} is longer than {most} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{where} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} cannot be read: it is not in UTF-8: {error}") from None
    found = list(_cards(text, where) if cards else _lines(text, where))
    if len(found) > ENTRIES_MAX:
        raise ValueError(f"{where} has more than {ENTRIES_MAX} names")
    return found


def _lines(text: str, where: str) -> Iterator[Entry]:
    """Lines like C{+4930123456,Anna Schmidt}."""
    try:
        for line, row in enumerate(csv.reader(text.splitlines()), 1):
            if row and not row[0].startswith("#"):
                if len(row) != 2 or not row[1].strip().isprintable():
                    raise ValueError(f"{where}: line {line} is not like +4930123456,Anna Schmidt")
                yield Entry(row[1].strip()[:NAME_MAX], (row[0].strip(),))
    except csv.Error as error:
        raise ValueError(f"{where} cannot be read: it is no CSV: {error}") from None


def _cards(text: str, where: str) -> Iterator[Entry]:
    """Cards, each with a name and numbers; one without either is left out."""
    try:
        import vobject
    except ImportError:
        raise ValueError(f"{where}: what reads cards is missing; install b2bua[cards]") from None
    try:
        for card in vobject.readComponents(text):
            name = " ".join(str(card.fn.value).split()) if "fn" in card.contents else ""
            written = (str(one.value) for one in card.contents.get("tel", ()))
            numbers = tuple(telephone(one.strip().removeprefix("tel:"))[0] for one in written)
            if name.isprintable() and name and any(numbers):
                yield Entry(name[:NAME_MAX], tuple(filter(None, numbers)))
    except vobject.base.VObjectError as error:
        raise ValueError(f"{where} cannot be read: it is no vCard: {error}") from None
