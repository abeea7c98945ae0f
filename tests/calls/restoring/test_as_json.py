"""What is kept is JSON, whichever program writes it."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.restoring import as_json


class WritingTests(SynchronousTestCase):
    """With orjson and without."""

    def test_alike(self) -> None:
        """Both write what is read as the same; bytes of a peer that are no UTF-8 come back too."""
        plain = {"a": [1, 2.5, None, True], "text": "v=0\r\n\u00fc", "bytes": "caf\udce9"}
        both = [as_json.as_json(plain)]
        self.patch(as_json, "orjson", None)
        both.append(as_json.as_json(plain))
        self.assertEqual([json.loads(text) for text in both], [plain, plain])
