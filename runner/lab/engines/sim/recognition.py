"""Which built-in script a text is, and with which params it was rendered.

A template is read by the renderer's own rules: its fixed text must be there, character by character, and each
placeholder holds one literal, which is read back. Where a template branches (`if`, `for`) its params cannot be told
from the text alone, so such a template is refused when the engine is made, not when a server is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """A collect script's template, as fixed texts and slots in their order."""

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


def parse(text: str, source: str) -> Template:
    """The template as the renderer reads it.

    Raises:
        ValueError: a placeholder that is not a param's bare name, or a branch: params could not be read back.
    """
    # The settings that decide which text is fixed: those of playbooks/rendering.py.
    environment = Environment(  # noqa: S701  # parses only
        keep_trailing_newline=True, newline_sequence="\n", trim_blocks=True, lstrip_blocks=True
    )
    parts: list[str | Slot] = []
    for node in environment.parse(text.replace("\r\n", "\n").replace("\r", "\n")).body:
        match node:
            case nodes.Output():
                parts.extend(_part(each, source) for each in node.nodes)
            case _:
                raise ValueError(f"{source}:{node.lineno}: the sim engine cannot read params back through {node!r}")
    return Template(tuple(parts))


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
