"""Certificates for receivers of this machine, made anew for each test."""

from __future__ import annotations

import dataclasses
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Authority:
    """Who signs: an authority of our own, that nobody knows but whom we tell."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _sign(_name("An authority of our own"), key, None, [], days=30))

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def trusting(self) -> ssl.SSLContext:
        """Return what a caller goes by who trusts this authority, and no other."""
        return ssl.create_default_context(cadata=self.pem.decode())

    def serving(self, folder: Path, *hosts: str, days: int = 30) -> ssl.SSLContext:
        """Return what a receiver serves with, its certificate made out to these hosts.

        :param days: how long it is good for; below 0, since when it is no more.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        return _serve(folder, key, _sign(_name(hosts[0]), key, self, list(hosts), days=days))


def self_signed(folder: Path, *hosts: str) -> ssl.SSLContext:
    """Return what a receiver serves with who vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _serve(folder, key, _sign(_name(hosts[0]), key, None, list(hosts), days=30))


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    authority: Authority | None,
    hosts: list[str],
    *,
    days: int,
) -> x509.Certificate:
    signer = authority.key if authority else key
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 60 * _DAY)
        .not_valid_after(now + days * _DAY)
        .add_extension(x509.BasicConstraints(ca=not hosts, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if hosts:
        names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    else:
        builder = builder.add_extension(_may_sign(), critical=True)
    return builder.sign(signer, hashes.SHA256())


def _may_sign() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _serve(
    folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
) -> ssl.SSLContext:
    file = folder / f"{certificate.serial_number}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
