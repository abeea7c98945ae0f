"""
Every place where a feature takes part: the contract between the core and a plugin.

A plugin marks a method (or a function of its module) with C{@hookimpl} and
gives it the name of a hook; it may leave out parameters that it does not need.

There are four kinds of hook:

  - B{questions} are put to the features in the order of the configuration,
    until one gives an answer other than L{None}.  An answer may be a value, a
    Deferred or a coroutine;
  - B{edits} change a draft in place, each feature after the other, and return
    nothing;
  - B{news} are told to every feature, and what they return is of no interest,
    though it may be a coroutine;
  - B{declarations} are asked for once, at start, before there is any call.

A feature cannot break a call.  When it raises, when its answer has the wrong
type or does not come within the budget (5 seconds for a question), it loses its
say in that one question, as if it had returned L{None}; the story of the call
and the log name it.  A feature that keeps failing is set aside until the next
reload.

A call keeps the features it began with: after C{b2bua reload} the hooks of the
old code are asked about old calls, those of the new code about new ones.
"""

from __future__ import annotations

from types import ModuleType

from b2bua.hookspecs import (
    administration,
    calls,
    codes,
    feature,
    heard,
    phones,
    shown,
    targets,
    transfers,
)
from b2bua.hookspecs.marks import PROJECT, Hook, Kind, hookimpl

__all__ = ["CONTRACT", "FACE", "HOOKS", "PROJECT", "ROOMS", "Hook", "Kind", "hookimpl"]

ROOMS: tuple[ModuleType, ...] = (
    targets,
    codes,
    calls,
    transfers,
    heard,
    shown,
    phones,
    feature,
    administration,
)
"""What hooks are about, a file each, in the order in which a plugin author reads of them."""

CONTRACT: dict[str, Hook] = {
    name: value for room in ROOMS for name, value in vars(room).items() if hasattr(value, "b2bua_kind")
}
"""Every hook, by its name: what it is given, and what it answers."""

HOOKS: dict[str, Kind] = {name: function.b2bua_kind for name, function in CONTRACT.items()}
"""Every hook with its kind."""

FACE: dict[str, str] = {name: face for name, function in CONTRACT.items() if (face := function.b2bua_face)}
"""The hooks that the core calls by a method of their own, with its name."""
