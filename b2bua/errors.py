"""
What can go wrong with SIP: whose fault it is, and what to answer.

A L{PeerError} carries the status that the RFC names for the mistake; whoever
catches it answers with C{code} and goes on.  A L{UsageError} is a bug of ours
and is logged with its traceback.
"""

from __future__ import annotations


class SIPError(Exception):
    """Something that SIP does not allow; C{code} is what a UAS answers with."""

    code = 500


class PeerError(SIPError):
    """The peer broke a rule."""

    code = 400

    def __init__(self, why: str, *, section: str, where: str = "", code: int = 400) -> None:
        """
        Say what is wrong.

        @param why: one clause without a full stop, fit for a Warning or a log.
        @param section: the rule that was broken, as in C{"RFC 3261 8.1.1.5"}.
        @param where: the text that broke it; it is shortened for display.
        @param code: the status to answer with.
        """
        super().__init__(why)
        self.why = why
        self.section = section
        self.where = where[:80]
        self.code = code

    def __str__(self) -> str:
        """One line for the log."""
        where = f": {self.where!r}" if self.where else ""
        return f"{self.why} ({self.section}){where}"


class UsageError(SIPError):
    """We broke a rule: a bug, so it is logged with its traceback."""
