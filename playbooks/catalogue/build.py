"""An Exchange build as four integers, the only form in which builds are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"\s*(\d{1,5})\.(\d{1,5})\.(\d{1,5})\.(\d{1,5})\s*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Build:
    """`major.minor.build.revision`, such as 15.1.2176.9.

    Order is that of the four integers; as text 15.1.2176.14 would stand before 15.1.2176.9.
    """

    major: int
    minor: int
    build: int
    revision: int

    @classmethod
    def parse(cls, text: str) -> Build:
        """Reads `15.1.2176.9` and the form of a version resource, `15.01.2176.009`.

        Raises:
            ValueError: the text is not four numbers of at most five digits.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"not a build of four numbers: {text[:80]!r}")
        return cls(*(int(part) for part in match.groups()))

    @property
    def cu_level(self) -> tuple[int, int, int]:
        """The first three numbers: equal for every update of one cumulative update."""
        return (self.major, self.minor, self.build)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.build}.{self.revision}"
