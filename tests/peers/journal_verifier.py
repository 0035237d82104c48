"""Verifies a journal and its checkpoints, written from docs/reference/journal.md alone: nothing of exrun is imported.

    python journal_verifier.py journal.jsonl VERIFIER-KEY NOTES...

Prints how many lines there are and how many are vouched for, and ends with 0; or says what is wrong, and ends with 1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class WrongError(Exception):
    pass


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def chain(content: bytes) -> tuple[list[str], dict]:
    """The SHA-256 of each line, and the first line's members."""
    hashes, first = ["0" * 64], {}
    if content and not content.endswith(b"\n"):
        raise WrongError("the last line has no end")
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            members = json.loads(line)
        except ValueError:
            raise WrongError(f"line {number} is not JSON") from None
        if not isinstance(members, dict) or canonical(members) != line:
            raise WrongError(f"line {number} is not canonical")
        if members.get("sequence") != number or members.get("previous") != hashes[-1]:
            raise WrongError(f"line {number} is not the one that follows")
        own = {name: member for name, member in members.items() if name != "sha256"}
        if hashlib.sha256(canonical(own)).hexdigest() != members.get("sha256"):
            raise WrongError(f"line {number} was altered")
        hashes.append(hashlib.sha256(line).hexdigest())
        first = first or members
    return hashes, first


def notes(content: str) -> list[tuple[str, list[str]]]:
    """Each whole note's text and its signature lines; half a note is passed over."""
    pieces: list[list[str]] = [[]]
    for line in content.split("\n"):
        signed_before = len(pieces[-1]) > 1 and pieces[-1][-1].startswith("\u2014 ") and "" in pieces[-1]
        if line.startswith("exrun-journal/1/") or (signed_before and not line.startswith("\u2014 ")):
            pieces.append([])
        if pieces[-1] or line:
            pieces[-1].append(line)
    found = []
    for piece in pieces:
        if "" in piece:
            blank = len(piece) - 1 - piece[::-1].index("")
            text, signatures = piece[:blank], piece[blank + 1 :]
            if text and signatures and all(each.startswith("\u2014 ") for each in signatures):
                found.append(("".join(f"{each}\n" for each in text), signatures))
    return found


def signed(text: str, signatures: list[str], key: str) -> bool:
    """Whether this key has signed a note. A signature that names the key and is wrong is an error."""
    name, key_id, encoded = key.split("+", 2)
    public = base64.b64decode(encoded)
    if public[:1] != b"\x01" or hashlib.sha256(name.encode() + b"\n" + public).hexdigest()[:8] != key_id:
        raise WrongError("this is no key")
    by_key = False
    for line in signatures:
        _, who, what = line.split(" ")
        try:
            blob = base64.b64decode(what, validate=True)
        except ValueError:
            return False
        if (who, blob[:4].hex()) == (name, key_id) and len(blob) == 68:
            try:
                Ed25519PublicKey.from_public_bytes(public[1:]).verify(blob[4:], text.encode())
            except InvalidSignature:
                raise WrongError("a checkpoint was altered") from None
            by_key = True
    return by_key


def verify(journal: Path, key: str, files: list[Path]) -> tuple[int, int]:
    """How many lines there are, and how many of them are vouched for."""
    hashes, first = chain(journal.read_bytes())
    origin = "exrun-journal/1/" + "/".join(quote(first.get(name, ""), safe="") for name in ("client", "run"))
    vouched = 0
    for file in files:
        for text, signatures in notes(file.read_text(encoding="utf-8")):
            if not signed(text, signatures, key) or not text.startswith(f"{origin}\n"):
                continue
            _, count, root, *_ = text.split("\n")
            if int(count) >= len(hashes):
                raise WrongError(f"{count} lines were vouched for, and there are {len(hashes) - 1}")
            if base64.b64decode(root).hex() != hashes[int(count)]:
                raise WrongError(f"another line {count} was vouched for")
            vouched = max(vouched, int(count))
    if not vouched:
        raise WrongError("nobody vouches for it")
    return len(hashes) - 1, vouched


if __name__ == "__main__":
    try:
        counts = verify(Path(sys.argv[1]), sys.argv[2], [Path(each) for each in sys.argv[3:]])
        sys.stdout.write("{} {}\n".format(*counts))
    except WrongError as error:
        sys.exit(f"{error}")
