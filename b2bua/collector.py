"""
The garbage collector, told what a server with many calls needs.

What a call leaves behind is freed at once, since nothing of it refers to itself
(C{tests/bench/test_call.py} sees to that).  So the collector finds nothing, and
with the thresholds that Python begins with it takes a third of the CPU time
while it looks at all calls that are up, again and again.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 20)


def settle() -> None:
    """Keep for good what is there now, and look at what is new only seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
