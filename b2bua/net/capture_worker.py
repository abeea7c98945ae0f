"""A process that makes one recording of what an rtpengine has written, with the lowest priority."""

from __future__ import annotations

import os
import sys

from b2bua.media.rtpengine import spool
from b2bua.media.rtpengine.capture import make

LOWEST = 19


def main() -> None:
    """Read what is to be done, do it, and say why something of it is missing."""
    work = spool.read(sys.stdin.read())
    os.nice(LOWEST)
    with spool.taken(work) as ours:
        if ours:  # else another process makes it, after a restart say
            sys.stdout.write(make(work))
            spool.forget(work)


if __name__ == "__main__":
    main()
