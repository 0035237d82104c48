"""Whatever a server says, a report shows it as text: no escape, no reordering, no markup, no HTML."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from playbooks.findings import Assessment, Finding, Severity, Verdict
from runner.reports.html import HtmlReport
from runner.reports.json import JsonReport
from runner.reports.jsonl import JsonlReport
from runner.reports.junit import JunitReport
from runner.reports.markdown import MarkdownReport
from runner.reports.page import LIMIT
from runner.reports.sarif import SarifReport
from runner.reports.table import CELL, TableReport
from runner.results import FleetResult, Label, Listed, NotReached, StepResult, fleet_result, judged
from runner.terminal import visible
from runner.terms import End, Ending, Override, Terms
from runner.transport.failures import Cause, Failure

HOSTILE = [
    "\x1b[2J\x1b[1;1Hall servers ok",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "\x9b31mred",
    "\r\nEX9  ok",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "\u202egnp.exe",
    "\u2066abc\u2069\u200f\u061c",
    "zero\u200bwidth\ufefftag\U000e0041",
    "half \ud800 a surrogate \udfff",
    "nul\x00del\x7f",
    "[bold red]markup[/bold red] [link=http://evil.example]x[/link] :smile: [/]",
    "[/nothing open",
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='x",
    "<!-- comment --> <![CDATA[x]]> <?php ?>",
    "{{ 7*7 }} {% raw %} {# #}",
    "&lt;b&gt; &#60;i&#62;",
    "=cmd|' /C calc'!A0",
    "x" * 100_000,
    "Å server 服务器 сервер שרת 🙂",
]
hostile = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(), max_size=30),
    st.text(st.sampled_from("\x1b[]m0;\x07\x9b<>&\"'\u202e\u2066\ud800/{%}\r\n\tab"), max_size=30),
)
SGR = re.compile(r"\x1b\[[0-9;]*m")


def and_each_known(test: Callable[..., None]) -> Callable[..., None]:
    """Tries every string of HOSTILE each time, whatever else is drawn."""
    for text in HOSTILE:
        test = example(text)(test)
    return test


def answering(text: str) -> FleetResult:
    """An audit in which everything that can come from outside is `text`."""
    finding = Finding(text, Severity.HIGH, text, (text,), text, (text,), (text,))
    listed = Listed(text, 5985, (text,), (Label(text, (text, text)),))
    steps = [
        StepResult(
            text, text, Assessment(Verdict.VULNERABLE, text, (finding,), {"product": text or "-", "build": text})
        )
    ]
    return fleet_result(
        text,
        Terms(
            date(2026, 4, 2),
            date(2026, 4, 2),
            End(Ending.INTERRUPTED, text, text),
            (Override(text, text), Override("--as-of", text)),
        ),
        [
            judged(text, text, steps, requests=8, seconds=1, listed=listed),
            NotReached(
                "EX2", "beta", Failure(Cause.PROTOCOL, text, text), steps_due=1, requests=1, seconds=1, listed=listed
            ),
        ],
    )


def answering_alike(text: str) -> FleetResult:
    """An audit of two servers that say the same, so that a page says it once, in two groups of one name a label."""
    finding = Finding(text, Severity.HIGH, text, (text, "alike"), text, (text,), (text,))
    rows = []
    for number in range(2):
        evidence = (*finding.evidence, f"{number}{text}")
        said = Assessment(Verdict.VULNERABLE, text, (replace(finding, evidence=evidence),))
        labels = tuple(Label(name, (f"{number}{text}",)) for name in ("site", "dag", "role"))
        steps = [StepResult("patch", "exchange.patch", said)]
        rows.append(judged(f"{number}{text}", "alpha", steps, 8, 1, Listed(text, 5985, (), labels)))
    return fleet_result("r", Terms(date(2026, 4, 2), date(2026, 4, 2)), rows)


def unshown(text: str) -> set[str]:
    """Characters that steer a display instead of showing on it; our own line ends apart."""
    return {
        each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} and each != "\n"
    }


def marks(written: str) -> list[tuple[str, str]]:
    """What a reader of Markdown makes of it: each mark, with our words; of code, which has the others, that it is."""
    found: list[tuple[str, str]] = []
    for block in MarkdownIt("commonmark").enable("table").parse(written):
        found.append((block.type, block.tag))
        for each in block.children or ():
            outside = each.type == "code_inline" or each.content == "-"  # which stands for nothing said
            found.append(("code", "") if outside else (each.type, each.content))
    return found


def tree(element: ElementTree.Element) -> list[object]:
    """The elements of XML with the names of their attributes."""
    return [element.tag, sorted(element.keys()), [tree(each) for each in element]]


class Structure(HTMLParser):
    """The tags with their attributes, comments and declarations of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.marks: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.marks.append(f"<{tag} {attrs}>")

    def handle_endtag(self, tag: str) -> None:
        self.marks.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.marks.append(f"<!--{data}")

    def handle_pi(self, data: str) -> None:
        self.marks.append(f"<?{data}")

    def unknown_decl(self, data: str) -> None:
        self.marks.append(f"<![{data}")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_strings_of_this_page_would_steer_a_terminal_or_a_browser_if_let_through() -> None:
    assert len({each for text in HOSTILE for each in unshown(text)}) > 15
    assert Structure("".join(HOSTILE)).marks


