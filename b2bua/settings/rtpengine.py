"""Relays of media that are no part of this process."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, field_validator

from b2bua.settings.table import Beside, Table, none
from b2bua.settings.values import AddressPort, Frozen


class Rtpengine(Table):
    """C{[media.rtpengine]}: relays of media that run beside us, each a process of its own."""

    engines: tuple[AddressPort, ...] = Field(
        min_length=1, description='where they take commands (their listen-ng), as ["127.0.0.1:2223"]'
    )
    interfaces: Frozen[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]] = Field(
        default_factory=none,
        description="by which of their interfaces they reach a network, where they have several",
    )
    recordings: Beside | None = Field(
        default=None, description="their recording-dir, as this host sees it; without it no call is recorded"
    )
    digits: AddressPort | None = Field(
        default=None, description="an address of ours to which they report keys (their dtmf-log-dest)"
    )

    @field_validator("engines")
    @classmethod
    def _each_once(cls, engines: tuple[str, ...]) -> tuple[str, ...]:
        for number, engine in enumerate(engines):
            if engine in engines[:number]:
                raise ValueError(f"has {engine} twice; remove one")
        return engines

    @field_validator("interfaces")
    @classmethod
    def _networks(cls, interfaces: Mapping[str, str]) -> Mapping[str, str]:
        return MappingProxyType({_network(text): name for text, name in interfaces.items()})


def _network(text: str) -> str:
    """A network, in the one way in which it is written."""
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(f"has {text}, which is no network like 192.168.0.0/16") from None
