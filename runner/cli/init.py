"""`exrun init`: a folder to begin with, and nothing written over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from inventory.names import why_not_a_name
from inventory.sources.native_writing import native_text, scalar
from runner.cli.fresh_files import there_already, write_fresh
from runner.cli.output import UsageError, emit, tell
from runner.cli.schema import FileKind, schema_text
from runner.exit_status import ExitStatus
from runner.terminal import visible

# What a project has, and the file of ours that it is made of.
_FILES = {
    "inventory.yml": "inventory.yml",
    "playbooks/monthly.yml": "playbooks/monthly.yml",
    "policy.yml": "policy.yml",
    "exrun.toml": "exrun.toml",
    ".gitignore": "gitignore",
    "README.md": "README.md",
    ".vscode/settings.json": "vscode/settings.json",
    ".vscode/extensions.json": "vscode/extensions.json",
}
_SCHEMAS = ".vscode/schemas"  # settings.json and the first line of exrun.toml name them there
_CHECKED = (
    FileKind.INVENTORY,
    FileKind.PLAYBOOK,
    FileKind.ACTION,
    FileKind.CASES,
    FileKind.POLICY,
    FileKind.BRAND,
    FileKind.EXRUN_TOML,
)


def init(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", envvar="EXRUN_INIT", help="Where; is made if it is not there."),
    ] = Path(),
    client: Annotated[str, typer.Option("--client", envvar="EXRUN_CLIENT", help="Whose servers these are.")] = "alpha",
    source: Annotated[
        Path | None,
        typer.Option(
            "--import",
            envvar="EXRUN_IMPORT",
            help="Make the inventory of this list: what exrun inventory import takes.",
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", envvar="EXRUN_USER", help="With --import: DOMAIN\\name or name@domain.")
    ] = None,
    credential: Annotated[
        str | None,
        typer.Option(
            "--credential",
            envvar="EXRUN_CREDENTIAL",
            help="With --import: where the password is, such as env:NAME; never the password.",
        ),
    ] = None,
) -> None:
    """Make a folder for one client's servers: inventory, a playbook, policy, exrun.toml, .gitignore and a README.

    VS Code completes and checks these files, by schemas in .vscode. The README says the next three commands. Nothing
    that is there is written over: where one of the files exists, none is written. Nothing is connected to.

    \b
    Exit status: 0 it is made, 2 a file is there already or something given is wrong, and nothing was written.

    \b
    Examples:
      exrun init alpha --client alpha
      exrun init
      exrun init alpha --client alpha --import servers.csv --user "ALPHA\\ops" --credential env:ALPHA_PW
    """
    if why := why_not_a_name(client):
        raise UsageError(f"--client: {why}", "Name it otherwise.")
    if source is None and (user is not None or credential is not None):
        raise UsageError("--user and --credential are for --import", "Write them into inventory.yml then.")
    texts = _texts(client, edited=source is not None)
    if source is not None:
        texts["inventory.yml"] = _imported(source, client, user, credential)
    root = context.find_root().command
    texts |= {f"{_SCHEMAS}/{kind}.json": schema_text(kind, root) for kind in _CHECKED}
    there = there_already(folder, texts)
    if there:
        named = ", ".join(there)
        raise UsageError(
            f"{named} {'is' if len(there) == 1 else 'are'} there already: nothing was written",
            "Name another folder, or move these away.",
        )
    write_fresh(folder, texts)
    emit("".join(f"{visible(str(folder / name))}\n" for name in texts))
    emit(f"Next: {'cd ' + visible(str(folder)) + ', ' if folder != Path() else ''}read README.md.\n")
    raise typer.Exit(ExitStatus.WELL)


def _texts(client: str, *, edited: bool) -> dict[str, str]:
    """Every file of a project, by its path in the folder."""
    plain = re.sub(r"[^a-z0-9]+", "-", client.casefold()).strip("-") or "client"
    filled: Mapping[str, str] = {
        "@VARIABLE@": f"{'CLIENT_' if plain[0].isdigit() else ''}{plain.upper().replace('-', '_')}_PW",
        "@DOMAIN@": f"{plain}.example",
        "@EDIT@": "" if not edited else ", if anything of it is not right",
    }
    texts = {}
    for name, ours in _FILES.items():
        text = files("runner.cli").joinpath("project", *PurePosixPath(ours).parts).read_text(encoding="utf-8")
        for mark, value in filled.items():
            text = text.replace(mark, value)
        # A name may be what YAML takes for something else, such as `no` or 7.
        texts[name] = text.replace("@CLIENT@", scalar(client) if name.endswith(".yml") else client)
    return texts


def _imported(source: Path, client: str, user: str | None, credential: str | None) -> str:
    """The inventory of a list in another form; what it leaves out is said.

    Raises:
        InventoryError, UsageError: it cannot be read, or an account is not written as one is.
    """
    from inventory.importing import read_foreign
    from runner.cli.inventory import settings_given
    from texts.problems import SHOWN

    given = {"user": user, "credential": credential}
    settings = settings_given({name: text for name, text in given.items() if text is not None})
    imported = read_foreign(source, client=client, settings=settings)
    for line in [str(problem) for problem in imported.left_out[:SHOWN]]:
        tell(line)
    if len(imported.left_out) > SHOWN:
        tell(f"and {len(imported.left_out) - SHOWN} more")
    return native_text(imported.client, source.parent)
