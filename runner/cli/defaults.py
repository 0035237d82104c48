"""exrun.toml: defaults of options, of one folder. Where it is looked for, what it may hold, what it gives a command.

docs/decisions/0052-defaults-from-a-file.md has why it is found so, and why some options are refused in it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from typer.core import TyperOption

from runner.cli.output import UsageError
from runner.cli.values import Kind, holds_several, kind_of

FILE = "exrun.toml"
VARIABLE = "EXRUN_CONFIG"  # names another file; empty: none
ALL = "common"  # the table for every command that takes an option
MOST_BYTES = 1_000_000

# What is decided anew for each run: it switches off what protects, or says which servers, files or days are meant.
_REFUSED = {
    "as-of": "as on which day is judged is decided anew for each run",
    "debug": "tracebacks are for one run",
    "digest": "it is of one plan",
    "expect": "it is of one selection",
    "force": "it writes over what is there",
    "good": "it vouches for files",
    "include": "which files are taken is decided anew for each run",
    "reviewed-by": "it vouches for files",
    "skip-unresolved": "it leaves servers out",
    "take-over": "it takes servers from another run",
}
# What several commands take: such a key of [common] need not be looked up in all commands to be known.
SHARED = frozenset(
    {
        "anchor", "brand", "catalogue", "client", "connect-timeout", "details", "events", "events-auth", "events-ca",
        "events-format", "format", "html", "inventory", "limit", "notify", "output", "param", "parallel", "playbook",
        "policy", "run-timeout", "search", "sign-with", "state", "timeout",
    }
)  # fmt: skip
_REFERENCES = frozenset({"credential", "events-auth", "notify"})  # say where a secret is
_REFERENCE = re.compile(r"(?:[^=:/]+=)?(?:env|keyring|command|vault):(?!//)\S.*")  # of --notify behind CLIENT=
# What is a matter of places, of who is told and of how it is shown. All else changes what a run asks, and is recorded
# in its journal. To whom events and notes go may name other clients, which no journal does.
_NOT_RECORDED = frozenset(
    {
        "brand",
        "details",
        "events",
        "events-auth",
        "events-ca",
        "events-format",
        "anchor",
        "catalogue",
        "format",
        "html",
        "inventory",
        "notify",
        "output",
        "out",
        "policy",
        "search",
        "sign-with",
        "state",
    }
)


@dataclass(frozen=True, slots=True)
class Value:
    """One entry: its value as the parser of options takes it, and its line in the file, counted from 1."""

    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class Defaults:
    """The entries of a file, by the words of the command (`("journal", "verify")`, or `("common",)`) and the option."""

    path: Path
    tables: Mapping[tuple[str, ...], Mapping[str, Value]] = field(default_factory=dict)

    def check_common(self, known: Callable[[], Iterable[str]]) -> None:
        """Holds the keys of [common] to be options of some command.

        Args:
            known: the long names of all options, without dashes; asked for only where a key is not one of SHARED.

        Raises:
            UsageError: one is not.
        """
        other = {name: entry for name, entry in self.tables.get((ALL,), {}).items() if name not in SHARED}
        if not other:
            return
        names = set(known())
        for name, entry in other.items():
            if name not in names:
                from texts.spelling import nearest

                near = nearest(name, names)
                raise UsageError(
                    f"{self.path}:{entry.line}: no command has an option --{name}",
                    f"Write {near}." if near else "Remove it.",
                )

    def of(self, words: tuple[str, ...], options: Sequence[TyperOption]) -> dict[str, Value]:
        """What a command gets: by the long name of the option, without dashes.

        Raises:
            UsageError: its table has a key that it does not take, or a value of a kind that no option holds.
        """
        known = {_key(option): option for option in options}
        below = next((table for table in self.tables if table[:-1] == words and words), None)
        if below is not None:
            line = min(entry.line for entry in self.tables[below].values())
            raise UsageError(
                f"{self.path}:{line}: exrun {' '.join(words)} has no command `{below[-1]}`",
                f"Put keys below [{'.'.join(words)}].",
            )
        own = self.tables.get(words, {})
        for name, entry in own.items():
            if name not in known:
                from texts.spelling import nearest

                near = nearest(name, list(known))
                then = f"Write {near}, or see exrun {' '.join(words)} --help." if near else "Remove it."
                raise UsageError(f"{self.path}:{entry.line}: exrun {' '.join(words)} has no option --{name}", then)
        found = {**{k: v for k, v in self.tables.get((ALL,), {}).items() if k in known}, **own}
        return {name: Value(self._fitting(known[name], name, entry), entry.line) for name, entry in found.items()}

    def _fitting(self, option: TyperOption, name: str, entry: Value) -> Any:
        """The value, in a list where the option holds several, with paths from the file's own folder."""
        values = entry.value if isinstance(entry.value, list) else [entry.value]
        if isinstance(entry.value, list) and not holds_several(option):
            raise UsageError(f"{self.path}:{entry.line}: {name} holds one value, not a list", "Write one value.")
        fitting = [self._placed(option, name, each, entry.line) for each in values]
        return fitting if holds_several(option) else fitting[0]

    def _placed(self, option: TyperOption, name: str, value: Any, line: int) -> Any:
        if isinstance(value, datetime) or not isinstance(value, str | int | float | bool | date):
            raise UsageError(
                f"{self.path}:{line}: {name} is neither a text, a number, a day, true nor false", "Write one of these."
            )
        if isinstance(value, date):
            return value.isoformat()
        if name in _REFERENCES and not _REFERENCE.fullmatch(str(value)):
            raise UsageError(
                f"{self.path}:{line}: {name} may hold a secret, and this file is no place for one",
                "Put it into a variable, and write env:NAME here.",
            )
        if re.match(r"(?:[^=:/]+=)?command:", str(value)):
            raise UsageError(f"{self.path}:{line}: a program is not started because of a file", f"Type this --{name}.")
        if name == "events" and "://" not in str(value):
            client, named, place = str(value).rpartition("=")
            return f"{client}{named}{self.path.parent / Path(place).expanduser()}"
        of_file = kind_of(option) in (Kind.FILE, Kind.FOLDER, Kind.PATH, Kind.PLAN) or name == "anchor"
        if kind_of(option) is Kind.PLAYBOOK:
            of_file = any(mark in str(value) for mark in ("/", "\\", ".yml", ".yaml"))
        return str(self.path.parent / Path(str(value)).expanduser()) if of_file else value


