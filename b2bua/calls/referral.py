"""A REFER that waits for a decision, and the subscription that tells how the transfer goes (RFC 3515)."""

from __future__ import annotations


class Referral:
    """Comes with the next step."""
