"""PJSIP as a phone (see L{tests.interop.pjsip_phone})."""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred

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

    def refuse(self, code: int) -> Deferred[str]:
        """Refuse the latest call with any status."""
        return self.command("answer", code)

    def redirect(self, number: str) -> Deferred[str]:
        """Send the caller elsewhere, with 302."""
        return self.command("redirect", number)
