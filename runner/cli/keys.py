"""`exrun keys`: keys that vouch for journals."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.commands import Commands
from runner.cli.output import UsageError, tell
from runner.disk import SystemDisk, write_once
from runner.vouching import new_key

group = Commands(help="Keys that vouch for journals.")


@group.callback()
def keys() -> None:
    """Keys that vouch for journals."""


@group.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(envvar="EXRUN_KEY_NAME", help="Whose it is, such as ops.example/journal.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            envvar="EXRUN_OUTPUT",
            help="The file to write the private key to; one that is there is left alone.",
            show_default="NAME.key",
        ),
    ] = None,
) -> None:
    """Make a key that signs checkpoints of journals, and print its public half.

    \b
    The private key is written to a file that its owner alone may read (0600). The line that is printed is the public
    key: keep it where you will verify journals, and hand it to who is to.
    Exit status: 0, or 2 where the file is there already or cannot be written.

    \b
    Examples:
      exrun keys new ops.example/journal
      exrun keys new ops.example/journal -o journal.key
    """
    key = new_key(name)
    file = output or Path(f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.key")
    try:
        write_once(file, f"{key.reveal()}\n".encode(), SystemDisk(), by=f"{secrets.token_hex(4)}.new")
    except FileExistsError:
        raise UsageError(f"{file} is there already, and is left as it is", "Name another file with -o.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", "Name another file with -o.") from None
    typer.echo(str(key.verifier))
    tell(f"wrote the private key to {file}; the line above is the public one")
