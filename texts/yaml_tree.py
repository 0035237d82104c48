"""YAML as a tree in which everything knows its line and column.

Built from parser events, so that nothing is ever constructed from a tag or expanded from an alias: both are refused,
and with them bombs of nested aliases. Every scalar keeps the text that was written; what an unquoted one stands for
besides is told by YAML 1.2's core schema, never by YAML 1.1, to which `no` is a boolean and `010` is eight. Messages
never repeat a scalar, which may be a password in the wrong place.

The events come from libyaml where PyYAML has it (all its wheels do), else from PyYAML's own scanner, about twelve
times slower. Where these follow YAML 1.1 and not 1.2 does not matter here: they resolve no scalar, and U+0085, U+2028
and U+2029, which only 1.1 takes for line breaks, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from texts.encoding import decode
from texts.places import Location, place_of
from texts.problems import Problem

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# YAML 1.2's core schema, without octal, hexadecimal, infinities and NaN.
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}\.[0-9]{0,30})([eE][-+]?[0-9]{1,3})?", re.ASCII)
_BARE = re.compile(r"[\w<>-]+")
_TOKEN_KIND = re.compile(r"'(<[^']*>|[^']|\\.)'")
# What is not in YAML 1.2, 5.1, and U+0085, U+2028, U+2029 and a byte order mark within the text. Told by what is
# refused: the same set told by what is allowed takes fifteen times as long to compile, at every start.
_NOT_TEXT = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
ESCAPE = "a `\\` in double quotes begins an escape"
_MOST_REPEATED = 1_000_000
Loader = type[yaml.SafeLoader] | type[yaml.CSafeLoader]
Value = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """In what files of one kind differ from those of another.

    Attributes:
        begin: how such a file begins, as advice where it is none.
        where: in what it is that something is not allowed.
        instead_of_alias, instead_of_anchor: what to write where these stand.
        most_bytes: a larger file is not read; whole MiB.
        deepest: how many mappings and lists may stand in one another.
        only_utf8: that UTF-16 and UTF-32 are refused.
        typed: that an unquoted scalar is a boolean or a number where it reads like one; such a key is refused. Else it
            is text, as `1.10` in a label is meant.
        foreign: that it is another tool's: tags, anchors, aliases and keys that are no text are no problems, and a
            mapping that is merged (`<<`) gives what the other lacks.
        closer: takes a line that is not YAML, and where in it the parser stopped (from 0); gives the column, what is
            wrong and what to write, or None where it knows no more.
    """

    begin: str
    where: str
    instead_of_alias: str
    instead_of_anchor: str
    most_bytes: int
    deepest: int
    only_utf8: bool = False
    typed: bool = False
    foreign: bool = False
    closer: Callable[[str, int], tuple[int, str, str] | None] = lambda line, column: None


def strict(begin: str, where: str = "here", *, most_bytes: int = 1 << 20, deepest: int, foreign: bool = False) -> Rules:
    """The rules of a file of ours in which a scalar has a type: UTF-8, and what stands there is what is meant."""
    return Rules(
        begin=begin,
        where=where,
        instead_of_alias="repeat what it stands for",
        instead_of_anchor="remove it",
        most_bytes=most_bytes,
        deepest=deepest,
        only_utf8=True,
        typed=True,
        foreign=foreign,
    )


@dataclass(slots=True)
class Scalar:
    """A text or a value.

    Attributes:
        text: as read; None for an unquoted nothing.
        value: what it stands for by the rules of its file; of what is quoted, the text.
        written: what stands between double quotes, escapes and all.
        start, end: characters of the document, from 0, here and in the next two.
        tag: only of other tools' files.
    """

    at: Location
    text: str | None
    value: Value
    written: str = ""
    start: int = 0
    end: int = 0
    tag: str | None = None


@dataclass(slots=True)
class Sequence:
    """A list."""

    at: Location
    items: list[Node] = field(default_factory=list)
    start: int = 0
    end: int = 0
    flow: bool = False


@dataclass(slots=True)
class Mapping:
    """A mapping whose keys are text; `keys` says where each key stands, `key_ends` at which character it ends."""

    at: Location
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Location] = field(default_factory=dict)
    key_ends: dict[str, int] = field(default_factory=dict)
    start: int = 0
    end: int = 0
    flow: bool = False


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """The tree as dictionaries, lists and values."""
    match node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(items=entries):
            return {key: plain(value) for key, value in entries.items()}


def locate(root: Mapping, way: tuple[int | str, ...], *, key: bool = False) -> tuple[Location, Node | None]:
    """The place of what `way` names, or of the nearest thing around it; its path is that of what was named.

    Args:
        key: where its key stands, not its value.
    """
    node: Node | None = root
    at = root.at
    for part in way:
        match node:
            case Mapping() if isinstance(part, str) and part in node.items:
                at, node = (node.keys[part] if key else node.items[part].at), node.items[part]
            case Sequence(items=items) if isinstance(part, int) and part < len(items):
                at, node = items[part].at, items[part]
            case Mapping() if isinstance(part, str):
                return Location(at.file, at.line, at.column, step(at.path, part)), None
            case _:
                return at, node  # what follows are names of a union's members
    return at, node


def step(path: str, key: str | int) -> str:
    """`path` one level deeper; a key with a dot or space in it is quoted, a long one is cut."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if len(key) <= 100 and _BARE.fullmatch(key):
        return f"{path}.{key}" if path else key
    safe = "".join(character if character.isprintable() else f"U+{ord(character):04X}" for character in key[:100])
    shown = safe if _BARE.fullmatch(safe) else f'"{safe}"'
    return f"{path}.{shown}" if path else shown


