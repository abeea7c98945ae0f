"""
What is to be made of the captures in an engine's directory, noted beside them.

A process may be killed while a call is recorded, or stopped while recordings
wait to be made.  So a file beside the captures says what is to become of them
from the beginning of a recording on, and goes with them when it is made; what a
process has left behind the next one finds (L{leftovers}).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from b2bua.media.rtpengine.capture import GOES_ON, Work

OURS = "b2bua-"
"""What the ids of our calls begin with: an engine may have others."""


def note(work: Work) -> None:
    """
    Note what is to be made.

    @raise OSError: if there is no place for it, or no right to.
    """
    place = _note_of(work.directory, work.id)
    fresh = place.with_suffix(".new")
    fresh.write_text(json.dumps(work._asdict()))
    fresh.replace(place)


def forget(work: Work) -> None:
    """Remove the note of what is made; by now there may be one of the next recording of that call."""
    place = _note_of(work.directory, work.id)
    noted = _read(place)
    if noted is not None and noted.path == work.path:
        with suppress(OSError):
            place.unlink(missing_ok=True)


def leftovers(directory: str) -> dict[str, Work | None]:
    """
    What there is of calls of ours, by their ids; None for captures of which nothing is noted.

    Some of it may be of calls that go on, here or in another process.
    """
    found: dict[str, Work | None] = {}
    for file in Path(directory, "pcaps").glob(f"{OURS}*"):
        id = f"{OURS}{file.name[len(OURS) :].partition('-')[0].partition('.')[0]}"
        if file.suffix == ".json":
            found[id] = _read(file)
        else:
            found.setdefault(id, None)
    return found


def ended(work: Work) -> Work:
    """The same with its end: when the last of it was written, if it has none."""
    if work.ended != GOES_ON:
        return work
    written = [file.stat().st_mtime for file in files(work.directory, work.id)]
    return work._replace(ended=max([work.began, *written]))


def files(directory: str, id: str) -> list[Path]:
    """The files of a call: captures, and what tells of it."""
    captures = Path(directory, "pcaps").glob(f"{escape(id)}-*.pcap")
    about = Path(directory, "metadata").glob(f"rtpengine-meta-{escape(id)}-*.txt")
    return [*captures, *about]


def remove(directory: str, id: str, before: float) -> None:
    """
    Remove what there is of a call, if all of it was written before that time of day.

    @raise OSError: if this user may not.
    """
    found = [file for file in (*files(directory, id), _note_of(directory, id)) if file.exists()]
    if all(file.stat().st_mtime < before for file in found):
        for file in found:
            file.unlink(missing_ok=True)


@contextmanager
def taken(work: Work) -> Iterator[bool]:
    """Have nobody else make it meanwhile; gives whether that is so, as it is where nothing is noted."""
    try:
        file = os.open(_note_of(work.directory, work.id), os.O_RDONLY)
    except OSError:
        yield True
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(file)


def read(text: str | bytes) -> Work:
    """
    Read what was noted.

    @raise ValueError: it is something else.
    """
    try:
        said = json.loads(text)
        ports = {
            int(port): (str(leg), {int(number): str(name) for number, name in formats.items()})
            for port, (leg, formats) in said.pop("ports").items()
        }
        return Work(**said, ports=ports)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _read(file: Path) -> Work | None:
    """The same of a file, which may be gone or broken."""
    try:
        work = read(file.read_bytes())
    except (OSError, ValueError):
        return None
    return work if work.id == file.stem else None


def _note_of(directory: str, id: str) -> Path:
    """Where it is noted: the one place in which we have to be able to write."""
    return Path(directory, "pcaps", f"{id}.json")
