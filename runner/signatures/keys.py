"""Public keys of OpenSSH, and what they say of a signature.

Ed25519, ECDSA on the NIST curves, RSA from 2048 bits with SHA-2, and the two kinds that live in a FIDO token. RFC 8709,
RFC 5656, RFC 8332; OpenSSH's PROTOCOL.u2f for tokens, whose signatures count only with the user's touch.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from runner.signatures.errors import NotASignatureError
from runner.signatures.wire import Reader

__all__ = ["KEY_TYPES", "PublicKey"]

_CURVES: dict[bytes, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    b"nistp256": (ec.SECP256R1(), hashes.SHA256()),
    b"nistp384": (ec.SECP384R1(), hashes.SHA384()),
    b"nistp521": (ec.SECP521R1(), hashes.SHA512()),
}
_RSA_HASHES: dict[bytes, hashes.HashAlgorithm] = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}
_LEAST_RSA_BITS = 2048
_TOUCHED = 0x01  # the flag that a FIDO token sets once its user has touched it
_OTHER = "Sign with an Ed25519 key: ssh-keygen -t ed25519."

Data = TypeVar("Data")
Key = TypeVar("Key")
# Takes a signature and a message; raises InvalidSignature, or NotASignatureError, unless the one is of the other.
_Check = Callable[[bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key, in the form in which keys and signatures carry it."""

    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def made(self, signature: bytes, message: bytes) -> bool:
        """Whether a signature of this message is by this key.

        Raises:
            NotASignatureError: the key or the signature is not of a kind that is taken.
        """
        reader = Reader(self.blob)
        kind = reader.string()
        if kind not in _READERS:
            raise _unknown(kind)
        check = _READERS[kind](kind, reader)
        reader.end()
        try:
            check(signature, message)
        except InvalidSignature:
            return False
        return True


def _unknown(kind: bytes) -> NotASignatureError:
    name = kind.decode("ascii", "replace")[:60]
    if "-cert-v0" in name:
        return NotASignatureError("it was made with a certificate, which is not taken", "Sign with the key itself.")
    return NotASignatureError(f"it was made with a key of a kind that is not taken: {name!r}", _OTHER)


def _signature(kind: bytes, data: bytes) -> tuple[bytes, Reader]:
    reader = Reader(data)
    if reader.string() != kind:
        raise InvalidSignature
    return reader.string(), reader


def _ed25519(kind: bytes, key: Reader) -> _Check:
    public = _usable(Ed25519PublicKey.from_public_bytes, key.string())

    def check(data: bytes, message: bytes) -> None:
        signature, rest = _signature(kind, data)
        rest.end()
        public.verify(signature, message)

    return check


def _ecdsa(kind: bytes, key: Reader) -> _Check:
    public, hashed = _on_curve(kind, key)

    def check(data: bytes, message: bytes) -> None:
        signature, rest = _signature(kind, data)
        rest.end()
        public.verify(_dss(signature), message, ec.ECDSA(hashed))

    return check


def _rsa(kind: bytes, key: Reader) -> _Check:
    exponent, modulus = key.number(), key.number()
    if modulus.bit_length() < _LEAST_RSA_BITS:
        raise NotASignatureError(f"its RSA key has less than {_LEAST_RSA_BITS} bits", _OTHER)
    public = _usable(lambda numbers: numbers.public_key(), rsa.RSAPublicNumbers(exponent, modulus))

    def check(data: bytes, message: bytes) -> None:
        reader = Reader(data)
        algorithm, signature = reader.string(), reader.string()
        reader.end()
        if algorithm not in _RSA_HASHES:
            raise NotASignatureError("its RSA signature is not over SHA-2", _OTHER)
        public.verify(signature, message, padding.PKCS1v15(), _RSA_HASHES[algorithm])

    return check


def _token_ed25519(kind: bytes, key: Reader) -> _Check:
    public = _usable(Ed25519PublicKey.from_public_bytes, key.string())
    application = key.string()

    def check(data: bytes, message: bytes) -> None:
        signature, rest = _signature(kind, data)
        public.verify(signature, _by_token(application, rest, message))

    return check


def _token_ecdsa(kind: bytes, key: Reader) -> _Check:
    public, hashed = _on_curve(b"ecdsa-sha2-nistp256", key)
    application = key.string()

    def check(data: bytes, message: bytes) -> None:
        signature, rest = _signature(kind, data)
        public.verify(_dss(signature), _by_token(application, rest, message), ec.ECDSA(hashed))

    return check


def _by_token(application: bytes, rest: Reader, message: bytes) -> bytes:
    """What a FIDO token signs for a message: its flags and counter stand behind the signature."""
    flags, counter = rest.byte(), rest.uint32()
    rest.end()
    if not flags & _TOUCHED:
        raise NotASignatureError("its FIDO token was not touched", "Sign again, and touch the token.")
    signed = hashlib.sha256(application).digest() + bytes([flags]) + counter.to_bytes(4, "big")
    return signed + hashlib.sha256(message).digest()


def _on_curve(kind: bytes, key: Reader) -> tuple[ec.EllipticCurvePublicKey, hashes.HashAlgorithm]:
    name, point = key.string(), key.string()
    if name != kind.rpartition(b"-")[2]:
        raise NotASignatureError("its key is on another curve than it says", _OTHER)
    curve, hashed = _CURVES[name]
    return _usable(lambda data: ec.EllipticCurvePublicKey.from_encoded_point(curve, data), point), hashed


def _dss(signature: bytes) -> bytes:
    reader = Reader(signature)
    r, s = reader.number(), reader.number()
    reader.end()
    return encode_dss_signature(r, s)


def _usable(load: Callable[[Data], Key], data: Data) -> Key:
    try:
        return load(data)
    except ValueError:
        raise NotASignatureError("its key is none that can be used", _OTHER) from None


_READERS: dict[bytes, Callable[[bytes, Reader], _Check]] = {
    b"ssh-ed25519": _ed25519,
    b"ecdsa-sha2-nistp256": _ecdsa,
    b"ecdsa-sha2-nistp384": _ecdsa,
    b"ecdsa-sha2-nistp521": _ecdsa,
    b"ssh-rsa": _rsa,
    b"sk-ssh-ed25519@openssh.com": _token_ed25519,
    b"sk-ecdsa-sha2-nistp256@openssh.com": _token_ecdsa,
}
KEY_TYPES = frozenset(kind.decode() for kind in _READERS)