def _key(option: TyperOption) -> str:
    return option.opts[-1].lstrip("-")


def found(here: Path, home: Path, environment: Mapping[str, str]) -> Path | None:
    """The file that counts in a folder: the one that EXRUN_CONFIG names, else the nearest.

    Looked for in the folder and in those that it lies in: to the one with `.git`, else to below the home folder;
    outside of both in the folder alone.

    Raises:
        UsageError: the file that is named is not there.
    """
    if VARIABLE in environment:
        named = environment[VARIABLE]
        if not named:
            return None
        if not Path(named).is_file():
            raise UsageError(f"{VARIABLE}: {named}: there is no such file", f"Correct it, or unset {VARIABLE}.")
        return Path(named)
    for folder in folders(here, home):
        if (path := folder / FILE).is_file():
            return Path(FILE) if folder == here else path
    return None


def folders(here: Path, home: Path) -> Iterator[Path]:
    """Where the file is looked for, the nearest first."""
    above = [here, *here.parents]
    root = next((folder for folder in above if (folder / ".git").exists()), None)
    if root is None and home in here.parents:
        root = above[above.index(home) - 1]
    yield from above[: 1 if root is None else above.index(root) + 1]


def read(path: Path, commands: Iterable[str]) -> Defaults:
    """Reads a file.

    Args:
        commands: those of the program; a table of another name is an error.

    Raises:
        UsageError: it cannot be read, others may change it, it is no TOML, or a table or key is none that it may hold.
    """
    import tomllib  # few folders have such a file

    _check_owner(path)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode()
        if len(data) > MOST_BYTES:
            raise UsageError(f"{path}: is longer than {MOST_BYTES:,} bytes", "It holds defaults of options alone.")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        where = f"{path}:{place[1]}:{place[2]}" if place else str(path)
        raise UsageError(f"{where}: {str(error).split(' (at ')[0]}", "Correct it; TOML is meant (toml.io).") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{path}: cannot be read: {reason}", f"Correct it, or set {VARIABLE} to nothing.") from None
    lines = _lines_of(text)
    tables: dict[tuple[str, ...], dict[str, Value]] = {}
    known = [ALL, *commands]
    for name, value in document.items():
        line = lines.get(((), name)) or lines.get(((name,), None)) or 1
        if not isinstance(value, dict):
            raise UsageError(
                f"{path}:{line}: {name} stands in no table", f"Put it below [{ALL}], or below [audit] for one command."
            )
        if name not in known:
            from texts.spelling import nearest

            near = nearest(name, known)
            then = f"Write [{near}]." if near else f"Tables are [{ALL}] and the commands of exrun --help."
            raise UsageError(f"{path}:{line}: [{name}] is no command", then)
        _fill(tables, (name,), value, lines, path)
    return Defaults(path, tables)


