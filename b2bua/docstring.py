"""What a docstring says to people who are not programmers."""

from __future__ import annotations

import inspect
import re

MARKED = re.compile(r"\b[A-Z]\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
"""Epytext's marks, such as C{C{limit}}; what they mark may have braces of its own."""


def told(thing: object) -> str:
    """
    The docstring of a function, without epytext's marks; empty if it has none.

    >>> told(lambda: None)
    ''
    """
    return MARKED.sub(r"\1", inspect.getdoc(thing) or "")
