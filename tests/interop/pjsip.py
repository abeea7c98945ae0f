"""PJSIP as a phone (see L{tests.interop.pjsip_phone})."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from tests.interop.driven import Driven


class Pjsip(Driven):
    """PJSIP 2, the library of many soft phones."""

    name = "PJSIP"
    library = "pjsua2"
    program_module = "tests.interop.pjsip_phone"
    trace = re.compile(
        r"(?P<way>[TR]X) \d+ bytes [^\n]*? (?:to|from) \w+ \S+?:?\n(?P<message>.*?)\n--end msg--",
        re.DOTALL,
    )
    attends = redirects = attends_early = True

    @inlineCallbacks
    def register(self) -> Any:
        """Register with digest, and wait until it is, also if it has done so by itself before."""
        yield self.command("register")
        self.pass_over("REGISTER_OK")
        return (yield self.tells("REGISTER_OK"))

    def refuse(self, code: int) -> Deferred[str]:
        """Refuse the latest call with any status."""
        return self.command("answer", code)

    def redirect(self, number: str) -> Deferred[str]:
        """Send the caller elsewhere, with 302."""
        return self.command("redirect", number)
