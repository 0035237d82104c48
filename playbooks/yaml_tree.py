"""YAML as a tree in which everything knows its line and column, and unquoted scalars have their type.

Built from parser events, so that nothing is ever constructed from a tag or expanded from an alias: both are refused.
`inventory.sources.yaml_tree` does the same for inventories; why it stands twice is in docs/decisions/0007.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from playbooks.errors import DocumentError, Location, Problem

MOST_BYTES = 1024 * 1024
DEEPEST = 16

# YAML 1.2's core schema, without octal, hexadecimal, infinities and NaN.
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}\.[0-9]{0,30})([eE][-+]?[0-9]{1,3})?", re.ASCII)
_TOKEN_KIND = re.compile(r"'(<[^']*>|[^']|\\.)'")


@dataclass(slots=True)
class Scalar:
    """A value of its own type: what is quoted is text."""

    at: Location
    value: bool | int | float | str | None


@dataclass(slots=True)
class Sequence:
    """A list."""

    at: Location
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A mapping whose keys are text; `keys` says where each key stands."""

    at: Location
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Location] = field(default_factory=dict)
    pending: tuple[str, Location] | None = None
    ignored_value: bool = False


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


def step(path: str, key: str | int) -> str:
    """`path` one level deeper; a key with a dot or space in it is quoted, a long one is cut."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    safe = "".join(character if character.isprintable() else f"U+{ord(character):04X}" for character in key[:100])
    shown = safe if re.fullmatch(r"[\w<>-]+", safe) else f'"{safe}"'
    return f"{path}.{shown}" if path else shown


def read_tree(data: bytes, file: str, begin: str, problems: list[Problem]) -> Mapping:
    """The document's mapping.

    Duplicate keys, tags, anchors and aliases are added to `problems` and reading goes on.

    Args:
        begin: how such a document begins, for the message where it is none.

    Raises:
        DocumentError: not UTF-8, too large, too deep, not YAML, or not a mapping.
    """
    text = _decode(data, file)
    root: list[Node] = []
    builder = _Builder(file, problems, root)
    documents = 0
    try:
        for event in _events(text):
            match event:
                case DocumentStartEvent():
                    documents += 1
                    if documents == 2:
                        problems.append(
                            Problem(_at(file, event), "a second document begins", "keep one document in a file")
                        )
                        break
                case NodeEvent() | MappingEndEvent() | SequenceEndEvent():
                    builder.feed(event)
    except MarkedYAMLError as error:
        raise DocumentError([*problems, _syntax_problem(error, file)]) from None
    except ReaderError as error:
        before = text[: error.position]
        where = Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise DocumentError(
            [*problems, Problem(where, "a control character", "remove it; YAML allows printable characters only")]
        ) from None
    except (YAMLError, ValueError, OverflowError, IndexError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(
            [*problems, Problem(Location(file), "is not YAML", "check escapes in double quotes")]
        ) from None
    match root:
        case [Mapping() as mapping]:
            return mapping
        case [Sequence(at=at)]:
            what = "is a list"
        case [Scalar(at=at, value=None)]:
            what = "is empty"
        case [Scalar(at=at)]:
            what = "is a single value"
        case _:
            at, what = Location(file), "is empty"
    raise DocumentError([*problems, Problem(at, what, begin)])


def _decode(data: bytes, file: str) -> str:
    if len(data) > MOST_BYTES:
        raise DocumentError(
            [Problem(Location(file), f"is larger than {MOST_BYTES >> 20} MiB", "is this the right file?")]
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise DocumentError([Problem(Location(file, line, column), "is not UTF-8", "save the file as UTF-8")]) from None


def _events(text: str) -> Iterator[Any]:
    yield from YAML(typ="safe", pure=True).parse(text)


def _at(file: str, event: Any, path: str = "") -> Location:
    return Location(file, event.start_mark.line + 1, event.start_mark.column + 1, path)


def _syntax_problem(error: MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
    quoted = re.findall(r"'[^']*'", error.problem or "")
    safe = error.problem and "\n" not in error.problem and all(_TOKEN_KIND.fullmatch(part) for part in quoted)
    return Problem(
        where, f"is not YAML: {error.problem}" if safe else "is not YAML", "check indents, colons and quotes"
    )


def _typed(text: str) -> bool | int | float | str | None:
    """The value of an unquoted scalar."""
    if text in _NULLS:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


class _Builder:
    """Takes events one at a time and keeps the open collections on a stack of its own."""

    def __init__(self, file: str, problems: list[Problem], root: list[Node]) -> None:
        self._file = file
        self._problems = problems
        self._root = root
        self._open: list[tuple[Sequence | Mapping, str]] = []

    def feed(self, event: Any) -> None:
        match event:
            case MappingEndEvent() | SequenceEndEvent():
                self._open.pop()
                return
            case AliasEvent():
                self._refuse(event, "an alias (`*`) is not allowed here", "repeat what it stands for")
                self._place(Scalar(self._where(event), None), event)
                return
            case _:
                pass
        if event.anchor is not None:
            self._refuse(event, "an anchor (`&`) is not allowed here", "remove it")
        if event.tag is not None or getattr(event, "ctag", None) is not None:
            self._refuse(event, "a tag (`!`) is not allowed here", "remove it, or quote text that begins with `!`")
        at = self._where(event)
        match event:
            case ScalarEvent():
                self._place(Scalar(at, _typed(event.value) if event.style in (None, "") else event.value), event)
            case MappingStartEvent():
                self._enter(Mapping(at), event)
            case SequenceStartEvent():
                self._enter(Sequence(at), event)

    def _enter(self, node: Sequence | Mapping, event: Any) -> None:
        if len(self._open) >= DEEPEST:
            raise DocumentError(
                [*self._problems, Problem(_at(self._file, event), f"is nested deeper than {DEEPEST} levels")]
            )
        path = node.at.path
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
        self._problems.append(Problem(self._where(event), what, advice))

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
            key, key_at = parent.pending
            parent.pending = None
            parent.items[key] = node
            parent.keys[key] = key_at

    def _key(self, parent: Mapping, path: str, node: Node, event: Any) -> None:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            self._problems.append(Problem(_at(self._file, event, path), "a key must be text", "quote it, or remove it"))
            parent.ignored_value = True
            return
        at = _at(self._file, event, step(path, node.value))
        if node.value in parent.items:
            first = parent.keys[node.value]
            self._problems.append(
                Problem(at, f"stands here a second time, first in line {first.line}", "rename or remove one of them")
            )
            parent.ignored_value = True
            return
        parent.pending = (node.value, at)


def locate(root: Mapping, loc: tuple[int | str, ...], *, key: bool) -> tuple[Location, Node | None]:
    """The place of what `loc` names, or of the nearest thing around it; its path is that of what was named."""
    node: Node | None = root
    at = root.at
    for part in loc:
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
