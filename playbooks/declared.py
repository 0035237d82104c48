"""Types as contracts and playbooks write them: `text`, `integer?`, `boolean[]`, `bytes?`; and the values of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from playbooks.values import Value


@dataclass(frozen=True, slots=True)
class Domain:
    """What a fact, property or parameter can be: its type and, where somebody listed them, the only values.

    Of a list these are the values of its members. Null is a value where the type says so, listed or not.
    """

    type: str
    values: tuple[str | int | float, ...] | None = None

    def has(self, value: Value) -> bool:
        """Whether a value is of the type and among the values."""
        if not fits(value, self.type):
            return False
        if self.values is None or value is None:
            return True
        return all(member in self.values for member in (value if isinstance(value, tuple) else (value,)))


def fits(value: Value, declared: str) -> bool:
    """Whether a value is of a declared type.

    A whole number is a `number` too, a truth value is neither; NaN and infinities are no numbers. Nothing is converted.
    """
    return declared.endswith("?") if value is None else _FITS[declared](value)


def accepts(wanted: str, given: str) -> bool:
    """Whether every value of type `given` is one of type `wanted`."""
    if given.endswith("?") and not wanted.endswith("?"):
        return False
    wanted, given = wanted.removesuffix("?"), given.removesuffix("?")
    if wanted.endswith("[]") != given.endswith("[]"):
        return False
    wanted, given = wanted.removesuffix("[]"), given.removesuffix("[]")
    return wanted == given or (wanted == "number" and given == "integer")


def in_words(declared: str) -> str:
    """`text`, `a list of integers, or null`."""
    bare = declared.removesuffix("?")
    words = _LISTS[bare.removesuffix("[]")] if bare.endswith("[]") else _SINGLE[bare]
    return f"{words}, or null" if declared.endswith("?") else words


_IS: Mapping[str, Callable[[Value], bool]] = {
    "text": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
    ),
    "boolean": lambda value: isinstance(value, bool),
}


def _lists_of(is_one: Callable[[Value], bool]) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, tuple) and all(map(is_one, value))


# By every type as it is written; of values that are not null.
_FITS: Mapping[str, Callable[[Value], bool]] = {
    f"{written}{null}": fitting
    for bare, is_one in _IS.items()
    for written, fitting in ((bare, is_one), (f"{bare}[]", _lists_of(is_one)))
    for null in ("", "?")
} | dict.fromkeys(("bytes", "bytes?"), lambda value: isinstance(value, bytes))
_SINGLE = {"text": "text", "integer": "an integer", "number": "a number", "boolean": "true or false", "bytes": "bytes"}
_LISTS = {
    "text": "a list of texts",
    "integer": "a list of integers",
    "number": "a list of numbers",
    "boolean": "a list of true and false",
}
