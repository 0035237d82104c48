"""The command `exrun`: a thin skin over functions that can be called without it."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runner.journal.chain import Broken, Verified
from runner.journal.errors import JournalError
from runner.journal.verification import verify
from runner.terminal import visible

USAGE = 2  # usage, configuration or input wrong, nothing sent
JOURNAL_BROKEN = 6  # the journal cannot be written or does not verify
INTERRUPTED = 130
DEBUG = "EXRUN_DEBUG"


class Format(StrEnum):
    """For people, or for programs."""

    TEXT = "text"
    JSON = "json"


app = typer.Typer(
    name="exrun",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
journal = typer.Typer(help="Read what runs recorded.")
app.add_typer(journal, name="journal")


@app.callback()
def exrun(
    debug: Annotated[bool, typer.Option("--debug", envvar=DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Take a fleet of Microsoft Exchange servers from unknown to proven clean over WinRM."""
    # `main` looks for --debug itself: an error may come before the options are read.


@journal.command("verify")
def journal_verify(
    file: Annotated[Path, typer.Argument(envvar="EXRUN_JOURNAL", help="journal.jsonl of a run.")],
    form: Annotated[
        Format, typer.Option("--format", envvar="EXRUN_FORMAT", help="For people, or one JSON object.")
    ] = Format.TEXT,
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
    found = verify(file)
    if form is Format.JSON:
        typer.echo(json.dumps(verification_document(found), indent=2))
    else:
        typer.echo(verification_text(file, found))
    raise typer.Exit(JOURNAL_BROKEN if isinstance(found, Broken) else 0)


def verification_document(found: Verified | Broken) -> dict[str, object]:
    """The object of `journal verify --format json`; docs/reference/command-line.md says what its members mean."""
    match found:
        case Verified(head, count, after_head):
            return {
                "schema": "exrun.journal-verification/1",
                "verified": True,
                "lines": count,
                "sha256": head.sha256,
                "after_head": after_head,
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
    return f"{name}: {count} lines verified; {end}\nlast line {head.sha256}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Errors are one line on standard error: what, where, what to do. With --debug or EXRUN_DEBUG the traceback too.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        returned = app(args=given, prog_name="exrun", standalone_mode=False)
    except typer.TyperException as error:
        _complain(
            " ".join(error.format_message().split()),
            "Run exrun --help, or the command with --help, to see what it takes.",
        )
        return USAGE
    except JournalError as error:
        _trace(given)
        _complain(f"{error.path}: {error.what}", error.next)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted", "Run it again.")
        return INTERRUPTED
    except Exception as error:
        _trace(given)
        _complain(
            f"exrun has a defect: {type(error).__name__}: {error}", "Run it again with --debug and report what it says."
        )
        return USAGE
    return returned if isinstance(returned, int) else 0


def _complain(what: str, then: str) -> None:
    typer.echo(f"exrun: {visible(what).removesuffix('.')}. {visible(then)}", err=True)


def _trace(given: Sequence[str]) -> None:
    if "--debug" in given or os.environ.get(DEBUG):
        for line in traceback.format_exc().splitlines():
            typer.echo(visible(line), err=True)


if __name__ == "__main__":
    sys.exit(main())
