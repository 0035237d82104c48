"""The command `exrun`: a thin skin over functions that can be called without it. One file a group of commands."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from inventory.errors import InventoryError
from playbooks.errors import PlaybookError
from runner.cli import audit, catalogue, inventory, journal, playbook, report, show
from runner.cli.commands import Commands, loaded_late
from runner.cli.output import DEBUG, UsageError
from runner.exit_status import ExitStatus
from runner.journal.errors import JournalError, JournalUnwritable
from runner.recording import UnreadableRunError
from runner.runs import RunNotFoundError
from runner.state import ContradictionError
from runner.terminal import visible

app = Commands(
    name="exrun",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("audit")(audit.audit)
app.command("show")(show.show)
app.command("report")(report.report)
app.add_typer(inventory.group, name="inventory")
app.add_typer(playbook.group, name="playbook")
app.add_typer(catalogue.group, name="catalogue")
app.add_typer(journal.group, name="journal")
app.add_typer(
    loaded_late("runner.cli.lab", "Simulated Exchange servers on 127.0.0.0/8, for rehearsals and tests."), name="lab"
)


@app.callback()
def exrun(
    debug: Annotated[bool, typer.Option("--debug", envvar=DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Take a fleet of Microsoft Exchange servers from unknown to proven clean over WinRM."""
    # `main` looks for --debug itself: an error may come before the options are read.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Errors are one line on standard error: what, where, what to do. With --debug or EXRUN_DEBUG the traceback too.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name or a word of a server that the console's code page lacks
            stream.reconfigure(errors="backslashreplace")
    try:
        returned = app(args=given, prog_name="exrun", standalone_mode=False)
    except typer.TyperException as error:
        _complain(
            " ".join(error.format_message().split()),
            "Run exrun --help, or the command with --help, to see what it takes.",
        )
        return ExitStatus.USAGE
    except (InventoryError, PlaybookError) as error:
        _trace(given)
        # One line a problem, each with its own place and advice, as an editor can jump to.
        for line in str(error).splitlines():
            typer.echo(visible(line), err=True)
        _complain("nothing was sent", "Correct this and run it again.")
        return ExitStatus.USAGE
    except RunNotFoundError as error:
        _trace(given)
        _complain(str(error), "See exrun show --help.")
        return ExitStatus.USAGE
    except (ContradictionError, UnreadableRunError) as error:
        _trace(given)
        _complain(f"the journal cannot be read as that of an audit: {error}", "See exrun journal verify.")
        return ExitStatus.JOURNAL
    except UsageError as error:
        _trace(given)
        _complain(error.what, error.next)
        return ExitStatus.USAGE
    except JournalError as error:
        _trace(given)
        _complain(f"{error.path}: {error.what}", error.next)
        return ExitStatus.JOURNAL if isinstance(error, JournalUnwritable) else ExitStatus.USAGE
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted", "Run it again.")
        return ExitStatus.INTERRUPTED
    except Exception as error:
        _trace(given)
        _complain(
            f"exrun has a defect: {type(error).__name__}: {error}", "Run it again with --debug and report what it says."
        )
        return ExitStatus.DEFECT
    return returned if isinstance(returned, int) else 0


def _complain(what: str, then: str) -> None:
    typer.echo(f"exrun: {visible(what).removesuffix('.')}. {visible(then)}", err=True)


def _trace(given: Sequence[str]) -> None:
    if "--debug" in given or os.environ.get(DEBUG):
        for line in traceback.format_exc().splitlines():
            typer.echo(visible(line), err=True)


if __name__ == "__main__":
    sys.exit(main())
