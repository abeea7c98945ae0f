"""Who stands at the far end of a leg, and what we let them do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from b2bua.dialogs.session_timer import SessionTimer
from b2bua.wire.names import NameAddr
from b2bua.wire.uri import Uri, telephone_user

Kind = Literal["extension", "trunk", "stranger", "server"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How we deal with one kind of peer; the fields have the names of the configuration."""

    trusted: bool = False
    """Believe and tell asserted identities (RFC 3325 section 5)."""
    tells: Literal["from", "asserted", "remote-party"] = "from"
    """How a trunk is told who calls, besides From."""
    caller: str = ""
    """The number that a trunk is told instead of the caller's own."""
    callers: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The same by extension."""
    domain: str = ""
    """The domain behind the numbers that a trunk is told, where it is not ours."""
    session_expires: int = 600
    """Session-Expires that we ask for, in seconds; 0 asks for none (RFC 4028)."""
    min_se: int = 90
    reliable: Literal["never", "supported", "required"] = "supported"
    """Do we send provisional responses reliably (RFC 3262) to this peer?"""
    media: Literal["auto", "direct", "relay"] = "auto"
    """Do its media pass through a relay: where it seems of use, hardly ever, or always?"""
    media_encryption: Literal["any", "none", "sdes", "dtls"] = "any"
    """How the media that we offer it are kept secret; C{any}: as they are offered to us."""
    codecs: tuple[str, ...] = ()
    """What it understands, by the names of rtpmap; empty while that is not known."""
    pass_fields: frozenset[str] = frozenset()
    """Header fields from this peer that pass to the other side, besides those that always do."""
    timer: SessionTimer = field(init=False, repr=False, compare=False)
    """What holds for a session before anything was agreed on."""
    asking: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)
    """The fields of an INVITE that asks for it."""

    def __post_init__(self) -> None:
        """Work out what is asked of it in every call."""
        timer = SessionTimer(self.session_expires, self.min_se)
        object.__setattr__(self, "timer", timer)
        object.__setattr__(self, "asking", timer.asking())


@dataclass(frozen=True, slots=True)
class Party:
    """
    A peer that we know by name, or a stranger.

    C{name} is the key in the configuration: the extension's number, the
    trunk's name, or the host of a stranger.
    """

    kind: Kind
    name: str
    aor: str = ""
    """C{user@domain} of an extension, empty otherwise."""
    display: str = ""
    policy: Policy = field(default_factory=Policy)
    at: str = ""
    """The extension by which its phone registers, if it has logged in at the phone of another one."""
    registered_as: str = field(init=False, repr=False, compare=False)
    """The address-of-record by which its phone registers."""
    internal: bool = field(init=False, repr=False, compare=False)
    """Is it one of our own extensions?"""
    title: str = field(init=False, repr=False, compare=False)
    """How records, logs and traces name it: C{extension 102}."""

    def __post_init__(self) -> None:
        """Work out what is asked of it in every call."""
        aor = f"{self.at}@{self.aor.rpartition('@')[2]}" if self.at else self.aor
        object.__setattr__(self, "registered_as", aor)
        object.__setattr__(self, "internal", self.kind == "extension")
        object.__setattr__(self, "title", f"{self.kind} {self.name}")

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return (self.kind, self.name)

    @property
    def phone(self) -> tuple[str, str]:
        """What tells its phone from those of all others, whoever has logged in there."""
        return (self.kind, self.at or self.name)

    def __str__(self) -> str:
        """For logs and traces."""
        return self.title


class Identity(NamedTuple):
    """How one party is presented to others."""

    display: str
    uri: str
    private: bool = False
    """Does it want its identity kept from whom we do not trust (Privacy: id)?"""
    params: str = ""
    """What a carrier has said behind the number (RFC 3966), as C{;cpc=ordinary}: for other carriers."""

    @property
    def name_addr(self) -> str:
        """As text for a header field."""
        return str(NameAddr.make(self.display, self.uri))

    def for_carriers(self) -> Identity:
        """With what other carriers are told besides the number."""
        if not self.params:
            return self
        uri = Uri.parse(self.uri)
        user = telephone_user(uri.user_unescaped, self.params)
        return self._replace(uri=uri.text_for(user), params="")
