"""A script begins strict and stops at the first error, so that nothing unread passes for nothing there."""

from __future__ import annotations

from collections.abc import Iterator

from ..lexer import Refusal
from ..reading import Reading

FIRST = ("Set-StrictMode -Version 2.0", "$ErrorActionPreference = 'Stop'")


class Header:
    """The first two statements, word for word."""

    explains = ("style-header",)

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for index, wanted in enumerate(FIRST):
            statements = reading.script.body[index : index + 1]
            at = statements[0].at if statements else reading.script.at
            if not statements or text[at:].split("\n", 1)[0].strip() != wanted:
                yield Refusal(
                    self.explains[0], at, "the script does not begin strict", f"begin with {'; '.join(FIRST)}"
                )
                return
