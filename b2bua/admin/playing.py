"""What a call would do, played beside the service: it takes a second of work, which calls must not feel."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import TimeoutError
from twisted.internet.utils import getProcessOutputAndValue

from b2bua.admin.refused import Mistaken, Refused

PATIENCE = 30.0
"""Seconds that it may take."""
PROGRAM = "import sys; from b2bua.command import main; sys.exit(main())"
LONGEST = 100_000
"""Characters of an answer."""

Play = Callable[[str, str, str], Awaitable[str]]
"""Says what a call would do: of whom, to what, through which trunk."""


class Playing:
    """Plays calls with C{b2bua whatif --live}, one at a time."""

    def __init__(self, reactor: Any, config: str) -> None:
        """Play with the configuration of a file, and what the running service knows."""
        self._reactor = reactor
        self._config = config
        self._busy = False

    async def __call__(self, caller: str, dialled: str, via: str) -> str:
        """
        Play one, and give what is said.

        @raise Refused: if it makes no sense, or another one is played.
        """
        if self._busy:
            raise Refused("another call is being played; ask again in a moment", 503)
        more = ("--via", via) if via else ()
        arguments = (
            "-c",
            PROGRAM,
            "whatif",
            "--live",
            *more,
            "--config",
            self._config,
            "--",
            caller,
            dialled,
        )
        self._busy = True
        try:
            asked = getProcessOutputAndValue(
                sys.executable, arguments, dict(os.environ), reactor=self._reactor
            )
            out, err, status = await asked.addTimeout(PATIENCE, self._reactor)
        except TimeoutError:
            raise Refused("it takes too long to play this call", 503) from None
        finally:
            self._busy = False
        if status:
            raise Mistaken(
                err.decode("utf-8", "replace").strip().splitlines()[-1:][0] if err.strip() else "it fails"
            )
        return str(out.decode("utf-8", "replace")[:LONGEST])
