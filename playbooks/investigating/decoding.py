"""The text of a page, whatever its bytes are: as ASP.NET and ASP would take it, and as somebody may have wrapped it.

A page that is exported as a mailbox (`!BDN`, MS-PST) or as a certificate request (DER, `30 82`) begins with bytes that
are no text, and is run all the same: IIS looks for `<%` and `<script runat="server">` wherever they stand (ProxyShell,
signature-base expl_proxyshell.yar).
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from dataclasses import dataclass

__all__ = ["Decoded", "decoded"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_UTF7_MARK = re.compile(rb"\+/v[89+/]-?")
_UTF7 = re.compile(r"\+([A-Za-z0-9+/]*)-?")
_UTF7_SAID = re.compile(r"utf-?7|65000", re.IGNORECASE)
# A page that names an encoding in its code, for a list say, is not written in it.
_SAID_AS_ITS_OWN = re.compile(r"""(?i)<%\s*@[^%]*=\s*["']?\s*(?:utf-?7|65000)\b|<%@?[^%]*\bcodepage\s*=\s*["']?65000""")
_HIDDEN = 8  # letters and digits, which nobody needs to write otherwise in UTF-7
_EBCDIC = "<%@".encode("cp037")
_WRAPPINGS = ((b"!BDN", "pst"), (b"\x30\x82", "der"), (b"MZ", "program"), (b"PK\x03\x04", "zip"))
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"%PDF-", b"\x00\x00\x01\x00")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page's text.

    Attributes:
        text: what it says; bytes that are no character of its encoding stand as the character of their number.
        encoding: `UTF-8`, `UTF-16`, `UTF-32`, `UTF-7`, `EBCDIC`, or empty for a text without any mark.
        wrapping: `pst`, `der`, `program`, `zip`, `picture`, `binary` for what begins as no text; empty for text.
        marked: whether a byte order mark said the encoding.
    """

    text: str
    encoding: str
    wrapping: str
    marked: bool


def decoded(content: bytes) -> Decoded:
    """The text of some bytes; never fails."""
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return Decoded(content[len(mark) :].decode(codec, "replace"), name, "", True)
    if found := _UTF7_MARK.match(content):
        return Decoded(_of_utf7(content[found.end() :].decode("latin-1")), "UTF-7", "", True)
    wrapping = _wrapping(content)
    if not wrapping and (codec := _wide(content)):
        return Decoded(content.decode(codec, "replace"), "UTF-16", "", False)
    if not wrapping and _EBCDIC in content[:4096]:
        return Decoded(content.decode("cp037"), "EBCDIC", "", False)
    text = _plain(content)
    if not wrapping and _UTF7_SAID.search(text):
        meant = _of_utf7(text)
        if _SAID_AS_ITS_OWN.search(text) or _hides(text):
            return Decoded(f"{text}\n{meant}", "UTF-7", "", False)
    return Decoded(text, "", wrapping, False)


def _plain(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _wide(content: bytes) -> str:
    """The codec of a UTF-16 text without a mark: every other byte of its beginning is 0."""
    head = content[:400]
    if len(head) < 8:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) // 4 and even * 8 < odd:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) // 4 and odd * 8 < even else ""


def _wrapping(content: bytes) -> str:
    for mark, name in _WRAPPINGS:
        if content.startswith(mark):
            return name
    if content.startswith(_PICTURES):
        return "picture"
    head = content[:256]
    controls = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return "binary" if head and controls * 10 > len(head) and not _wide(content) else ""


def _hides(text: str) -> bool:
    """Whether letters and digits of ASCII are written in it as UTF-7 has only other characters."""
    count = 0
    for found in _UTF7.finditer(text):
        if found[1]:
            meant = _of_utf7(found[0])
            count += sum(each.isascii() and each.isalnum() for each in meant) if meant.isascii() else 0
    return count >= _HIDDEN


def _of_utf7(text: str) -> str:
    def run(found: re.Match[str]) -> str:
        if not found[1]:
            return "+"
        try:
            raw = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4))
        except (binascii.Error, ValueError):
            return found[0]
        return raw[: len(raw) // 2 * 2].decode("utf-16-be", "replace")

    return _UTF7.sub(run, text)
