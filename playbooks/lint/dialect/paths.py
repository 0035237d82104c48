"""A path that comes from elsewhere is taken to the letter: brackets in it are no wildcards."""

from __future__ import annotations

from collections.abc import Iterator

from ..lexer import Refusal
from ..reading import Reading
from ..tree import Listing, Text


class LiteralPaths:
    """-LiteralPath where the value is not written in the script."""

    explains = ("style-literal-path",)

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            call = reading.calls.of(node)
            if call is None or "literalpath" not in call.known.parameters:
                continue
            for name, value in call.binding.values:
                parts = value.items if isinstance(value, Listing) else (value,)
                if name == "path" and not all(isinstance(part, Text) for part in parts):
                    yield Refusal(
                        self.explains[0],
                        value.at,
                        "-Path takes brackets in a value for wildcards",
                        "write -LiteralPath",
                    )
