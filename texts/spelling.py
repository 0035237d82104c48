"""What was meant by a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(written: str, known: Iterable[str]) -> str:
    """The one of `known` that was meant, compared without case; empty when none is near."""
    by_fold = {name.casefold(): name for name in known}
    near = get_close_matches(written.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[near[0]] if near else ""


def meant(name: str) -> str:
    """Asks whether this was meant."""
    return f"did you mean `{name}`?"


def suggestion(written: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """`did you mean ...?` for the nearest of `known`; `otherwise` when none is near."""
    near = nearest(written, known)
    return meant(near) if near else otherwise
