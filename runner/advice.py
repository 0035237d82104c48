"""Errors that say what is wrong and what to do about it. Imports nothing, so that every layer may raise one."""

from __future__ import annotations


class AdvisedError(Exception):
    """Something that whoever runs the command can act on: `what` is wrong, `next` is what to do."""

    def __init__(self, what: str, next: str) -> None:  # noqa: A002  # as every record of ours calls it
        super().__init__(what)
        self.what = what
        self.next = next
