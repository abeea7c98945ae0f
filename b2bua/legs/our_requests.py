"""Requests of ours within the dialogs of a leg."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.capabilities import ALLOW, SUPPORTED
from b2bua.dialogs.dialog_request import DialogRequest
from b2bua.legs.header_policy import leaving

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Response

WITH_REFRESH: Fields = (ALLOW, SUPPORTED)
WITHOUT: Fields = (SUPPORTED,)


def request(
    leg: LegData,
    dialog: Dialog,
    method: str,
    hear: Callable[[Response], None],
    fields: Fields = (),
    body: bytes = b"",
    *,
    refresh: bool = False,
    mends: bool = True,
) -> DialogRequest:
    """Send a request within a dialog of the leg, with what we can do and what the peer may know."""
    channel = leg.channel
    if channel.closed:
        channel.usage = leg  # a 2xx that nobody waits for any more needs its BYE
    told = WITH_REFRESH if refresh else WITHOUT
    if fields:
        told += leaving(fields, leg.party)
    return DialogRequest(channel, dialog, method, hear, told, body, refresh, mends)


def ignored(response: Response) -> None:
    """Hear a response that changes nothing."""
