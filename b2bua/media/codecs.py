"""All codecs that we speak here: G.711 always, others where a library for them is installed."""

from __future__ import annotations

from b2bua.media import wideband
from b2bua.media.g711 import PCMA, PCMU

ALL = (PCMA, PCMU, *wideband.CODECS)
"""As we like them: G.711 costs the least."""
CODECS = {codec.name.upper(): codec for codec in ALL}
"""By their names, in capitals: whatever the case, it is the same (RFC 4855 section 3)."""
