"""Tests; the tree mirrors the packages."""

import gc
import sys

# A phone that is a program of the tests is started very often, and has no examples.
if "twisted.trial" in sys.modules:
    # A world is thousands of objects that go together: to look for them less often is a tenth less work.
    gc.set_threshold(10_000)

    from hypothesis import HealthCheck, settings

    # The same examples at each run, and no verdict on how fast a busy machine makes them.
    settings.register_profile(
        "b2bua",
        derandomize=True,
        deadline=None,
        max_examples=60,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("b2bua")
