"""
Auto attendant: a caller hears a menu, and presses a key or an extension.

    [auto_attendant.500]
    prompt = "welcome.wav"              # or one for each language: { en = "welcome.wav", de = "hallo.wav" }
    keys = { "1" = "600", "2" = "501", "0" = "100", "9" = "repeat" }     # numbers, other menus; or "hang_up"
    languages = { "8" = "de" }          # these keys go on in another language
    language = "en"
    extensions = true                   # may extensions be dialled?
    seconds = 5                         # to the first key, after the prompt
    between = 2                         # and to each further one
    repeats = 2                         # so often it is said once more when nothing is pressed, or nonsense
    otherwise = "100"                   # and then this is rung; without it the call ends

    [auto_attendant.501]
    prompt = "sales.wav"
    keys = { "1" = "102", "*" = "500" }

A number of C{keys} is rung for the caller, who hears ringing, and is back in the
menu when nobody answers; the configuration has named it, so whoever calls may
reach it.  A menu for when an office is closed is C{otherwise} of that office
(C{[office_hours]}).  It needs a voice of the server (C{[media]}).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from b2bua import Elsewhere, File, NotConfigured, Options, Seconds, Table, Target, hookimpl
from b2bua.calls import Talk, unplayable
from b2bua_plugins._sounds import sound

if TYPE_CHECKING:
    from b2bua.calls import Attempt, Conversation

ALL_KEYS = "0123456789*#"
MENUS_MAX = 50
"""So many menus one caller goes through."""
Keys = Annotated[str, StringConstraints(pattern=r"^[0-9*#]{1,8}$")]
Choice = Annotated[Literal["repeat", "hang_up"] | Target, Field(union_mode="left_to_right")]
Sounds = Annotated[
    Mapping[str, File],
    BeforeValidator(lambda value: {"": value} if isinstance(value, str) else value),
    Field(min_length=1),
]


class Menu(Table):
    """C{[auto_attendant.NUMBER]}: what is said, and what the keys do."""

    prompt: Sounds
    keys: Mapping[Keys, Choice] = {}
    languages: Mapping[Keys, str] = {}
    language: Literal["en", "de"] = "en"
    extensions: bool = False
    seconds: Seconds = 5.0
    between: Annotated[float, Field(gt=0, le=30)] = 2.0
    repeats: Annotated[int, Field(ge=0, le=20)] = 2
    otherwise: Elsewhere = ""


class AutoAttendant:
    """Answers the numbers of menus."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"auto_attendant.*": Menu}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the menus, and see that their files are there."""
        self._menus = {name: options.of(Menu, name) for [name] in options.names(Menu)}
        if not self._menus:
            raise NotConfigured("no [auto_attendant.NUMBER] table")
        self._extensions = options.extensions
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> Iterator[str]:
        """What is wrong with the menus."""
        for number, menu in self._menus.items():
            where = f"[auto_attendant.{number}]"
            for key in menu.keys.keys() & menu.languages.keys():
                yield f"{where} the key {key} is among keys and languages; leave it in one of them"
            for path in menu.prompt.values():
                if why := unplayable(path):
                    yield f"{where} prompt: {why}"
            for language in menu.languages.values():
                if "" not in menu.prompt and language not in menu.prompt:
                    yield f"{where} languages: there is no prompt in {language}"

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """Menus."""
        return {number: f"auto_attendant.{number}" for number in self._menus}

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | None:
        """Answer the number of a menu."""
        number = attempt.user
        if number not in self._menus or not attempt.local or attempt.extension is not None:
            return None
        return Talk(lambda talk: self._guide(talk, number))

    async def _guide(self, talk: Conversation, number: str) -> None:
        """Go through the menus with a caller, who keeps the language."""
        language: str = self._menus[number].language
        for _ in range(MENUS_MAX):
            menu = self._menus[number]
            chosen = await self._ask(talk, menu, language)
            if chosen in menu.languages:
                language = menu.languages[chosen]
                continue
            target = menu.keys.get(chosen) or chosen or menu.otherwise
            if target in self._menus:
                number = target
            elif target in ("hang_up", ""):
                break
            elif target != "repeat":
                granted = chosen in menu.keys or not chosen
                outcome = await talk.dial(target, hears=sound("music", "ringing"), granted=granted)
                await talk.play(sound(language, "busy" if outcome.kind == "busy" else "nobody"))
                if not chosen:
                    break  # nobody is there for who chooses nothing
        await talk.play(sound(language, "goodbye"))

    async def _ask(self, talk: Conversation, menu: Menu, language: str) -> str:
        """Say the menu until something is chosen; empty if nothing is."""
        prompt = menu.prompt.get(language) or next(iter(menu.prompt.values()))
        for _ in range(menu.repeats + 1):
            entered = await talk.play(str(prompt), until=ALL_KEYS) or await talk.key(menu.seconds)
            while entered and self._goes_on(menu, entered):
                key = await talk.key(menu.between)
                if not key or (key == "#" and entered + key not in menu.keys):
                    break
                entered += key
            if entered in menu.keys or entered in menu.languages:
                return entered
            if menu.extensions and entered in self._extensions:
                return entered
            if entered:
                await talk.play(sound(language, "wrong"))
        return ""

    def _goes_on(self, menu: Menu, entered: str) -> bool:
        """Can more keys follow?"""
        known = [*menu.keys, *menu.languages, *(self._extensions if menu.extensions else ())]
        return any(one != entered and one.startswith(entered) for one in known)
