"""What a page holds is looked into whatever it is, and to its end or it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.investigating.code import Language, server_code
from playbooks.investigating.content import look
from playbooks.investigating.decoding import decoded
from playbooks.investigating.spelling import shown, tokens
from playbooks.investigating.verdicts import Grade
from tests.playbooks.investigating.servers import file, ids, judged
from tests.playbooks.investigating.techniques import TECHNIQUES, Technique, said

PIECES = st.sampled_from(
    [
        *(
            '<%@ Page Language="C#" %>',
            "<%",
            "%>",
            "<%--",
            "--%>",
            '<script runat="server">',
            "</script>",
            "<script ",
            '"',
        ),
        *(
            "'",
            "/*",
            "*/",
            "//",
            "\n",
            "(",
            ")",
            "{",
            "}",
            "[",
            "]",
            ";",
            ",",
            "=",
            "+",
            "&",
            "Request",
            "eval",
            "x",
            " ",
        ),
        *(
            "Replace",
            ".",
            '"a"',
            "StrReverse",
            "Chr",
            "97",
            "\\u0065",
            "@",
            "<!--#include file=",
            "Sub f(a)",
            "return",
            "#",
        ),
        *(
            "Session",
            "if",
            "then",
            "for each",
            "in",
            "as",
            "Dim",
            "\ufeff",
            "\u200b",
            "utf-7",
            "+AGE-",
            "Execute",
            "\0",
        ),
    ]
)
ENDINGS = st.sampled_from(["aspx", "asp", "ashx", "cshtml", "config", "js", "html", "cs", "compiled", "dll", ""])


@given(st.lists(PIECES, max_size=60).map("".join), ENDINGS)
def test_whatever_a_page_holds_it_is_looked_into(text: str, ending: str) -> None:
    for data in (text.encode("utf-8", "surrogatepass"), text.encode("utf-16")):
        looked = look(data, ending)
        assert all(each.text and each.id.startswith("content.") for each in looked.reasons)


@given(st.binary(max_size=300), ENDINGS)
def test_whatever_bytes_a_page_has_they_are_looked_into(data: bytes, ending: str) -> None:
    look(data, ending)
    assert isinstance(decoded(data).text, str)


_OF_CODE = [
    each
    for each in TECHNIQUES
    if each.reason.startswith(("content.visitor", "content.eval", "content.shell")) and each.path.endswith(".aspx")
    if each.content.startswith(b"<%@ Page")
]


@given(st.sampled_from(_OF_CODE), st.integers(0, 400), st.sampled_from(["\r\n", "\n", "\r\n\r\n"]))
def test_text_before_a_sample_and_other_ends_of_lines_hide_nothing(each: Technique, before: int, end: str) -> None:
    content = b"<p>x</p>" * before + each.content.replace(b"\n", end.encode())
    (verdict,) = judged(file(each.path, content))
    assert verdict.verdict in (Grade.MALICIOUS, Grade.SUSPICIOUS)


@pytest.mark.parametrize(
    ("language", "code", "meant"),
    [
        (Language.CSHARP, 'a /* b */ . c // d\n("e" + "f")', 'a.c("ef")'),
        (Language.CSHARP, '@"a""b" + "\\x41\\u0042"', '"a"bAB"'),
        (Language.CSHARP, "\\u0061b\\U00000063", "abc"),
        (Language.CSHARP, 'var a = "x"; f(a + "y");', 'var a="x";f("xy");'),
        (Language.CSHARP, 'var a = "x"; a = "z"; f(a + "y");', 'var a="x";a="z";f(a+"y");'),
        (Language.JSCRIPT, 'String.fromCharCode(101) + "v"', '"ev"'),
        (Language.JSCRIPT, '"evxal".Replace("x", "")', '"eval"'),
        (Language.VBSCRIPT, 'a = "b" & Chr(99) & ChrW(&h64) & Chr(&o145) \' e', 'a="bcde"'),
        (Language.VBSCRIPT, 'a = _\n  StrReverse("lave") : rem b', 'a="eval"\n'),
        (Language.VBSCRIPT, 'Replace("e*v", "*", "a")', '"eav"'),
        (Language.VB, "[a].b(\u201cc\u201d)", 'a.b("c")'),
    ],
)
def test_code_is_read_as_it_is_meant(language: Language, code: str, meant: str) -> None:
    assert shown(tokens(code, language)) == meant


def test_a_text_that_would_have_no_end_is_not_put_together() -> None:
    grows = '"a"' + '.Replace("a", "aaaa")' * 40
    assert len(shown(tokens(grows, Language.CSHARP))) < 100_000
    held = 'a = "' + "x" * 500 + '"; b = ' + "a + " * 20_000 + '"";'
    assert len(shown(tokens(held, Language.CSHARP))) < 400_000


@pytest.mark.parametrize("piece", ["a(", "a=b+", "{", 'x["' + "ev" + 'al"]('])
def test_code_that_cannot_be_followed_to_its_end_is_said(piece: str) -> None:
    (verdict,) = judged(file("D:\\shop\\x.aspx", "<% " + piece * (256 * 1024 // len(piece))))
    assert verdict.verdict is Grade.SUSPICIOUS
    assert "content.entangled" in ids(verdict)


@pytest.mark.parametrize(
    "text",
    ["<%--" * 20_000, "<script " * 20_000, '<script "' * 20_000, "<script " + "a" * 100_000, "<%" + "\n" * 100_000],
)
def test_what_does_not_end_holds_nothing_up(text: str) -> None:
    """A reader that goes back over such a page would not come to an end within anybody's patience."""
    assert server_code(text, "aspx").includes == ()


def test_a_template_of_a_browser_is_no_code_unless_iis_runs_it() -> None:
    template = said("<% var x = «ask»(1); «run»(«ask»(2)) %>").encode()
    assert look(template, "js").reasons == ()
    assert not look(template, "html").runs
    assert look(template, "html", mapped=True).runs
    (verdict,) = judged(file("D:\\shop\\x.js", template))
    assert verdict.verdict is Grade.UNKNOWN


def test_what_a_configuration_has_run_as_pages_is_looked_into_as_one() -> None:
    handlers = '<handlers><add path="*.log" verb="*" type="System.Web.UI.PageHandlerFactory" /></handlers>'
    config = file(
        "D:\\shop\\web.config", f"<configuration><system.webServer>{handlers}</system.webServer></configuration>"
    )
    page = file("D:\\shop\\aspnet_client\\x.log", "<p>x</p>")
    assert judged(page)[0].verdict is Grade.UNKNOWN
    assert "location.aspnet-client" in ids(judged(page, config)[0])
