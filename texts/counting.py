"""Numbers in sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """`1 server`, `2 servers`: for nouns whose plural is made with an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
