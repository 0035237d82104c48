"""Commands and parameters by their whole names: an alias may be another command elsewhere, and not all know it."""

from __future__ import annotations

from collections.abc import Iterator

from ..commands import ALIASES, COMMON, SHORT, KnownCommand
from ..lexer import Refusal
from ..reading import Reading
from ..tree import Command


class Naming:
    """No aliases, no shortened parameters, no value whose parameter one has to know by its place."""

    explains = ("style-alias", "style-parameter")

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            call = reading.calls.of(node)
            if not isinstance(node, Command) or (call is not None and call.own):
                continue
            whole = ALIASES.get(node.name.lower())
            if whole is not None:
                yield Refusal("style-alias", node.at, f"{node.name} is an alias", f"write {whole}")
            if call is not None:
                yield from _arguments(node, call.known)


def _arguments(node: Command, known: KnownCommand) -> Iterator[Refusal]:
    waiting = False
    for argument in node.arguments:
        if argument.name is None:
            if not waiting:
                yield Refusal(
                    "style-parameter",
                    argument.at,
                    f"a value of {known.name} without its parameter",
                    "name the parameter",
                )
            waiting = False
            continue
        name = argument.name.lower()
        if name in SHORT and name not in known.parameters:
            yield Refusal(
                "style-parameter", argument.at, f"-{argument.name} is shortened", f"write the whole name of -{name}"
            )
            name = SHORT[name]
        kind = known.parameters[name][1] if name in known.parameters else COMMON.get(name)
        waiting = argument.value is None and kind != "switch"
