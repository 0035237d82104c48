"""What is wrong with a text that somebody wrote, and what to do about it: two fields, joined only to be printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from texts.places import Location

SHOWN = 50


def said(what: str, advice: str) -> str:
    """What is wrong and what to do, in one line for people."""
    return f"{what}; {advice}" if advice else what


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and what to do. Never holds a value that could be a secret.

    Attributes:
        rule: the linter's, where it is a script's problem.
    """

    location: Location
    what: str
    advice: str = ""
    rule: str = ""

    def __str__(self) -> str:
        kind = "".join(f" {part}:" for part in (self.location.path, self.rule) if part)
        return f"{self.location}:{kind} {said(self.what, self.advice)}"


class MistakeError(ValueError):
    """Something that was written is wrong, said by what does not know where it stands: a validator of a model, or the
    reader of a cell.

    Attributes:
        way: from where the validator stands to the part that is to be changed, as keys and indexes.
    """

    def __init__(self, what: str, advice: str, *, way: tuple[str | int, ...] = ()) -> None:
        self.what = what
        self.advice = advice
        self.way = way
        super().__init__(said(what, advice))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each once: files in the order in which they were met, and what is wrong in one as it stands there."""
    once = tuple(dict.fromkeys(problems))
    files = {name: number for number, name in enumerate(dict.fromkeys(problem.location.file for problem in once))}

    def place(problem: Problem) -> tuple[int, int, int, str]:
        at = problem.location
        return files[at.file], at.line, at.column, problem.what

    return tuple(sorted(once, key=place))


def in_lines(problems: Iterable[Problem]) -> list[str]:
    """A line for each of the first SHOWN, and one that counts the others."""
    lines = [str(problem) for problem in problems]
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"and {len(lines) - SHOWN} more"]
