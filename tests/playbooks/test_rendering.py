"""Rendering: no value leaves its literal, and the same inputs give the same bytes."""

from __future__ import annotations

import json
import math
import struct
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.errors import RenderingError
from playbooks.lint import lint
from playbooks.rendering import literal, render

ESCAPES = Path(__file__).resolve().parent / "escape" / "values.yml"
# JSON's escapes, one a line: YAML readers differ about lone surrogates.
TEXTS = [json.loads(line[4:]) for line in ESCAPES.read_text(encoding="utf-8").splitlines() if line.startswith("  - ")]
OTHERS = [
    None, True, False, 0, 1, -1, 2**31, -(2**31), 2**63 - 1, -(2**63), 0.1, -0.5, 1e16, 1e-7, 1.7976931348623157e308,
    (), (1,), ((1, 2),), ((1, 2), (3,)), (((),),), (None,), {}, {"a'b": "'"}, {"$x": {"y": (1, "'")}},
    {"b": 1, "a": 2}, b"", b"\x00\xff", (b"\x01",),
]  # fmt: skip
QUOTES = "'\u2018\u2019\u201a\u201b"
ANY_TEXT = st.text(st.one_of(st.sampled_from(QUOTES + '"`$@#\n\r\0\u201c(){};'), st.characters()), max_size=30)


def read_text(source: str) -> str:
    """An independent reader of `'...'` and `('...' + [char]0x0A + ...)`; fails on anything that is neither."""
    at, units = 0, b""
    joined = source.startswith("(")
    body = source[1:-1] if joined else source
    assert not joined or source.endswith(")")
    while True:
        if body[at] == "'":
            at += 1
            while not (body[at] in QUOTES and body[at + 1 : at + 2] not in tuple(QUOTES)):
                at += body[at] in QUOTES
                units += body[at].encode("utf-16-be", "surrogatepass")
                at += 1
            at += 1
        else:
            assert units or at > 0, "a [char] begins the sum"
            assert body[at : at + 8] == "[char]0x"
            units += bytes.fromhex(body[at + 8 : at + 12])
            at += 12
        if at == len(body):
            return units.decode("utf-16-be", "surrogatepass")
        assert joined
        assert body[at : at + 3] == " + "
        at += 3


def units(text: str) -> list[int]:
    raw = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]


def test_the_file_of_escapes_holds_at_least_sixty_values() -> None:
    assert len(set(TEXTS)) >= 60


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_any_text_reads_back_from_its_literal_and_holds_no_line_break(text: str) -> None:
    written = literal(text)
    assert units(read_text(written)) == units(text)
    assert not set(written) & set("\r\n\0\u2028\u2029\u0085")


@settings(max_examples=100, deadline=None)
@given(ANY_TEXT)
def test_a_placeholder_is_the_literal_and_nothing_else(text: str) -> None:
    assert render("$x = {{ x }}\n", {"x": text}) == f"$x = {literal(text)}\n"


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_an_escape_reads_back_and_the_linter_takes_its_literal_for_data(text: str) -> None:
    assert units(read_text(literal(text))) == units(text)
    script = "Set-StrictMode -Version 2.0\n$ErrorActionPreference = 'Stop'\n$x = {{ x }}\n"
    assert lint(render(script, {"x": text}), source="x") == ()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "$null"),
        (True, "$true"),
        (False, "$false"),
        (7, "7"),
        (-7, "(-7)"),
        (1.5, "1.5"),
        ("it's", "'it''s'"),
        ("a\nb", "('a' + [char]0x000A + 'b')"),
        ("\n", "('' + [char]0x000A)"),
        ((), "@()"),
        (("a", 1), "@('a', 1)"),
        (((1,),), "@(, @(1))"),
        ({"b": 1, "a": None}, "@{'a' = $null; 'b' = 1}"),
        (datetime(2021, 3, 2, 12, 0, tzinfo=timezone(timedelta(hours=2))), "'2021-03-02T10:00:00.000000Z'"),
    ],
)
def test_each_type_has_its_literal(value: object, written: str) -> None:
    assert literal(value) == written


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (math.inf, "infinite"),
        (math.nan, "not a number"),
        (2**63, "64 bits"),
        (datetime(2021, 3, 2, tzinfo=UTC).replace(tzinfo=None), "no zone"),
        ({"a": 1, "A": 2}, "differ in case"),
        ({"a\n": 1}, "not plain text"),
        ({1: 2}, "not plain text"),
        (object(), "type object"),
    ],
)
def test_a_value_without_a_literal_is_refused(value: object, says: str) -> None:
    with pytest.raises(RenderingError, match=says):
        literal(value)


def test_a_value_that_nests_too_deep_is_refused() -> None:
    value: tuple[object, ...] = ()
    for _ in range(40):
        value = (value,)
    with pytest.raises(RenderingError, match="nested"):
        literal(value)


@pytest.mark.parametrize("filtered", ["x | default('')", "x | string", "x ~ ''", "[x] | join", "x | trim"])
def test_what_a_filter_returns_is_quoted_all_the_same(filtered: str) -> None:
    assert render(f"$a = {{{{ {filtered} }}}}", {"x": "'; 1"}) == "$a = '''; 1'"


