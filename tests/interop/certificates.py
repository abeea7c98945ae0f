"""Certificates for tests, of an authority of their own."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

# Long enough for any test; the beginning lies back, since clocks differ.
BEGIN = datetime.now(UTC) - timedelta(days=1)
END = BEGIN + timedelta(days=30)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        """Make one, with its certificate in a file."""
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGIN)
            .not_valid_after(END)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = str(directory / f"{name}.pem")
        Path(self.file).write_bytes(certificate.public_bytes(Encoding.PEM))

    def sign(self, common: str, *names: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """
        Make a certificate.

        @param names: what it is for: C{sip:} URIs, addresses or DNS names.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGIN)
            .not_valid_after(END)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256()), key

    def files(self, common: str, *names: str) -> tuple[str, str]:
        """Make a certificate in files; give the names of certificate and key."""
        certificate, key = self.sign(common, *names)
        paths = self.directory / f"{common}.crt", self.directory / f"{common}.key"
        paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return str(paths[0]), str(paths[1])


def pair(directory: Path, passphrase: str = "") -> tuple[Path, Path]:
    """
    Write C{cert.pem} and C{key.pem} for 127.0.0.1, and C{authority.pem} that signed.

    @param passphrase: encrypts the key.
    """
    directory.mkdir(parents=True, exist_ok=True)
    certificate, key = Authority(directory).sign("127.0.0.1", "127.0.0.1")
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    paths = directory / "cert.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return paths


def _general(name: str) -> x509.GeneralName:
    """Say of a name what kind it is."""
    if name.lower().startswith("sip"):
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
