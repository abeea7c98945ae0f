"""
What we can do, as our messages say it: methods, option tags and bodies.

There is one list of each, which is both what we tell (Allow, Supported, Accept;
RFC 3261 sections 20.5, 20.37 and 20.1) and what we hold others to (405, 420 and
415; section 8.2).
"""

from __future__ import annotations

from typing import TypeAlias

Named: TypeAlias = tuple[str, str]

OUTSIDE = (
    "INVITE", "ACK", "CANCEL", "OPTIONS", "REGISTER", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "PUBLISH",
)  # fmt: skip
"""The methods that we take outside of dialogs."""
INSIDE = (
    "INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "OPTIONS", "INFO", "MESSAGE", "REFER", "NOTIFY",
    "SUBSCRIBE",
)  # fmt: skip
"""Those that we take within a dialog of a call (RFC 5589 section 6 wants REFER and NOTIFY in its Allow)."""
ONLY_INSIDE = frozenset(("BYE", "PRACK", "UPDATE", "INFO"))
"""Those that have no meaning without a dialog: 481 outside of one."""

ALLOW_OUTSIDE: Named = ("Allow", ", ".join([*OUTSIDE, *(m for m in INSIDE if m in ONLY_INSIDE)]))
ALLOW: Named = ("Allow", ", ".join(INSIDE))

ALLOW_BUT_MESSAGE: Named = ("Allow", ", ".join(m for m in ALLOW_OUTSIDE[1].split(", ") if m != "MESSAGE"))
"""What is left for whoever takes no messages (section 21.4.6)."""
ALLOW_IN_SUBSCRIPTION: Named = ("Allow", "SUBSCRIBE, NOTIFY, OPTIONS")
"""What we take within a dialog that is no call's, whichever side of the subscription we are."""

EVENTS = frozenset({"refer"})
"""The event packages that come with calls (RFC 3515); all others are brought along by features."""
ALLOW_EVENTS: Named = ("Allow-Events", ", ".join(sorted(EVENTS)))

OPTION_TAGS = frozenset(
    {"100rel", "199", "from-change", "histinfo", "join", "norefersub", "replaces", "tdialog", "timer"}
)
"""The option tags that a request about a call may require."""
REGISTRATION = frozenset({"outbound", "path"})
"""Those that a REGISTER may require."""

SUPPORTED: Named = ("Supported", "replaces, timer, norefersub, tdialog")
SUPPORTED_ANSWER: Named = ("Supported", "100rel, replaces, timer, norefersub, tdialog")
"""
What answers say (RFC 3261 section 20.37).

A re-INVITE of ours does not: who takes its 1xx reliably would undo more than can be undone.
"""
SUPPORTED_INVITE: Named = ("Supported", "100rel, replaces, timer, norefersub, tdialog, 199")
SUPPORTED_UNRELIABLE: Named = ("Supported", "replaces, timer, norefersub, tdialog, 199")
SUPPORTED_REGISTRATION: Named = ("Supported", ", ".join(sorted(REGISTRATION)))

BODIES = frozenset({"application/sdp"})
"""The bodies that we understand."""
ACCEPT: Named = ("Accept", ", ".join(sorted(BODIES)))
ANY_BODY = frozenset(("INFO", "MESSAGE", "NOTIFY", "PUBLISH", "SUBSCRIBE"))
"""Methods whose bodies are for others, or are judged by their event package."""

ABILITIES: tuple[Named, ...] = (
    ALLOW_OUTSIDE,
    ACCEPT,
    ("Supported", ", ".join(sorted(OPTION_TAGS | REGISTRATION))),
)
"""What our answer to OPTIONS says (section 11.2)."""


OTHER_TAGS: dict[str, frozenset[str] | None] = {"REGISTER": REGISTRATION, "SUBSCRIBE": None}
"""
The option tags that requests of some methods may require outside of dialogs; all others L{OPTION_TAGS}.

None where the event package knows.
"""
