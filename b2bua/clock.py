"""
Time, as everything above is given it.

There are two kinds, which no line of code may take for each other.  The clock
counts seconds, from anywhere, and nobody sets it: by it timers run, and by it
what lasts is measured.  The time of day is what people and other programs know;
it jumps when somebody sets it, and serves only what outlives the process or is
read outside of it: records, stored bindings, Date.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import Attribute, Interface


class ITimer(Interface):
    """A timer that runs."""

    def stop() -> None:
        """Forget it; without effect when it has fired or was stopped."""


class IClock(Interface):
    """The time, and to be called back."""

    moment: float = Attribute("What C{now} says, while a message is taken; 0 in between.")

    def now() -> float:
        """Seconds, counted from anywhere."""

    def start(seconds: float, call: Callable[[], None]) -> ITimer:
        """Call back after C{seconds}."""

    def wall() -> float:
        """The time of day, in seconds since 1970."""
