"""Evidence handed out: into a new folder, or a sealed zip file, with a manifest. What was dangerous stays inert.

    <sha256>.quarantined     the bytes: a name that nothing opens or runs, made of nothing that a server has said
    manifest.json            of which file, server, run and change each is, with hash, size and time

Each piece is compared with its hash when it is read from the store, and once more as it stands in the export. What is
not what the journal says is not handed out; the manifest has it, without a file.

A zip file is encrypted (WinZip's AE-2, AES-256) with the password that those who handle malware all use. It keeps
scanners and previews from what is inside, and no secret.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from runner.advice import AdvisedError
from runner.custody import Held, bytes_of
from runner.evidence import EvidenceStore

__all__ = ["MANIFEST", "PASSWORD", "ExportError", "export", "is_sealed"]

MANIFEST = "manifest.json"
PASSWORD = "infected"  # noqa: S105  # of every zip file: a custom, and no secret
SUFFIX = ".quarantined"
_MODE = 0o600
_YEARS = range(1980, 2108)  # that a zip file can say

Manifest = Callable[[Sequence[tuple[Held, str | None]]], bytes]


class ExportError(AdvisedError):
    """Raised where what was exported could not be written as it is; nothing is left of it but a part of a folder."""


def is_sealed(target: Path) -> bool:
    """Whether what is exported there is a zip file, with PASSWORD."""
    return target.suffix.casefold() == ".zip"


def export(pieces: Sequence[Held], store: EvidenceStore, target: Path, manifest: Manifest) -> list[Held]:
    """Writes what is whole of these to a folder that is new or empty, or to a zip file that is not there.

    Args:
        pieces: of the store's client alone.
        target: a zip file where its name ends so.

    Returns:
        those that are not in it.

    Raises:
        ExportError: something is there already, or it cannot be written.
    """
    try:
        if is_sealed(target):
            return _to_zip(pieces, store, target, manifest)
        return _to_folder(pieces, store, target, manifest)
    except FileExistsError:
        raise ExportError(f"{target} is there already, and is left as it is", "Name another with -o.") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ExportError(f"{target} cannot be written: {why}", "Name another with -o, or make room.") from None


def _files(
    pieces: Sequence[Held], store: EvidenceStore, put: Callable[[str, bytes, Held], None]
) -> list[tuple[Held, str | None]]:
    """Hands out each content once; the name of every piece that has one."""
    put_already: set[str] = set()
    named: list[tuple[Held, str | None]] = []
    for piece in pieces:
        name = f"{piece.line.sha256}{SUFFIX}"
        if name not in put_already:
            data = bytes_of(piece, store)
            if data is None:
                named.append((piece, None))
                continue
            put(name, data, piece)
            put_already.add(name)
        named.append((piece, name if piece.stands.is_whole else None))
    return named


def _left(named: Sequence[tuple[Held, str | None]]) -> list[Held]:
    return [piece for piece, name in named if name is None]


def _to_folder(pieces: Sequence[Held], store: EvidenceStore, target: Path, manifest: Manifest) -> list[Held]:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not stat.S_ISDIR(target.lstat().st_mode) or any(target.iterdir()):
        raise FileExistsError(target)

    def put(name: str, data: bytes, _piece: Held | None = None) -> None:
        with open(os.open(target / name, _new(os.O_WRONLY), _MODE), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _compare((target / name).read_bytes(), data, target)

    named = _files(pieces, store, put)
    put(MANIFEST, manifest(named))
    return _left(named)


def _to_zip(pieces: Sequence[Held], store: EvidenceStore, target: Path, manifest: Manifest) -> list[Held]:
    # Loads ciphers, which nothing else here needs.
    from pyzipper import WZ_AES, ZIP_DEFLATED, AESZipFile  # type: ignore[import-untyped]

    if target.exists() or target.is_symlink():
        raise FileExistsError(target)
    fresh = target.with_name(f".{target.name}.new")
    try:
        with open(os.open(fresh, _new(os.O_RDWR), _MODE), "w+b") as file:
            written: dict[str, bytes] = {}  # digests
            with AESZipFile(file, "w", ZIP_DEFLATED, encryption=WZ_AES) as archive:
                archive.setpassword(PASSWORD.encode())

                def put(name: str, data: bytes, piece: Held | None) -> None:
                    about = archive.zipinfo_cls(name)
                    if piece is not None and piece.line.at.year in _YEARS:
                        about.date_time = piece.line.at.timetuple()[:6]
                    about.compress_type = ZIP_DEFLATED
                    about.external_attr = (stat.S_IFREG | _MODE) << 16
                    archive.writestr(about, data)
                    written[name] = hashlib.sha256(data).digest()

                named = _files(pieces, store, put)
                put(MANIFEST, manifest(named), None)
            file.flush()
            os.fsync(file.fileno())
            with AESZipFile(file) as archive:
                archive.setpassword(PASSWORD.encode())
                for name, digest in written.items():
                    if hashlib.sha256(archive.read(name)).digest() != digest:
                        raise _other(target)
        os.link(fresh, target)
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()
    return _left(named)


def _new(mode: int) -> int:
    return mode | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def _compare(there: bytes, data: bytes, target: Path) -> None:
    if there != data:
        raise _other(target)


def _other(target: Path) -> ExportError:
    return ExportError(f"what was written to {target} is not what is kept", "Look at that disk, and export it again.")
