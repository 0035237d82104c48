"""Techniques of web shells as samples that do nothing: put together here, of pieces, when the tests run.

Every sample has the marks of its technique and a statement that keeps any compiler from taking it (`STOP`), and words
that a scanner of files would look for stand in this file in pieces alone. None would run on any server.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tests.playbooks.investigating.servers import EXCHANGE

# What the pieces mean. The left side stands in the samples, between « and ».
_WORDS: Mapping[str, str] = {
    "run": "ev" + "al",
    "do": "Exec" + "ute",
    "ask": "Req" + "uest",
    "free": "uns" + "afe",
    "proc": "Pro" + "cess",
    "go": "Sta" + "rt",
    "info": "Pro" + "cessSt" + "artInfo",
    "asm": "Assem" + "bly",
    "load": "Lo" + "ad",
    "shell": "WScr" + "ipt.Sh" + "ell",
    "cmd": "cm" + "d.e" + "xe",
    "ps": "power" + "shell",
    "make": "Create" + "Object",
    "fso": "Scripting.FileSyst" + "emObject",
    "b64": "FromBase" + "64String",
    "write": "Write" + "AllText",
    "reply": "Resp" + "onse.Wr" + "ite",
    "sql": "xp_cmd" + "shell",
    "jseval": "JScript" + "Eva" + "luate",
    "long": "QUJD" * 40,
    "srv": 'run' + 'at="ser' + 'ver"',
    # Statements that no compiler takes: the sample does nothing, wherever it lies.
    "stop#": "\n#error inert sample\n",
    "stopj": ";%inert%sample%;",
    "stopvb": "\nInert Sample Never\n",
    "stopvbs": "\nNext\n",
}  # fmt: skip
SITE = "D:\\sites\\shop"
ROOT = "C:\\inetpub\\wwwroot"
AUTH = f"{EXCHANGE}\\FrontEnd\\HttpProxy\\owa\\auth"
TEMPORARY = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\Temporary ASP.NET Files\\root\\e22c2559\\92c7e946"


_PLACES = {"auth": AUTH, "exchange": EXCHANGE, "site": SITE, "root": ROOT}


@dataclass(frozen=True, slots=True)
class Technique:
    """A sample: where it lies, what it holds, and by which reason it is to be found."""

    name: str
    path: str
    content: bytes
    reason: str


def said(text: str) -> str:
    """A text with its words put in; `«64:x:64»` is x in Base64, `«utf7:x:utf7»` x in UTF-7."""
    text = re.sub(r"«64:(.*?):64»", lambda found: _in_base64(said(found[1]).encode()), text, flags=re.DOTALL)
    text = re.sub(r"«utf7:(.*?):utf7»", lambda found: _in_base64(said(found[1]).encode("utf-16-be")).rstrip("="), text)
    for name, word in _WORDS.items():
        text = text.replace(f"«{name}»", word)
    return text


def _in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _texts() -> Iterator[Technique]:
    for each in YAML(typ="safe").load(Path(__file__).with_suffix(".yml")):
        place = re.sub(r"^«(\w+)»", lambda found: _PLACES[found[1]], each["path"])
        yield Technique(each["name"], place, said(each["content"]).encode(), each["reason"])


_PAGE = said('<%@ Page Language="Jscript"%><%«stopj» «run»(«ask»["z"],"«free»"); %>').encode()
_GIF = b"GIF89a\x01\x00\x01\x00"
_DER = b"\x30\x82\x04\xd2\x30\x82\x03\xba\x02\x01\x00"
_PST = b"!BDN\x9f\x01\x8e\x53\x4d" + bytes(600)
_PROGRAM = b"MZ\x90\x00" + bytes(200) + "~/aspnet_client/x.aspx".encode("utf-16-le") + bytes(40)
_WIDE = _PAGE.decode()
_BYTES: tuple[tuple[str, str, bytes, str], ...] = (
    ("wrapped into an exported mailbox", f"{ROOT}\\aspnet_client\\x.aspx", _PST + _PAGE, "content.wrapped-pst"),
    ("wrapped into a certificate request", f"{AUTH}\\x.aspx", _DER + _PAGE + b"\x30\x0d", "content.wrapped-der"),
    ("in a picture", f"{SITE}\\x.aspx", _GIF + _PAGE, "content.wrapped-picture"),
    ("behind bytes that are no text", f"{SITE}\\y.aspx", bytes(range(1, 9)) * 40 + _PAGE, "content.wrapped-binary"),
    ("UTF-16 with a mark", f"{SITE}\\z.aspx", b"\xff\xfe" + _WIDE.encode("utf-16-le"), "content.visitor-runs"),
    ("UTF-16 without a mark", f"{SITE}\\w.aspx", _WIDE.encode("utf-16-be"), "content.encoding"),
    ("UTF-32", f"{SITE}\\v.aspx", b"\xff\xfe\x00\x00" + _WIDE.encode("utf-32-le"), "content.visitor-runs"),
    ("EBCDIC", f"{SITE}\\u.aspx", _WIDE.encode("cp037"), "content.encoding"),
    (
        "library of a compiled page of aspnet_client",
        f"{TEMPORARY}\\App_Web_x1y2z3a4.dll",
        _PROGRAM + said("«jseval»").encode() + b"get_Request",
        "content.compiled-shell",
    ),
)

TECHNIQUES: tuple[Technique, ...] = (
    *_texts(),
    *(Technique(name, path, data, reason) for name, path, data, reason in _BYTES),
)
