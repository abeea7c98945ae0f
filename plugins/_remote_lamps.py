"""Lamps of numbers at another server, which we watch as long as somebody watches them here (RFC 4235)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from b2bua import Service
from b2bua.calls import Refuse
from b2bua.errors import PeerError
from b2bua.subscriptions import Subscribed, Told
from b2bua.wire.dialog_info import TYPE, Dialog, End, parse

DIALOGS_MAX = 20
"""So many calls of one number are shown; what matters is that there is one."""


class RemoteLamp:
    """One number, as the other server tells of it."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """Know nothing yet."""
        self.subscribed: Subscribed
        self._changed = changed
        self._versions: dict[str, int] = {}
        self._dialogs: dict[str, dict[str, Dialog]] = {}
        """What each of those who tell says; several do if our SUBSCRIBE was forked (section 3.9)."""

    def hear(self, told: Told) -> Refuse | None:
        """Take a document, or that none comes any more."""
        if told.over:
            self._versions.pop(told.source, None)
            self._dialogs.pop(told.source, None)
        elif not told.body:
            self._dialogs.setdefault(told.source, {})  # nothing goes on there
        else:
            try:
                document = parse(told.body)
            except PeerError as error:
                return Refuse(error.code, error.why)
            last = self._versions.get(told.source)
            if last is not None and document.version <= last:
                return None  # it tells of before (section 4.3)
            if not document.full and (last is None or document.version > last + 1):
                self.subscribed.refresh()  # a part is missing: a full one is asked for (section 4.3)
            self._versions[told.source] = document.version
            known = {} if document.full else dict(self._dialogs.get(told.source, {}))
            known.update((dialog.id, dialog) for dialog in document.dialogs)
            going = [(id, dialog) for id, dialog in known.items() if dialog.state != "terminated"]
            self._dialogs[told.source] = dict(going[-DIALOGS_MAX:])
        self._changed()
        return None

    def dialogs(self) -> list[Dialog] | None:
        """The calls that go on there; None as long as nothing is known."""
        if not self._dialogs:
            return None
        return [dialog for told in self._dialogs.values() for dialog in told.values()]


class RemoteLamps:
    """All numbers of other servers that may be watched here."""

    def __init__(self, trunks: Mapping[str, str], changed: Callable[[str], None]) -> None:
        """
        Watch nothing yet.

        @param trunks: the trunk of each number.
        @param changed: told of each number that may be shown otherwise.
        """
        self._trunks = trunks
        self._changed = changed
        self._lamps: dict[str, RemoteLamp] = {}

    def __contains__(self, number: object) -> bool:
        """Is it a number of another server?"""
        return number in self._trunks

    def trunk(self, number: str) -> str:
        """Where it is."""
        return self._trunks[number]

    def want(self, numbers: Iterable[str], service: Service) -> None:
        """Watch these, and no others."""
        wanted = {number for number in numbers if number in self._trunks}
        for number in self._lamps.keys() - wanted:
            self._lamps.pop(number).subscribed.stop()
        for number in sorted(wanted - self._lamps.keys()):
            lamp = self._lamps[number] = RemoteLamp(partial(self._changed, number))
            lamp.subscribed = service.subscribe(self._trunks[number], number, "dialog", (TYPE,), lamp.hear)

    def dialogs(self, number: str, address: str, *, callers: bool) -> list[Dialog] | None:
        """
        The calls of a number as phones of ours are told: they are not ours, so none can be picked up.

        @param address: the number as phones of ours know it.
        @param callers: whether it is said whom it talks to.
        @return: None as long as the other server has told nothing.
        """
        lamp = self._lamps.get(number)
        found = None if lamp is None else lamp.dialogs()
        if found is None:
            return None
        return [
            Dialog(
                dialog.id,
                dialog.state,
                End("", address, dialog.local is not None and dialog.local.held),
                dialog.remote if callers and dialog.remote is not None else End("", address),
                dialog.direction,
            )
            for dialog in found
        ]
