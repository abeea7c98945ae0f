"""The sounds that come along: a directory for each language, and one with music."""

from __future__ import annotations

from pathlib import Path

from b2bua.calls import unplayable

SOUNDS = Path(__file__).resolve().parent / "sounds"


def sound(language: str, name: str) -> str:
    """The file of a sound; that in English for a language in which there are none."""
    place = SOUNDS / language
    return str((place if place.is_dir() else SOUNDS / "en") / f"{name}.wav")


def of_language(table: str, language: str) -> Path:
    """
    The directory of a language, or an own one that is named in its place.

    @raise ValueError: if there is no such directory, or one of its sounds cannot be played.
    """
    place = SOUNDS / language  # an absolute path stays what it is
    if not place.is_dir():
        raise ValueError(f'[{table}] there are no sounds for language = "{language}"; choose "en" or "de"')
    for file in sorted(place.glob("*.wav")) if place.parent != SOUNDS else ():
        if why := unplayable(file):
            raise ValueError(f"[{table}] language: {why}")
    return place
