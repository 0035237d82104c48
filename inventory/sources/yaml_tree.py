"""YAML as a tree in which everything knows its line and column.

Built from parser events, so that nothing is ever constructed from a tag or expanded from an alias: both are
refused, and with them bombs of nested aliases. All scalars stay the text that was written; `yes`, `1.10` and `010`
are what the reader of the file sees. Messages never repeat a scalar, which may be a password in the wrong place.

The events come from libyaml where PyYAML has it (all its wheels do), else from PyYAML's own scanner, about twelve
times slower. Where these follow YAML 1.1 and not 1.2 does not matter here: no scalar is resolved, and U+0085, U+2028
and U+2029, which only 1.1 takes for line breaks, are refused.
"""

from __future__ import annotations

import re
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

from inventory.errors import Problem, SourceError
from inventory.model import Location
from inventory.sources.accounts import ESCAPE, advice_on_line
from inventory.sources.encoding import decode

DEEPEST = 32

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BARE = re.compile(r"[\w<>-]+")
_TOKEN_KIND = re.compile(r"'(<[^']*>|[^']|\\.)'")
# YAML 1.2, 5.1, less U+0085, U+2028 and U+2029, and a byte order mark within the text.
_NOT_TEXT = re.compile("[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
Loader = type[yaml.SafeLoader] | type[yaml.CSafeLoader]


@dataclass(slots=True)
class Scalar:
    """Text as read; None for an unquoted nothing. `written` is what stands between double quotes, escapes and all.
    `start` and `end` are characters of the document, here and in the next two. `tag` is only of other tools' files."""

    at: Location
    text: str | None
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
    pending: tuple[str, Location, int] | None = None
    ignored_value: bool = False
    key_ends: dict[str, int] = field(default_factory=dict)
    start: int = 0
    end: int = 0
    flow: bool = False


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """The tree as dictionaries, lists, text and None."""
    match node:
        case Scalar(text=text):
            return text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(items=entries):
            return {key: plain(value) for key, value in entries.items()}


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


def read_tree(
    data: bytes, file: str, problems: list[Problem], loader: Loader | None = None, *, foreign: bool = False
) -> Mapping | None:
    """The document's mapping; None when it is not one.

    Duplicate keys, tags, anchors and aliases are added to `problems` and reading goes on; what stops the parser
    raises. `loader` is whose events are read; the fastest when None. In `foreign` files, which are another tool's,
    tags, anchors, aliases and keys that are no text are no problems; a mapping that is merged (`<<`) gives what the
    other lacks.

    Raises:
        SourceError: neither UTF-8 nor UTF-16, too large, too deep, or not YAML.
    """
    text = decode(data, file)
    strange = _NOT_TEXT.search(text)
    if strange:
        before = text[: strange.start()]
        where = Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise SourceError([Problem(where, "a control character", "remove it; YAML allows printable characters only")])
    root: list[Node] = []
    builder = _Builder(file, text, problems, root, foreign=foreign)
    documents = 0
    try:
        for event in yaml.parse(text, Loader=loader or fastest_loader()):
            match event:
                case NodeEvent() | MappingEndEvent() | SequenceEndEvent():
                    builder.feed(event)
                case DocumentStartEvent():
                    documents += 1
                    if documents == 2:
                        problems.append(
                            Problem(_at(file, event), "a second document begins", "keep one document in a file")
                        )
                        break
    except MarkedYAMLError as error:
        raise SourceError([*problems, _syntax_problem(error, file, text)]) from None
    except (YAMLError, ValueError, OverflowError, IndexError) as error:
        if isinstance(error, SourceError):
            raise
        where = Location(file, 1, 1)
        raise SourceError([*problems, Problem(where, "is not YAML", "check escapes in double quotes")]) from None
    match root:
        case [Mapping() as mapping]:
            return mapping
        case [Sequence(at=at)]:
            problems.append(Problem(at, "is a list", "begin with `exrun: inventory/1` and `clients:`"))
        case [Scalar(at=at, text=None)]:
            problems.append(Problem(at, "is empty", "begin with `exrun: inventory/1` and `clients:`"))
        case [Scalar(at=at)]:
            problems.append(Problem(at, "is a single text", "begin with `exrun: inventory/1` and `clients:`"))
        case _:
            problems.append(Problem(Location(file, 1, 1), "is empty", "begin with `exrun: inventory/1` and `clients:`"))
    return None


def _at(file: str, event: Any, path: str = "") -> Location:
    return Location(file, event.start_mark.line + 1, event.start_mark.column + 1, path)


def _syntax_problem(error: MarkedYAMLError, file: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1, 1)
    stopped_at = text[mark.index : mark.index + 1] if mark is not None else ""
    known = advice_on_line(_line(text, where.line), where.column - 1)
    if known is not None:
        column, what, advice = known
        return Problem(Location(file, where.line, column + 1), f"is not YAML: {what}", advice)
    if "unknown escape" in (error.problem or ""):
        return Problem(where, f"is not YAML: {ESCAPE}", "write the text in single quotes, or the backslash twice")
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


def _span(event: Any) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index


class _Builder:
    """Takes events one at a time and keeps the open collections on a stack of its own."""

    def __init__(self, file: str, text: str, problems: list[Problem], root: list[Node], *, foreign: bool) -> None:
        self._foreign = foreign
        self._anchors: dict[str, Node] = {}
        self._anchored: dict[int, str] = {}
        self._file = file
        self._text = text
        self._problems = problems
        self._root = root
        self._open: list[tuple[Sequence | Mapping, str]] = []

    def feed(self, event: Any) -> None:
        match event:
            case MappingEndEvent() | SequenceEndEvent():
                self._leave(event)
                return
            case AliasEvent() if self._foreign and event.anchor in self._anchors:
                self._place(self._anchors[event.anchor], event)
                return
            case AliasEvent():
                self._refuse(event, "an alias (`*`)", "repeat the text, or use a group for what hosts share")
                self._place(Scalar(self._where(event), None), event)
                return
            case _:
                pass
        if event.anchor is not None:
            self._refuse(event, "an anchor (`&`)", "remove it; use a group for what hosts share")
        if event.tag is not None:
            self._refuse(event, "a tag (`!`)", "remove it, or quote the text if it is meant to begin with `!`")
        at = self._where(event)
        match event:
            case ScalarEvent():
                bare = event.style in (None, "") and event.value in _NULLS
                start, end = _span(event)
                scalar = Scalar(at, None if bare else event.value, self._written(event), start, end, event.tag)
                if event.anchor is not None:
                    self._anchors[event.anchor] = scalar
                self._place(scalar, event)
            case MappingStartEvent():
                self._enter(Mapping(at, start=_span(event)[0], flow=bool(event.flow_style)), event)
            case SequenceStartEvent():
                self._enter(Sequence(at, start=_span(event)[0], flow=bool(event.flow_style)), event)

    def _leave(self, event: Any) -> None:
        node, _ = self._open.pop()
        node.end = event.end_mark.index
        if not self._foreign:
            return
        anchor = self._anchored.pop(id(node), None)
        if anchor is not None:  # only now, so that none holds itself
            self._anchors[anchor] = node
        if isinstance(node, Mapping) and "<<" in node.items:
            merged = node.items.pop("<<")
            for other in merged.items if isinstance(merged, Sequence) else [merged]:
                if isinstance(other, Mapping):
                    for key, value in other.items.items():
                        node.items.setdefault(key, value)
                        node.keys.setdefault(key, other.keys[key])

    def _written(self, event: Any) -> str:
        return self._text[event.start_mark.index + 1 : event.end_mark.index - 1] if event.style == '"' else ""

    def _enter(self, node: Sequence | Mapping, event: Any) -> None:
        if len(self._open) >= DEEPEST:
            raise SourceError(
                [*self._problems, Problem(_at(self._file, event), f"is nested deeper than {DEEPEST} levels")]
            )
        path = node.at.path
        if event.anchor is not None:
            self._anchored[id(node)] = event.anchor
        self._place(node, event)
        self._open.append((node, path))

    def _path(self) -> str:
        if not self._open:
            return ""
        parent, path = self._open[-1]
        match parent:
            case Sequence(items=items):
                return step(path, len(items))
            case Mapping(pending=pending):
                return path if pending is None else step(path, pending[0])

    def _where(self, event: Any) -> Location:
        return _at(self._file, event, self._path())

    def _refuse(self, event: Any, what: str, advice: str) -> None:
        if self._foreign and not isinstance(event, AliasEvent):
            return
        self._problems.append(Problem(self._where(event), f"{what} is not allowed in an inventory", advice))

    def _place(self, node: Node, event: Any) -> None:
        if not self._open:
            self._root.append(node)
            return
        parent, path = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif parent.pending is None and not parent.ignored_value:
            self._key(parent, path, node, event)
        elif parent.pending is None:
            parent.ignored_value = False
        else:
            key, key_at, key_end = parent.pending
            parent.pending = None
            parent.items[key] = node
            parent.keys[key] = key_at
            parent.key_ends[key] = key_end

    def _key(self, parent: Mapping, path: str, node: Node, event: Any) -> None:
        if not isinstance(node, Scalar) or node.text is None:
            if self._foreign:
                parent.ignored_value = True
                return
            self._problems.append(Problem(_at(self._file, event, path), "a key must be text", "quote it, or remove it"))
            parent.ignored_value = True
            return
        at = _at(self._file, event, step(path, node.text))
        if node.text in parent.items:
            first = parent.keys[node.text]
            self._problems.append(
                Problem(at, f"stands here a second time, first in line {first.line}", "rename or remove one of them")
            )
            parent.ignored_value = True
            return
        parent.pending = (node.text, at, node.end)
