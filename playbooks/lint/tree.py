"""The syntax tree of the subset: what a collect script may consist of. Frozen values, no behaviour.

A node is equal to itself alone: two that read the same stand at different places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """Anything that stands in a script; `at` is its offset in characters from the start."""

    at: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Text(Node):
    """A string without expansion, or a word among a command's arguments (`bare`)."""

    value: str
    bare: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expandable(Node):
    """A double-quoted string: its literal pieces and what is expanded between them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Number(Node):
    source: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Variable(Node):
    """`name` is in lower case, with `env:` before it for the environment."""

    name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TypeName(Node):
    name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cast(Node):
    type: TypeName
    value: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Unary(Node):
    operator: str
    value: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Listing(Node):
    """Values joined by commas."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Member(Node):
    target: Node
    name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Invoke(Node):
    """A method call; `target` is a TypeName for a static method."""

    target: Node
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Index(Node):
    target: Node
    index: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pair(Node):
    key: Node
    value: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hash(Node):
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Group(Node):
    """`(...)`, `@(...)` or `$(...)`: `opening` says which."""

    opening: str
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parameter(Node):
    """A declared parameter of a script or function."""

    name: str
    types: tuple[TypeName, ...]
    default: Node | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Block(Node):
    """The script itself, the body of a function, or a script block."""

    parameters: tuple[Parameter, ...]
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Phase(Node):
    """`begin`, `process` or `end` of a function: what leaves one of them does not leave the next."""

    word: str
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Argument(Node):
    """`-Name`, `-Name:value` or a value; the value of `-Name value` is the next argument."""

    name: str | None
    value: Node | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Command(Node):
    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pipeline(Node):
    elements: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Assign(Node):
    target: Node
    operator: str
    value: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Loop(Node):
    """foreach, for, while and do: the loop variable if there is one, what is evaluated, and the body."""

    word: str
    variable: Variable | None
    heads: tuple[Node, ...]
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Branch(Node):
    """if, switch and try: conditions and bodies, in the order in which they stand."""

    word: str
    heads: tuple[Node, ...]
    bodies: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Leave(Node):
    """return, throw, exit, break and continue (`value` is nothing for a label)."""

    word: str
    value: Node | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Function(Node):
    name: str
    block: Block
    top: bool


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below `node`, in order."""
    for name in type(node).__match_args__:
        yield from _nodes(getattr(node, name))


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything below it, in order."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(tuple(children(node))))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)
