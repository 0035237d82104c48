"""What a shell offers behind an unfinished command line. Reads files, connects to nothing, and never fails.

The scripts in shells/ call `exrun __complete WORD... +UNFINISHED`. The answer's first line says what the shell itself
is to offer (`files`, `folders` or `none`); each further one is a word, a tab and what it is.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup, TyperOption

from runner.cli.commands import Group
from runner.cli.help import parameters_of
from runner.cli.values import Kind, Parameter, choices_of, holds_several, kind_of, takes_value
from runner.terminal import visible

if TYPE_CHECKING:
    from playbooks.model import ParamSpec

MOST_RUNS = 50
MOST_BYTES = 4_000_000  # of a plan or a journal that is looked through for steps
_LONGEST = 70  # characters of what is said of a word
# Beside blanks and the quotes of a selection, which the scripts write as their shell has it, no shell takes anything in
# such a word for its own, and no command takes it for an option.
_BARE = r"[\w./@](?:[\w./:=@+, -]*[\w./:=@+,-])?"
_PLAIN = re.compile(rf'{_BARE}|(?:[a-z]+:)?"{_BARE}"')
_OPTION = re.compile(r"--?[a-z][a-z-]*")


class Further(StrEnum):
    """What the shell adds by itself."""

    FILES = "files"
    FOLDERS = "folders"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Offer:
    """A word that could stand there. `name` is what people begin to type where the word itself is in quotes."""

    word: str
    text: str = ""
    name: str = ""


@dataclass(slots=True)
class Line:
    """What a command line has up to the unfinished word: `pending` is the option whose value comes next, `given` what
    each parameter has so far, by its name; `commands` are the program's, `words` those that name this one."""

    command: TyperCommand | TyperGroup
    commands: Mapping[str, object]
    words: list[str] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)
    arguments: int = 0
    pending: Parameter | None = None
    ended: bool = False  # `--` stands there


def read(root: TyperGroup, words: Sequence[str]) -> Line | None:
    """Reads the finished words; None where one names no command."""
    line = Line(root, root.commands)
    for word in words:
        if line.pending is not None:
            line.given.setdefault(line.pending.name, []).append(word)
            line.pending = None
        elif word == "--" and not line.ended:
            line.ended = True
        elif word.startswith("-") and len(word) > 1 and not line.ended:
            _take_option(line, word)
        elif isinstance(line.command, TyperGroup):
            inner = line.command.commands.get(word)
            if not isinstance(inner, TyperCommand | TyperGroup):
                return None
            line.command = inner
            line.words.append(word)
        else:
            if (argument := _next_argument(line)) is not None:
                line.given.setdefault(argument.name, []).append(word)
            line.arguments += 1
    return line


def _take_option(line: Line, word: str) -> None:
    name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
    option = next((each for each in parameters_of(line.command)[1] if name in each.opts), None)
    if option is None:
        return
    if not takes_value(option):
        line.given.setdefault(option.name, []).append("")
    elif equals:
        line.given.setdefault(option.name, []).append(value)
    else:
        line.pending = option


def _next_argument(line: Line) -> Parameter | None:
    arguments = parameters_of(line.command)[0]
    if line.arguments < len(arguments):
        return arguments[line.arguments]
    return arguments[-1] if arguments and arguments[-1].nargs != 1 else None


def offers(line: Line, unfinished: str, environment: Mapping[str, str]) -> tuple[Further, list[Offer]]:
    """What could stand in place of the unfinished word, in the order in which it is best read."""
    if line.pending is not None:
        return _values(line, line.pending, unfinished, environment)
    if unfinished.startswith("--") and "=" in unfinished and not line.ended:
        name, _, value = unfinished.partition("=")
        option = next((each for each in parameters_of(line.command)[1] if name in each.opts), None)
        if option is None or not takes_value(option):
            return Further.NONE, []
        _, found = _values(line, option, value, environment)
        return Further.NONE, [Offer(f"{name}={each.word}", each.text) for each in found]
    if unfinished.startswith("-") and not line.ended:
        return Further.NONE, [each for each in _options(line) if each.word.startswith(unfinished)]
    if isinstance(line.command, Group):
        rows = [row for _, of_heading in line.command.headed() for row in of_heading]
        return Further.NONE, [Offer(row.term, row.text) for row in rows if row.term.startswith(unfinished)]
    argument = _next_argument(line)
    return (Further.NONE, []) if argument is None else _values(line, argument, unfinished, environment)


def _options(line: Line) -> Iterator[Offer]:
    for option in parameters_of(line.command)[1]:
        if option.name not in line.given or holds_several(option):
            yield from (Offer(name, option.help or "") for name in option.opts if name.startswith("--"))
    yield Offer("--help", "Show this help.")


