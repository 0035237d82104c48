"""What a script emits is a record of a declared Kind with stable names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..lexer import Refusal
from ..rules.interface import Reading
from ..tree import Cast, Hash, Text

_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")


class Records:
    """[pscustomobject] with Kind and PascalCase names, as the action's contract declares them."""

    explains = ("style-record",)

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            if not isinstance(node, Cast) or node.type.name.lower() != "pscustomobject":
                continue
            if not isinstance(node.value, Hash):
                continue
            keys = [pair.key for pair in node.value.pairs]
            names = [key.value for key in keys if isinstance(key, Text)]
            if "Kind" not in names:
                yield Refusal(self.explains[0], node.at, "a record without Kind", "name its Kind as the contract does")
            for key in keys:
                if isinstance(key, Text) and not _PASCAL.fullmatch(key.value):
                    yield Refusal(
                        self.explains[0], key.at, "a property that is not PascalCase", "write it as InstallPath"
                    )
