"""Signed notes: a text and who vouches for it, in a form that other verifiers read (C2SP signed-note).

    text of one or more lines
                                          an empty line
    — name base64(id || signature)        a line for each signature

An id is the first 4 bytes of SHA-256(name, line feed, 01, public key); 01 is Ed25519. Keys are text too:

    verifier   name+id in hexadecimal+base64(01 || public key)
    signer     PRIVATE+KEY+name+id in hexadecimal+base64(01 || seed)

https://github.com/C2SP/C2SP/blob/main/signed-note.md, and golang.org/x/mod/sumdb/note for the text of keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from runner.signatures.errors import AlteredError, NotASignatureError, NotTrustedError

__all__ = [
    "MOST_BYTES",
    "PRIVATE",
    "NoteSigner",
    "NoteVerifier",
    "Signed",
    "read_signer",
    "read_verifier",
    "sign",
    "verify",
]

MOST_BYTES = 1024 * 1024  # of a note
MOST_SIGNATURES = 100
_ED25519 = b"\x01"
_SIGNATURE_BYTES = 64
_DASH = "\u2014 "
PRIVATE = "PRIVATE+KEY+"  # how the text of every private key begins
_MAKE = "Name the file of a key, as it was made."


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A public key and the name that it is known by."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The 4 bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key and its name. Its text is a secret: `reveal` gives it, nothing else does."""

    name: str
    _seed: bytes = field(repr=False)

    @classmethod
    def new(cls, name: str) -> NoteSigner:
        """A new key, from the operating system's randomness.

        Raises:
            ValueError: `name` cannot be the name of a key.
        """
        _check(name)
        key = Ed25519PrivateKey.generate()
        return cls(name, key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))

    @property
    def verifier(self) -> NoteVerifier:
        """Its public half."""
        key = Ed25519PrivateKey.from_private_bytes(self._seed).public_key()
        return NoteVerifier(self.name, key.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def reveal(self) -> str:
        """The key as the text of its file."""
        return f"{PRIVATE}{self.name}+{self.verifier.id.hex()}+{base64.b64encode(_ED25519 + self._seed).decode()}"

    def signature(self, text: bytes) -> bytes:
        """Of the text, 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self._seed).sign(text)


@dataclass(frozen=True, slots=True)
class Signed:
    """A note of which at least one signature was checked: its text, and the names of those who signed it."""

    text: str
    by: tuple[str, ...]


def sign(text: str, signer: NoteSigner) -> str:
    """The note: the text with a signature.

    Raises:
        ValueError: the text does not end in a line feed, or holds a control character.
    """
    if not _is_text(text):
        raise ValueError("the text of a note ends in a line feed, and has no control characters")
    made = base64.b64encode(signer.verifier.id + signer.signature(text.encode())).decode()
    return f"{text}\n{_DASH}{signer.name} {made}\n"


def verify(note: str, known: Sequence[NoteVerifier]) -> Signed:
    """The text of a note that at least one of the known keys has signed.

    Signatures of others are passed over; one that names a known key and is wrong makes the note worth nothing.

    Raises:
        NotASignatureError: it is no note.
        NotTrustedError: no known key has signed it.
        AlteredError: the signature of a known key is not of this text.
    """
    text, signatures = _split(note)
    by_key = {(each.name, each.id): each for each in known}
    by: list[str] = []
    for name, key_id, signature in signatures:
        verifier = by_key.get((name, key_id))
        if verifier is None:
            continue
        if len(signature) != _SIGNATURE_BYTES:
            raise NotASignatureError(f"the signature of {name} is not whole", "Take the file from where it was kept.")
        try:
            Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, text.encode())
        except InvalidSignature:
            raise AlteredError(
                f"the signature of {name} is not of this text",
                "Take the file from where it was first kept: this one was altered.",
            ) from None
        if name not in by:
            by.append(name)
    if not by:
        raise NotTrustedError(
            f"it is signed by {', '.join(dict.fromkeys(name for name, _, _ in signatures))}, and by none of these keys",
            "Name the key of who signed it.",
        )
    return Signed(text, tuple(by))


def read_verifier(line: str) -> NoteVerifier:
    """A public key from its text.

    Raises:
        NotASignatureError: it is none, or of another kind than Ed25519.
    """
    name, key_id, rest = _parts(line.strip(), "public")
    verifier = NoteVerifier(name, rest)
    if verifier.id.hex() != key_id:
        raise NotASignatureError("a part of the public key is missing or another", "Copy the whole line again.")
    return verifier


def read_signer(line: str) -> NoteSigner:
    """A private key from its text.

    Raises:
        NotASignatureError: it is none, or of another kind than Ed25519. The message does not quote it.
    """
    written = line.strip()
    if not written.startswith(PRIVATE):
        raise NotASignatureError("this is no private key", _MAKE)
    name, key_id, rest = _parts(written.removeprefix(PRIVATE), "private")
    signer = NoteSigner(name, rest)
    if signer.verifier.id.hex() != key_id:
        raise NotASignatureError("a part of the private key is missing or another", _MAKE)
    return signer


def _parts(written: str, kind: str) -> tuple[str, str, bytes]:
    name, _, rest = written.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        _check(name)
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise NotASignatureError(f"this is no {kind} key", _MAKE) from None
    if key[:1] != _ED25519 or len(key) != 33:
        raise NotASignatureError(f"this is no {kind} key of Ed25519", _MAKE)
    return name, key_id, key[1:]


def _check(name: str) -> None:
    if not name or "+" in name or any(each.isspace() or unicodedata.category(each)[0] == "C" for each in name):
        raise ValueError("a key's name has at least one character, and no space or `+`")


def _is_text(text: str) -> bool:
    return text.endswith("\n") and all(each == "\n" or unicodedata.category(each) not in ("Cc", "Cs") for each in text)


def _split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    wrong = NotASignatureError("this is no signed note", "Name the file that was written beside the journal.")
    if len(note) > MOST_BYTES:
        raise wrong
    text, blank, signed = note.rpartition("\n\n")
    text += "\n"
    lines = signed.split("\n")
    if not blank or lines.pop() != "" or not lines or len(lines) > MOST_SIGNATURES or not _is_text(text):
        raise wrong
    found = []
    for line in lines:
        name, space, encoded = line.removeprefix(_DASH).partition(" ")
        try:
            _check(name)
            blob = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise wrong from None
        if not line.startswith(_DASH) or not space or len(blob) < 5:
            raise wrong
        found.append((name, blob[:4], blob[4:]))
    return text, found
