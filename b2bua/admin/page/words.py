"""What the page says, in English, and in German for browsers that ask for it (RFC 9110 section 12.5.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Say: TypeAlias = Callable[[str], str]
"""Says an English text in the language of the reader."""

GERMAN = {
    "Now": "Jetzt",
    "Past": "Vergangen",
    "People": "Teilnehmer",
    "Attacks": "Angriffe",
    "Settings": "Einstellungen",
    "Mine": "Meins",
    "Log in": "Anmelden",
    "Log out": "Abmelden",
    "Name": "Name",
    "Password": "Passwort",
    "Calls": "Gespräche",
    "No call goes on.": "Zurzeit gibt es kein Gespräch.",
    "From": "Von",
    "Dialled": "Gewählt",
    "With": "Mit",
    "State": "Stand",
    "Talked": "Dauer",
    "Began": "Beginn",
    "Call": "Anrufen",
    "Hang up": "Auflegen",
    "Phones": "Telefone",
    "No phone is registered.": "Kein Telefon ist angemeldet.",
    "Extension": "Nebenstelle",
    "Phone": "Telefon",
    "Address": "Adresse",
    "Expires": "Läuft ab",
    "Trunks": "Leitungen",
    "Trunk": "Leitung",
    "up": "bereit",
    "down": "gestört",
    "Alarms": "Störungen",
    "Everything is well.": "Alles in Ordnung.",
    "Party": "Beteiligt",
    "Since": "Seit",
    "Until": "Bis",
    "Search": "Suchen",
    "As CSV": "Als CSV",
    "No call was found.": "Kein Gespräch gefunden.",
    "Older": "Ältere",
    "the latest": "die letzten",
    "A file has at most the latest": "Eine Datei enthält höchstens die letzten",
    "Caller": "Anrufer",
    "Messages": "Nachrichten",
    "Legs": "Beteiligte",
    "Ladder": "Ablauf",
    "Reasons": "Gründe",
    "The beginning of this is not kept any more:": "Der Anfang hiervon ist nicht mehr vorhanden:",
    "File": "Datei",
    "Files": "Dateien",
    "As text": "Als Text",
    "As a picture": "Als Bild",
    "Last calls": "Letzte Gespräche",
    "Save": "Speichern",
    "As in the file": "Wie in der Datei",
    "changed": "geändert",
    "Nothing can be changed here.": "Hier lässt sich nichts ändern.",
    "Source": "Quelle",
    "Ignored for": "Gesperrt für",
    "Pardon": "Freigeben",
    "Nobody is ignored.": "Niemand ist gesperrt.",
    "Plugins": "Plugins",
    "Version": "Version",
    "Codes": "Codes",
    "Not asked": "Nicht gefragt",
    "Read the configuration again": "Konfiguration neu lesen",
    "Last changes": "Letzte Änderungen",
    "When": "Wann",
    "Who": "Wer",
    "What": "Was",
    "Registered": "Angemeldet",
    "This page needs JavaScript to change anything.": "Zum Ändern braucht diese Seite JavaScript.",
    "Skip to the content": "Zum Inhalt",
    "There is no such page.": "Diese Seite gibt es nicht.",
    "This is not for you.": "Das ist nicht für Sie bestimmt.",
    "Answered": "Angenommen",
    "Hung up by": "Aufgelegt von",
    "Copy as text": "Als Text kopieren",
    "As a capture": "Als Mitschnitt",
    "All of it": "Alles davon",
    "Ignored": "Gesperrt",
    "asked": "wird gefragt",
    "Nothing was changed.": "Nichts wurde geändert.",
    "The file as it is now takes the place of what was read.": "Dann gilt, was jetzt in der Datei steht.",
    "The configuration was read.": "Die Konfiguration wurde gelesen.",
    "The phones of the extension ring.": "Die Telefone der Nebenstelle klingeln.",
    "Call somebody": "Anrufen",
    "Number": "Nummer",
    "registered": "angemeldet",
    "not registered": "nicht angemeldet",
    "There is no extension.": "Es gibt keine Nebenstelle.",
    "Webhooks": "Webhooks",
    "Waiting": "Wartet",
    "Send again": "Noch einmal senden",
    "Remove": "Entfernen",
    "Asked": "Gefragt",
    "Had an answer": "Hatte Antwort",
    "Failed": "Fehlgeschlagen",
    "Time each": "Zeit je Frage",
    "As Asterisk's CSV": "Als CSV wie Asterisk",
    "Calls by hour": "Gespräche je Stunde",
    "not answered": "nicht angenommen",
    "Lamp": "Lampe",
    "Registered since": "Angemeldet seit",
    "does not answer": "antwortet nicht",
    "free": "frei",
    "talks": "spricht",
    "Missed calls": "Verpasste Anrufe",
    "For a phone": "Für ein Telefon",
    "Server": "Server",
    "User name": "Benutzername",
    "Transport": "Transport",
    "as in the configuration, or as it was shown once": "wie in der Konfiguration, oder wie einmal gezeigt",
    "Why did it not ring?": "Warum hat es nicht geklingelt?",
    "Through": "Über",
    "Play this call": "Diesen Anruf durchspielen",
    "Sources that fail to log in": "Quellen, die sich vergeblich anmelden",
    "Users for whom it is tried": "Benutzer, für die es versucht wird",
    "Attempts": "Versuche",
    "Nobody lately.": "Zuletzt niemand.",
    # How far calls are, and how they ended.
    "ringing": "klingelt",
    "talking": "im Gespräch",
    "on hold": "wird gehalten",
    "waiting": "wartet",
    "answered": "angenommen",
    "busy": "besetzt",
    "declined": "abgelehnt",
    "no answer": "keine Antwort",
    "not reachable": "nicht erreichbar",
    "no such number": "keine solche Nummer",
    "not allowed": "nicht erlaubt",
    "failed": "fehlgeschlagen",
    "gave up": "aufgegeben",
    "gave up while ringing": "aufgegeben, als es klingelte",
    "cut by a crash": "durch Absturz beendet",
    "answered by the server": "von der Anlage angenommen",
    "no common media": "kein gemeinsames Medium",
    "refused": "abgewiesen",
    "sent elsewhere": "weiterverwiesen",
    "number incomplete": "Nummer unvollständig",
    "goes round in a circle": "dreht sich im Kreis",
    "refused as too large": "als zu groß abgewiesen",
    "rings in too many places": "klingelt an zu vielen Stellen",
    "ended before an answer": "vor einer Antwort beendet",
    "ended by an operator while ringing": "von Hand beendet, als es klingelte",
    "ended by a shutdown while ringing": "durch Abschalten beendet, als es klingelte",
}


def english(text: str) -> str:
    """As it is."""
    return text


def german(text: str) -> str:
    """In German, as far as we know it."""
    return GERMAN.get(text, text)


def language(accepted: str) -> tuple[str, Say]:
    """The language of a reader, by what their browser accepts, and how it is said."""
    wanted: list[tuple[float, str]] = []
    for part in accepted[:200].split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), name.lower().partition("-")[0]))
        except ValueError:
            continue
    for _, name in sorted(wanted, key=lambda one: one[0]):
        if name == "de":
            return "de", german
        if name == "en":
            break
    return "en", english
