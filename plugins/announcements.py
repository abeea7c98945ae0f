"""
Announcements: callers are told why they are refused, and what a feature code has done.

    [announcements]
    language = "en"              # or "de", or a directory with own files of the same names
    calls = ["unknown", "all_busy", "closed", "not_allowed", "nobody"]   # and "busy"
    codes = true                 # say what a code has done as well as show it
    answer = false               # answer calls for it; else it is said before the answer, which is free

What is said, by the status that the caller gets: C{unknown} for 404, 410, 484 and
604; C{busy} for 486 and 600; C{all_busy} for 500, 502, 503 and 504, as when no trunk
has a line; C{closed} for offices that are closed; C{not_allowed} for 403 and 603;
C{nobody} for any other 480.  Each is C{NAME.wav} in the directory of the
language.  It needs a voice of the server (C{[media]}).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from b2bua import NotConfigured, Options, Table, hookimpl
from b2bua.calls import Announcement
from b2bua_plugins._sounds import of_language

if TYPE_CHECKING:
    from b2bua.calls import Call, Leg

WHY = {
    **dict.fromkeys((404, 410, 484, 604), "unknown"),
    **dict.fromkeys((486, 600), "busy"),
    **dict.fromkeys((500, 502, 503, 504), "all_busy"),
    **dict.fromkeys((403, 603), "not_allowed"),
    480: "nobody",
}
WORDS = {
    "do not disturb": "do_not_disturb",
    "forward": "forward",
    "find me": "find_me",
    "on": "on",
    "off": "off",
    "hidden": "hidden",
    "shown": "shown",
    "your number": "your_number",
    "logged in": "logged_in",
    "logged out": "logged_out",
    "parked": "parked",
    "wake-up": "wake_up",
    "to": "to",
    "at": "at",
}
"""What can be said of a text on a display: its words, by the names of their sounds."""
PART = re.compile("|".join(rf"\b{word}\b" for word in sorted(WORDS, key=len, reverse=True)) + "|[0-9]")


class ForAll(Table):
    """C{[announcements]}: what is said, and how."""

    language: str = "en"
    calls: tuple[Literal["unknown", "busy", "all_busy", "closed", "not_allowed", "nobody"], ...] = (
        "unknown",
        "all_busy",
        "closed",
        "not_allowed",
        "nobody",
    )
    codes: bool = True
    answer: bool = False


class Announcements:
    """Has words for callers."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table of this feature."""
        return {"announcements": ForAll}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """See that there are sounds."""
        if not options.names(ForAll):
            raise NotConfigured("no [announcements] table")
        self._all = options.of(ForAll)
        self._sounds = of_language("announcements", self._all.language)

    @hookimpl
    def announcement_wanted(self, call: Call, leg: Leg, code: int, text: str) -> Announcement | None:
        """Find the words."""
        if code == 200:
            names = list(self._spoken(text)) if self._all.codes else []
        else:
            name = "closed" if text == "Closed" else WHY.get(code, "")
            names = [name] if name in self._all.calls else []
        files = [self._sounds / f"{name}.wav" for name in names]
        known = tuple(str(file) for file in files if file.is_file())
        return Announcement(known, self._all.answer) if known else None

    def _spoken(self, text: str) -> Iterator[str]:
        """The words of a text, as far as there are sounds for them; else that it is done."""
        found = PART.findall(text.lower())
        if not any(part in WORDS for part in found):
            found = ["done"]
        for part in found:
            yield WORDS.get(part, part)
