"""Which script a text is: the inverse of rendering."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from playbooks.rendering import literal, render
from playbooks.values import Value
from runner.lab.engines.sim.answers import ANSWERS
from runner.lab.engines.sim.engine import built_in_templates
from runner.lab.engines.sim.literals import NotALiteralError, read
from runner.lab.engines.sim.recognition import parse
from tests.runner.lab.engines.judging import ALL, SCRIPTS

ESCAPES = Path(__file__).resolve().parents[3] / "playbooks" / "escape" / "values.yml"

TEMPLATE = """\
{# Not part of the script. #}
$path = {{ path }}
$again = @({{ path }}, {{ limit }})
Get-Item -LiteralPath {{ path }} -ErrorAction {{ 'Stop' }}
{{ limit }}
"""

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(categories=["L", "Nd"], max_codepoint=0x17F), min_size=1, max_size=5)


def _keys_differ(mapping: dict[str, Value]) -> bool:
    return len({key.casefold() for key in mapping}) == len(mapping)


VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.binary(max_size=5)
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.dictionaries(KEYS, inner, max_size=3).filter(_keys_differ)
    ),
    max_leaves=8,
)


def as_read(value: Value) -> Value:
    """Times are text in a script."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case tuple():
            return tuple(as_read(each) for each in value)
        case dict():
            return {key: as_read(each) for key, each in value.items()}
        case _:
            return value


@settings(max_examples=300)
@given(VALUES)
def test_any_literal_reads_back_as_its_value(value: Value) -> None:
    written = literal(value)
    back, end = read(f"{written}\n{written}", 0)
    assert end == len(written)
    assert back == as_read(value)
    assert literal(back) == written


@settings(max_examples=200)
@given(VALUES, VALUES)
def test_a_rendered_script_is_recognised_with_its_params(path: Value, limit: Value) -> None:
    script = render(TEMPLATE, {"path": path, "limit": limit})
    assert parse(TEMPLATE, "test")[0].params(script) == {"path": as_read(path), "limit": as_read(limit)}


@settings(max_examples=200)
@given(TEXT, st.integers(0, 200), st.sampled_from(["", "x", "'", "\n", ")"]))
def test_no_changed_script_is_recognised_unless_it_is_another_rendering(path: str, at: int, put: str) -> None:
    script = render(TEMPLATE, {"path": path, "limit": 5})
    changed = script[:at] + put + script[at + 1 :]
    params = parse(TEMPLATE, "test")[0].params(changed)
    if params is not None:
        assert render(TEMPLATE, params) == changed


def test_values_that_try_to_leave_their_literal_are_read_back() -> None:
    entries = YAML(typ="safe").load(ESCAPES.read_text(encoding="utf-8"))
    assert len(entries["values"]) >= 60
    for value in entries["values"]:
        back, _ = read(literal(value), 0)
        assert str(back).encode("utf-16", "surrogatepass") == value.encode("utf-16", "surrogatepass")


@pytest.mark.parametrize(
    "text", ["", "$path", "'open", "('a' + )", "@(1, ", "@{'a' = }", "([byte[]]@(1, x))", "-1", "(1)"]
)
def test_what_the_renderer_does_not_write_is_no_literal(text: str) -> None:
    with pytest.raises(NotALiteralError):
        read(text, 0)


@pytest.mark.parametrize(
    "template",
    [
        "{% if deep %}{{ deep | lower }}{% endif %}",
        "{% for each in names %}{{ each }}{% endfor %}",
        "{{ name | lower }}",
        "{{ a.b }}",
    ],
)
def test_a_template_whose_params_cannot_be_read_back_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="read"):
        parse(template, "exchange.some")


CHOICE = "{% if deep %}\nA {{ deep }}\n{% elif path %}\nB {{ path }}\n{% endif %}\nC {{ path }}\n"


@pytest.mark.parametrize("deep", [None, "x"])
@pytest.mark.parametrize("path", [None, "y"])
def test_a_template_that_chooses_is_recognised_on_the_way_it_went_with_the_params_that_it_shows(
    deep: str | None, path: str | None
) -> None:
    script = render(CHOICE, {"deep": deep, "path": path})
    found = [params for way in parse(CHOICE, "test") if (params := way.params(script)) is not None]
    assert found == [{"deep": deep, "path": path} if deep else {"path": path}]


@pytest.mark.parametrize("action", sorted(built_in_templates()))
def test_a_built_in_template_gives_its_own_text(action: str) -> None:
    text = built_in_templates()[action]
    script = SCRIPTS[action]
    shown = {name: ALL[name] for name in ALL if f"{{{{ {name} }}}}" in text}
    assert render(text, ALL) == script
    assert [params for each in parse(text, action) if (params := each.params(script)) is not None] == [shown]


def test_the_engine_answers_every_built_in_action() -> None:
    actions = ESCAPES.parents[3] / "playbooks" / "actions"
    folders = {".".join(path.parent.relative_to(actions).parts) for path in actions.glob("*/*/collect.ps1.j2")}
    assert folders == set(ANSWERS)
