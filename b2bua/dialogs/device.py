"""
The phone behind a dialog, as the registrar knows it, and the way to it by now.

A dialog outlives the connection or the port that it began on: the phone
registers anew from another one, and the dialog goes there.  RFC 5626 section
3.1 has the name of a phone for this, its instance-id; a phone without one is
known by the Contact that it registers, or by being the only one of its user.

All of it is plain values, the same for a call and for a subscription, so that
what outlives the process finds its phone as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from b2bua.errors import PeerError
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.transactions.flow import Flow


class Bound(Protocol):
    """What is looked at of a binding."""

    @property
    def contact(self) -> str:
        """The URI that was registered."""

    @property
    def instance(self) -> str:
        """C{+sip.instance}, or the empty string."""

    @property
    def flow(self) -> Flow | None:
        """The way to it."""

    @property
    def reg_id(self) -> int:
        """C{reg-id}, or 0."""

    @property
    def call_id(self) -> str:
        """The Call-ID of its REGISTER."""

    @property
    def cseq(self) -> int:
        """The CSeq number of its REGISTER."""

    @property
    def since(self) -> float:
        """When it was first bound."""


B = TypeVar("B", bound=Bound)


class Device(NamedTuple):
    """One phone of a user, and where it is."""

    aor: str
    """C{user@domain} by which it registers."""
    contact: str
    """The URI that it has registered, or that it named in the dialog if it has not."""
    instance: str = ""
    """C{+sip.instance} without its quotes and angle brackets, if it has one."""
    flow: Flow | None = None
    """The flow of its binding when that was last looked at."""

    def registers(self, binding: Bound) -> bool:
        """Is it this phone that has made the binding?"""
        if self.instance and binding.instance:
            return self.instance == binding.instance
        return self.contact == binding.contact or _alike(self.contact, binding.contact)

    def at(self, binding: Bound) -> Device:
        """The same phone, where its binding says."""
        return Device(self.aor, binding.contact, binding.instance or self.instance, binding.flow)


def find(device: Device, bindings: Iterable[B]) -> B | None:
    """
    Find the binding of a phone among those of its user.

    The one it had stands for as long as it is there, whatever else the phone
    registers: it may have several flows (RFC 5626 section 4.2).  Else the one
    that it made last.
    """
    own = [binding for binding in bindings if binding.flow is not None and device.registers(binding)]
    if len(own) > 1:
        own = [one for one in own if not any(_leaves_behind(other, one) for other in own)]
    for binding in own:
        if binding.flow == device.flow:
            return binding
    return max(own, key=lambda binding: binding.since, default=None)


def _leaves_behind(newer: Bound, older: Bound) -> bool:
    """Has a phone registered another contact later, and not that one any more?"""
    return newer.call_id == older.call_id and newer.reg_id == older.reg_id and newer.cseq > older.cseq


def _alike(one: str, other: str) -> bool:
    """Are two Contacts of one user and host, with perhaps another port?"""
    try:
        first, second = Uri.parse(one), Uri.parse(other)
    except PeerError:
        return False
    return (first.user, first.host.lower()) == (second.user, second.host.lower())


class IFollower(Protocol):
    """A dialog that goes where its phone goes."""

    device: Device | None

    @property
    def flow(self) -> Flow | None:
        """The way that its requests take by now; None while that is lost."""

    def follow(self, device: Device) -> None:
        """The phone is at C{device.flow} now."""


class IDevices(Protocol):
    """Who knows where the phones are."""

    def meet(self, follower: IFollower, aor: str, contact: str, flow: Flow | None) -> None:
        """
        Find out which phone of a user a dialog is with: C{device}, which it follows from now on.

        @param contact: the Contact of its request, or the one that is called.
        @param flow: where its request came from, or where ours goes.
        """

    def add(self, follower: IFollower) -> None:
        """Have a dialog follow its C{device} from now on; one that is restored goes there at once."""

    def remove(self, follower: IFollower) -> None:
        """Have it follow no more."""
