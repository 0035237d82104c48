"""Libraries are told by the names that .NET needs in them, and by their texts; nothing of them is run.

The samples are no libraries: they have the beginning of one and the names, and no instruction.
"""

from __future__ import annotations

import struct

import pytest

from playbooks.investigating.webshells import Grade
from tests.playbooks.investigating.servers import file, ids, judged
from tests.playbooks.investigating.techniques import TEMPORARY, said

_BEGINNING = b"MZ\x90\x00" + bytes(124)


def library(names: str, *texts: str) -> bytes:
    """Names as .NET's #Strings has them, texts as its #US has them."""
    kept = b"".join(said(name).encode() + b"\0" for name in names.split())
    wide = [said(each).encode("utf-16-le") for each in texts]
    told = b"".join(min(len(each) + 1, 0x7F).to_bytes() + each + b"\0" for each in wide)
    return _BEGINNING + b"BSJB\0#~\0\0" + kept + b"\0" + told


def native(*exported: str) -> bytes:
    """A program without code that exports these names."""
    names = [each.encode() + b"\0" for each in exported]
    tables = 40 + 10 * len(names)
    places, text = [], b""
    for each in (b"m.dll\0", *names):
        places.append(0x1000 + tables + len(text))
        text += each
    directory = struct.pack("<IIHHIIIIIII", 0, 0, 0, 0, places[0], 1, len(names), len(names), 0x1028, 0, 0)
    pointers = 0x1028 + 4 * len(names)
    directory = directory[:32] + struct.pack("<II", pointers, pointers + 4 * len(names))
    directory += struct.pack(f"<{len(names)}I", *[0x1000] * len(names))
    directory += struct.pack(f"<{len(names)}I", *places[1:]) + struct.pack(f"<{len(names)}H", *range(len(names)))
    section = (directory + text).ljust(0x200, b"\0")
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, 224, 0x2102)
    optional = struct.pack(
        "<HBBIIIIIIIIIHHHHHHIIIIHHIIIIII",
        0x10B,
        0,
        0,
        0x200,
        0,
        0,
        0,
        0x1000,
        0x1000,
        0x10000000,
        0x1000,
        0x200,
        4,
        0,
        0,
        0,
        4,
        0,
        0,
        0x2000,
        0x200,
        0,
        2,
        0,
        0,
        0,
        0,
        0,
        0,
        16,
    )
    optional += struct.pack("<II", 0x1000, len(directory + text)) + bytes(15 * 8)
    header = struct.pack("<8sIIIIIIHHI", b".rdata", 0x200, 0x1000, 0x200, 0x200, 0, 0, 0, 0, 0x40000040)
    return (dos + coff + optional + header).ljust(0x200, b"\0") + section


PAGE = "FastObjectFactory_app_web_x1y2 ASP x_aspx get_Request get_Form get_Item"
SAMPLES = [
    ("evaluates", library(f"{PAGE} «jseval»", "«free»"), Grade.MALICIOUS, "content.library-evaluates"),
    (
        "loads",
        library(f"{PAGE} «asm» «load» CreateDecryptor TransformFinalBlock CreateInstance BinaryRead"),
        Grade.SUSPICIOUS,
        "content.library-loads",
    ),
    (
        "module loads",
        library("IHttpModule get_Request get_Headers «asm» «load» «b64» InvokeMember"),
        Grade.SUSPICIOUS,
        "content.library-loads",
    ),
    ("commands", library(f"{PAGE} «info» «go»", "«cmd»", "/c "), Grade.SUSPICIOUS, "content.library-commands"),
    (
        "keeps passwords",
        library("IHttpModule get_Request get_Form AppendAllText", "/owa/auth.owa", "password"),
        Grade.MALICIOUS,
        "content.library-passwords",
    ),
    (
        "hides one",
        library("«asm» «load» «b64»", "TVqQAAMAAAAEAAAA//8AALgA"),
        Grade.SUSPICIOUS,
        "content.library-hidden",
    ),
    ("native module", native("RegisterModule"), Grade.SUSPICIOUS, "content.native-module"),
]
HONEST = [
    ("page", library(f"{PAGE} HtmlEncode Write Session")),
    ("starts a converter", library(f"{PAGE} «info» «go» set_FileName", "wkhtmltopdf.exe", "-q -")),
    ("finds its own methods", library(f"{PAGE} GetMethod Invoke GetTypes")),
    ("reads pictures in Base64", library(f"{PAGE} «b64» BinaryWrite")),
    ("plug-ins", library("«asm» «load» GetTypes CreateInstance GetFiles")),
    ("a mail module", library("IHttpModule get_Request get_Form", "password")),
    ("one that writes a log", library("IHttpModule get_Request AppendAllText", "requests.log")),
    ("no program of .NET", native("DllGetClassObject", "DllCanUnloadNow")),
    ("templates among its texts", library("IHttpHandler get_Request", said("<%@ Page %><% «run»(«ask»[1]) %>"))),
]


@pytest.mark.parametrize(
    ("content", "grade", "reason"), [each[1:] for each in SAMPLES], ids=[each[0] for each in SAMPLES]
)
@pytest.mark.parametrize("path", [f"{TEMPORARY}\\App_Web_x1y2.dll", "D:\\sites\\shop\\bin\\x.dll"])
def test_a_library_is_told_by_what_it_needs(path: str, content: bytes, grade: Grade, reason: str) -> None:
    (verdict,) = judged(file(path, content))
    assert (verdict.verdict, reason in ids(verdict)) == (grade, True), verdict.reasons


@pytest.mark.parametrize("content", [each[1] for each in HONEST], ids=[each[0] for each in HONEST])
def test_an_honest_library_stays_unknown(content: bytes) -> None:
    (verdict,) = judged(file("D:\\sites\\shop\\bin\\x.dll", content))
    assert verdict.verdict is Grade.UNKNOWN, verdict.reasons


def test_a_library_among_many_texts_is_read_in_time() -> None:
    (verdict,) = judged(file("D:\\sites\\shop\\bin\\x.dll", library("Load " * 10_000, "cmd " * 5_000)))
    assert verdict.verdict is Grade.UNKNOWN


def test_a_page_that_begins_as_a_program_is_a_page() -> None:
    page = said('<%@ Page Language="Jscript"%><%«stopj» «run»(«ask»["z"]); %>').encode()
    (verdict,) = judged(file("D:\\sites\\shop\\x.aspx", _BEGINNING + page))
    assert "content.visitor-runs" in ids(verdict)
