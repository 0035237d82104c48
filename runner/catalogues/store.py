"""The set of tables that was installed beside the shipped one: taken from a signed folder, kept in the state directory.

    STATE/catalogue/current.json     which set is installed, who signed it, when it was taken
    STATE/catalogue/sets/<sha256>/   its files, named by the SHA-256 of its manifest

A set is written whole before `current.json` is replaced, so that an update that is cut off leaves the one before. Every
load verifies it again, down to the signature. One that no longer verifies is an error: to go on with the shipped set
instead would change verdicts without a word.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from playbooks.catalogue.catalogue import Catalogue
from playbooks.catalogue.manifest import MANIFEST
from playbooks.catalogue.origin import SetKind, Signed
from playbooks.catalogue.sets import CatalogueSet, folder_files, read_set, shipped_set
from playbooks.errors import CatalogueError
from runner.advice import AdvisedError
from runner.disk import try_lock
from runner.signatures.errors import SignatureError
from runner.signatures.signing import SUFFIX
from texts.places import Location
from texts.problems import Problem

if TYPE_CHECKING:
    from runner.signatures.allowed_signers import AllowedSigners

__all__ = ["NAMESPACE", "SIGNATURE", "InUse", "Installed", "RefusedError", "in_use", "install", "load", "reset"]

NAMESPACE = "exrun-catalogue"
SIGNATURE = MANIFEST + SUFFIX
_ROOM, _CURRENT, _SETS, _LOCK = "catalogue", "current.json", "sets", "lock"
_AGAIN = "take the set again with `exrun catalogue update`, or go back to the shipped one with `exrun catalogue reset`"


class RefusedError(AdvisedError):
    """Raised for a set that is sound and is not taken; `next` says what to do."""


class Installed(BaseModel):
    """What `current.json` says. It vouches for nothing: the set's signature does."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, defer_build=True)

    schema_: Literal["exrun.installed-catalogue/1"] = Field(alias="schema", default="exrun.installed-catalogue/1")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")  # of the manifest
    as_of: date
    taken: AwareDatetime
    signer: str  # the principals of the line of allowed_signers
    key: str  # base64
    overrules: date | None = None  # with --allow-older: the day of the newer set that was left for this one

    @property
    def signed(self) -> Signed:
        """Who vouches for it."""
        from runner.signatures.keys import PublicKey  # the shipped set needs nothing of signatures

        return Signed(self.signer, PublicKey(base64.b64decode(self.key)).fingerprint, self.taken)


@dataclass(frozen=True, slots=True)
class InUse:
    """The catalogue that judges, and what there is besides.

    Attributes:
        tables: the set that is in use, without own rows.
        shipped: the day of the shipped set.
        installed: the set that is installed, in use or not.
        folder: where the files of the set in use lie; None for the shipped one.
    """

    catalogue: Catalogue
    tables: CatalogueSet
    shipped: date
    installed: Installed | None
    folder: Path | None


def load(state: Path, own: Path | None = None) -> Catalogue:
    """The catalogue of this machine: the newer of the shipped and the installed set, with own rows beside it.

    Raises:
        CatalogueError: the installed set does not verify, or the own rows are wrong.
    """
    return in_use(state, own).catalogue


def in_use(state: Path, own: Path | None = None) -> InUse:
    """As `load`, with what there is to say of it."""
    shipped, installed = shipped_set(), _installed(state)
    if installed is None:
        return InUse(Catalogue.of(shipped, SetKind.SHIPPED, own=own), shipped, shipped.as_of, None, None)
    folder = _sets(state) / installed.sha256
    tables = _verified(installed, folder)
    if tables.as_of != installed.as_of:
        at = Location(str(_room(state) / _CURRENT), path="as_of")
        raise CatalogueError([Problem(at, "is not the day of the set", _AGAIN)])
    if not _counts(installed, shipped.as_of):
        return InUse(Catalogue.of(shipped, SetKind.SHIPPED, own=own), shipped, shipped.as_of, installed, None)
    catalogue = Catalogue.of(tables, SetKind.INSTALLED, signed=installed.signed, own=own)
    return InUse(catalogue, tables, shipped.as_of, installed, folder)


def install(
    source: Path,
    state: Path,
    signers: AllowedSigners,
    *,
    now: datetime,
    principal: str | None = None,
    allow_older: bool = False,
) -> Installed:
    """Takes a signed set for use from now on.

    Args:
        source: a folder as `exrun catalogue pack` makes it.
        signers: whom the user trusts.
        principal: whose signature it must be; None for anybody of the list.
        now: UTC.
        allow_older: whether a set may be taken that is no newer than the one in use.

    Raises:
        CatalogueError: the folder is no whole and sound set, or the one in use does not verify.
        SignatureError: nobody of the list vouches for it.
        RefusedError: it is not newer, or from the future; another update is at work.
    """
    files = folder_files(source, also=(SIGNATURE,))
    # Nothing of the set is read before somebody trusted vouches for it.
    signer = signers.signer_of(files[MANIFEST], files[SIGNATURE], NAMESPACE, now=now, principal=principal)
    found = read_set(files, str(source), otherwise="take the set again from where it was made", whole=True)
    if found.as_of > now.astimezone(UTC).date() + timedelta(days=1):
        raise RefusedError(
            f"{source} is of {found.as_of}, a day that has not come: it would never be told as old",
            "Set this machine's clock, or have the set made with its right day.",
        )
    with _locked(state):
        current = _day_in_use(state)
        if found.as_of <= current and not allow_older:
            raise RefusedError(
                f"{source} is of {found.as_of} and the catalogue in use of {current}: it is not newer",
                "Take a newer one; --allow-older takes this one all the same.",
            )
        installed = Installed(
            sha256=found.sha256,
            as_of=found.as_of,
            taken=now.astimezone(UTC).replace(microsecond=0),
            signer=signer.principals,
            key=base64.b64encode(signer.key.blob).decode(),
            overrules=current if found.as_of <= current else None,
        )
        before = _readable(state)
        _write_set(_sets(state), found.sha256, files)
        _replace(_room(state) / _CURRENT, installed.model_dump_json(indent=2).encode() + b"\n")
        _prune(_sets(state), {found.sha256, before.sha256 if before else ""})
    return installed


