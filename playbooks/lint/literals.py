"""What a value of a script surely is, where it was decided before the script runs: texts that are written out.

A variable counts where it is surely assigned before, by all that is ever written to it. What a host says is never
decided, nor the environment: of these nothing is told.
"""

from __future__ import annotations

import re
from itertools import product

from .flow import Context, Flow
from .origins import plain
from .tree import Binary, Cast, Expandable, Group, Hash, Listing, Node, Number, Text, Unary, Variable

__all__ = ["is_decided", "text_of", "texts_of"]

_CODE = re.compile(r"0x[0-9A-Fa-f]{1,4}|[0-9]{1,5}")
_LISTS = frozenset({"string[]", "array", "object[]"})
_MOST = 100  # ways in which one text may be put together
_LISTED = 2500  # texts of a list


def texts_of(flow: Flow, node: Node) -> tuple[str, ...] | None:
    """Every text that a value may be, or each of several; None where one of them may be another than is seen."""
    found = _several(flow, node, frozenset())
    if found is None or len(found) > _LISTED:
        return None
    try:
        return tuple(text.encode("utf-16", "surrogatepass").decode("utf-16") for text in dict.fromkeys(found))
    except UnicodeDecodeError:
        return None  # half a character


def text_of(flow: Flow, node: Node) -> str | None:
    """The one text that a value is; None where it may be another, or several."""
    found = _one(flow, node, frozenset())
    return found[0] if found is not None and len(set(found)) == 1 else None


def is_decided(flow: Flow, node: Node) -> bool:
    """Whether a value is decided before the script runs: literals, and what is made of them alone."""
    return _decided(flow, node, frozenset())


def _decided(flow: Flow, node: Node, seen: frozenset[str]) -> bool:
    match node:
        case Text() | Number():
            return True
        case Variable(name="true" | "false" | "null"):
            return True
        case Unary(operator="-" | "+" | ","):
            return _decided(flow, node.value, seen)
        case Cast():
            return _decided(flow, node.value, seen)
        case Listing():
            return all(_decided(flow, item, seen) for item in node.items)
        case Group(opening="(" | "@("):
            return all(_decided(flow, item, seen) for item in node.body)
        case Hash():
            return all(isinstance(pair.key, Text) and _decided(flow, pair.value, seen) for pair in node.pairs)
        case Expandable():
            return all(_decided(flow, item, seen) for item in node.parts)
        case Binary(operator="+"):
            return _decided(flow, node.left, seen) and _decided(flow, node.right, seen)
        case Variable(name=name) if name not in seen and name in flow.writes and _is_assigned(flow, node):
            return all(
                how in ("is", "each") and isinstance(value, Node) and _decided(flow, value, seen | {name})
                for how, value in flow.writes[name]
            )
    return False


def _is_assigned(flow: Flow, node: Variable) -> bool:
    context = flow.context.get(id(node), Context())
    return node.name in context.assigned or node.name in context.looping


def _several(flow: Flow, node: Node, seen: frozenset[str]) -> list[str] | None:
    """The elements of a list, each one text: a list among them would become one text, with blanks between."""
    match node:
        case Listing(items=items):
            return _all([_one(flow, item, seen) for item in items])
        case Group(opening="@(", body=items):
            return _all([_several(flow, item, seen) for item in items])
        case Group(opening="(", body=(single,)):
            return _several(flow, single, seen)
        case Cast() if plain(node.type.name) in _LISTS:
            return _several(flow, node.value, seen)
        case Variable(name=name) if name not in seen and name in flow.writes and _is_assigned(flow, node):
            # A type that is no list joins what is written to the variable later as well.
            keeps = all(plain(kind) in _LISTS for kind in flow.constraints.get(name, ()))
            return _all(
                [
                    (_several if keeps or how == "each" else _one)(flow, value, seen | {name})
                    if how in ("is", "each") and isinstance(value, Node)
                    else None
                    for how, value in flow.writes[name]
                ]
            )
    return _one(flow, node, seen)


def _one(flow: Flow, node: Node, seen: frozenset[str]) -> list[str] | None:
    """The alternatives of one text."""
    match node:
        case Text():
            return [node.value]
        case Group(opening="(", body=(single,)):
            return _one(flow, single, seen)
        case Cast() if plain(node.type.name) == "string":
            return _one(flow, node.value, seen)
        case Cast(value=Number(source=source)) if plain(node.type.name) == "char" and _CODE.fullmatch(source):
            code = int(source, 0) if source.startswith("0x") else int(source)
            return [chr(code)] if code < 0x10000 else None
        case Expandable():
            return _joined([_one(flow, part, seen) for part in node.parts])
        case Binary(operator="+"):
            # What begins with a [char] may be a sum of numbers: text must stand first.
            first = node.left
            while isinstance(first, Group) and len(first.body) == 1:
                first = first.body[0]
            if isinstance(first, Cast):
                return None
            return _joined([_one(flow, node.left, seen), _one(flow, node.right, seen)])
        case Variable(name=name) if name not in seen and name in flow.writes and _is_assigned(flow, node):
            found: list[list[str] | None] = []
            for how, value in flow.writes[name]:
                if how == "each" and isinstance(value, Node):
                    found.append(_several(flow, value, seen | {name}))
                elif how == "is" and isinstance(value, Node):
                    found.append(_one(flow, value, seen | {name}))
                else:
                    return None
            return _all(found)
    return None


def _all(found: list[list[str] | None]) -> list[str] | None:
    texts: list[str] = []
    for each in found:
        if each is None:
            return None
        texts += each
    return texts


def _joined(parts: list[list[str] | None]) -> list[str] | None:
    if any(part is None for part in parts):
        return None
    ways = 1
    for part in parts:
        ways *= len(part or ())
    return ["".join(each) for each in product(*(part or () for part in parts))] if ways <= _MOST else None
