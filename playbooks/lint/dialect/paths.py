"""A path that comes from elsewhere is taken to the letter: brackets in it are no wildcards."""

from __future__ import annotations

from collections.abc import Iterator

from ..binding import bind
from ..lexer import Refusal
from ..rules.interface import Reading
from ..tree import Command, Listing, Text


class LiteralPaths:
    """-LiteralPath where the value is not written in the script."""

    explains = ("style-literal-path",)

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            known = reading.flow.command(node) if isinstance(node, Command) else None
            if not isinstance(node, Command) or known is None or "literalpath" not in known.parameters:
                continue
            for name, value in bind(node, known).values:
                parts = value.items if isinstance(value, Listing) else (value,)
                if name == "path" and not all(isinstance(part, Text) for part in parts):
                    yield Refusal(
                        self.explains[0],
                        value.at,
                        "-Path takes brackets in a value for wildcards",
                        "write -LiteralPath",
                    )