@pytest.mark.parametrize(
    "template",
    [
        "$a = {{ x | safe }}",
        "$a = {{ x | raw }}",
        "$a = {{ x | random }}",
        "{% filter upper %}{{ x }}{% endfilter %}",
        "{% set y %}{{ x }}{% endset %}{{ y }}",
        "{% macro m() %}{{ x }}{% endmacro %}{{ m() }}",
        "{% autoescape true %}{{ x }}{% endautoescape %}",
        "{% include 'x' %}",
        "{{ x.format() }}",
        "{{ x.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ missing }}",
        "{{ x ",
    ],
)
def test_what_could_rewrite_finished_text_or_is_undefined_is_refused(template: str) -> None:
    with pytest.raises(RenderingError):
        render(template, {"x": "a"})


@pytest.mark.parametrize(
    "template",
    [
        "$a = '{{ x }}'",
        "$a = \u2018{{ x }}\u2019",
        '$a = "{{ x }}"',
        "$a = \u201c{{ x }}\u201d",
        '$a = "$("{{ x }}")"',
        '$a = "`"{{ x }}"',
        "$a = 'it''{{ x }}'",
        "$a = @'\n{{ x }}\n'@",
        "$a = @{{ x }}",
        "# {{ x }}",
        "a # '\n$b = '{{ x }}' # '",
        "<# {{ x }} #>",
        "$a = `{{ x }}",
        "$a = ${ {{ x }} }",
        "$a{{ x }}",
        "{{ x }}{{ x }}",
        "{{ x }}.Length",
        "a --% {{ x }}",
        "{% if x %}'{% endif %}{{ x }}'",
        "a#'\n$b = {{ x }}",
        "$a = 'open {{ x }}",
    ],
)
def test_a_placeholder_inside_other_text_is_refused(template: str) -> None:
    with pytest.raises(RenderingError, match=r"script:\d+:\d+: "):
        render(template, {"x": "; Write-Output 1"}, source="script")


def test_a_refusal_names_the_line_and_never_the_value() -> None:
    with pytest.raises(RenderingError) as caught:
        render("$a = 1\n$b = '{{ x }}'\n", {"x": "hunter2"}, source="collect.ps1.j2")
    assert str(caught.value).startswith("collect.ps1.j2:2:7: ")
    assert "hunter2" not in str(caught.value)


def test_ordinary_templates_render() -> None:
    template = '{% for n in names %}\nGet-Item -LiteralPath {{ n }}  # it\'s one\n{% endfor %}\n$z = "a $b"\n'
    assert render(template, {"names": ("a", "b'")}) == (
        "Get-Item -LiteralPath 'a'  # it's one\nGet-Item -LiteralPath 'b'''  # it's one\n$z = \"a $b\"\n"
    )


def test_the_same_inputs_give_the_same_bytes_whatever_the_line_ends_and_the_order_of_keys() -> None:
    one = render("$a = {{ x }}\r\n$b = 1\r", {"x": {"a": 1, "b": 2}})
    assert one == render("$a = {{ x }}\n$b = 1\n", {"x": {"b": 2, "a": 1}})
    assert "\r" not in one


def plain(value: object) -> object:
    match value:
        case str():
            return {"text": units(value)}
        case bytes():
            return {"bytes": list(value)}
        case tuple():
            return {"array": [plain(item) for item in value]}
        case dict():
            return {"table": [[plain(key), plain(value[key])] for key in sorted(value)]}
        case float():
            return {"number": value.hex()}
        case _:
            return value


DESCRIBE = """
function Describe($v) {
    if ($null -eq $v) { return 'null' }
    if ($v -is [bool]) { if ($v) { return 'true' } else { return 'false' } }
    if ($v -is [string]) { return '{"text":[' + (@($v.ToCharArray() | ForEach-Object { [int]$_ }) -join ',') + ']}' }
    if ($v -is [byte[]]) { return '{"bytes":[' + ($v -join ',') + ']}' }
    if ($v -is [double]) { return '{"double":' + [BitConverter]::DoubleToInt64Bits($v) + '}' }
    if ($v -is [hashtable]) {
        $keys = [string[]]@($v.Keys); [array]::Sort($keys, [StringComparer]::Ordinal)
        $entries = foreach ($k in $keys) { '[' + (Describe $k) + ',' + (Describe $v[$k]) + ']' }
        return '{"table":[' + (@($entries) -join ',') + ']}'
    }
    if ($v -is [array]) {
        $items = for ($i = 0; $i -lt $v.Length; $i++) { Describe $v[$i] }
        return '{"array":[' + (@($items) -join ',') + ']}'
    }
    return [string]$v
}
"""


@pytest.mark.real_powershell
def test_every_value_comes_back_unchanged_from_the_real_engine(powershell: Path, tmp_path: Path) -> None:
    values = [*TEXTS, *OTHERS]
    lines = [render("Describe {{ x }}\n", {"x": value}) for value in values]
    script = tmp_path / "values.ps1"
    script.write_text(DESCRIBE + "".join(lines), encoding="utf-8-sig")
    answer = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", script],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert answer.stderr == ""

    def bits(entry: object) -> object:
        if isinstance(entry, dict) and "double" in entry:
            return {"number": struct.unpack(">d", entry["double"].to_bytes(8, "big", signed=True))[0].hex()}
        return entry

    came = [bits(json.loads(line)) for line in answer.stdout.splitlines()]
    assert came == [plain(value) for value in values]
