"""Keys and signatures of every kind, made by the library alone: no ssh-keygen and no FIDO token is needed for them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runner.signatures.keys import PublicKey
from runner.signatures.sshsig import Signature, armored, signed_data
from runner.signatures.wire import string

TOUCHED, UNTOUCHED = 0x01, 0x00


@dataclass(frozen=True)
class Key:
    """A key pair. `value` makes what a signature carries for the data that is signed."""

    kind: str
    public: PublicKey
    value: Callable[[bytes], bytes]

    def sign(self, message: bytes, namespace: str, hash_name: str = "sha512") -> bytes:
        """The signature file."""
        return armored(
            Signature(self.public, namespace, hash_name, self.value(signed_data(message, namespace, hash_name)))
        )

    @property
    def line(self) -> str:
        """The key as it stands in a list of signers."""
        return f"{self.kind} {base64.b64encode(self.public.blob).decode()}"


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def ed25519() -> Key:
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kind = b"ssh-ed25519"
    return Key(
        kind.decode(),
        PublicKey(string(kind) + string(raw)),
        lambda data: string(kind) + string(private.sign(data)),
    )


def rsa_key(bits: int = 2048, algorithm: bytes = b"rsa-sha2-512") -> Key:
    private = rsa.generate_private_key(65537, bits)
    numbers = private.public_key().public_numbers()
    hashed = hashes.SHA512() if algorithm == b"rsa-sha2-512" else hashes.SHA256()
    return Key(
        "ssh-rsa",
        PublicKey(string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)),
        lambda data: string(algorithm) + string(private.sign(data, padding.PKCS1v15(), hashed)),
    )


def ecdsa(curve: ec.EllipticCurve, name: str, hashed: hashes.HashAlgorithm) -> Key:
    private = ec.generate_private_key(curve)
    kind = f"ecdsa-sha2-{name}".encode()
    return Key(
        kind.decode(),
        PublicKey(string(kind) + string(name.encode()) + string(_point(private))),
        lambda data: string(kind) + string(_numbers(private.sign(data, ec.ECDSA(hashed)))),
    )


def token_ed25519(flags: int = TOUCHED) -> Key:
    """An Ed25519 key in a FIDO token, which signs as PROTOCOL.u2f says."""
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kind = b"sk-ssh-ed25519@openssh.com"
    return Key(
        kind.decode(),
        PublicKey(string(kind) + string(raw) + string(b"ssh:")),
        lambda data: string(kind) + string(private.sign(_by_token(data, flags))) + _flags(flags),
    )


def token_ecdsa() -> Key:
    private = ec.generate_private_key(ec.SECP256R1())
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
    return Key(
        kind.decode(),
        PublicKey(string(kind) + string(b"nistp256") + string(_point(private)) + string(b"ssh:")),
        lambda data: (
            string(kind)
            + string(_numbers(private.sign(_by_token(data, TOUCHED), ec.ECDSA(hashes.SHA256()))))
            + _flags(TOUCHED)
        ),
    )


def _point(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _numbers(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return mpint(r) + mpint(s)


def _flags(flags: int) -> bytes:
    return bytes([flags]) + (7).to_bytes(4, "big")


def _by_token(data: bytes, flags: int) -> bytes:
    return hashlib.sha256(b"ssh:").digest() + _flags(flags) + hashlib.sha256(data).digest()


KINDS: dict[str, Callable[[], Key]] = {
    "ed25519": ed25519,
    "rsa sha2-512": rsa_key,
    "rsa sha2-256": lambda: rsa_key(algorithm=b"rsa-sha2-256"),
    "nistp256": lambda: ecdsa(ec.SECP256R1(), "nistp256", hashes.SHA256()),
    "nistp384": lambda: ecdsa(ec.SECP384R1(), "nistp384", hashes.SHA384()),
    "nistp521": lambda: ecdsa(ec.SECP521R1(), "nistp521", hashes.SHA512()),
    "token ed25519": token_ed25519,
    "token ecdsa": token_ecdsa,
}
