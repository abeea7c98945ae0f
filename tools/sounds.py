"""
Speak the sounds that the plugins play: C{python -m tools.sounds}, with Debian's espeak-ng and sox.

The texts stand here; the files are kept in C{plugins/sounds/LANGUAGE/}, so that
nobody needs the synthesizer.  Own recordings of the same names replace them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

SOUNDS = Path(__file__).resolve().parent.parent / "plugins" / "sounds"
TEXTS = {
    "en": {
        "not_there": "The person you are calling is not available. Please leave a message after the tone.",
        "new_messages": "New messages:",
        "no_messages": "You have no messages.",
        "more": "more than nine",
        "menu": "To hear it again, press 1. To keep it, press 2. To delete it, press 3.",
        "kept": "Kept.",
        "deleted": "Deleted.",
        "full": "The mailbox is full.",
        "greeting": "Speak your greeting after the tone, then press the hash key.",
        "saved": "Saved.",
        "goodbye": "Good bye.",
    },
    "de": {
        "not_there": "Der gewünschte Gesprächspartner ist nicht erreichbar. Bitte sprechen Sie nach dem Ton.",
        "new_messages": "Neue Nachrichten:",
        "no_messages": "Sie haben keine Nachrichten.",
        "more": "mehr als neun",
        "menu": "Zum Wiederholen drücken Sie die 1. Zum Behalten die 2. Zum Löschen die 3.",
        "kept": "Behalten.",
        "deleted": "Gelöscht.",
        "full": "Das Postfach ist voll.",
        "greeting": "Sprechen Sie Ihre Ansage nach dem Ton, dann drücken Sie die Raute.",
        "saved": "Gespeichert.",
        "goodbye": "Auf Wiederhören.",
    },
}


def main() -> None:
    """Speak all of them."""
    for language, texts in TEXTS.items():
        place = SOUNDS / language
        place.mkdir(parents=True, exist_ok=True)
        for name, text in {**texts, **{str(digit): str(digit) for digit in range(10)}}.items():
            spoken = subprocess.run(
                ["espeak-ng", "-v", language, "-s", "150", "--stdout", text], capture_output=True, check=True
            ).stdout
            _write(place / f"{name}.wav", ["-t", "wav", "-"], spoken)
        _write(place / "tone.wav", ["-n"], b"", "synth", "0.3", "sine", "880", "vol", "0.4")


def _write(path: Path, source: list[str], data: bytes, *effects: str) -> None:
    """Write one file: 8,000 samples a second, one channel."""
    output = ["-r", "8000", "-c", "1", "-b", "16", str(path)]
    subprocess.run(["sox", "-V1", *source, *output, *effects], input=data, check=True)


if __name__ == "__main__":
    main()
