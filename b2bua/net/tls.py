"""
SIP over TLS, with the certificates of RFC 5922.

A peer that we connect to has to prove that it is the domain we looked up
(section 7.3); a peer that connects to us proves itself by its password, as
section 7.4 lets us.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
)
from twisted.internet.protocol import ClientFactory
from twisted.internet.ssl import Certificate, CertificateOptions, TLSVersion, platformTrust
from twisted.internet.tcp import Client, Server
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementedBy, implementer
from zope.interface.declarations import Provides

from b2bua.net.address import is_numeric
from b2bua.net.connection import Connection
from b2bua.net.runner import Runner
from b2bua.net.streams import Accepting, StreamWire
from b2bua.wire.parser import LIMITS, MessageLimits


class Credentials:
    """Our certificate, and whose certificates we believe."""

    def __init__(
        self, certificate: str, key: str, authorities: str | None = None, *, verify: bool = True
    ) -> None:
        """
        Read the files.

        @param certificate: a PEM file with our certificate and its chain.
        @param key: a PEM file with its private key.
        @param authorities: a PEM file with the authorities to be believed; by
            default those of the system.
        @param verify: whether servers have to prove who they are.
        @raise OSError: if a file cannot be read.
        @raise ValueError: if there is nothing of use in it.
        """
        self.verify = verify
        self._files = (certificate, key, authorities)
        self.server: SSL.Context
        self.client: SSL.Context
        self.reload()

    def reload(self) -> None:
        """Read the files again, for connections from now on; an error changes nothing."""
        certificate, key, authorities = self._files
        for path in (certificate, key):
            with open(path):
                """OpenSSL would not say that it is the file."""
        trust: Any = platformTrust() if authorities is None else _authorities(authorities)
        version = TLSVersion.TLSv1_2
        plain = CertificateOptions(raiseMinimumTo=version)
        checked = CertificateOptions(raiseMinimumTo=version, trustRoot=trust) if self.verify else plain
        server, client = plain.getContext(), checked.getContext()
        if client is server:
            client = CertificateOptions(raiseMinimumTo=version).getContext()
        for context in (server, client):
            try:
                context.use_certificate_chain_file(certificate)
                context.use_privatekey_file(key)
                context.check_privatekey()
            except SSL.Error as error:
                raise ValueError(f"{certificate} and {key} are no certificate and key: {error}") from None
        self.server, self.client = server, client


def _authorities(path: str) -> Any:
    """Read certificates of authorities."""
    from twisted.internet.ssl import trustRootFromCertificates

    with open(path, "rb") as file:
        found = x509.load_pem_x509_certificates(file.read())
    return trustRootFromCertificates([_wrapped(one) for one in found])


def _wrapped(certificate: x509.Certificate) -> Certificate:
    """A certificate as Twisted wants it."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return Certificate.loadPEM(certificate.public_bytes(Encoding.PEM))


def identities(certificate: x509.Certificate) -> Iterator[str]:
    """
    List the SIP domains that a certificate is for, in lower case (RFC 5922 section 7.1).

    Those of sip URIs without a user; DNS names only if there are none; the
    common name only if there is no subjectAltName at all.
    """
    try:
        names: Any = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            yield str(attribute.value).lower()
        return
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    domains = [uri[4:].lower() for uri in uris if uri[:4].lower() == "sip:" and "@" not in uri]
    yield from domains or [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    # A server that is known by its address only has no domain to prove.
    for address in names.get_values_for_type(x509.IPAddress):
        yield str(address)


@implementer(IOpenSSLServerConnectionCreator)
class _Server:
    """Makes the TLS side of connections that peers open."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Begin as a server."""
        return SSL.Connection(self._credentials.server, None)


@implementer(IOpenSSLClientConnectionCreator)
class _Client:
    """Makes the TLS side of a connection that we open."""

    def __init__(self, credentials: Credentials, name: str) -> None:
        self._credentials = credentials
        self._name = name

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Begin as a client, saying whom we want (RFC 5922 section 7.8)."""
        connection = SSL.Connection(self._credentials.client, None)
        if self._name:
            connection.set_tlsext_host_name(self._name.encode())
        return connection


class _Session(TLSMemoryBIOProtocol):
    """The TLS of one connection, which leaves nothing that refers to itself."""

    # Twisted keeps the failure in the frame that the failure's traceback refers
    # to, and so all that belongs to the connection (tests/interop/test_endings.py).
    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        """TLS is over, in good order or not."""
        super()._tlsShutdownFinished(reason)
        if reason is not None:
            reason.cleanFailure()


# Each session declares what its transport provides; what nobody holds is made anew for each, in cycles.
_DECLARED = [
    Provides(_Session, one)
    for kind in (Server, Client)
    for one in (implementedBy(kind), *implementedBy(kind))
]


class _Opening(TLSMemoryBIOFactory):
    """Opens connections."""

    noisy = False
    protocol = _Session


class _Accepting(TLSMemoryBIOFactory):
    """Takes connections that peers open, but those that are turned away."""

    noisy = False

    # None is what IProtocolFactory has for this; the factory below has forgotten it.
    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        """Close the connection if there is nobody to take it; Twisted's own would fail."""
        taken = self.wrappedFactory.buildProtocol(addr)
        return _Session(self, taken) if taken is not None else None


def over_tls(credentials: Credentials, factory: IProtocolFactory) -> IProtocolFactory:
    """Serve something else than SIP over TLS, with the same certificate."""
    return TLSMemoryBIOFactory(_Server(credentials), False, factory)


class TlsWire(StreamWire):
    """The TLS connections of one listening socket."""

    transport = "TLS"

    def __init__(
        self,
        reactor: Any,
        runner: Runner,
        host: str,
        port: int,
        credentials: Credentials,
        limits: MessageLimits = LIMITS,
        inherited: socket.socket | None = None,
    ) -> None:
        """Bind the socket; nothing is accepted before C{listen}."""
        super().__init__(reactor, runner, host, port, limits, inherited)
        self.credentials = credentials

    @property
    def proves(self) -> bool:  # type: ignore[override]
        """Must a peer that we connect to prove who it is?"""
        return self.credentials.verify

    def name_for(self, name: str) -> str:
        """Give the domain that a connection is for; one address may serve several."""
        return "" if is_numeric(name) else name.lower()

    def accepting(self) -> IProtocolFactory:
        """The factory of connections that peers open."""
        return _Accepting(_Server(self.credentials), False, Accepting(self))

    def connecting(self, factory: ClientFactory, name: str) -> IProtocolFactory:
        """Wrap what opens a connection."""
        return _Opening(_Client(self.credentials, name), True, factory)

    def proven(self, connection: Connection) -> str:
        """
        Compare the certificate of the peer with the domain that was looked up.

        RFC 5922 sections 7.2 and 7.3: whole names, and no wildcards.  That its
        chain is good has been seen to by then.
        """
        wanted = connection.name or connection.flow.remote[0]
        transport: Any = connection.transport
        shown = transport.getPeerCertificate()
        found = list(identities(shown.to_cryptography())) if shown is not None else []
        if wanted in found:
            return ""
        return f"its certificate is for {', '.join(found) or 'nobody'}"
