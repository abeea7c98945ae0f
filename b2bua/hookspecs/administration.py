"""
What a feature brings for people and programs.

Commands, files by HTTP, and figures for monitoring systems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path
    from typing import Any


@hook("declaration")
def b2bua_commands() -> Mapping[str, Callable[..., Any]]:
    """
    Name what the feature adds to the command C{b2bua}.

    Asked once for each generation of features.  The parameters of a function
    are the arguments of its command: those without a default are positional,
    the others are options.  They are C{str}, C{int}, C{float}, C{bool}, a
    C{Literal}, or one of these or L{None}.  It runs in the service, may be a
    coroutine, and gives what is printed: a text, a row (a dictionary) or a
    list of rows.  The text of a C{ValueError} is shown to whoever asked.

    @return: for each name the function; its docstring is the help.
    """
    raise NotImplementedError


@hook("declaration")
def b2bua_files() -> Mapping[str, Callable[..., tuple[str, bytes | Path] | None]]:
    """
    Name the files that the feature has for phones and programs, to be got by HTTP.

    Asked once for each generation of features.  A file is at C{/files/NAME} of
    the page's address, for whoever has logged in or has a token; phones give a
    token as the password of HTTP Basic.  Its function is called for each GET, and
    what it gives is not kept; a large one is given by its L{Path}.  A name with a
    slash at its end is a directory: its function is given the name of what is wanted
    in it, gives L{None} if there is no such file, and is called for administrators only.

    @return: for each name, C{phonebook.xml} say, a function that gives the type and the content.
    """
    raise NotImplementedError


@hook("declaration")
def b2bua_call_files() -> Mapping[str, Callable[[Collection[str]], Mapping[str, Sequence[str]]]]:
    """
    Say which of the files that the feature has are of which call.

    Asked once for each generation of features.  The page lists them with the calls,
    and plays what is sound; so does the API, both for administrators only.  The function is
    called with the ids of all calls that are to be shown.

    @return: for a directory of C{b2bua_files}, a function that gives the names of files in it, by the ids of
        calls; calls without a file may be left out.
    """
    raise NotImplementedError


@hook("declaration")
def b2bua_figures() -> Mapping[str, Callable[[], Mapping[str, float]]]:
    """
    Name the figures that the feature has for monitoring systems.

    Asked once for each generation of features.  C{queue_waiting} is read as
    C{b2bua_queue_waiting} at C{/metrics}, with the label C{queue}, its first word; a name
    that ends with C{_total} is a counter.  Its function is called for each
    reading, and gives a value for each thing that the configuration names; who calls
    is nothing to count by.

    @return: for each name a function that gives the values, by what the label says.
    """
    raise NotImplementedError
