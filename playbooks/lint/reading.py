"""A script as the rules, the dialect and the record of what it emits see it: read once, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from .calls import Calls
from .commands import KnownCommand, commands_of_changes, known_commands
from .flow import Flow
from .syntax import parse
from .tree import Block, Node, walk
from .vetted import without_vetted


@dataclass(frozen=True, slots=True)
class Reading:
    """A script's tree, every node of it in order, its calls, and where its values come from."""

    script: Block
    nodes: tuple[Node, ...]
    calls: Calls
    flow: Flow


@lru_cache(maxsize=16)
def read(text: str) -> Reading:
    """Reads a script; raises Refusal at the first thing that is not in the subset."""
    return _reading(parse(text), known_commands())


def read_change(text: str) -> Reading:
    """Reads the script of a change, which may run more; raises as `read` does."""
    return _reading(without_vetted(text, parse(text)), commands_of_changes())


def _reading(script: Block, commands: Mapping[str, KnownCommand]) -> Reading:
    nodes = tuple(walk(script))
    calls = Calls(nodes, commands)
    return Reading(script, nodes, calls, Flow(script, calls))
