"""
Make the sounds that the plugins play: C{python -m tools.sounds}, with Debian's espeak-ng and sox.

The texts stand here; the files are kept in C{plugins/sounds/LANGUAGE/}, so that
nobody needs the synthesizer.  Own recordings of the same names replace them.
"""

from __future__ import annotations

import math
import struct
import subprocess
import wave
from collections.abc import Iterable
from pathlib import Path

SOUNDS = Path(__file__).resolve().parent.parent / "plugins" / "sounds"
TEXTS = {
    "en": {
        "not_there": "The person you are calling is not available. Please leave a message after the tone.",
        "new_messages": "New messages:",
        "no_messages": "You have no messages.",
        "more": "more than nine",
        "menu": "To hear it again, press 1. To keep it, press 2. To delete it, 3. To call back, 4. "
        "To forward it, 5. For your greeting, 0.",
        "extension": "Please enter your extension, then the hash key.",
        "pin": "Please enter your PIN, then the hash key.",
        "new_pin": "Enter a new PIN of four digits or more, then the hash key.",
        "wrong": "That is not right.",
        "forward_to": "Enter the extension to forward it to, then the hash key.",
        "no_number": "The caller's number is not known.",
        "settings": "To speak a greeting, press 1. To change your PIN, press 2.",
        "not_saved": "Your message could not be saved.",
        "kept": "Kept.",
        "deleted": "Deleted.",
        "full": "The mailbox is full.",
        "greeting": "Speak your greeting after the tone, then press the hash key.",
        "saved": "Saved.",
        "goodbye": "Good bye.",
        "nobody": "The person you are calling cannot be reached.",
        "position": "You are number",
        "press_1": "You have a call. To take it, press 1.",
        "unknown": "The number you have dialled is not known.",
        "busy": "The person you are calling is busy.",
        "all_busy": "All lines are busy. Please try again later.",
        "closed": "We are closed at this time. Please call again later.",
        "not_allowed": "This call is not allowed.",
        "done": "Done.",
        "do_not_disturb": "Do not disturb:",
        "forward": "Forward",
        "find_me": "Find me:",
        "on": "on.",
        "off": "off.",
        "to": "to",
        "at": "at",
        "your_number": "Your number is",
        "hidden": "hidden.",
        "shown": "shown.",
        "logged_in": "Logged in.",
        "logged_out": "Logged out.",
        "parked": "Parked",
        "wake_up": "Wake-up call",
        "conference_alone": "You are the first one here.",
        "conference_full": "The conference is full.",
        "conference_locked": "The conference is locked.",
        "conference_open": "The conference is open.",
        "heard": "Everybody hears you.",
        "unheard": "Nobody hears you.",
        "recorded": "This call is recorded.",
    },
    "de": {
        "not_there": "Der gewünschte Gesprächspartner ist nicht erreichbar. Bitte sprechen Sie nach dem Ton.",
        "new_messages": "Neue Nachrichten:",
        "no_messages": "Sie haben keine Nachrichten.",
        "more": "mehr als neun",
        "menu": "Zum Wiederholen drücken Sie die 1. Zum Behalten die 2. Zum Löschen die 3. "
        "Zum Zurückrufen die 4. Zum Weiterleiten die 5. Für Ihre Ansage die 0.",
        "extension": "Bitte geben Sie Ihre Nebenstelle ein, dann die Raute.",
        "pin": "Bitte geben Sie Ihre PIN ein, dann die Raute.",
        "new_pin": "Geben Sie eine neue PIN mit mindestens vier Ziffern ein, dann die Raute.",
        "wrong": "Das ist nicht richtig.",
        "forward_to": "Geben Sie die Nebenstelle ein, an die weitergeleitet wird, dann die Raute.",
        "no_number": "Die Nummer des Anrufers ist nicht bekannt.",
        "settings": "Um eine Ansage zu sprechen, drücken Sie die 1. Um Ihre PIN zu ändern, die 2.",
        "not_saved": "Ihre Nachricht konnte nicht gespeichert werden.",
        "kept": "Behalten.",
        "deleted": "Gelöscht.",
        "full": "Das Postfach ist voll.",
        "greeting": "Sprechen Sie Ihre Ansage nach dem Ton, dann drücken Sie die Raute.",
        "saved": "Gespeichert.",
        "goodbye": "Auf Wiederhören.",
        "nobody": "Der gewünschte Gesprächspartner ist nicht erreichbar.",
        "position": "Sie sind Nummer",
        "press_1": "Sie haben einen Anruf. Um ihn anzunehmen, drücken Sie die 1.",
        "unknown": "Die gewählte Rufnummer ist nicht bekannt.",
        "busy": "Der gewünschte Gesprächspartner spricht gerade.",
        "all_busy": "Alle Leitungen sind belegt. Bitte versuchen Sie es später noch einmal.",
        "closed": "Wir haben zur Zeit geschlossen. Bitte rufen Sie später wieder an.",
        "not_allowed": "Dieser Anruf ist nicht erlaubt.",
        "done": "Erledigt.",
        "do_not_disturb": "Bitte nicht stören:",
        "forward": "Umleitung",
        "find_me": "Rufnummernfolge:",
        "on": "ein.",
        "off": "aus.",
        "to": "nach",
        "at": "auf",
        "your_number": "Ihre Rufnummer wird",
        "hidden": "unterdrückt.",
        "shown": "angezeigt.",
        "logged_in": "Angemeldet.",
        "logged_out": "Abgemeldet.",
        "parked": "Geparkt",
        "wake_up": "Weckruf",
        "conference_alone": "Sie sind als erste Person hier.",
        "conference_full": "Die Konferenz ist voll.",
        "conference_locked": "Die Konferenz ist geschlossen.",
        "conference_open": "Die Konferenz ist offen.",
        "heard": "Alle hören Sie.",
        "unheard": "Niemand hört Sie.",
        "recorded": "Dieses Gespräch wird aufgezeichnet.",
    },
}


