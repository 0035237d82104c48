"""The lab's own certification authority: it exists while the lab does, and its key never leaves the process.

Attributes follow RFC 5280 as strict verifiers want them (key usage, key identifiers, names of the subject).
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=30)
_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key. `der` is the certificate alone."""

    certificate_pem: bytes
    key_pem: bytes
    der: bytes

    @property
    def endpoint_binding(self) -> bytes:
        """The channel binding that a client must present (RFC 5929, 4.1): all here are signed with SHA-256."""
        return b"tls-server-end-point:" + sha256(self.der).digest()


class Authority:
    """Issues certificates of servers and of accounts."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "exrun lab CA")])
        self._certificate = (
            self._builder(name, name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The certificate that clients must trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, name: str, address: str) -> Issued:
        """For a server that is reached by its address or by its name."""
        names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName(name)]
        return self._issue(name, names, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, user: str) -> Issued:
        """For an account; its name stands in the subject."""
        return self._issue(user[:64], [], ExtendedKeyUsageOID.CLIENT_AUTH)

    def server_context(self, issued: Issued) -> ssl.SSLContext:
        """TLS 1.2 or later; a client certificate of this authority is asked for, but not needed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.num_tickets = 0  # nobody resumes, and each ticket costs
        handle, name = tempfile.mkstemp(prefix="exrun-lab-", suffix=".pem")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(issued.key_pem + issued.certificate_pem)
            context.load_cert_chain(name)
        finally:
            Path(name).unlink()
        context.load_verify_locations(cadata=self.pem.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _SKEW)
            .not_valid_after(self._now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _issue(self, name: str, names: Sequence[x509.GeneralName], use: x509.ObjectIdentifier) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            self._builder(subject, self._certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            certificate.public_bytes(serialization.Encoding.DER),
        )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
