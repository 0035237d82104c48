"""Script that Microsoft's Script Encoder hid is read as it was, and judged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playbooks.investigating.encoder import ALPHABETS, ORDER, PLAIN, SPELLED, deciphered
from playbooks.investigating.webshells import Grade
from tests.playbooks.investigating.servers import file, ids, judged
from tests.playbooks.investigating.techniques import said

# Of Microsoft's page "Script Encoding Sample", which has lost the tabs that were in it.
_PUBLISHED = (
    "@#@&0;mDkWP7nDb0zZKD.n1YAMGhk+Dvb`@#@&P,kW`UC7kLlDGDcl22gl:n~{'~Jtr1DGkW6YP&xDnD+OPA62sKD+ME#@#@&P,~~k6Pv"
    "xC\\rLmYGDcCwa.n.kkWU bx[+X66Pcr*cJ#,@*{~!*"
)
_SAMPLE = (
    "\r\nfunction verifyCorrectBrowser(){\r\n"
    '  if(navigator.appName == "Microsoft Internet Explorer")\r\n    if (navigator.appVersion.indexOf ("5.") >= 0)'
)


def encoded(script: str) -> str:
    """As the encoder writes it, but for length and sum."""
    spelled = {plain: pair for pair, plain in SPELLED.items()}
    parts, at = [], 0
    for each in script:
        other = ALPHABETS[int(ORDER[at % 64])][PLAIN.index(each)] if each in PLAIN else each
        parts.append(spelled.get(each, other))
        at += each.isascii()
    return f"#@~^AAAAAA=={''.join(parts)}AAAAAA==^#~@"


def test_the_alphabets_are_those_of_microsoft() -> None:
    assert encoded(_SAMPLE)[12:-12].replace("\t", "") == _PUBLISHED


def test_every_alphabet_has_every_character_once() -> None:
    assert {frozenset(each) for each in ALPHABETS} == {frozenset(PLAIN)}
    assert len(ORDER) == 64


@given(st.text(), st.text(st.characters(exclude_characters="#@=")))
def test_what_was_encoded_comes_back(script: str, around: str) -> None:
    assert deciphered(f"{around}{encoded(script)}{around}") == f"{around}{script}{around}"


@given(st.text(st.sampled_from("#@~^=A%> ")))
def test_what_is_no_encoded_script_fails_on_nothing(text: str) -> None:
    deciphered(text)


def test_an_encoded_web_shell_is_told_by_what_it_does() -> None:
    script = said('«stopvbs»«do»Global «ask»("z")')
    page = f'<%@ LANGUAGE = "VBScript.Encode"%>\n<%{encoded(script)}%>'
    (verdict,) = judged(file("D:\\sites\\shop\\e.asp", page))
    assert verdict.verdict is Grade.MALICIOUS
    assert {"content.visitor-runs", "content.encoded-script"} <= ids(verdict)


def test_an_encoded_script_without_an_end_is_read() -> None:
    script = said('<script language="JScript.Encode" «srv»>') + encoded(said('«stopj»«run»(«ask»("z"))'))[:-12]
    (verdict,) = judged(file("D:\\sites\\shop\\e.asp", f"{script}</script>"))
    assert "content.visitor-runs" in ids(verdict)


def test_an_encoded_script_that_does_nothing_is_no_web_shell() -> None:
    page = f'<%@ LANGUAGE = "VBScript.Encode"%>\n<%{encoded("Response.Write Now")}%>'
    (verdict,) = judged(file("D:\\sites\\shop\\e.asp", page))
    assert verdict.verdict is Grade.SUSPICIOUS
    assert ids(verdict) == {"content.encoded-script"}
