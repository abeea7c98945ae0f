"""
Every ladder of our own tests: played, traced, and played again from what was traced.

C{python -m tests.simulation.ladders} does it with all of them, and names each
call of which the replay does something else; with C{test_hold} behind it only
with those of which the name has that.
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Any
from unittest.mock import patch

import tests.ladders
from b2bua.explain.replay import record
from b2bua.explain.traced import TracedCall
from b2bua.testing.replaying import Recording, Replay
from b2bua.testing.served import Served

CANNOT = {
    **dict.fromkeys(
        (
            "ConnectionTests.test_caller",
            "ConnectionTests.test_not_heard_of",
            "ConnectionTests.test_rings_too_late",
            "ConnectionTests.test_stays_away",
            "VanishingTests.test_icmp",
            "RegistrationTests.test_connection_closed",
            "FollowingTests.test_baresip",
            "FollowingTests.test_bye_waits",
            "FollowingTests.test_comes_back_with_a_change",
            "FollowingTests.test_hold_waits",
            "FollowingTests.test_info_waits",
            "FollowingTests.test_never_back",
            "TargetTests.test_unplugged",
            "TimerTests.test_both_vanish",
        ),
        "a connection closes, or the network says that nobody is there",
    ),
    **dict.fromkeys(
        (
            "CodeTests.test_answer_chosen",
            "CodeTests.test_do_not_disturb",
            "CodeTests.test_find_me",
            "CodeTests.test_forward_in_one_dial",
            "CodeTests.test_off_ends_what_the_file_says",
            "test_forwarded",
            "BothWaysTests.test_phone",
            "QueueMeets.test_block_callers",
            "OthersMeet.test_caller_id_block_callers",
            "DeskMeets",
        ),
        "somebody has changed a setting by phone before, or logged in there; "
        "a recording has the configuration only",
    ),
    **dict.fromkeys(
        ("OthersMeet.test_class_of_service_last_call", "ParkMeets.test_last_call"),
        "it dials again whom a call before was with, which is over",
    ),
    **dict.fromkeys(
        ("OriginationTests", "ControlTests.test_press", "RecordTests.test_shutdown", "call_back"),
        "an operator, a program or a feature begins or ends it by itself",
    ),
    **dict.fromkeys(
        ("RecordRouteTests", "OutTests.test_backup", "OutTests.test_proxy"),
        "a trunk is at more than one place",
    ),
    **dict.fromkeys(
        ("CrashTests", "ReloadTests.test_crashed", "test_office_kept"),
        "the server dies, and knows more when it comes back than messages tell",
    ),
    **dict.fromkeys(
        (
            "test_conversation",
            "ConsentTests",
        ),
        "keys and voices are no messages",
    ),
    "TwoServersTests": "two servers of ours take part",
    "RegistrationTests.test_wrong_password": "everybody knows their password in the simulated world",
    "CodeTests.test_two_at_once": "who comes too late to pick up has nothing in common with the call",
}
"""Which ladders are not played again, by a part of their names, and why."""


def cases(*parts: str) -> Iterator[unittest.TestCase]:
    """All ladders, or those of which the name has one of some parts."""
    for module in iter_modules(tests.ladders.__path__, "tests.ladders."):
        if not module.name.rpartition(".")[2].startswith("test_"):
            continue
        found = unittest.defaultTestLoader.loadTestsFromModule(import_module(module.name))
        for case in _flat(found):
            if not parts or any(part in case.id() for part in parts):
                yield case


def _flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """The tests of a suite."""
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from _flat(one)
        else:
            yield one


def why_not(name: str) -> str:
    """Why a ladder is not played again; empty if it is."""
    return next((why for part, why in CANNOT.items() if part in name), "")


class Watch:
    """What happens in the servers that are made while a ladder is played."""

    def __init__(self) -> None:
        """Begin with none."""
        self.servers: list[tuple[Served, list[Any]]] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note each server that is made, and its calls."""
        start = Served._start

        def started(served: Served) -> None:
            start(served)
            calls = next((calls for one, calls in self.servers if one is served), None)
            if calls is None:
                calls = []
                self.servers.append((served, calls))
            table = served.server.core.calls
            tell = table.began

            def began(call: Any) -> None:
                if tell is not None:
                    tell(call)
                calls.append(call)

            table.began = began

        with patch.object(Served, "_start", started):
            yield


def again(case: unittest.TestCase) -> tuple[int, list[str]]:
    """Play a ladder, and then each of its calls again; how many there were, and what was otherwise."""
    watch = Watch()
    with watch.watching():
        result = unittest.TestResult()
        case.run(result)
    if not result.wasSuccessful():
        return 0, ["the ladder itself has failed"]
    played, faults = 0, []
    for served, calls in watch.servers:
        records = [call.record for call in calls]
        for call in calls:
            traced = TracedCall.of(call.record, call.story, served.server.trace, others=records)
            if traced.messages and not traced.missing:
                # What a test's own plugin calls its numbers is known to it alone.
                recording = record(traced, served.document, redact=served._things == "installed")
                faults += [f"call {call.id}: {fault}" for fault in _play(recording, served._things)]
                played += 1
    return played, faults


def _play(recording: Recording, features: Any) -> list[str]:
    """Play a recording; gives what was otherwise, or why it cannot be played, so that the others are."""
    try:
        return Replay(recording, features).run()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told, and counts as a fault
        return [f"cannot be played: {type(error).__name__}: {error}"]


def main(parts: list[str]) -> int:
    """Play them; the exit status is 0 if nothing was otherwise."""
    played = wrong = 0
    for case in cases(*parts):
        if not parts and why_not(case.id()):
            continue
        number, faults = again(case)
        played += number
        wrong += bool(faults)
        if faults:
            sys.stdout.write("\n    ".join((case.id().removeprefix("tests.ladders."), *faults[:3])) + "\n")
    sys.stdout.write(f"{played} calls were played again; {wrong} ladders were otherwise\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
