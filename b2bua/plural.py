"""Numbers with their nouns, for people."""

from __future__ import annotations


class Counted(int):
    """A number of things: a number for programs, with its noun for people."""

    noun: str

    def __str__(self) -> str:
        """As people say it."""
        noun = self.noun
        if self == 1:
            return f"1 {noun}"
        many = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
        return f"{int(self)} {many}"


def counted(number: int, noun: str) -> Counted:
    """
    A number of things.

    >>> f"{counted(1, 'trunk')}, {counted(2, 'trunk')}, {counted(0, 'reply')}"
    '1 trunk, 2 trunks, 0 replies'
    """
    made = Counted(number)
    made.noun = noun
    return made
