"""The command `exrun`: a thin skin over functions that can be called without it. One file a group of commands."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from runner.cli.commands import Commands, loaded_late
from runner.cli.options import DEBUG
from runner.exit_status import ExitStatus
from runner.terminal import visible

# By name: the module that has the command, and what the help says of it. None is loaded before it is asked for.
COMMANDS = {
    "doctor": ("runner.cli.doctor", "Find out why servers cannot be reached, and what to do."),
    "audit": ("runner.cli.audit", "Find out what state servers are in."),
    "plan": ("runner.cli.plan", "Decide what would be changed on which server, to be approved."),
    "watch": ("runner.cli.watch", "Follow a run from another terminal until it ends."),
    "show": ("runner.cli.show", "Show what a run did, or a plan would do, on which server."),
    "approve": ("runner.cli.approve", "Show a plan and sign it."),
    "apply": ("runner.cli.apply", "Run a plan: only that plan, only once."),
    "resume": ("runner.cli.resume", "Go on with a run that was broken off."),
    "rollback": ("runner.cli.rollback", "Undo what a run changed."),
    "runs": ("runner.cli.runs", "Which runs there are, and what came of them."),
    "status": ("runner.cli.status", "How far a run is."),
    "diff": ("runner.cli.diff", "What became of servers between two audits."),
    "evidence": ("runner.cli.evidence", "What was kept of servers before they were changed."),
    "report": ("runner.cli.report", "Write the report of one client's part of a run, or of a plan."),
    "init": ("runner.cli.init", "Make a folder for one client's servers."),
    "inventory": ("runner.cli.inventory", "Check, list and import the servers to work with."),
    "playbook": ("runner.cli.playbook", "What there is to run, and what it would run."),
    "catalogue": ("runner.cli.catalogue", "The tables that judge, and a newer set of them."),
    "journal": ("runner.cli.journal", "Read what runs recorded."),
    "schema": ("runner.cli.schema", "Print the JSON Schema of a file that you write, for an editor."),
    "config": ("runner.cli.config", "Show which value each option has, and where it is from."),
    "keys": ("runner.cli.keys", "Keys that vouch for journals."),
    "completion": ("runner.cli.completion", "Complete command lines of exrun in your shell."),
    "man": ("runner.cli.man", "Print the man page."),
    "lab": ("runner.cli.lab", "Simulated Exchange servers, for rehearsals and tests."),
}

app = Commands(
    name="exrun",
    cls=loaded_late(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    """One line: version, Python, system."""
    if wanted:
        import platform
        from importlib.metadata import version

        system = f"{platform.system()} {platform.release()} {platform.machine()}"
        typer.echo(f"exrun {version('exrun')}, Python {platform.python_version()}, {system}")
        raise typer.Exit


@app.callback()
def exrun(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", envvar=DEBUG, help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Say which version this is.")
    ] = False,
) -> None:
    """Take a fleet of Microsoft Exchange servers from unknown to proven clean over WinRM.

    \b
    Examples:
      exrun lab demo
      exrun audit -i inventory.yml
      exrun show last
    """
    # `main` looks for --debug itself: an error may come before the options are read.
    from runner.cli.defaults import found

    context.obj = found(Path.cwd(), Path.home(), os.environ)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Errors are one line on standard error: what, where, what to do. With --debug or EXRUN_DEBUG the traceback too.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    # Whatever is installed beside exrun could otherwise put itself into the reading of every model, and pydantic looks
    # through all installed packages for it (pydantic.dev, Plugins).
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name or a word of a server that the console's code page lacks
            stream.reconfigure(errors="backslashreplace")
    if given[:1] == ["__complete"]:  # asked by a script of shells/
        from runner.cli.completing import answer

        sys.stdout.write("".join(f"{line}\n" for line in answer(lambda: get_command(app), given[1:], os.environ)))
        return ExitStatus.WELL
    try:
        returned = app(args=given, prog_name="exrun", standalone_mode=False)
    except typer.TyperException as error:
        from runner.cli.complaints import complaint  # with difflib

        _complain(*complaint(error))
        return ExitStatus.USAGE
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted", "Run it again.")
        return ExitStatus.INTERRUPTED
    except Exception as error:
        _trace(given)
        return _said(error)
    return returned if isinstance(returned, int) else 0


def _said(error: Exception) -> ExitStatus:
    """Says what went wrong, and which exit status that is. What the errors are is loaded here: few runs end in one."""
    from runner.cli.explaining_errors import explained

    found = explained(error)
    for line in found.lines:
        typer.echo(visible(line), err=True)
    for what, then in found.reasons:
        _complain(what, then)
    return found.status


def _complain(what: str, then: str) -> None:
    from runner.cli.output import tell

    tell(f"{what.removesuffix('.')}. {then}")


def _trace(given: Sequence[str]) -> None:
    if "--debug" in given or os.environ.get(DEBUG):
        for line in traceback.format_exc().splitlines():
            typer.echo(visible(line), err=True)


if __name__ == "__main__":
    sys.exit(main())