@settings(max_examples=150)
@given(hostile)
@and_each_known
def test_nothing_that_steers_a_terminal_comes_through(text: str) -> None:
    shown = visible(text)
    assert unshown(shown) == set()
    assert "\n" not in shown


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
@settings(max_examples=60)
def test_letters_of_every_script_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


@given(hostile, st.integers(0, 40))
@settings(max_examples=60)
def test_a_text_longer_than_its_limit_ends_in_an_ellipsis_and_a_shorter_one_is_whole(text: str, limit: int) -> None:
    assert visible(text, limit).endswith("…") or visible(text, limit) == visible(text)
    if len(text) > limit:
        assert visible(text, limit) == visible(text[: max(limit - 1, 0)]) + "…"


@settings(max_examples=60, deadline=None)
@given(hostile, st.booleans(), st.sampled_from([40, 120]))
def test_the_table_sends_a_terminal_only_text_and_its_own_colours(text: str, colour: bool, width: int) -> None:
    written = TableReport(width, colour).render(answering(text))
    assert ("\x1b" in written) is colour
    assert unshown(SGR.sub("", written)) == set()


@settings(max_examples=40, deadline=None)
@given(hostile)
@and_each_known
def test_a_servers_words_add_no_line_of_their_own_to_a_table_that_is_wide_enough(text: str) -> None:
    lines = TableReport(20_000).render(answering(text)).splitlines()
    assert len(lines) == 9  # heading, two hosts, three lines of totals, three findings of the run


@pytest.mark.parametrize("text", [text for text in HOSTILE if len(text) < 100])
def test_the_table_shows_markup_and_emoji_codes_to_the_letter(text: str) -> None:
    assert visible(text) in TableReport(20_000).render(answering(text))


def test_one_servers_flood_of_words_is_cut_in_the_table_and_the_page() -> None:
    flood = answering("x" * 100_000)
    assert "x" * CELL not in TableReport(20_000).render(flood)
    assert "x" * LIMIT not in HtmlReport().render(flood)


# How many commands a server has depends on who takes its name: a selection, a shell, or neither. And what no cell has
# room for is said in full further down.
NAMES = ("harmless", "harm less", "harm\n", "harm " * 100)
HARMLESS = [Structure(HtmlReport().render(answering(text))).marks for text in NAMES]


@settings(max_examples=60, deadline=None)
@given(hostile)
@and_each_known
def test_a_page_has_the_same_tags_and_attributes_whatever_a_server_said(text: str) -> None:
    said = Structure(HtmlReport().render(answering(text or "-")))
    assert said.marks in HARMLESS


ALIKE = [Structure(HtmlReport().render(answering_alike(text))).marks for text in ("less", *NAMES[1:])]


@settings(max_examples=60, deadline=None)
@given(hostile)
@and_each_known
def test_what_several_servers_say_and_are_called_is_text_in_the_picture_and_where_it_is_said_once(text: str) -> None:
    page = HtmlReport().render(answering_alike(text or "-"))
    assert Structure(page).marks in ALIKE
    assert unshown(page) == set()


