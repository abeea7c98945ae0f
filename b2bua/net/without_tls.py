"""
Twisted without TLS, for processes that have none.

With pyOpenSSL installed Twisted's TCP loads it, for C{startTLS}, and so does
AMP: 12 MiB that a server without TLS, and a worker, never use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

TAKES_OPENSSL = ("twisted.internet._newtls", "twisted.internet.ssl", "twisted.protocols.tls")
"""What of Twisted takes OpenSSL with it; what imports it tries to, and goes without if there is none."""


@contextmanager
def without_tls() -> Iterator[None]:
    """
    Have Twisted find no TLS while the reactor and what stands on it are loaded.

    Afterwards it is to be had by who wants it all the same, as webhooks and mail
    do: only a reactor that was loaded meanwhile has no C{startTLS}, so they put
    TLS around its connections.
    """
    hidden = [name for name in TAKES_OPENSSL if name not in sys.modules]
    # That is how Python says that a module is not there.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
