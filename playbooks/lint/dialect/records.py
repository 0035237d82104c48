"""What a script emits is a record of a declared Kind with stable names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..lexer import Refusal
from ..reading import Reading
from ..tree import Cast, Hash, Text

_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")


class Records:
    """A table with Kind and PascalCase names, as the action's contract declares them.

    Whether each record that is emitted has a Kind is held to the contract (playbooks/promised.py): not every table is a
    record.
    """

    explains = ("style-record",)

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            match node:
                case Cast(value=Hash()) if node.type.name.lower().rpartition(".")[2] == "pscustomobject":
                    why = "a locked session makes no [pscustomobject]"
                    yield Refusal(self.explains[0], node.at, why, "write the table alone: @{ Kind = '...'; ... }")
                case Hash():
                    yield from self._of_table(node)

    def _of_table(self, table: Hash) -> Iterator[Refusal]:
        keys = [pair.key for pair in table.pairs if isinstance(pair.key, Text)]
        if not any(key.value.lower() == "kind" for key in keys):
            return
        for key in keys:
            if not _PASCAL.fullmatch(key.value):
                yield Refusal(self.explains[0], key.at, "a property that is not PascalCase", "write it as InstallPath")
