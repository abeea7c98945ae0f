"""Asking for a password at the terminal."""

from __future__ import annotations

from getpass import getpass

from b2bua.settings import Problem, SettingsError


def typed(command: str) -> str:
    """
    A password that a person types twice.

    @raise SettingsError: if it is empty, or not twice the same.
    """
    password = getpass("Password: ")
    if not password:
        raise SettingsError(command, [Problem("", "a password is needed")])
    if getpass("Again: ") != password:
        raise SettingsError(command, [Problem("", "the two are not the same")])
    return password
