"""SSH signatures (OpenSSH's PROTOCOL.sshsig) as `ssh-keygen -Y sign` makes them: a text, a namespace, a key.

Read strictly: of one signature there is one form, so that no byte of a signature file can change and it still be taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from runner.signatures.errors import NotASignatureError, NotTrustedError
from runner.signatures.keys import PublicKey
from runner.signatures.wire import Reader, string

__all__ = ["MOST_BYTES", "Signature", "armored", "key_of", "read", "signed_data"]

MOST_BYTES = 16 * 1024  # of a signature file; RSA with 16,384 bits stays below 6 KB
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASHES = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_WRAP = 70
_AGAIN = "Take the signature again from who signed, or sign again: ssh-keygen -Y sign."


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature file says; nothing of it is verified yet."""

    key: PublicKey
    namespace: str
    hash_name: str
    value: bytes


def read(text: bytes) -> Signature:
    """Reads a signature file.

    Raises:
        NotASignatureError: it is none, or not in its one form.
    """
    reader = Reader(_dearmored(text))
    if reader.take(len(_MAGIC)) != _MAGIC or reader.uint32() != _VERSION:
        raise NotASignatureError("it is no SSH signature of version 1", _AGAIN)
    key, namespace, reserved, hash_name, value = (reader.string() for _ in range(5))
    reader.end()
    if reserved:
        raise NotASignatureError("it has something in a field that is reserved", _AGAIN)
    if hash_name not in _HASHES:
        raise NotASignatureError("it is not over SHA-256 or SHA-512", _AGAIN)
    try:
        return Signature(PublicKey(key), namespace.decode("utf-8"), hash_name.decode("ascii"), value)
    except UnicodeDecodeError:
        raise NotASignatureError("its namespace is no text", _AGAIN) from None


def key_of(message: bytes, text: bytes, namespace: str) -> PublicKey:
    """The key that signed a message for this namespace. Whether anybody trusts it, the list of signers says.

    Raises:
        NotASignatureError: this is no signature.
        NotTrustedError: it is one of another message, or for another purpose.
    """
    signature = read(text)
    if signature.namespace != namespace:
        raise NotTrustedError(
            f"it was made for {signature.namespace[:60]!r}, not for {namespace!r}",
            f"Sign for this purpose: ssh-keygen -Y sign -n {namespace}.",
        )
    if not signature.key.made(signature.value, signed_data(message, namespace, signature.hash_name)):
        raise NotTrustedError("it is not of what stands there now", _AGAIN)
    return signature.key


def signed_data(message: bytes, namespace: str, hash_name: str) -> bytes:
    """What the key signs for a message."""
    digest = _HASHES[hash_name.encode()](message).digest()
    return _MAGIC + string(namespace.encode()) + string(b"") + string(hash_name.encode()) + string(digest)


def armored(signature: Signature) -> bytes:
    """A signature file, as ssh-keygen writes it."""
    fields = (signature.key.blob, signature.namespace.encode(), b"", signature.hash_name.encode(), signature.value)
    blob = _MAGIC + _VERSION.to_bytes(4, "big") + b"".join(string(field) for field in fields)
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + _WRAP] for at in range(0, len(text), _WRAP)]
    return "\n".join([_BEGIN, *lines, _END, ""]).encode()


def _dearmored(text: bytes) -> bytes:
    none = NotASignatureError("it is no SSH signature", _AGAIN)
    if len(text) > MOST_BYTES:
        raise none
    try:
        lines = [line.removesuffix("\r") for line in text.decode("ascii").removesuffix("\n").split("\n")]
    except UnicodeDecodeError:
        raise none from None
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END or not all(lines):
        raise none
    body = "".join(lines[1:-1])
    try:
        blob = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise none from None
    if base64.b64encode(blob).decode() != body:  # bits of the last character that mean nothing
        raise none
    return blob
