"""Whose page it is: a name that can be read on its colour, and a picture that cannot run."""

from __future__ import annotations

import base64
import errno
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from runner.reports.brand import ENOUGH, MOST_LOGO, BrandDocument, BrandError, contrast, read_brand, schema_text
from runner.reports.html import HtmlReport
from tests.runner.reports.fleets import fleet

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas" / "brand.json"
RENEW = "from runner.reports.brand import schema_text; print(schema_text(), end='')"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 40
COLOURS = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


def read(text: str, logo: bytes = PNG) -> object:
    return read_brand(text.encode(), "brand.yml", lambda name: logo)


def test_the_ratio_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == 21
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54  # the well-known grey that just passes
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48  # and the one that does not


@given(COLOURS)
def test_on_every_colour_the_name_can_be_read(colour: str) -> None:
    brand = read_brand(f'name: A\ncolour: "{colour}"\n'.encode(), "brand.yml", lambda name: b"")
    assert contrast(brand.ink, brand.colour) >= ENOUGH


@given(COLOURS, COLOURS)
def test_an_ink_that_cannot_be_read_is_refused_with_the_ratio(colour: str, ink: str) -> None:
    text = f'name: A\ncolour: "{colour}"\nink: "{ink}"\n'
    if contrast(colour, ink) >= ENOUGH:
        assert read_brand(text.encode(), "brand.yml", lambda name: b"").ink == ink
    else:
        with pytest.raises(BrandError, match=r"brand.yml:3:6: .*their contrast is [1-4]\.\d\d, and 4.5 is the least"):
            read(text)


@pytest.mark.parametrize(("logo", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg")])
def test_a_picture_is_put_into_the_page_and_the_policy_lets_in_no_other(logo: bytes, kind: str) -> None:
    brand = read_brand(b'name: A & B <Ltd>\ncolour: "#005A9C"\nlogo: l.png\n', "brand.yml", lambda name: logo)
    page = HtmlReport(brand=brand).render(fleet(2))
    assert f'<img src="data:{kind};base64,{base64.b64encode(logo).decode()}" alt="">' in page
    assert "img-src data:;" in page
    assert "<bdi>A &amp; B &lt;Ltd&gt;</bdi>" in page
    assert ".brand { background: #005a9c; color: #ffffff; }" in page
    plain = HtmlReport().render(fleet(2))
    assert "img-src" not in plain
    assert "<img" not in plain


@pytest.mark.parametrize(
    ("text", "logo", "said"),
    [
        ('name: A\ncolour: "#005a9c"\nlogo: l.svg', b"<svg onload='x'>", "logo: .*but SVG, which can carry script"),
        ('name: A\ncolour: "#005a9c"\nlogo: l.png', b"<html>", "logo: .*is neither PNG nor JPEG; save it as PNG"),
        ('name: A\ncolour: "#005a9c"\nlogo: l.png', PNG + b"x" * MOST_LOGO, "is larger than 256 KB"),
        ("name: A\ncolour: red", PNG, "is not a colour"),
        ('name: A\ncolour: "#005a9c;}x{"', PNG, "is not a colour"),
        ('name: A\ncolour: "#005a9c\\n"', PNG, "is not a colour"),
        ('name: "A\\nB"\ncolour: "#005a9c"', PNG, "is not a name"),
        ('colour: "#005a9c"', PNG, "name"),
        ('name: A\ncolour: "#005a9c"\nstyle: "x"', PNG, "style"),
    ],
)
def test_what_could_run_or_not_be_read_is_refused(text: str, logo: bytes, said: str) -> None:
    with pytest.raises(BrandError, match=re.compile(said, re.DOTALL)):
        read(text, logo)


def test_a_picture_that_is_not_there_is_told_with_its_place() -> None:
    def missing(name: str) -> bytes:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)

    with pytest.raises(BrandError, match=r"brand.yml:3:7: .*cannot be read: No such file or directory"):
        read_brand(b'name: A\ncolour: "#005a9c"\nlogo: gone.png\n', "brand.yml", missing)


def test_the_published_schema_is_current_and_knows_every_key() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        f'renew it: .venv/bin/python -c "{RENEW}" > docs/reference/schemas/brand.json'
    )
    assert set(json.loads(schema_text())["properties"]) == set(BrandDocument.model_fields)


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ({"name": "Contoso", "colour": "#005a9c"}, True),
        ({"name": "Contoso", "colour": "#005a9c", "ink": "#ffffff", "logo": "contoso.png"}, True),
        ({"name": "Contoso"}, False),
        ({"name": "Contoso", "colour": "red"}, False),
        ({"name": "Contoso", "colour": "#005a9c", "color": "#005a9c"}, False),
    ],
)
def test_an_editor_that_has_the_schema_says_what_reading_would(written: dict[str, str], fits: bool) -> None:
    assert Draft202012Validator(json.loads(schema_text())).is_valid(written) is fits
