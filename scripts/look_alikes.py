"""Makes inventory/look_alikes.csv from Unicode's confusables (UTS #39), which PyPI's confusable-homoglyphs carries.

    pip install confusable-homoglyphs==3.3.1
    python scripts/look_alikes.py > inventory/look_alikes.csv

Kept are letters and digits outside ASCII that are drawn like one ASCII letter or digit: servers have ASCII names, and a
name that poses as one of them is what must be found. Left out is what NFKC resolves by itself, what looks like several
letters (ligatures), and pairs outside ASCII: of these some are two letters of one language (German ö, Hungarian ő).

UTS #39 takes 0 for O, and 1 and I for l. Administrators count servers: EX01 and EXO1 stay two names, so a digit stands
for the ASCII digit here, and a capital drawn like a stroke for I.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from importlib.resources import files

_DIGIT_FOR = {"O": "0", "l": "1"}


def _kind(character: str) -> str:
    return unicodedata.category(character)


def _drawn_like(character: str, prototype: str) -> str:
    if _kind(character)[0] == "N":
        return _DIGIT_FOR.get(prototype, prototype)
    if prototype == "l" and _kind(character) == "Lu":
        return "I"
    return prototype


def main() -> None:
    confusables = json.loads(files("confusable_homoglyphs").joinpath("confusables.json").read_text(encoding="utf-8"))
    rows = []
    for character, alike in confusables.items():
        if len(character) != 1 or character.isascii() or _kind(character)[0] not in "LN" or len(alike) != 1:
            continue
        prototype = alike[0]["c"]
        posing = len(prototype) == 1 and prototype.isascii() and prototype.isalnum()
        if posing and unicodedata.normalize("NFKC", character) == character:
            rows.append((character, _drawn_like(character, prototype)))
    sys.stdout.write("letter,drawn_like\n")
    for character, alike in sorted(rows):
        sys.stdout.write(f"{character},{alike}\n")


if __name__ == "__main__":
    main()
