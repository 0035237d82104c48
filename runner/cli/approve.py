"""`exrun approve`: shows a plan and signs it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from runner.approval.approving import standing
from runner.approval.policy import NAMESPACE
from runner.cli.output import UsageError, emit, terminal_width
from runner.cli.plan_files import MOST_SIGNATURES, now, policy_of, read_plan, signatures_of
from runner.exit_status import ExitStatus
from runner.reports.plan import View, lines
from runner.reports.typed_next import Begun, apply
from runner.signatures.errors import SignatureError, SigningError
from runner.signatures.signing import SUFFIX, sign
from runner.signatures.sshsig import key_of
from runner.terminal import visible


def approve(
    plan: Annotated[Path, typer.Argument(envvar="EXRUN_PLAN", help="The plan's file.")],
    key: Annotated[
        Path,
        typer.Option("--key", envvar="EXRUN_KEY", help="Sign with this SSH key; a public one: with the agent."),
    ],
    policy: Annotated[
        Path | None,
        typer.Option("--policy", envvar="EXRUN_POLICY", help="The client's policy: say whether the signature counts."),
    ] = None,
) -> None:
    """Show what a plan would change, and sign it.

    \b
    ssh-keygen signs the bytes of the plan's file, with keys in files, agents or FIDO tokens. The signature goes beside
    the plan, as PLAN.1.sig, PLAN.2.sig and so on; ssh-keygen -Y verify -n exrun-plan reads it. See every script first
    with exrun show. Nothing is sent.
    Exit status: 0 it is signed, 2 it is not.

    \b
    Examples:
      exrun approve plan.json --key ~/.ssh/id_ed25519
      exrun approve plan.json --key ~/.ssh/id_ed25519.pub --policy policy.yml
    """
    found = read_plan(plan)
    known = None if policy is None else policy_of(policy)
    if found.plan.newer:
        raise UsageError(
            f"{plan}: has what only a newer exrun knows: {', '.join(found.plan.newer)}",
            "Approve it with the version that made it: here not all of it can be shown.",
        )
    if not any(True for _ in found.plan.changes):
        raise UsageError(f"{plan}: changes nothing", "There is nothing to approve.")
    emit("".join(f"{line}\n" for line in lines(found.plan, found.digest, View(width=terminal_width()))))
    try:
        signature = _signed(found.data, plan.name, key)
        signer = key_of(found.data, signature, NAMESPACE)
    except SigningError as error:
        raise UsageError(error.what, error.next) from None
    except SignatureError as error:
        raise UsageError(f"what ssh-keygen made is refused: {error.what}", error.next) from None
    written = _written(plan, signature)
    emit(f"Signed with {signer.fingerprint}: {visible(str(written))}\n")
    if known is not None:
        stood = standing(found.plan, found.data, known, signatures_of(plan), now())
        by = ", ".join(visible(each.by) for each in stood.approvals)
        emit(f"Approvals that count: {len(stood.approvals)} of {known.approvals}{f': {by}' if by else ''}\n")
        for each in stood.refused:
            emit(f"Not to be run now: {visible(each.what)}. {visible(each.next)}\n")
        # Whose files these are is known by their names alone: a plan is approved elsewhere than it was made.
        to = Begun(
            tuple(each.source for each in found.plan.inventory), policy="" if policy is None else policy.as_posix()
        )
        if not stood.refused and (then := apply(plan.as_posix(), to)):
            emit(f"Next: {then}\n")
    elif found.plan.policy is None:
        emit("The plan was made without a policy: no approval is asked for when it is run.\n")
    raise typer.Exit(ExitStatus.WELL)


def _signed(data: bytes, name: str, key: Path) -> bytes:
    """The signature of what was shown: of these bytes, not of what the file may have become meanwhile."""
    with tempfile.TemporaryDirectory(prefix="exrun-") as folder:
        copy = Path(folder) / name
        copy.write_bytes(data)
        return sign(copy, key, NAMESPACE)


def _written(plan: Path, signature: bytes) -> Path:
    """The first free place beside the plan: nobody's signature is written over."""
    for number in range(1, MOST_SIGNATURES + 1):
        path = plan.with_name(f"{plan.name}.{number}{SUFFIX}")
        try:
            with path.open("xb") as file:
                file.write(signature)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written: {error.strerror}",
                "Copy the plan to where you may write, and sign it there.",
            ) from None
        return path
    raise UsageError(
        f"{plan}: has {MOST_SIGNATURES} signatures beside it", "Move those away that are not of this plan."
    )
