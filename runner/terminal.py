"""Text of a server, made fit to be shown: nothing in it can move a cursor, recolour, reorder or hide other text."""

from __future__ import annotations

import unicodedata

# Control, format (bidirectional overrides, zero-width, tags), lone surrogates, private use, line and paragraph ends.
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(text: str, limit: int | None = None) -> str:
    """`text` with every character that does not show itself spelt out, such as `<U+001B>`.

    Letters of every script stay as they are. Line ends and tabs are spelt out too: a server's words never begin a
    line of ours.

    Args:
        text: tainted.
        limit: characters to keep; what is longer ends in `…`. None keeps all.
    """
    cut = limit is not None and len(text) > limit
    kept = text[: max(limit - 1, 0)] if cut and limit is not None else text
    if not kept.isprintable():
        kept = "".join(f"<U+{ord(each):04X}>" if unicodedata.category(each) in _UNSHOWN else each for each in kept)
    return kept + "…" if cut else kept