RATE = 8000
BEAT = 0.3
"""Seconds of a note."""
TUNE = """
C4 E4 G4 C5 E4 G4 C5 G4  A3 C4 E4 A4 C4 E4 A4 E4  F3 A3 C4 F4 A3 C4 F4 C4  G3 B3 D4 G4 B3 D4 G4 D4
C4 E4 G4 E5 E4 G4 E5 G4  A3 C4 E4 C5 C4 E4 C5 E4  D4 F4 A4 D5 F4 A4 D5 A4  G3 B3 D4 F4 B3 D4 F4 B4
"""
"""Broken chords, which nobody has to be paid for."""
SEMITONES = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}


def pitch(note: str) -> float:
    """The frequency of a note such as C{A4}, which has 440 Hz."""
    return 440.0 * 2 ** ((SEMITONES[note[0]] + 12 * (int(note[1]) - 4)) / 12)


def tune() -> Iterable[int]:
    """The samples of the music: each note is struck and fades, over the end of the one before."""
    length, fade = int(BEAT * RATE), int(3 * BEAT * RATE)
    notes = TUNE.split()
    samples = [0.0] * (length * len(notes))
    for number, note in enumerate(notes):
        turn = 2 * math.pi * pitch(note) / RATE
        for at in range(fade):
            loud = math.exp(-4.0 * at / fade) * min(at / 40, 1.0)
            tone = math.sin(turn * at) + 0.3 * math.sin(2 * turn * at)
            samples[(number * length + at) % len(samples)] += loud * tone
    most = max(map(abs, samples))
    return [int(6000 * sample / most) for sample in samples]


def ringing() -> Iterable[int]:
    """The ringing that a caller hears in Germany, and understands anywhere (ITU-T E.180): 1 s in 5."""
    turn = 2 * math.pi * 425 / RATE
    return [int(4000 * math.sin(turn * at)) if at < RATE else 0 for at in range(5 * RATE)]


def _keep(name: str, samples: Iterable[int]) -> None:
    """Write samples to a file of C{plugins/sounds/music/}."""
    path = SOUNDS / "music" / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = list(samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(data)}h", *data))


def main() -> None:
    """Make all of them."""
    _keep("music", tune())
    _keep("ringing", ringing())
    _keep("silence", [0] * RATE)
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