def _values(
    line: Line, parameter: Parameter, unfinished: str, environment: Mapping[str, str]
) -> tuple[Further, list[Offer]]:
    names = Names(line, environment)
    further = Further.NONE
    found: Iterable[Offer] = ()
    match kind_of(parameter):
        case Kind.CHOICE:
            found = map(Offer, choices_of(parameter))
        case Kind.FILE | Kind.PATH | Kind.PLAN:
            further = Further.FILES
        case Kind.FOLDER:
            further = Further.FOLDERS
        case Kind.SELECTION:
            found = names.servers(selection=True)
        case Kind.HOST:
            found = names.servers(selection=False)
        case Kind.CLIENT:
            found = names.clients()
        case Kind.RUN:
            found = names.runs()
        case Kind.RUN_OR_PLAN:
            further, found = Further.FILES, names.runs()
        case Kind.PLAYBOOK:
            further, found = Further.FILES, names.playbooks()
        case Kind.COMMAND:
            found = names.commands()
        case Kind.STEP:
            found = names.steps()
        case Kind.PARAMETER:
            found = names.parameters(unfinished)
        case _:
            pass
    taken = set(line.given.get(parameter.name, ())) if holds_several(parameter) else set()
    fitting = [each for each in found if _fits(each, unfinished) and each.word not in taken]
    return further, [each for each in fitting if not each.word.startswith("-")]  # a value that would be an option


def _fits(offer: Offer, unfinished: str) -> bool:
    return offer.word.startswith(unfinished) or (bool(offer.name) and offer.name.startswith(unfinished))


@dataclass(frozen=True, slots=True)
class Names:
    """The names that there are where a command line would look for them. What cannot be read has none."""

    line: Line
    environment: Mapping[str, str]

    def values(self, name: str) -> list[str]:
        """What a parameter of the command has: typed, else of its variable, else its default."""
        if typed := self.line.given.get(name):
            return typed
        parameter = next((each for each in self.line.command.params if each.name == name), None)
        if parameter is None:
            return []
        if text := self.environment.get(str(parameter.envvar)):
            several = isinstance(parameter, TyperOption) and parameter.multiple
            return text.split(os.pathsep) if several else [text]
        if isinstance(parameter, TyperOption) and (given := self.of_file(parameter)):
            return given
        return [str(parameter.default)] if parameter.default is not None else []

    def of_file(self, option: TyperOption) -> list[str]:
        """What exrun.toml has for an option of the command."""
        from runner.cli.defaults import found
        from runner.cli.defaults import read as read_defaults
        from runner.cli.output import UsageError

        options = parameters_of(self.line.command)[1]
        try:
            path = found(Path.cwd(), Path.home(), self.environment)
            if path is None:
                return []
            entries = read_defaults(path, self.line.commands).of(tuple(self.line.words), options)
        except UsageError:
            return []  # whoever runs the command is told
        entry = entries.get(option.opts[-1].lstrip("-"))
        values = [] if entry is None else entry.value
        return [str(each) for each in (values if isinstance(values, list) else [values])]

    def paths(self, name: str) -> list[Path]:
        return [Path(each).expanduser() for each in self.values(name)]

    def servers(self, *, selection: bool) -> Iterator[Offer]:
        """Servers of the inventory at hand; for a selection its groups and clients too."""
        from inventory.errors import InventoryError
        from inventory.loading import load
        from inventory.selection import Named, Term
        from runner.cli.inventory_files import FOUND

        def term(kind: str, name: str, text: str = "") -> Offer:
            if not selection:
                return Offer(name, text)
            return Offer(str(Term(kind, Named(name))), text, name if kind == "host" else f"{kind}:{name}")

        try:
            loaded = load(*(self.paths("inventory") or [FOUND]))
        except InventoryError:
            return
        times = Counter(host.name for host in loaded.hosts)
        for host in loaded.hosts:
            yield term("host", host.name if times[host.name] == 1 else host.key, f"{host.client}, {host.address}")
        if not selection:
            return
        for client in loaded.clients:
            yield term("client", client.name, f"{len(client.hosts)} servers")
        for group in sorted({group for client in loaded.clients for group in client.groups}):
            yield term("group", group)

    def clients(self) -> Iterator[Offer]:
        """Those with runs below the state directory."""
        for state in self.paths("state"):
            yield from (Offer(each.parent.name) for each in sorted(state.glob("*/runs")))

    def runs(self) -> Iterator[Offer]:
        """`last`, and the newest runs below the state directory."""
        from runner.runs import LAST, newest_first

        for state in self.paths("state"):
            found = newest_first(state)
            if found:
                yield Offer(LAST, found[0].id)
            for run in found[:MOST_RUNS]:
                yield Offer(run.id, ", ".join(journal.parents[2].name for journal in run.journals))

    def playbooks(self) -> Iterator[Offer]:
        """By name: of this version and of the search folders; of `playbook show` actions too."""
        from playbooks.errors import PlaybookError
        from playbooks.shelf import shelf

        try:
            found = shelf(self.paths("search"))
        except PlaybookError:
            return
        yield from (Offer(each.name, each.source) for each in found.playbooks)
        if self.line.command.name == "show":
            yield from (Offer(each.name, each.source) for each in found.actions)

    def parameters(self, unfinished: str) -> Iterator[Offer]:
        """`name=` of each parameter of the playbook that is named and not given yet; behind it what it may be."""
        specs = self.specs()
        name, equals, value = unfinished.partition("=")
        if not equals:
            taken = {each.partition("=")[0] for each in self.line.given.get("param", ())}
            yield from (Offer(f"{each}=", spec.description) for each, spec in specs.items() if each not in taken)
        elif (spec := specs.get(name)) is not None:
            before, comma, _ = value.rpartition(",") if "[]" in spec.type else ("", "", value)
            listed = before.split(",")
            yield from (Offer(f"{name}={before}{comma}{each}") for each in self.choices(spec) if each not in listed)

    def specs(self) -> Mapping[str, ParamSpec]:
        """The parameters of the playbook, or for `playbook show` of the action, that the command is about."""
        from playbooks.documents import read_contract, read_playbook
        from playbooks.errors import PlaybookError
        from playbooks.model import CONTRACT
        from playbooks.shelf import contents, find, shelf

        search = self.paths("search")
        for wanted in self.values("playbook") or self.values("name"):
            try:
                actions = shelf(search).action(wanted) if self.line.command.name == "show" else ()
                if actions:
                    contract = actions[0].place.joinpath(CONTRACT)
                    return read_contract(contents(contract, wanted), wanted).model.params
                found, _ = find(str(Path(wanted).expanduser()) if "/" in wanted else wanted, search)
                return read_playbook(contents(found.place, found.source), found.source).model.params
            except PlaybookError:
                return {}
        return {}

    def choices(self, spec: ParamSpec) -> tuple[str, ...]:
        """What a parameter may be; none where that is any text or number."""
        from playbooks.parameters import choices
        from runner.cli.options import catalogue_of

        if spec.type.removesuffix("?").removesuffix("[]") == "boolean":
            return ("true", "false")
        if spec.choices_from is None:
            return tuple(spec.choices or ())
        state, own = self.paths("state"), self.paths("catalogue")
        return choices(spec, catalogue_of(state[0], own[0] if own else None)) or ()

    def commands(self) -> Iterator[Offer]:
        """Those that the words of the command so far leave open."""
        below: Mapping[str, object] = self.line.commands
        for word in self.line.given.get("command", ()):
            below = getattr(below.get(word), "commands", {})
        yield from map(Offer, below)

    def steps(self) -> Iterator[Offer]:
        """Of the plan or the run that is named."""
        for named in self.values("run"):
            path = Path(named).expanduser()
            if path.is_file():
                found = _steps_of(_start_of(path))
            else:
                from runner.runs import RunNotFoundError, find_run

                found = []
                for state in self.paths("state"):
                    try:
                        run = find_run(state, named)
                    except RunNotFoundError:
                        continue
                    lines = (line for journal in run.journals for line in _start_of(journal).splitlines())
                    found += [step for line in lines for step in _steps_of(line)]
            yield from map(Offer, dict.fromkeys(found))


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES)


