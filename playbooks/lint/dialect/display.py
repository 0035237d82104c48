"""A script emits objects; what a person sees is made on the controller."""

from __future__ import annotations

from collections.abc import Iterator

from ..commands import ALIASES
from ..lexer import Refusal
from ..reading import Reading
from ..tree import Command


class Display:
    """No Write-Host, no Out-Host, no Format-*: they turn records into text for a screen that is not there."""

    explains = ("style-display",)

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            if isinstance(node, Command):
                name = ALIASES.get(node.name.lower(), node.name)
                if name.lower() in ("write-host", "out-host") or name.lower().startswith("format-"):
                    yield Refusal(
                        self.explains[0], node.at, f"{name} writes for a screen", "emit a table: @{ Kind = ... }"
                    )