def fastest_loader() -> Loader:
    """libyaml's where this PyYAML was built with it."""
    return yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class _StopError(Exception):
    """Reading cannot go on; the problem says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__()


def read_tree(
    data: bytes, file: str, rules: Rules, problems: list[Problem], loader: Loader | None = None
) -> Mapping | None:
    """The document's mapping; None, with a problem more, where there is none that can be read.

    After duplicate keys, tags, anchors and aliases, which are problems too, reading goes on.

    Args:
        file: what it is called in messages.
        loader: whose events are read; the fastest when None.
    """
    text = decode(data, file, problems, most_bytes=rules.most_bytes, only_utf8=rules.only_utf8)
    if text is None:
        return None
    strange = _NOT_TEXT.search(text)
    if strange:
        at = place_of(strange.start(), text, file)
        problems.append(Problem(at, "a control character", "remove it; YAML allows printable characters only"))
        return None
    builder = _Builder(file, text, problems, rules)
    try:
        _feed(builder, text, file, problems, loader or fastest_loader())
    except _StopError as stop:
        problems.append(stop.problem)
        return None
    except MarkedYAMLError as error:
        problems.append(_syntax_problem(error, file, text, rules))
        return None
    except (YAMLError, ValueError, OverflowError, IndexError):
        problems.append(Problem(Location(file), "is not YAML", "check escapes in double quotes"))
        return None
    match builder.root:
        case [Mapping() as mapping]:
            return mapping
        case [Sequence(at=at)]:
            what = "is a list"
        case [Scalar(at=at, text=None)]:
            what = "is empty"
        case [Scalar(at=at)]:
            what = "is a single value" if rules.typed else "is a single text"
        case _:
            at, what = Location(file), "is empty"
    problems.append(Problem(at, what, rules.begin))
    return None


def _feed(builder: _Builder, text: str, file: str, problems: list[Problem], loader: Loader) -> None:
    documents = 0
    for event in yaml.parse(text, Loader=loader):
        match event:
            case NodeEvent() | MappingEndEvent() | SequenceEndEvent():
                builder.feed(event)
            case DocumentStartEvent():
                documents += 1
                if documents == 2:
                    at = _at(file, event)
                    problems.append(Problem(at, "a second document begins", "keep one document in a file"))
                    return


def _at(file: str, event: Any, path: str = "") -> Location:
    return Location(file, event.start_mark.line + 1, event.start_mark.column + 1, path)


def _typed(text: str) -> Value:
    """The value of an unquoted scalar that is not null."""
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _syntax_problem(error: MarkedYAMLError, file: str, text: str, rules: Rules) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
    stopped_at = text[mark.index : mark.index + 1] if mark is not None else ""
    known = rules.closer(_line(text, where.line), where.column - 1)
    if known is not None:
        column, what, advice = known
        return Problem(Location(file, where.line, column + 1), f"is not YAML: {what}", advice)
    if "unknown escape" in (error.problem or ""):
        advice = "write the text in single quotes, or the backslash twice"
        return Problem(where, f"is not YAML: {ESCAPE}", advice)
    if stopped_at == "\t":
        return Problem(where, "is not YAML: a tab where only spaces may stand", "indent with spaces")
    if stopped_at in ("@", "`", "%") and "cannot start any token" in (error.problem or ""):
        return Problem(where, f"is not YAML: a text cannot begin with `{stopped_at}`", "quote the text")
    quoted = re.findall(r"'[^']*'", error.problem or "")
    safe = error.problem and "\n" not in error.problem and all(_TOKEN_KIND.fullmatch(part) for part in quoted)
    return Problem(
        where, f"is not YAML: {error.problem}" if safe else "is not YAML", "check indents, colons and quotes"
    )


def _line(text: str, number: int) -> str:
    """A line, from 1; those of the document, not of Unicode."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[number - 1] if number <= len(lines) else ""  # where the text ends, libyaml counts one more


