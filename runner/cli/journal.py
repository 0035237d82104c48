"""`exrun journal`: what runs recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.commands import Commands
from runner.cli.options import Format, FormatOption
from runner.events import is_known
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken, Verified
from runner.journal.verification import verify
from runner.terminal import visible
from texts.counting import counted

group = Commands(help="Read what runs recorded.")


@group.command("verify")
def journal_verify(
    file: Annotated[Path, typer.Argument(envvar="EXRUN_JOURNAL", help="journal.jsonl of a run.")],
    form: FormatOption = Format.TEXT,
) -> None:
    """Say whether a journal is as it was written: no line altered, missing, moved or cut off.

    \b
    Needs the file, and for its end the file `head` beside it.
    Exit status: 0 it is whole, 2 it cannot be read, 6 it does not verify.

    \b
    Examples:
      exrun journal verify .exrun/alpha/runs/2026-r1/journal.jsonl
      exrun journal verify journal.jsonl --format json
    """
    found = verify(file, known=is_known)
    if form is Format.JSON:
        typer.echo(json.dumps(verification_document(found), indent=2))
    else:
        typer.echo(verification_text(file, found))
    raise typer.Exit(ExitStatus.JOURNAL if isinstance(found, Broken) else ExitStatus.WELL)


def verification_document(found: Verified | Broken) -> dict[str, object]:
    """The object of `journal verify --format json`; docs/reference/command-line.md says what its members mean."""
    match found:
        case Verified(head, count, after_head, newer):
            return {
                "schema": "exrun.journal-verification/1",
                "verified": True,
                "lines": count,
                "sha256": head.sha256,
                "after_head": after_head,
                "newer": newer,
            }
        case Broken(line, fault, why, intact):
            return {
                "schema": "exrun.journal-verification/1",
                "verified": False,
                "line": line,
                "fault": fault.value,
                "why": why,
                "intact": intact,
            }


def verification_text(file: Path, found: Verified | Broken) -> str:
    """The same for people. What a journal or a file's name says is tainted."""
    name = visible(str(file))
    match found:
        case Broken(line, fault, why, intact):
            return (
                f"{name}:{line}: {fault.value}: {visible(why)}\n"
                f"{intact} lines before it are as they were written. Compare with a copy kept elsewhere."
            )
        case Verified(head, count, None):
            end = "no head is beside it, so whole lines may be missing at the end"
        case Verified(head, count, 0):
            end = "it ends where its head says"
        case Verified(head, count, after):
            end = f"the last {after} lines follow its head, and nothing outside the file vouches for them"
    newer = ""
    if found.newer:
        newer = f"\n{counted(found.newer, 'line')} of a newer exrun: intact, and not all that they say is known here"
    return f"{name}: {count} lines verified; {end}{newer}\nlast line {head.sha256}"
