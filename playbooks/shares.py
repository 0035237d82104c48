"""How many of all hosts are meant, as it is written: a count, a percentage of them, the rest. Patterns alone."""

from __future__ import annotations

__all__ = ["SHARE", "WAVE"]

SHARE = r"^([1-9][0-9]{0,5}|([1-9][0-9]?|100)%)$"
"""Of a failure budget: `3`, `5%`."""

WAVE = r"^([1-9][0-9]{0,5}|([1-9][0-9]?|100)%|rest)$"
"""The size of a wave: `1`, `10%`, `rest`."""