def reset(state: Path) -> bool:
    """Goes back to the shipped set; whether there was another. Needs nothing of that one to be sound."""
    room = _room(state)
    if not (room / _CURRENT).exists() and not _sets(state).exists():
        return False
    with _locked(state):
        (room / _CURRENT).unlink(missing_ok=True)
        _prune(_sets(state), set())
    return True


def _room(state: Path) -> Path:
    return state / _ROOM


def _sets(state: Path) -> Path:
    return _room(state) / _SETS


def _counts(installed: Installed, shipped: date) -> bool:
    """The newer counts; one that was taken although older, until a newer one is shipped than was in use then."""
    return installed.as_of > shipped or (installed.overrules is not None and shipped <= installed.overrules)


def _installed(state: Path) -> Installed | None:
    path = _room(state) / _CURRENT
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):  # nothing is installed there
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CatalogueError(
            [Problem(Location(str(path)), f"cannot be read: {reason}", "correct its rights")]
        ) from None
    try:
        installed = Installed.model_validate_json(data)
        base64.b64decode(installed.key, validate=True)
        return installed
    except ValueError:  # pydantic's ValidationError is one
        raise CatalogueError([Problem(Location(str(path)), "is not what exrun wrote there", _AGAIN)]) from None


def _readable(state: Path) -> Installed | None:
    """As `_installed`; a file that is damaged is about to be replaced."""
    with contextlib.suppress(CatalogueError):
        return _installed(state)
    return None


def _day_in_use(state: Path) -> date:
    """The day that a newer set must be after. One that does not verify is no reason to refuse what replaces it."""
    installed, shipped = _readable(state), shipped_set().as_of
    return installed.as_of if installed is not None and _counts(installed, shipped) else shipped


def _verified(installed: Installed, folder: Path) -> CatalogueSet:
    """The installed set, held against its signature and its manifest again."""
    from runner.signatures.sshsig import key_of

    files = _intact(folder)
    at = Location(str(folder / SIGNATURE))
    try:
        key = key_of(files[MANIFEST], files[SIGNATURE], NAMESPACE)
    except SignatureError as error:
        raise CatalogueError([Problem(at, f"does not vouch for {MANIFEST}: {error.what}", _AGAIN)]) from None
    if key.blob != base64.b64decode(installed.key):
        raise CatalogueError([Problem(at, "is of another key than the one that was trusted", _AGAIN)])
    if hashlib.sha256(files[MANIFEST]).hexdigest() != installed.sha256:
        raise CatalogueError([Problem(Location(str(folder / MANIFEST)), "is of another set", _AGAIN)])
    return read_set(files, str(folder), otherwise=_AGAIN)


def _intact(folder: Path) -> dict[str, bytes]:
    try:
        return folder_files(folder, also=(SIGNATURE,))
    except CatalogueError as error:
        problems = [Problem(problem.location, problem.what, _AGAIN) for problem in error.problems]
        raise CatalogueError(problems) from None


# Files


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    """One update at a time; the lock ends with the process."""
    room = _room(state)
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (room, _sets(state)):
            _own_directory(folder)
        descriptor = os.open(room / _LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RefusedError(f"{room} cannot be used: {reason}", "Correct its rights, or name another --state.") from None
    try:
        if not try_lock(descriptor):
            raise RefusedError("another exrun is changing the catalogue", "Wait for it, and run this again.")
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RefusedError(
            f"{room} cannot be written: {reason}; the catalogue in use stays", "Make room or correct its rights."
        ) from None
    finally:
        os.close(descriptor)


def _own_directory(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is a link, not a directory")


def _write_set(sets: Path, sha256: str, files: Mapping[str, bytes]) -> None:
    final = sets / sha256
    staging = sets / f"{sha256}.new"
    for folder in (staging, final):  # what was cut off, or is damaged
        if folder.exists():
            shutil.rmtree(folder)
    staging.mkdir(mode=0o700)
    for name, data in files.items():
        _write(staging / name, data)
    _synced(staging)
    staging.rename(final)
    _synced(sets)


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    _write(fresh, data)
    fresh.replace(path)
    _synced(path.parent)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _synced(folder: Path) -> None:
    if sys.platform == "win32":  # which keeps directories safe by itself, and has no descriptor for one
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prune(sets: Path, kept: set[str]) -> None:
    """Removes what is not kept. The set before stays: a run that has just begun may be about to read it."""
    for folder in sets.iterdir() if sets.is_dir() else ():
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
