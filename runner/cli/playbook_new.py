"""`exrun playbook new`: the folder of an action that lints, is tested and runs at once, and a playbook that uses it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from playbooks.errors import PlaybookError
from playbooks.model import ACTION_ID
from playbooks.schemas import SchemaName, schema_text
from playbooks.shelf import shelf
from runner.cli.fresh_files import there_already, write_fresh
from runner.cli.output import UsageError, emit
from runner.exit_status import ExitStatus
from runner.terminal import visible

SCHEMAS = "schemas"  # where an editor finds them, from the folder


def playbook_new(
    action: Annotated[
        str,
        typer.Argument(metavar="ACTION", envvar="EXRUN_NEW", help="Its id, area.name, such as our.print_spooler."),
    ],
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", envvar="EXRUN_NEW_FOLDER", help="Where; is made if it is not there."),
    ] = Path(),
    changes: Annotated[
        bool,
        typer.Option("--changes", envvar="EXRUN_NEW_CHANGES", help="Let it change what is wrong, and undo that."),
    ] = False,
) -> None:
    """Write an action of your own that lints, is tested and runs at once, and a playbook that uses it.

    It asks whether a service is off: make it ask what you want to know. Judgement is an expression over what the
    script says, and cases say what must come of which answer. Nothing that is there is written over, and nothing is
    connected to.

    \b
    Exit status: 0 it is written, 2 something of it is there already or cannot be written, and nothing was written.

    \b
    Examples:
      exrun playbook new our.print_spooler
      exrun playbook new our.print_spooler ~/exrun-playbooks --changes
    """
    if re.fullmatch(ACTION_ID, action) is None:
        raise UsageError(
            f"{action} is not the id of an action",
            "Write area.name in small letters, digits and `_`: our.print_spooler.",
        )
    _check_unknown(action, folder)
    texts = texts_of(action, changes=changes)
    schemas = {f"{SCHEMAS}/{name}.json": schema_text(name) for name in SchemaName}
    there = there_already(folder, texts)
    if there:
        named = ", ".join(there)
        raise UsageError(
            f"{named} {'is' if len(there) == 1 else 'are'} there already: nothing was written",
            "Give the action another name, or name another folder.",
        )
    kept = set(there_already(folder, schemas))  # of an action before this one
    new = {**texts, **{name: text for name, text in schemas.items() if str(folder / name) not in kept}}
    write_fresh(folder, new)
    emit("".join(f"{visible(str(folder / name))}\n" for name in new))
    emit("\nNext:\n" + "".join(f"  {visible(line)}\n" for line in next_commands(action, folder)))
    raise typer.Exit(ExitStatus.WELL)


def next_commands(action: str, folder: Path) -> tuple[str, str, str]:
    """What to run once it is written."""
    playbook = str(folder / f"{_playbook_of(action)}.yml")
    playbook = playbook if "/" in playbook else f"./{playbook}"
    return (
        f"exrun playbook lint {shlex.quote(str(folder))}",
        f"exrun playbook test {shlex.quote(str(folder))}",
        f"exrun audit --playbook {shlex.quote(playbook)}",
    )


def _check_unknown(action: str, folder: Path) -> None:
    """An id that stands in two places is refused by every command: not written in the first place."""
    found = shelf((), folder if folder.is_dir() else None).action(action)
    if found:
        raise PlaybookError("is there already", "give yours another name", source=found[0].source)


def _playbook_of(action: str) -> str:
    return action.partition(".")[2].replace("_", "-")


def texts_of(action: str, *, changes: bool) -> Mapping[str, str]:
    """Every file, by its path in the folder."""
    within = f"actions/{action.replace('.', '/')}"
    name = action.partition(".")[2]
    ours = {
        f"{within}/action.yml": "action.yml",
        f"{within}/collect.ps1.j2": "collect.ps1.j2",
        f"{within}/cases/{name}.yml": "cases.yml",
        f"{_playbook_of(action)}.yml": "playbook.yml",
    }
    if changes:
        ours |= {f"{within}/apply.ps1.j2": "apply.ps1.j2", f"{within}/rollback.ps1.j2": "rollback.ps1.j2"}
    return {path: _filled(path, own, action, changes=changes) for path, own in ours.items()}


def _filled(path: str, own: str, action: str, *, changes: bool) -> str:
    text = _ours(own)
    if own == "action.yml" and changes:
        text += _ours("changes.yml")
    for mark, value in {
        "@ACTION@": action,
        "@PLAYBOOK@": _playbook_of(action),
        "@STEP@": action.partition(".")[2],
        "@SCHEMA@": "/".join([*[".."] * path.count("/"), SCHEMAS]),
        "@WRITES@": _WRITES if changes else "writes: []\n",
        "@DISRUPTIVE@": str(changes).lower(),
        "@INTERRUPTION@": "the service stays off" if changes else "none",
        "@TIMEOUTS@": "{collect: 30, apply: 60, rollback: 60}" if changes else "{collect: 30}",
        "@CHANGED@": _CHANGED if changes else "",
    }.items():
        text = text.replace(mark, value)
    return text


_WRITES = """\
writes:
  - service: "{{ service }}"
    what: whether it runs, and how it starts
"""
_CHANGED = """\
      changes: [stop-spooler-and-disable-it]
      then: {compliant: true}
"""


def _ours(name: str) -> str:
    return files("runner.cli").joinpath("scaffold", name).read_text(encoding="utf-8")
