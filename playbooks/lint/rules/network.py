"""No text that names another host or a provider beyond files, registry, environment and certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..lexer import Refusal
from ..tree import Binary, Block, Text, walk

_PATTERNS = ("match", "notmatch", "split", "replace")
_REMOTE = re.compile(
    r"(?:^|::)\s*(?:\\\\|//|\\/|/\\)|[a-z][a-z0-9+.-]*://|^(?:function|alias|variable|wsman|ad|iis):", re.I
)


class Network:
    def check(self, script: Block) -> Iterator[Refusal]:
        patterns: set[int] = set()
        for node in walk(script):
            if isinstance(node, Binary) and node.operator.lstrip("-ic").endswith(_PATTERNS):
                patterns.update(id(below) for below in walk(node.right))
            elif isinstance(node, Binary) and node.operator in ("+", "-f", "-join"):
                first = node.left
                if isinstance(first, Text) and first.value.startswith(("\\", "/")):
                    yield Refusal("network", first.at, "a path of another host may be built here", "use Join-Path")
        for node in walk(script):
            if isinstance(node, Text) and id(node) not in patterns and _REMOTE.search(node.value):
                yield Refusal("network", node.at, f"{node.value!r} reaches out of this host", "read local paths only")
