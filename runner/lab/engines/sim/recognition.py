"""Which built-in script a text is, and with which params it was rendered.

A template is read by the renderer's own rules: its fixed text must be there, character by character, and each
placeholder holds one literal, which is read back. A template that chooses (`if`) is as many as it has ways through it,
each with the params that it shows. One that repeats (`for`) cannot be told from the text alone, so it is refused when
the engine is made, not when a server is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, nodes

from playbooks.rendering import literal
from playbooks.values import Value
from runner.lab.engines.sim.literals import NotALiteralError, read


@dataclass(frozen=True, slots=True)
class Slot:
    """A place where the literal of this param stands."""

    param: str


@dataclass(frozen=True, slots=True)
class Template:
    """A script's template on one way through it, as fixed texts and slots in their order."""

    parts: tuple[str | Slot, ...]

    def params(self, script: str) -> Mapping[str, Value] | None:
        """The params with which the template gives this text; None when it never does.

        Times come back as their text and lists as tuples. A param that the template does not show is not there.
        """
        found: dict[str, Value] = {}
        at = 0
        for part in self.parts:
            if isinstance(part, str):
                if not script.startswith(part, at):
                    return None
                at += len(part)
                continue
            try:
                value, at = read(script, at)
            except NotALiteralError:
                return None
            if part.param in found and literal(found[part.param]) != literal(value):
                return None
            found[part.param] = value
        return found if at == len(script) else None


def parse(text: str, source: str) -> tuple[Template, ...]:
    """The template as the renderer reads it, once for each way through its choices.

    Raises:
        ValueError: a placeholder that is not a param's bare name, or a loop: params could not be read back.
    """
    # The settings that decide which text is fixed: those of playbooks/rendering.py.
    environment = Environment(  # noqa: S701  # parses only
        keep_trailing_newline=True, newline_sequence="\n", trim_blocks=True, lstrip_blocks=True
    )
    body = environment.parse(text.replace("\r\n", "\n").replace("\r", "\n")).body
    return tuple(Template(parts) for parts in _ways(body, source))


Parts = tuple[str | Slot, ...]


def _ways(body: Sequence[nodes.Node], source: str) -> tuple[Parts, ...]:
    ways: tuple[Parts, ...] = ((),)
    for node in body:
        following: tuple[Parts, ...]
        match node:
            case nodes.Output():
                following = (tuple(_part(each, source) for each in node.nodes),)
            case nodes.If():
                branches = (node.body, *(each.body for each in node.elif_), node.else_)
                following = tuple(way for branch in branches for way in _ways(branch, source))
            case _:
                raise ValueError(f"{source}:{node.lineno}: the sim engine cannot read params back through {node!r}")
        ways = tuple((*way, *more) for way in ways for more in following)
    return ways


def _part(node: nodes.Expr, source: str) -> str | Slot:
    match node:
        case nodes.TemplateData():
            return node.data
        case nodes.Name():
            return Slot(node.name)
        case nodes.Const():
            return literal(node.value)
        case _:
            raise ValueError(f"{source}:{node.lineno}: the sim engine reads back a param's bare name only")
