"""Plans and policies as files that a command line names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.output import UsageError
from runner.plan import file
from runner.plan.file import PlanError
from runner.plan.records import Plan

if TYPE_CHECKING:
    from runner.approval.policy import Policy

MOST_SIGNATURES = 100  # beside a plan; a policy asks for no more


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan as it lies there: what was approved is its bytes, and their SHA-256 names it."""

    path: Path
    data: bytes
    plan: Plan

    @property
    def digest(self) -> str:
        """See `runner.plan.file.digest`."""
        return file.digest(self.data)


def read_plan(path: Path) -> PlanFile:
    """A plan, read once and checked.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    data = bytes_of(path, file.MOST_BYTES, "a plan")
    try:
        return PlanFile(path, data, file.read(data))
    except PlanError as error:
        raise UsageError(f"{path}: {error.what}", error.next) from None


def policy_of(path: Path) -> Policy:
    """A client's policy.

    Raises:
        UsageError: it cannot be read, or is wrong.
    """
    from runner.approval.policy import PolicyError, read_policy  # who reads a plan alone needs none of it

    try:
        return read_policy(
            bytes_of(path, 1024 * 1024, "a policy"), str(path), local=lambda naive: naive.astimezone(UTC)
        )
    except PolicyError as error:
        raise UsageError(str(error), "Correct the policy and run it again.") from None


def signatures_of(plan: Path) -> dict[str, bytes]:
    """The signature files beside a plan, by their names: PLAN.1.sig, ..., and PLAN.sig as ssh-keygen calls its own.

    Raises:
        UsageError: one cannot be read, or is larger than a signature can be.
    """
    from runner.signatures import sshsig  # who reads a plan alone needs none of it
    from runner.signatures.signing import SUFFIX

    names = [f"{plan.name}{SUFFIX}", *(f"{plan.name}.{number}{SUFFIX}" for number in range(1, MOST_SIGNATURES + 1))]
    there = [path for path in map(plan.with_name, names) if path.is_file()]
    return {path.name: bytes_of(path, sshsig.MOST_BYTES, "a signature") for path in there}


def bytes_of(path: Path, most: int, what: str) -> bytes:
    """A file's bytes.

    Raises:
        UsageError: it cannot be read, or is larger than `most`.
    """
    try:
        with path.open("rb") as opened:
            data = opened.read(most + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"{path}: cannot be read: {reason}", f"Name the file of {what}.") from None
    if len(data) > most:
        raise UsageError(f"{path}: is larger than {what} can be", f"Name the file of {what}.")
    return data


def now() -> datetime:
    """For what is written, and for whether an approval counts."""
    return datetime.now(UTC)
