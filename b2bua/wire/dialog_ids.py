"""Dialogs named in header fields: Replaces, Join and Target-Dialog."""

from __future__ import annotations

from dataclasses import dataclass

from b2bua.errors import PeerError
from b2bua.wire.grammar import Params, find_param, refuse_breaks, value_and_params


@dataclass(frozen=True, slots=True)
class DialogId:
    """A dialog named from outside: Call-ID and two tags."""

    call_id: str
    to_tag: str
    from_tag: str

    def __str__(self) -> str:
        """The value as Replaces and Join write it."""
        text = f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}"
        return refuse_breaks(text)


@dataclass(frozen=True, slots=True)
class Replaces(DialogId):
    """
    The dialog that an INVITE takes the place of (RFC 3891 section 6.1).

    Tags are as the recipient sees them: C{to_tag} is its local tag.
    """

    early_only: bool = False

    @staticmethod
    def parse(text: str) -> Replaces:
        """Parse it; both tags must be there, once each."""
        section = "RFC 3891 6.1"
        call_id, params = _dialog(text, "to-tag", "from-tag", section)
        early = find_param(params, "early-only") is not None
        return Replaces(call_id, _tag(params, "to-tag"), _tag(params, "from-tag"), early)

    def __str__(self) -> str:
        """The value of the header field."""
        return DialogId.__str__(self) + (";early-only" if self.early_only else "")


@dataclass(frozen=True, slots=True)
class Join(DialogId):
    """The dialog that an INVITE wants to join (RFC 3911 section 7.1)."""

    @staticmethod
    def parse(text: str) -> Join:
        """Parse it; both tags must be there, once each."""
        call_id, params = _dialog(text, "to-tag", "from-tag", "RFC 3911 7.1")
        return Join(call_id, _tag(params, "to-tag"), _tag(params, "from-tag"))


@dataclass(frozen=True, slots=True)
class TargetDialog:
    """
    A dialog that the sender proves to know (RFC 4538 section 7).

    Tags are as the recipient sees them.
    """

    call_id: str
    local_tag: str
    remote_tag: str

    @staticmethod
    def parse(text: str) -> TargetDialog:
        """Parse it; both tags must be there, once each."""
        call_id, params = _dialog(text, "local-tag", "remote-tag", "RFC 4538 7")
        return TargetDialog(call_id, _tag(params, "local-tag"), _tag(params, "remote-tag"))

    def __str__(self) -> str:
        """The value of the header field."""
        return refuse_breaks(f"{self.call_id};local-tag={self.local_tag};remote-tag={self.remote_tag}")


def _dialog(text: str, one: str, other: str, section: str) -> tuple[str, Params]:
    """Parse a Call-ID with two tags."""
    call_id, params = value_and_params(text, section)
    names = [name.lower() for name, _ in params]
    if names.count(one) != 1 or names.count(other) != 1:
        raise PeerError(f"It takes one {one} and one {other}", section=section, where=text)
    return call_id, params


def _tag(params: Params, name: str) -> str:
    """The value of a tag that is known to be there."""
    return find_param(params, name) or ""
