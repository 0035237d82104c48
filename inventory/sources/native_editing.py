"""Changes to a native file in its own text: nothing of it is written anew but what changes, so that comments, order,
quotes and indents stay as somebody made them."""

from __future__ import annotations

import re
from collections.abc import Mapping as Keyed
from dataclasses import dataclass, field

from inventory.sources.native_writing import STEP, Tree, block_lines, flow_text, scalar
from texts.yaml_tree import Mapping, Node, Scalar, Sequence

_COLON = re.compile(r"[ \t]*:")


@dataclass(slots=True)
class Edits:
    """Edits of one text, all told in places of the text as it is, and made at once."""

    text: str
    _made: list[tuple[int, int, str]] = field(default_factory=list)

    def done(self) -> str:
        """The text with all edits; those at one place in the order in which they were asked for."""
        pieces: list[str] = []
        position = 0
        for start, end, new in sorted(self._made, key=lambda edit: edit[:2]):
            pieces += [self.text[position:start], new]
            position = max(position, end)
        return "".join([*pieces, self.text[position:]])

    def put(self, mapping: Mapping, entries: Keyed[str, Tree]) -> None:
        """Sets keys of a mapping that stands in the text; mappings within are put into those that are there."""
        new: dict[str, Tree] = {}
        for key, value in entries.items():
            there = mapping.items.get(key)
            if key not in mapping.items:
                new[key] = value
            elif isinstance(there, Mapping) and isinstance(value, Keyed) and there.items:
                self.put(there, value)
            else:
                self._replace(mapping, key, value)
        if new:
            self._append(mapping, new)

    def add_items(self, mapping: Mapping, key: str, names: tuple[str, ...]) -> None:
        """Adds to the list at `key`, or sets it."""
        listed = mapping.items.get(key)
        if not isinstance(listed, Sequence) or not listed.items:
            self.put(mapping, {key: names})
            return
        last = self._end(listed.items[-1])
        if listed.flow:
            self._made.append((last, last, "".join(f", {scalar(name)}" for name in names)))
            return
        first = listed.items[0].start
        prefix = self.text[self.text.rfind("\n", 0, first) + 1 : first]
        at = self._line_end(last)
        self._made.append((at, at, "".join(f"{self._newline}{prefix}{scalar(name)}" for name in names)))

    @property
    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _replace(self, mapping: Mapping, key: str, value: Tree) -> None:
        after = self._after_key(mapping, key)
        node = mapping.items[key]
        end = max(after, self._end(node)) if not _empty(node) else after
        if isinstance(value, Keyed) and not mapping.flow:
            indent = mapping.keys[key].column - 1
            lines = block_lines(value, indent + self._step(mapping), self._step(mapping))
            comment = self._line_end(after) if _empty(node) else end
            self._made.append((comment, comment, "".join(f"{self._newline}{line}" for line in lines)))
            if not _empty(node):
                self._made.append((after, end, ""))
            elif isinstance(node, Mapping | Sequence):  # `{}`
                self._made.append((after, self._end(node), ""))
            return
        if isinstance(node, Mapping | Sequence):
            end = max(after, self._end(node))
        self._made.append((after, end, f" {flow_text(value)}"))

    def _append(self, mapping: Mapping, entries: Keyed[str, Tree]) -> None:
        if mapping.flow:
            written = ", ".join(f"{scalar(key)}: {flow_text(value)}" for key, value in entries.items())
            if mapping.items:
                last = next(reversed(mapping.items))
                at = self._entry_end(mapping, last)
                before = " , " if _empty(mapping.items[last]) else ", "  # a comma after a colon would be of the key
                self._made.append((at, at, f"{before}{written}"))
            else:
                self._made.append((mapping.start + 1, mapping.end - 1, written))
            return
        at = self._line_end(self._end(mapping))
        indent = next(iter(mapping.keys.values())).column - 1
        lines = block_lines(entries, indent, self._step(mapping))
        self._made.append((at, at, "".join(f"{self._newline}{line}" for line in lines)))

    def _step(self, mapping: Mapping) -> int:
        """Spaces of one level, as the document has them."""
        outer = next(iter(mapping.keys.values())).column
        for value in mapping.items.values():
            if isinstance(value, Mapping) and not value.flow and value.keys:
                return max(1, next(iter(value.keys.values())).column - outer)
        return STEP

    def _after_key(self, mapping: Mapping, key: str) -> int:
        end = mapping.key_ends[key]
        colon = _COLON.match(self.text, end)
        return colon.end() if colon else end

    def _entry_end(self, mapping: Mapping, key: str) -> int:
        node = mapping.items[key]
        return self._after_key(mapping, key) if _empty(node) and isinstance(node, Scalar) else self._end(node)

    def _end(self, node: Node) -> int:
        match node:
            case Mapping(flow=False) if node.items:
                return self._entry_end(node, next(reversed(node.items)))
            case Sequence(flow=False) if node.items:
                return self._end(node.items[-1])
            case _:
                return len(self.text[: node.end].rstrip())

    def _line_end(self, position: int) -> int:
        end = self.text.find("\n", position)
        end = len(self.text) if end < 0 else end
        return end - 1 if self.text[end - 1 : end] == "\r" and end > position else end


def _empty(node: Node) -> bool:
    match node:
        case Scalar(text=text):
            return text is None
        case Mapping(items=items) | Sequence(items=items):
            return not items
