"""A process that makes one recording of what an rtpengine has written, with the lowest priority."""

from __future__ import annotations

import json
import os
import sys

from b2bua.media.rtpengine.capture import Work, make

LOWEST = 19


def main() -> None:
    """Read what is to be done, do it, and say why something of it is missing."""
    said = json.load(sys.stdin)
    ports = said.pop("ports").items()
    known = {
        int(port): (leg, {int(n): name for n, name in formats.items()}) for port, (leg, formats) in ports
    }
    os.nice(LOWEST)
    sys.stdout.write(make(Work(**said, ports=known)))


if __name__ == "__main__":
    main()