def _fill(
    tables: dict[tuple[str, ...], dict[str, Value]],
    words: tuple[str, ...],
    document: Mapping[str, Any],
    lines: Mapping[tuple[tuple[str, ...], str | None], int],
    path: Path,
) -> None:
    for name, value in document.items():
        if isinstance(value, dict):
            _fill(tables, (*words, name), value, lines, path)
            continue
        line = lines.get((words, name)) or lines.get((words, None)) or 1
        why = refusal(name.replace("_", "-"))
        if why is not None:
            raise UsageError(f"{path}:{line}: {name} is not taken from a file: {why}", "Type it where it is meant.")
        tables.setdefault(words, {})[name] = Value(value, line)


def refusal(name: str) -> str | None:
    """Why an option, by its long name without dashes, is not taken from a file; None where it is."""
    return "it switches off what protects" if name.startswith("allow-") else _REFUSED.get(name)


def _lines_of(text: str) -> dict[tuple[tuple[str, ...], str | None], int]:
    """On which line a table begins (key None) or a key stands; tomllib does not say."""
    found: dict[tuple[tuple[str, ...], str | None], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            found.setdefault((table, None), number)
            for depth in range(1, len(table)):
                found.setdefault((table[:depth], None), number)
        elif key := re.match(r"\s*[\"']?([\w-]+)[\"']?\s*[.=]", line):
            found.setdefault((table, key[1]), number)
    return found


def _check_owner(path: Path) -> None:
    """A file that somebody else may write decides nothing here. Windows has no such bits: its folders' rights count.

    Raises:
        UsageError: it is another's, or others may write it.
    """
    if os.name == "nt":
        return
    try:
        held = path.stat()
    except OSError:
        return  # reading says it
    if held.st_uid not in (os.getuid(), 0):
        raise UsageError(f"{path}: belongs to another user", f"Make it yours, or set {VARIABLE} to nothing.")
    if held.st_mode & stat.S_IWOTH:
        raise UsageError(f"{path}: everybody may write it", f"chmod o-w {path}")


def recorded(given: Mapping[str, Any]) -> dict[str, str]:
    """What of a command's defaults belongs into the journal of its run, in words."""
    return {name: in_words(value) for name, value in given.items() if name not in _NOT_RECORDED}


def shown(given: Mapping[str, Any]) -> str:
    """`timeout = 600, limit = client:alpha`."""
    return ", ".join(f"{name} = {without_secrets(name, in_words(value))}" for name, value in given.items())


def without_secrets(name: str, text: str) -> str:
    """What an option holds, fit to be shown: a secret that was put where its reference belongs is not repeated, nor
    one in an address."""
    if name in _REFERENCES and not all(_REFERENCE.fullmatch(each) for each in text.split(", ")):
        return "(no reference: not shown)"
    return re.sub(r"://[^/@\s]*@", "://...@", text)


def in_words(value: Any) -> str:
    """A value as it would be typed; several with commas between."""
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(getattr(value, "value", value))
