"""
Dialogs follow their phones: who has registered anew is found where that came from.

Which phone a dialog is with, and which binding is that phone's, is worked out
in L{b2bua.dialogs.device}; here is who has to be told.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from b2bua.dialogs.device import Device, find

if TYPE_CHECKING:
    from b2bua.dialogs.device import IFollower
    from b2bua.registrar.bindings import Binding, Bindings, Change
    from b2bua.transactions.flow import Flow


class Devices:
    """The phones that dialogs are with, by their users."""

    def __init__(self, bindings: Bindings) -> None:
        """Follow nobody yet."""
        self._bindings = bindings
        self._followers: defaultdict[str, dict[IFollower, None]] = defaultdict(dict)
        bindings.listen(self.heard)

    def meet(self, follower: IFollower, aor: str, contact: str, flow: Flow | None) -> None:
        """Find out which phone of a user a dialog is with, and have it follow that."""
        bindings = self._bindings.everywhere(aor)
        follower.device = device = _identified(aor, contact, flow, bindings)
        self._follow(follower, device, bindings)

    def add(self, follower: IFollower) -> None:
        """Have a dialog follow its phone, to begin with to where that is by now."""
        device = follower.device
        if device is not None:
            self._follow(follower, device, self._bindings.everywhere(device.aor))

    def _follow(self, follower: IFollower, device: Device, bindings: tuple[Binding, ...]) -> None:
        """The same of a phone whose user has these bindings."""
        self._followers[device.aor][follower] = None
        if len(bindings) == 1 and bindings[0].flow == device.flow and follower.flow is not None:
            return  # it is there, as most are
        here = find(device, bindings)
        if here is not None and (here.flow != device.flow or follower.flow is None):
            follower.follow(device if here.flow == device.flow else device.at(here))

    def remove(self, follower: IFollower) -> None:
        """Have it follow no more."""
        device = follower.device
        if device is None:
            return
        of_user = self._followers[device.aor]
        if follower in of_user:
            del of_user[follower]
        if not of_user:
            del self._followers[device.aor]

    def heard(self, change: Change) -> None:
        """Bindings of a user have changed, here or elsewhere: tell those whose phone is elsewhere now."""
        followers = self._followers.get(change.binding.aor)
        if not followers:
            return
        bindings = self._bindings.everywhere(change.binding.aor)
        for follower in list(followers):
            device = follower.device
            if device is None:
                continue
            here = find(device, bindings)
            lost = follower.flow is None or change.why == "closed"
            if here is None and lost:
                here = _only(change, bindings)
            if here is None or (here.flow == device.flow and follower.flow is not None):
                continue
            # Who takes a binding back has not moved to an older one.
            if lost or (here == change.binding and change.kind != "unregistered"):
                follower.follow(device.at(here))


def _identified(aor: str, contact: str, flow: Flow | None, bindings: tuple[Binding, ...]) -> Device:
    """Say which phone of a user somebody is: that of the binding, else the one at that flow."""
    for one in bindings:
        if one.contact == contact:
            return Device(aor, contact, one.instance, one.flow)
    device = Device(aor, contact, flow=flow)
    for one in bindings:
        if one.flow == flow is not None:
            return device.at(one)
    here = find(device, bindings)
    return device if here is None else device.at(here)


def _only(change: Change, bindings: tuple[Binding, ...]) -> Binding | None:
    """
    The phone that has just registered, if it is the only one of its user.

    A phone without an instance may name another Contact by each connection;
    when the one that a call was with is gone, this is it.
    """
    new = change.binding
    if change.kind == "registered" and len(bindings) == 1 and not new.instance and new.flow is not None:
        return new
    return None
