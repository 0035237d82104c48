"""Script as it was before Microsoft's Script Encoder hid it (`VBScript.Encode`, `JScript.Encode`).

`#@~^`, six characters for the length, `==`, the script, six for the sum, `==^#~@`. Each character of ASCII is another,
by one of three alphabets, in an order that begins anew every 64 characters; `<`, `>`, `@` and ends of lines are two
characters. No key is in it: whoever knows the alphabets reads it (Mr Brownstone, scrdec, 2001; the alphabets as
binary-refinery's wshenc has them).
"""

from __future__ import annotations

import re

__all__ = ["ALPHABETS", "ORDER", "PLAIN", "SPELLED", "deciphered"]

PLAIN = "\t" + "".join(chr(number) for number in range(32, 128) if chr(number) not in "<>@")
"""What has another character in each alphabet, in the order of these."""

# fmt: off
ALPHABETS = (
    "7~ZE:yY'vcbMQSR &Tq+f*X\x7f{01lIx_)$/93o!u(BFJ\\H6K}]jPi#\tpet,wD?m|C8^[nWL4r%VshUG25.dO;-Aaz\"`kN=g",
    "i,er[fuLEv*C3B cJZ8y2Wl+FRO=p{Qz~;GAwV_&xndtg}h5\"U:`jqoI\\]'Y%|#m(19\x7f6T4bN0^s\tKa$MkD!7SXH.P-)?/",
    "dP\"Ja^][B`#e_~ORz!F &c*vG%,)i'gbAZf2sMCq9|SH1rnpI?Kj.\x7f(5}$-T7{=l4mN+0otkL3V:xWw;D/YE\\h6Xy\tu8UQ",
)
# fmt: on
ORDER = "0120121221210212021200122102122100212120200120210212001220012021"
"""The alphabet of each of 64 characters; what is not of ASCII counts for none."""

SPELLED = {"@$": "@", "@!": "<", "@*": ">", "@#": "\r", "@&": "\n"}
_TABLES = tuple(dict(zip(alphabet, PLAIN, strict=True)) for alphabet in ALPHABETS)
_BLOCK = re.compile(
    r"#@~\^[A-Za-z0-9+/]{6}==(.*?)(?:[A-Za-z0-9+/]{6}==\^#~@|(?=%>|</script|#@~\^)|\Z)", re.DOTALL | re.I
)
_PIECE = re.compile(r"@[$!*#&]|.", re.DOTALL)


def deciphered(text: str) -> str:
    """A text with every encoded script in it as it was; what is no encoded script stays.

    The length and the sum are not asked: a program that reads a script is less strict than one that would pass it over.
    """
    return _BLOCK.sub(lambda found: _plain(found[1]), text) if "#@~^" in text else text


def _plain(script: str) -> str:
    at = 0
    parts = []
    for found in _PIECE.finditer(script):
        piece = found[0]
        if piece in SPELLED:
            parts.append(SPELLED[piece])
        else:
            parts.append(_TABLES[int(ORDER[at % 64])].get(piece, piece) if piece.isascii() else piece)
        at += piece.isascii()
    return "".join(parts)
