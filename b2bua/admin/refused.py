"""Why a question is not answered."""

from __future__ import annotations


class Refused(Exception):
    """A question cannot be answered; the text is one line for people."""

    def __init__(self, why: str, status: int = 409) -> None:
        """
        Say why.

        @param status: that of HTTP (RFC 9110 section 15).
        """
        super().__init__(why)
        self.status = status


class Unknown(Refused):
    """What is asked for is not there."""

    def __init__(self, why: str) -> None:
        """Say what."""
        super().__init__(why, 404)


class Mistaken(Refused):
    """What is said cannot be meant."""

    def __init__(self, why: str) -> None:
        """Say what is wrong with it."""
        super().__init__(why, 400)