def _steps_of(text: bytes) -> list[str]:
    """The steps that a plan or a line of a journal names; none where it is neither."""
    try:
        document = json.loads(text)
    except ValueError:
        return []
    if not isinstance(document, dict):
        return []
    found = [document.get("step")] + [each.get("step") for each in _changes(document)]
    return [each for each in found if isinstance(each, str)]


def _changes(document: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Everything in a plan that has a step: objects in lists, however deep."""
    for value in document.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield each
                yield from _changes(each)


def answer(root: Callable[[], object], arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The lines for a shell's script; where anything is wrong, that there is nothing to offer.

    Args:
        root: makes the program's own command, with all others below it.
        arguments: the finished words, and `+` with the unfinished one.
    """
    try:
        *words, unfinished = arguments
        further, found = _answered(root(), words, unfinished.removeprefix("+"), environment)
    except Exception:  # a prompt is no place for an error
        return [Further.NONE]
    return [further, *(f"{each.word}\t{_said(each.text)}" for each in found if _is_plain(each.word))]


def _answered(
    root: object, words: Sequence[str], unfinished: str, environment: Mapping[str, str]
) -> tuple[Further, list[Offer]]:
    assert isinstance(root, TyperGroup)
    line = read(root, words)
    return (Further.NONE, []) if line is None else offers(line, unfinished, environment)


def _is_plain(word: str) -> bool:
    name, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return (not name or _OPTION.fullmatch(name) is not None) and (
        (not value and not equals) or _PLAIN.fullmatch(value) is not None
    )


def _said(text: str) -> str:
    return visible(" ".join(text.split()), _LONGEST)
