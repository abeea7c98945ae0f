"""Play a call that was made once more, and write it as a test."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from b2bua.command import _asking
from b2bua.command._live import live_tables, with_files
from b2bua.command._progress import bar
from b2bua.settings import Problem, SettingsError, find

if TYPE_CHECKING:
    from b2bua.explain.traced import TracedCall


def arguments(parser: ArgumentParser) -> None:
    """Take which, from where, and where the test goes."""
    parser.add_argument(
        "call",
        metavar="CALL",
        nargs="?",
        help="an id, or its beginning; a Call-ID; a number, for its last call",
    )
    parser.add_argument("--open", metavar="FILE", help="a call that b2bua trace --save wrote")
    parser.add_argument("--pcap", metavar="FILE", help="a capture of packets, with --call-id")
    parser.add_argument(
        "--call-id", metavar="ID", action="append", default=[],
        help="the Call-ID of a dialog in the capture, the caller's first; may be repeated",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="write the test to this file")
    parser.add_argument(
        "--names", action="store_true", help="keep numbers, names and addresses as they are (passwords never)"
    )
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Play it; the exit status is 0 if the server does what it did."""
    # Not needed to say what can be typed, and it takes its time.
    from b2bua.explain.replay import record, test_file
    from b2bua.settings import document
    from b2bua.testing.replaying import Replay

    path = find(options.config)
    tables = document(path)
    played = with_files(path, tables)
    call = _call(options, tables)
    if options.open is None and options.pcap is None:
        tables = live_tables(options, tables)
        played = live_tables(options, played)
    # In the test the paths of files stay as they were typed: those of this machine are nobody's business.
    recording = record(call, tables, redact=not options.names)
    for call_id in call.missing:
        print(f"the beginning of {call_id} is not kept any more; what is left is played")
    if options.out is not None:
        try:
            Path(options.out).write_text(test_file(call, recording))
        except OSError as error:
            raise SettingsError(options.out, [Problem("", error.strerror or str(error))]) from None
        print(f"wrote {options.out}")
    faults = Replay(record(call, played, redact=not options.names)).run()
    print("\n".join(faults) if faults else "the server does now what it did then")
    return 1 if faults else 0


def _call(options: Namespace, tables: dict[str, Any]) -> TracedCall:
    """Find the call: in a file, in a capture, or in the running service."""
    from b2bua.explain import pcap
    from b2bua.explain.replay import of_capture
    from b2bua.explain.traced import TracedCall

    if options.open is not None:
        return TracedCall.open(Path(options.open))
    if options.pcap is not None:
        if not options.call_id:
            raise SettingsError("b2bua replay", [Problem("--pcap", "say which dialog: --call-id ID")])
        return of_capture(pcap.read(Path(options.pcap), bar("MiB")), options.call_id, tables)
    if options.call is None:
        raise SettingsError("b2bua replay", [Problem("", "say which call, or --open or --pcap a FILE")])
    return TracedCall.model_validate(_asking.ask(options, "GET", "/calls/{call}/trace", call=options.call))
