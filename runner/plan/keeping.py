"""The plan of a run beside its journal, with the signatures that counted: what goes on from there has them.

STATE/<client>/runs/<run>/plan.json, plan.json.1.sig, ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.advice import AdvisedError
from runner.disk import Disk, make_directories, write_anew
from runner.journal.location import run_directory
from runner.plan.file import MOST_BYTES, PlanError, digest, read
from runner.plan.records import Plan

__all__ = ["PLAN", "NotKeptError", "keep", "kept_bytes", "kept_plan", "kept_signatures"]

PLAN = "plan.json"
_SUFFIX = ".sig"


class NotKeptError(AdvisedError):
    """Raised where a run's plan cannot be written beside its journal, or read from there. `next` is what to do."""


def keep(state: Path, client: str, run: str, data: bytes, signatures: Sequence[bytes], disk: Disk) -> None:
    """Puts a plan and its signatures into the directory of a run; they are on the disk when this returns.

    Raises:
        NotKeptError: the disk refuses.
    """
    directory = run_directory(state, client, run)
    try:
        make_directories(state, directory, disk)
        for number, signature in enumerate(signatures, start=1):
            write_anew(directory / f"{PLAN}.{number}{_SUFFIX}", signature, disk)
        write_anew(directory / PLAN, data, disk)
    except OSError as error:
        raise NotKeptError(
            f"{directory}: the plan cannot be kept beside the journal ({error.strerror or type(error).__name__}), so "
            "nothing is sent",
            "Make room or correct the permissions, then run it again.",
        ) from error


def kept_bytes(directory: Path, sha256: str, disk: Disk) -> bytes:
    """The bytes of the plan beside a journal.

    Args:
        sha256: of the plan that the journal names.

    Raises:
        NotKeptError: it is not there, or another.
    """
    path = directory / PLAN
    try:
        with disk.read(path) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotKeptError(
            f"{path}: the run's plan cannot be read ({error.strerror or type(error).__name__})",
            "Put the file of the plan there again.",
        ) from error
    if digest(data) != sha256:
        raise NotKeptError(
            f"{path}: this is not the plan that the journal names ({sha256:.12})",
            "Put the file of the plan there again.",
        )
    return data


def kept_plan(directory: Path, sha256: str, disk: Disk) -> Plan:
    """The plan beside a journal; see `kept_bytes`."""
    try:
        return read(kept_bytes(directory, sha256, disk))
    except PlanError as error:
        raise NotKeptError(f"{directory / PLAN}: {error.what}", error.next) from None


def kept_signatures(directory: Path, disk: Disk) -> Mapping[str, bytes]:
    """The signatures beside the plan, by the names of their files.

    Raises:
        NotKeptError: one cannot be read.
    """
    found: dict[str, bytes] = {}
    try:
        for name in sorted(disk.names(directory)):
            if name.startswith(f"{PLAN}.") and name.endswith(_SUFFIX):
                with disk.read(directory / name) as file:
                    found[name] = file.read()
    except OSError as error:
        raise NotKeptError(
            f"{directory}: the signatures of the run's plan cannot be read ({error.strerror or type(error).__name__})",
            "Correct the permissions, then run it again.",
        ) from error
    return found
