"""Which servers of an inventory a command line is about."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

import typer

from inventory.selection import Or, Selection, parse
from runner.cli.commands import of_environment
from runner.cli.options import ALL_HOSTS
from runner.cli.output import UsageError

_OPERATORS = frozenset({"and", "or", "not"})


def selected(
    context: typer.Context, words: Sequence[str] | None, limits: Sequence[str] | None
) -> tuple[Selection, str]:
    """What the arguments or the `--limit`s select together, and the text of it: each further one adds servers.

    EXRUN_LIMIT counts where neither is typed. Arguments with an operator among them are one selection whose quotes
    were forgotten.

    Raises:
        UsageError: both were given.
        SelectionSyntaxError: one is not in the selection language.
    """
    if words and of_environment(context, "limit"):
        limits = None
    if words and limits:
        both = f"({' '.join(words)}) and ({' '.join(limits)})"
        raise UsageError(
            "servers are selected twice, by an argument and by --limit",
            f'Write one selection, such as "{both}" for the servers that both select.',
        )
    texts = list(limits or words or (ALL_HOSTS,))
    if words and any(word.casefold() in _OPERATORS or word[:1] == "(" for word in words):
        texts = [" ".join(words)]
    parsed = [parse(text) for text in texts]
    if len(parsed) == 1:
        return parsed[0], texts[0]
    together = Selection(Or(tuple(each.expression for each in parsed)))
    return together, str(together)


def not_a_selection(word: str, playbooks: Collection[str]) -> UsageError | None:
    """What to write for an argument that selects no server and is the name of a playbook or a file; else None."""
    path = Path(word)
    written = shlex.quote(word)
    if path.is_file() and (path.suffix.casefold() == ".csv" or re.search(rb"(?m)^exrun: *inventory/", _start(path))):
        return UsageError(f"`{word}` selects no server; it is an inventory", f"Write -i {written}")
    if word in playbooks or path.suffix in (".yml", ".yaml") or path.is_file():
        return UsageError(f"`{word}` selects no server; it is a playbook", f"Write --playbook {written}")
    return None


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError:
        return b""
