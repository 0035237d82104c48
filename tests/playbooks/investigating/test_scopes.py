"""Parameters are kept apart, other names are put back, and neither costs more than the page is long."""

from __future__ import annotations

import pytest

from playbooks.investigating.code import Language
from playbooks.investigating.scopes import aliases, apart, put_back, unmarked
from playbooks.investigating.spelling import Kind, shown, tokens

KEPT: frozenset[str] = frozenset({"request"})


def names(code: str, language: Language) -> list[str]:
    return [each.value for each in apart(tokens(code, language), language, KEPT) if each.kind is Kind.NAME]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        (Language.CSHARP, "void A(string text) { B(text); } void C(int x, string text = null) { D(text); }"),
        (Language.JSCRIPT, "function A(text) { B(text); } function C(x, text) : String { D(text); }"),
        (Language.VB, "Sub A(ByVal text As String)\nB(text)\nEnd Sub\nFunction C(text)\nD(text)\nEnd Function"),
        (Language.VBSCRIPT, "Sub A(text)\nB text\nEnd Sub\nProperty Get C(text)\nD text\nEnd Property"),
    ],
    ids=lambda each: each if isinstance(each, Language) else "",
)
def test_parameters_of_one_name_are_two(language: Language, code: str) -> None:
    found = names(code, language)
    own = {each for each in found if unmarked(each) == "text"}
    assert len(own) == 2
    assert "text" not in own
    assert [unmarked(each) for each in found] == [
        each.value for each in tokens(code, language) if each.kind is Kind.NAME
    ]


@pytest.mark.parametrize(
    "code",
    [
        "void A(string text) { B(text); } text = 1;",
        "void A(string text) { } void B(Page p) { p.text = 1; this.text = 2; }",
        "void A(string request) { B(request); }",
        "B(text); new A(text); return A(text);",
    ],
)
def test_what_is_no_parameter_keeps_its_name(code: str) -> None:
    assert names(code, Language.CSHARP)[-1] in ("text", "request")


def test_where_a_function_has_no_end_nothing_is_kept_apart() -> None:
    assert "text" in names("void A(string text) { B(text);", Language.CSHARP)
    assert "text" in names("Sub A(text)\nB text", Language.VBSCRIPT)


def test_other_names_are_put_back() -> None:
    code = "go = System.Diagnostics.Process.Start"
    statement = tokens(code, Language.CSHARP)
    found = aliases([(Language.CSHARP, statement)], frozenset({"start"}))
    assert shown(put_back(tokens("go(x)", Language.CSHARP), found)) == "System.Diagnostics.Process.Start(x)"
    assert shown(put_back(tokens("a.go(x)", Language.CSHARP), found)) == "a.go(x)"


def test_functions_without_end_are_not_looked_for_without_end() -> None:
    """Each would have to look to the end of the page: it is not the number of functions times the page's length."""
    found = tokens("sub a(x) " * 9_000, Language.VBSCRIPT)
    looked = 0

    class Counted(tuple):  # type: ignore[type-arg]
        def __getitem__(self, at: object) -> object:
            nonlocal looked
            looked += 1
            return tuple.__getitem__(self, at)  # type: ignore[index]

    apart(Counted(found), Language.VBSCRIPT, KEPT)
    assert looked < 5_000_000


def test_another_name_stands_for_no_long_chain() -> None:
    """Else a page would become longer with each use of it than any page may be."""
    statement = tokens("go = " + "a." * 500 + "Process.Start", Language.CSHARP)
    assert not aliases([(Language.CSHARP, statement)], frozenset({"start"}))
