"""Connections to other servers, which Twisted's clients may secure when they are up already (STARTTLS)."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTCP
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory


class SecurableConnections:
    """Opens connections that STARTTLS can secure, as those of a reactor without TLS cannot."""

    def __init__(self, reactor: IReactorTCP) -> None:
        """Open none yet."""
        self._reactor = reactor

    def connectTCP(self, host: str, port: int, factory: Any) -> Any:
        """Open one, as a reactor does."""
        securable = WrappingFactory(factory)
        securable.noisy, securable.protocol = False, _Securable
        return self._reactor.connectTCP(host, port, securable)


class _Securable(ProtocolWrapper):
    """A connection that begins in the clear."""

    def startTLS(self, context: Any) -> None:
        """Have what is spoken by it from now on go through TLS (RFC 3207 section 4)."""
        from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

        spoken: Any = self.wrappedProtocol
        secured = TLSMemoryBIOProtocol(TLSMemoryBIOFactory(context, True, self.factory), spoken, False)
        self.wrappedProtocol = spoken.transport = secured
        secured.makeConnection(self)
