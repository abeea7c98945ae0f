"""Show why a call did what it did: its messages as a ladder, with the reasons."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from b2bua.command import _asking
from b2bua.explain import pcap
from b2bua.explain.page import page
from b2bua.explain.svg import svg
from b2bua.explain.text import ladder, transcript
from b2bua.explain.traced import TracedCall
from b2bua.settings import Problem, SettingsError


def arguments(parser: ArgumentParser) -> None:
    """Take which, and as what it is shown."""
    parser.add_argument(
        "call",
        metavar="CALL",
        nargs="?",
        help="an id as b2bua calls shows it, or its beginning; a Call-ID; a number, for its last call",
    )
    parser.add_argument(
        "--messages", action="store_true", help="its messages as they were, with time, way and direction"
    )
    parser.add_argument("--all", action="store_true", help="also the features that had no opinion")
    parser.add_argument("--svg", metavar="FILE", help="write the ladder as a picture")
    parser.add_argument("--html", metavar="FILE", help="write a page with the picture and all messages")
    parser.add_argument(
        "--pcap", metavar="FILE", help="write its messages as a capture, for Wireshark and sngrep"
    )
    parser.add_argument(
        "--save", metavar="FILE", help="write all that is known of it, for --open somewhere else"
    )
    parser.add_argument("--open", metavar="FILE", help="show a call that --save wrote; no service is asked")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show it."""
    call = _opened(options)
    written = _write(call, options)
    if written:
        print("\n".join(written))
        return 0
    if options.json:
        print(call.model_dump_json(indent=2))
    else:
        print(transcript(call) if options.messages else ladder(call, silent=options.all))
    return 0


def _opened(options: Namespace) -> TracedCall:
    """Read the call from a file, or ask the service for it."""
    if (options.call is None) == (options.open is None):
        raise SettingsError("b2bua trace", [Problem("", "say which call, or --open a FILE")])
    if options.open is not None:
        return TracedCall.open(Path(options.open))
    return TracedCall.model_validate(_asking.ask(options, "GET", "/calls/{call}/trace", call=options.call))


def _write(call: TracedCall, options: Namespace) -> list[str]:
    """Write the files that are wanted; give a line for each."""
    written = []
    try:
        for path, text in ((options.svg, svg), (options.html, page)):
            if path is not None:
                Path(path).write_text(text(call))
                written.append(f"wrote {path}")
        if options.save is not None:
            call.save(Path(options.save))
            written.append(f"wrote {options.save}")
        if options.pcap is not None:
            written.append(f"wrote {options.pcap}: {pcap.write(call, Path(options.pcap))} messages")
    except OSError as error:
        raise SettingsError(str(error.filename), [Problem("", error.strerror or str(error))]) from None
    return written