@dataclass(slots=True)
class _Open:
    """A collection that has begun. In a mapping, the key that was read last, or that its value is to be passed over."""

    node: Sequence | Mapping
    path: str
    key: tuple[str, Location, int] | None = None
    passed_over: bool = False
    size: int = 1
    depth: int = 1


class _Builder:
    """Takes events one at a time and keeps the open collections on a stack of its own."""

    def __init__(self, file: str, text: str, problems: list[Problem], rules: Rules) -> None:
        self.root: list[Node] = []
        self._rules = rules
        self._anchors: dict[str, Node] = {}
        self._reach: dict[str, tuple[int, int]] = {}  # of each anchor: how many values it stands for, how deep
        self._repeated = 0
        self._anchored: dict[int, str] = {}
        self._file = file
        self._text = text
        self._problems = problems
        self._open: list[_Open] = []

    def feed(self, event: Any) -> None:
        match event:
            case MappingEndEvent() | SequenceEndEvent():
                self._leave(event)
                return
            case AliasEvent() if self._rules.foreign and event.anchor in self._anchors:
                self._repeat(event)
                return
            case AliasEvent():
                self._refuse(event, "an alias (`*`)", self._rules.instead_of_alias)
                self._place(Scalar(self._where(event), None, None), event)
                return
            case _:
                pass
        if not self._rules.foreign:
            if event.anchor is not None:
                self._refuse(event, "an anchor (`&`)", self._rules.instead_of_anchor)
            if event.tag is not None:
                self._refuse(event, "a tag (`!`)", "remove it, or quote the text if it is meant to begin with `!`")
        at = self._where(event)
        start, end = event.start_mark.index, event.end_mark.index
        match event:
            case ScalarEvent():
                bare = event.style in (None, "")
                text = None if bare and event.value in _NULLS else event.value
                value = _typed(text) if bare and self._rules.typed and text is not None else text
                scalar = Scalar(at, text, value, self._written(event), start, end, event.tag)
                if event.anchor is not None:
                    self._anchors[event.anchor] = scalar
                    self._reach[event.anchor] = 1, 0
                if self._rules.foreign:
                    self._count(1, 0)
                self._place(scalar, event)
            case MappingStartEvent():
                self._enter(Mapping(at, start=start, flow=bool(event.flow_style)), event)
            case SequenceStartEvent():
                self._enter(Sequence(at, start=start, flow=bool(event.flow_style)), event)

    def _leave(self, event: Any) -> None:
        left = self._open.pop()
        node = left.node
        node.end = event.end_mark.index
        if not self._rules.foreign:
            return
        self._count(left.size, left.depth)
        anchor = self._anchored.pop(id(node), None)
        if anchor is not None:  # only now, so that none holds itself
            self._anchors[anchor] = node
            self._reach[anchor] = left.size, left.depth
        # Quoted, it is a key like any other.
        if isinstance(node, Mapping) and "<<" in node.items and self._text[node.key_ends["<<"] - 1] == "<":
            merged = node.items.pop("<<")
            for other in merged.items if isinstance(merged, Sequence) else [merged]:
                if isinstance(other, Mapping):
                    for key, value in other.items.items():
                        node.items.setdefault(key, value)
                        node.keys.setdefault(key, other.keys[key])

    def _repeat(self, event: Any) -> None:
        """Places what an alias stands for once more. A few lines of them can stand for more than fits into memory: of
        what has types that is refused, for all of it is looked at. Who reads another tool's file counts what it takes.
        """
        size, depth = self._reach[event.anchor]
        self._repeated += size
        if self._rules.typed and self._repeated > _MOST_REPEATED:
            what = f"its aliases stand for more than {_MOST_REPEATED:,} values"
            raise _StopError(Problem(self._where(event), what, self._rules.instead_of_alias))
        if self._rules.typed and len(self._open) + depth > self._rules.deepest:
            raise _StopError(Problem(self._where(event), f"is nested deeper than {self._rules.deepest} levels"))
        self._count(size, depth)
        self._place(self._anchors[event.anchor], event)

    def _count(self, size: int, depth: int) -> None:
        if self._open:
            self._open[-1].size += size
            self._open[-1].depth = max(self._open[-1].depth, depth + 1)

    def _written(self, event: Any) -> str:
        return self._text[event.start_mark.index + 1 : event.end_mark.index - 1] if event.style == '"' else ""

    def _enter(self, node: Sequence | Mapping, event: Any) -> None:
        if len(self._open) >= self._rules.deepest:
            raise _StopError(Problem(_at(self._file, event), f"is nested deeper than {self._rules.deepest} levels"))
        path = node.at.path
        if event.anchor is not None:
            self._anchored[id(node)] = event.anchor
        self._place(node, event)
        self._open.append(_Open(node, path))

    def _path(self) -> str:
        if not self._open:
            return ""
        around = self._open[-1]
        if isinstance(around.node, Sequence):
            return step(around.path, len(around.node.items))
        return around.path if around.key is None else step(around.path, around.key[0])

    def _where(self, event: Any) -> Location:
        return _at(self._file, event, self._path())

    def _refuse(self, event: Any, what: str, advice: str) -> None:
        self._problems.append(Problem(self._where(event), f"{what} is not allowed {self._rules.where}", advice))

    def _place(self, node: Node, event: Any) -> None:
        if not self._open:
            self.root.append(node)
            return
        around = self._open[-1]
        if isinstance(around.node, Sequence):
            around.node.items.append(node)
        elif around.passed_over:
            around.passed_over = False
        elif around.key is None:
            self._key(around, around.node, node, event)
        else:
            key, key_at, key_end = around.key
            around.key = None
            around.node.items[key] = node
            around.node.keys[key] = key_at
            around.node.key_ends[key] = key_end

    def _key(self, around: _Open, mapping: Mapping, node: Node, event: Any) -> None:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            around.passed_over = True
            if not self._rules.foreign:
                at = _at(self._file, event, around.path)
                self._problems.append(Problem(at, "a key must be text", "quote it, or remove it"))
            return
        at = _at(self._file, event, step(around.path, node.value))
        if node.value in mapping.items:
            around.passed_over = True
            first = mapping.keys[node.value]
            what = f"stands here a second time, first in line {first.line}"
            self._problems.append(Problem(at, what, "rename or remove one of them"))
            return
        around.key = (node.value, at, node.end)
