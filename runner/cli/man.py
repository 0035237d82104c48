"""`exrun man`: the man page, made of the help of all commands."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.commands import Group
from runner.cli.manual import manual
from runner.cli.output import emit, write_file
from runner.exit_status import ExitStatus


def man(
    context: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", envvar="EXRUN_OUTPUT", help="Write it to this file; else standard output."),
    ] = None,
) -> None:
    """Print the man page of exrun, of all commands.

    Wheels bring it as share/man/man1/exrun.1, where pipx makes it known to man; with this it goes anywhere else.

    \b
    Exit status: 0; 2 where the file cannot be written.

    \b
    Examples:
      exrun man -o exrun.1
      exrun man -o ~/.local/share/man/man1/exrun.1
    """
    root = context.find_root().command
    assert isinstance(root, Group)
    text = manual(root, version("exrun"), datetime.now(UTC).date())
    if output is None:
        emit(text)
    else:
        write_file(output, text)
    raise typer.Exit(ExitStatus.WELL)
