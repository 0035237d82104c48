"""Scripts that carry a path or a file object to where it matters, by every way that a value can go in PowerShell:
through lists, casts, indexes, properties, tables, phases of functions, pipelines, operators, strings and loops. A seed
always gives the same scripts. Each names the classes of the ways that it takes, so that a run can say that it reached
them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML


@dataclass(frozen=True, slots=True)
class Made:
    """A script, the classes of what it is made of, and whether it carries a place elsewhere or a live object."""

    text: str
    classes: frozenset[str]
    risky: bool


_MADE_OF = YAML(typ="safe").load(Path(__file__).with_name("ways.yml"))
_SOURCES: dict[str, list[str]] = _MADE_OF["sources"]
_WAYS: dict[str, list[str]] = _MADE_OF["ways"]
_SINKS: dict[str, list[str]] = _MADE_OF["sinks"]


def classes() -> frozenset[str]:
    """The classes of which a run must have reached each."""
    return frozenset(_WAYS) | frozenset(_SINKS)


def ways(seed: int, count: int) -> Iterator[Made]:
    """`count` scripts: a value, one to three ways, and a place where it matters."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _made(chance)


def _made(chance: random.Random) -> Made:
    sink = chance.choice(list(_SINKS))
    source = chance.choice(("local", "away", "live") if sink == "receiver" else ("local", "local", "away", "live"))
    value = chance.choice(_SOURCES[source])
    statements: list[str] = []
    taken = {sink}
    for number in range(1, chance.choice((1, 1, 1, 2, 2, 3)) + 1):
        kind = chance.choice(list(_WAYS))
        taken.add(kind)
        before, arrow, after = chance.choice(_WAYS[kind]).rpartition(" => ")
        names = {"x": value, "v": f"$v{number}", "w": f"$w{number}", "n": str(number)}
        if arrow:
            statements.append(before.format(**names))
        value = after.format(**names)
        if "," in value and not value.startswith(("(", "@", "$", "[")):
            value = f"({value})"
    if not value.startswith(("(", "@", "$", "'", '"')) or ", " in value.partition("(")[0] or sink == "static":
        value = f"({value})"
    statements.append(chance.choice(_SINKS[sink]).format(e=value, v="$z", w="$zz"))
    return Made("\n".join(statements), frozenset(taken), source != "local")
