"""`exrun schema`: the JSON Schema of each kind of file that a person writes, for editors and checkers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from runner.cli.output import emit
from runner.exit_status import ExitStatus


class FileKind(StrEnum):
    """What a person writes."""

    INVENTORY = "inventory"
    PLAYBOOK = "playbook"
    ACTION = "action"
    CASES = "cases"
    POLICY = "policy"
    BRAND = "brand"
    EXRUN_TOML = "exrun-toml"
    LAB_FLEET = "lab-fleet"
    LAB_STATE = "lab-state"


WHAT = {
    FileKind.INVENTORY: "inventory.yml: whose servers, where, how to log on",
    FileKind.PLAYBOOK: "a playbook",
    FileKind.ACTION: "action.yml: what an action reads, says and changes",
    FileKind.CASES: "cases beside an action",
    FileKind.POLICY: "policy.yml: who approves, and when",
    FileKind.BRAND: "a brand file: name, colour and logo above a client's pages",
    FileKind.EXRUN_TOML: "exrun.toml: defaults of options",
    FileKind.LAB_FLEET: "a fleet of exrun lab up",
    FileKind.LAB_STATE: "the state of a server of the lab",
}


def schema(
    context: typer.Context,
    kind: Annotated[
        FileKind | None, typer.Argument(envvar="EXRUN_SCHEMA", help="Of which file; without it all are listed.")
    ] = None,
) -> None:
    """Print the JSON Schema of a file that you write, for an editor.

    A schema knows keys, types and choices. Whether a name that is used is there, whether a script only reads, and
    whether two servers have one address is what exrun inventory check, exrun playbook lint and exrun config say.

    \b
    Exit status: 0; 2 where there is no schema of that name.

    \b
    Examples:
      exrun schema
      exrun schema inventory > inventory.schema.json
      exrun schema exrun-toml > exrun.schema.json
    """
    if kind is None:
        emit("".join(f"{each:<12}{what}\n" for each, what in WHAT.items()))
        emit("\nNext: exrun schema inventory > inventory.schema.json\n")
    else:
        emit(schema_text(kind, context.find_root().command))
    raise typer.Exit(ExitStatus.WELL)


def schema_text(kind: FileKind, root: Any) -> str:
    """The schema of a kind of file as docs/reference/schemas/ has it. Loads the reader of that kind alone.

    Args:
        root: the program's own command, whose options exrun.toml may hold.
    """
    match kind:
        case FileKind.INVENTORY:
            from inventory.sources import document

            return document.schema_text()
        case FileKind.PLAYBOOK | FileKind.ACTION | FileKind.CASES:
            from playbooks import schemas

            return schemas.schema_text(schemas.SchemaName(kind.value))
        case FileKind.POLICY:
            from runner.approval import policy

            return policy.schema_text()
        case FileKind.BRAND:
            from runner.reports import brand

            return brand.schema_text()
        case FileKind.EXRUN_TOML:
            from runner.cli import defaults_schema

            return defaults_schema.schema_text(root)
        case FileKind.LAB_FLEET:
            from runner.lab import fleet_file

            return fleet_file.schema_text("fleet")
        case FileKind.LAB_STATE:
            from runner.lab import fleet_file

            return fleet_file.schema_text("state")