@settings(max_examples=60, deadline=None)
@given(hostile)
@and_each_known
def test_a_page_holds_no_character_that_reorders_or_hides(text: str) -> None:
    assert unshown(HtmlReport().render(answering(text))) == set()


@pytest.mark.parametrize("text", [text for text in HOSTILE if len(text) < 100])
def test_a_page_shows_to_the_letter_what_the_server_said(text: str) -> None:
    assert visible(text) in "".join(Structure(HtmlReport().render(answering(text))).words)


@settings(max_examples=60, deadline=None)
@given(hostile)
@and_each_known
def test_json_is_printable_ascii_and_reads_back_to_the_servers_very_words(text: str) -> None:
    written = JsonReport().render(answering(text))
    assert written.isascii()
    assert unshown(written) == set()
    read = next(host for host in json.loads(written)["hosts"] if host["verdict"] == "vulnerable")
    words = read["findings"][0]["evidence"][0]
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert words == joined
    assert words.encode().decode() == words


@settings(max_examples=60, deadline=None)
@given(hostile)
@and_each_known
def test_lines_of_json_are_one_a_server_whatever_it_said(text: str) -> None:
    written = JsonlReport().render(answering(text))
    assert written.isascii()
    assert unshown(written) == set()
    kinds = [json.loads(line)["kind"] for line in written.splitlines()]
    assert kinds == ["server", "server", "summary"]


MENTIONS = ["@everyone #1 GH-2", "www.evil.example http://evil.example a@evil.example", "[x](http://evil.example)"]
TABLES = [
    "a|b",
    "\\|",
    "`",
    "``",
    "` | `",
    "\\`|",
    "`a",
    "a`",
    " ",
    "| --- |",
    "![x](//evil.example/x.png)",
    "<//evil.example>",
]


@settings(max_examples=200, deadline=None)
@given(hostile | st.sampled_from(MENTIONS + TABLES) | st.text(st.sampled_from("`|\\ a*_<>[]()!"), max_size=12))
@and_each_known
def test_in_markdown_a_servers_words_are_code_and_nothing_else(text: str) -> None:
    written = MarkdownReport().render(answering(text if text.strip() else "-"))
    assert unshown(written) == set()
    assert marks(written) == marks(MarkdownReport().render(answering("harmless")))


@pytest.mark.parametrize("text", [*MENTIONS, *TABLES])
def test_no_row_of_a_markdown_table_has_more_cells_than_its_heading_however_a_reader_splits_it(text: str) -> None:
    for row in MarkdownReport().render(answering(text)).splitlines():
        if row.startswith("| "):
            # Whether a bar behind a backslash ends a cell is a matter in which readers differ: there is none.
            assert "\\|" not in row.replace(" |", "")
    tables = [line.count("|") for line in MarkdownReport().render(answering(text)).splitlines() if line.startswith("|")]
    assert tables == [
        line.count("|") for line in MarkdownReport().render(answering("harmless")).splitlines() if line[:1] == "|"
    ]


@settings(max_examples=100, deadline=None)
@given(hostile | st.sampled_from(["\ufffe\uffff", "]]>", "&#0;&bogus;", "\U0010ffff"]))
@and_each_known
def test_junit_is_xml_of_the_same_elements_whatever_a_server_said(text: str) -> None:
    written = JunitReport().render(answering(text or "-"))
    assert unshown(written) == set()
    assert tree(ElementTree.fromstring(written)) == tree(ElementTree.fromstring(JunitReport().render(answering("a"))))


@settings(max_examples=100, deadline=None)
@given(hostile | st.sampled_from(["{0}", "[text](http://evil.example)", "\\[a](b)", "[a]\\](b)"]))
@and_each_known
def test_sarif_is_printable_ascii_and_its_messages_have_no_link_and_no_argument(text: str) -> None:
    written = SarifReport().render(answering(text))
    assert written.isascii()
    assert unshown(written) == set()
    for run in json.loads(written)["runs"]:
        for result in run["results"]:
            said = result["message"]["text"]
            assert unshown(said) == set()
            assert "](" not in said
            assert not re.search(r"(?<!\{)(?:\{\{)*\{\d+\}", said)
