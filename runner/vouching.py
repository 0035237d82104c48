"""Who vouches for a journal: keys in files, and what checkpoints say once their signatures have been checked."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.advice import AdvisedError
from runner.disk import Disk
from runner.journal import verification
from runner.journal.chain import Broken, Fault, Verified
from runner.journal.checkpoints import CHECKPOINT, Checkpoint, NotACheckpointError, Sign, checkpoint_from, notes_in
from runner.journal.lines import Line
from runner.journal.verification import Vouched
from runner.signatures import notes
from runner.signatures.errors import AlteredError, NotASignatureError, NotTrustedError, SignatureError
from runner.signatures.notes import PRIVATE, NoteSigner, NoteVerifier, read_signer, read_verifier

_MOST_PIPED = 64 * 1024  # bytes of public keys: hundreds
_PIPE_SECONDS = 10.0


class KeyFileError(AdvisedError):
    """Raised for a file that gives no key; `next` is what to do. The message never quotes a private key."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the notes of a file come to.

    Attributes:
        checkpoints: those that a known key has signed.
        by: the names of these keys.
        altered: why a signature of a known key is wrong, one for each note of which it is.
        others: how many notes are signed, by other keys.
        unreadable: how many pieces are no checkpoint, such as half a note that a crash left at the end.
    """

    checkpoints: tuple[Checkpoint, ...] = ()
    by: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    others: int = 0
    unreadable: int = 0


def opened(content: str, keys: Sequence[NoteVerifier]) -> Opened:
    """The checkpoints of a file of notes that one of these keys vouches for."""
    checkpoints: list[Checkpoint] = []
    by: dict[str, None] = {}
    altered: list[str] = []
    others = unreadable = 0
    for note in notes_in(content):
        try:
            signed = notes.verify(note, keys)
            checkpoints.append(checkpoint_from(signed.text))
            by.update(dict.fromkeys(signed.by))
        except AlteredError as error:
            altered.append(error.what)
        except NotTrustedError:
            others += 1
        except (NotASignatureError, NotACheckpointError):
            unreadable += 1
    return Opened(tuple(checkpoints), tuple(by), tuple(altered), others, unreadable)


def verify(
    journal: Path,
    keys: Sequence[NoteVerifier],
    elsewhere: Path | None,
    disk: Disk,
    *,
    known: Callable[[Line], bool] | None = None,
) -> tuple[Vouched | Broken, Opened]:
    """Whether a journal is whole, and up to where one of these keys vouches for it.

    Args:
        elsewhere: a file of checkpoints that was kept elsewhere, such as one that anchors were appended to; held
            against the journal besides the one that lies beside it.

    Raises:
        JournalUnreadable: the journal cannot be read.
        KeyFileError: `elsewhere` cannot be read.
    """
    content = _text(journal.parent / CHECKPOINT, disk, missing="")
    if elsewhere is not None:
        content += "\n" * (not content.endswith("\n")) + _text(elsewhere, disk)
    found = opened(content.lstrip("\n"), keys)
    if found.altered:
        whole = verification.verify(journal, known=known, disk=disk)
        if isinstance(whole, Verified):
            why = f"a checkpoint was altered: {found.altered[0]}"
            return Broken(whole.count, Fault.NOT_VOUCHED_FOR, why, 0), found
        return whole, found
    return verification.vouched(journal, found.checkpoints, known=known, disk=disk), found


def signing(file: Path, disk: Disk) -> Sign:
    """What signs checkpoints with the private key in a file.

    Raises:
        KeyFileError: there is no such key, or others may read it.
    """
    again = f"Make one: exrun keys new NAME -o {file.name}."
    if sys.platform != "win32":
        try:
            mode = stat.S_IMODE(os.stat(file).st_mode)
        except OSError as error:
            raise KeyFileError(f"{file} cannot be read: {error.strerror}", again) from None
        if mode & 0o077:
            raise KeyFileError(
                f"{file} is a private key that others than its owner may read (mode {mode:04o})",
                f"Take that away, chmod 600 {file}, and make a new key if somebody may have.",
            )
    try:
        signer = read_signer(_text(file, disk))
    except SignatureError as error:
        raise KeyFileError(f"{file}: {error.what}", again) from None
    return lambda text: notes.sign(text, signer)


def verifiers(key: str, disk: Disk) -> tuple[NoteVerifier, ...]:
    """The public keys that a text or a file says, one a line; lines that begin with # are passed over.

    Raises:
        KeyFileError: it says none.
    """
    if key.startswith(PRIVATE):
        raise KeyFileError("this is a private key", "Name its public half, the line that `exrun keys new` printed.")
    if key.count("+") > 1:
        try:
            return (read_verifier(key),)
        except SignatureError as error:
            try:
                disk.read(Path(key)).close()  # a file that is called like this
            except OSError:
                raise KeyFileError(f"--key: {error.what}", error.next) from None
    named = Path(key)
    said = _piped(named) if named.is_fifo() else _text(named, disk)
    lines = [line.strip() for line in said.split("\n")]
    try:
        found = tuple(read_verifier(line) for line in lines if line and not line.startswith("#"))
    except SignatureError as error:
        raise KeyFileError(f"{key}: {error.what}", error.next) from None
    if not found:
        raise KeyFileError(f"{key}: there is no public key in it", "Put in the line that `exrun keys new` printed.")
    return found


def new_key(name: str) -> NoteSigner:
    """A new key of this name.

    Raises:
        KeyFileError: this cannot be the name of a key.
    """
    try:
        return NoteSigner.new(name)
    except ValueError as error:
        raise KeyFileError(f"{name!r}: {error}", "Name it after who has it, such as ops.example/journal.") from None


def _piped(path: Path) -> str:
    """What a pipe gives until it ends, such as `<(...)` of a shell. One that nobody writes to is empty."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        data = b""
        while len(data) <= _MOST_PIPED:
            try:
                part = os.read(descriptor, _MOST_PIPED + 1)
            except BlockingIOError:  # somebody has it open to write, and has not yet
                if not select.select([descriptor], [], [], _PIPE_SECONDS)[0]:
                    break
                continue
            if not part:
                return data.decode()
            data += part
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is no text", "Name another file.") from None
    finally:
        os.close(descriptor)
    raise KeyFileError(
        f"{path}: the pipe did not end within {_MOST_PIPED // 1024} KiB, or gave nothing for {_PIPE_SECONDS:g} s",
        "Name a file.",
    )


def _text(path: Path, disk: Disk, missing: str | None = None) -> str:
    try:
        with disk.read(path) as file:
            return file.read().decode()
    except FileNotFoundError as error:
        if missing is not None:
            return missing
        raise KeyFileError(f"{path} cannot be read: {error.strerror}", "Name a file that is there.") from None
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}", "Name a file that you may read.") from None
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is no text", "Name another file.") from None
