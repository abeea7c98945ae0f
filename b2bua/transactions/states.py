"""
The states of the four machines, by the names that the figures give them.

A module and no class, since what a module has is found at once.
"""

from __future__ import annotations

from typing import Final

CALLING: Final = "Calling"
"""An INVITE of ours, of which nothing has been heard."""
TRYING: Final = "Trying"
"""Another request: one of ours, of which nothing has been heard, or one that waits for our answer."""
PROCEEDING: Final = "Proceeding"
"""There was a provisional response; or it is an INVITE that waits for our answer."""
COMPLETED: Final = "Completed"
"""There was the final response, to an INVITE a refusal."""
CONFIRMED: Final = "Confirmed"
"""Our refusal of an INVITE has its ACK."""
ACCEPTED: Final = "Accepted"
"""An INVITE had its 2xx (RFC 6026)."""
GIVEN_UP: Final = "Given up"
"""The TU was told of a failure, but the INVITE may have arrived all the same; in no figure."""
TERMINATED: Final = "Terminated"
