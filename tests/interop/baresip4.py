"""The baresip of today as a phone (see L{tests.interop.baresip4_phone})."""

from __future__ import annotations

import re

from tests.interop.driven import Driven


class Baresip4(Driven):
    """baresip 4, four major versions after Debian's."""

    name = "baresip4"
    library = "baresip"
    program_module = "tests.interop.baresip4_phone"
    trace = re.compile(
        r"^(?P<way>[TR]X) (?:UDP|TCP|TLS) [^\n]*\n(?P<message>.*?)\nEND SIP$", re.MULTILINE | re.DOTALL
    )
    # Its timer "tmr_reinv" undoes a hold that was quicker.
    settles = 0.35
    attends = True
    redirects = attends_early = False
