"""The call flows of L{tests.interop.test_flows} over TCP."""

from __future__ import annotations

from tests.interop import test_flows


class GuideTcpTests(test_flows.GuideTests):
    """As the server answers by default."""

    transport = "TCP"


class AsDrawnTcpTests(test_flows.AsDrawnTests):
    """As the guide draws it."""

    transport = "TCP"
