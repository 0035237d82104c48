"""No registered secret passes the redactor, in no spelling and at no depth."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runner.codec import Redact
from runner.redaction import ENCODED_LENGTH, PLACEHOLDERS, NoSecretError, Redactor

PLACEHOLDER = PLACEHOLDERS[0]
secrets = st.text(st.characters(codec="utf-8"), min_size=4, max_size=16) | st.text(
    "aA1'\"&<%+/ \\é😀", min_size=4, max_size=8
)


def base64_forms(raw: bytes) -> list[str]:
    """As the standard library writes it within longer data, at each alignment."""
    longer = [b"\xa5" * before + raw + b"\x5a" * after for before in range(3) for after in range(3)]
    return [form(data).decode() for data in longer for form in (base64.b64encode, base64.urlsafe_b64encode)]


def base64_cores(raw: bytes) -> Iterator[str]:
    """What must not be left: the characters that do not change with what stands around the secret."""
    for before in range(3):
        one = base64.b64encode(b"\x00" * before + raw + b"\x00" * 3).decode()
        other = base64.b64encode(b"\xff" * before + raw + b"\xff" * 3).decode()
        yield "".join(left for left, right in zip(one, other, strict=True) if left == right)


def forms(secret: str) -> list[str]:
    """Every spelling that the redactor promises to find, each made by somebody else's encoder."""
    utf8, utf16 = secret.encode(), secret.encode("utf-16-le")
    return [
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        urllib.parse.quote(secret, safe="").lower() if secret.islower() else urllib.parse.quote(secret, safe="/:@"),
        "".join(f"%{byte:02x}" for byte in utf8),
        escape(secret),
        html.escape(secret),
        quoteattr(secret)[1:-1],
        "".join(f"&#{ord(character)};" for character in secret),
        "".join(f"&#x{ord(character):X};" for character in secret),
        secret.replace("'", "''"),
        utf8.hex(),
        utf8.hex().upper(),
        utf16.hex(),
        utf8.hex("-").upper(),
        utf8.decode("latin-1"),
        utf16.decode("latin-1"),
        *base64_forms(utf8),
        *base64_forms(utf16),
    ]


def texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, member in value.items():
                yield from texts(key)
                yield from texts(member)
        case list() | tuple():
            for member in value:
                yield from texts(member)
        case _:
            yield repr(value)


def made(*known: str) -> Redactor:
    redactor = Redactor()
    for secret in known:
        redactor.register(secret)
    return redactor


@given(secrets, st.data())
@settings(max_examples=120, deadline=None)
def test_no_spelling_of_a_secret_passes_in_any_nested_value(secret: str, data: st.DataObject) -> None:
    spelt = st.sampled_from(forms(secret))
    # A letter or digit beside Base64 would shift it; around it stands what no form contains.
    noise = st.text("~|\n", max_size=3)
    leaves = st.builds(lambda left, form, right: left + form + right, noise, spelt, noise)
    nested = st.recursive(
        leaves | st.integers() | st.none(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(leaves | st.text(), inner, max_size=3)
        ),
        max_leaves=6,
    )
    left = list(texts(made(secret).redact(data.draw(nested))))
    cores = {core for raw in (secret.encode(), secret.encode("utf-16-le")) for core in base64_cores(raw)}
    for text in left:
        assert not any(form in text for form in forms(secret))
        assert not any(core in text for core in cores)


@given(secrets)
@settings(max_examples=80, deadline=None)
def test_every_spelling_is_replaced_whole(secret: str) -> None:
    redactor = made(secret)
    assume("|" not in secret)
    wrapped = base64_forms(secret.encode()) + base64_forms(secret.encode("utf-16-le"))
    for form in forms(secret):
        if form not in wrapped:
            assert redactor.redact_text(f"|{form}|") == f"|{PLACEHOLDER}|", form


@given(st.lists(secrets, min_size=2, max_size=4), st.text(max_size=10))
@settings(max_examples=80, deadline=None)
def test_secrets_that_overlap_leave_nothing_of_each_other(known: list[str], around: str) -> None:
    left = made(*known).redact_text(around.join(known) + "".join(known))
    assert not any(secret in left for secret in known)


def test_the_end_of_an_overlapping_secret_does_not_remain() -> None:
    assert made("abcdef", "defghi").redact_text("<abcdefghi>") == f"<{PLACEHOLDER}>"
    assert made("aaaa").redact_text("<aaaaaaa>") == f"<{PLACEHOLDER}>"


def test_a_secret_put_together_by_taking_another_out_does_not_remain() -> None:
    assert "x***y" not in made("hunter2", "x***y").redact_text("xhunter2y")


def test_a_secret_in_a_key_a_number_a_time_or_bytes_does_not_pass() -> None:
    redactor = made("20261124", "Hunter-2", "2026-11-24")
    value = {"Hunter-2": 20261124, "at": datetime(2026, 11, 24, tzinfo=UTC), "raw": "é Hunter-2".encode(), "n": 7}
    assert redactor.redact(value) == {PLACEHOLDER: PLACEHOLDER, "at": PLACEHOLDER, "raw": b"***", "n": 7}
    assert redactor.redact("Hunter-2".encode("utf-16-le")) == b"***"


def test_keys_that_become_equal_are_told_apart() -> None:
    assert made("one1", "two2").redact({"one1": 1, "two2": 2}) == {PLACEHOLDER: 1, f"{PLACEHOLDER}#2": 2}


def test_a_basic_authorization_header_does_not_pass() -> None:
    header = "Basic " + base64.b64encode(b"DOMAIN\\ops:Tr0ub4dor&3").decode()
    assert "VHIwdWI0ZG9yJj" not in made("Tr0ub4dor&3").redact_text(header)
    assert made("Tr0ub4dor&3").redact_text(header).startswith("Basic RE9NQUlOXG9wczp"[:12])


def test_what_holds_no_secret_comes_back_equal() -> None:
    value = {"a": ["text", 1, 2.5, None, True], "b": ({"c": b"\x00"},), "t": datetime(2026, 1, 1, tzinfo=UTC)}
    assert made("correct horse").redact(value) == value


def test_a_secret_registered_later_is_kept_out_from_then_on() -> None:
    redactor = Redactor()
    assert redactor.redact_text("pa55word") == "pa55word"
    redactor.register("pa55word")
    assert redactor.redact_text("pa55word") == PLACEHOLDER


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(NoSecretError):
        Redactor().register("")


@given(st.lists(st.text("*#ab\\'", min_size=1, max_size=ENCODED_LENGTH - 1), min_size=1, max_size=3), st.data())
@settings(max_examples=300, deadline=None)
def test_short_secrets_are_kept_out_too_whatever_stands_in_their_place(known: list[str], data: st.DataObject) -> None:
    redactor = made(*known)
    text = data.draw(st.text("*#ab\\' ", max_size=12))
    left = redactor.redact_text(text)
    assert not any(secret in left for secret in known)
    assert redactor.redact_text(left) == left


def test_two_letters_are_not_looked_for_in_base64() -> None:
    assert made("ok").redact_text("b2s= is ok") == f"b2s= is {PLACEHOLDER}"


class Careful(Redactor):
    """Runs every pattern over every text."""

    def register(self, secret: str) -> None:
        super().register(secret)
        self._patterns = tuple(replace(each, needed=()) for each in self._patterns)
        self._hints, self._shortest = ("",), 0


@given(st.lists(secrets | st.text("a\u0130\u212a\xb5ok%", min_size=1, max_size=6), min_size=1, max_size=3), st.data())
@settings(max_examples=300, deadline=None)
def test_to_look_for_hints_first_finds_the_same(known: list[str], data: st.DataObject) -> None:
    quick, careful = made(*known), Careful()
    for secret in known:
        careful.register(secret)
    pieces = st.sampled_from([form for secret in known for form in forms(secret)])
    upper = pieces.map(str.upper) | pieces.map(str.lower) | pieces.map(lambda piece: piece[1:])
    text = "".join(data.draw(st.lists(pieces | upper | st.text(max_size=4), max_size=4)))
    assert quick.redact_text(text) == careful.redact_text(text)


def test_what_is_clean_is_not_copied() -> None:
    value = {"a": ["text", 1], "b": ({"c": "d"},)}
    assert made("correct horse").redact(value) is value


def test_to_look_at_all_texts_of_a_value_at_once_finds_the_same() -> None:
    """Also that both ends were come to: written once, and written again by the careful way."""
    ways = {"once": 0, "again": 0}

    @given(
        st.lists(secrets | st.sampled_from(["1234", "20", "true", "e"]), min_size=1, max_size=2),
        st.data(),
    )
    @settings(max_examples=300, deadline=None)
    def same(known: list[str], data: st.DataObject) -> None:
        redactor = made(*known)
        pieces = st.sampled_from([form for secret in known for form in forms(secret)])
        plain = st.text("xyzXYZ\u0130\u03a3 \n", max_size=8)
        leaves = st.one_of(
            plain, plain, plain, plain, st.none(), st.booleans(), st.integers(), st.floats(),
            st.datetimes(timezones=st.just(UTC)), st.binary(max_size=3), pieces, pieces.map(str.encode),
        )  # fmt: skip
        keys = plain | pieces | st.integers(0, 9)
        nested = st.recursive(
            leaves,
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.lists(inner, max_size=3).map(tuple),
                st.dictionaries(keys, inner, max_size=3),
                st.dictionaries(keys, inner, max_size=3).map(MappingProxyType),
            ),
            max_leaves=4,
        )
        value, text = data.draw(nested), data.draw(plain | pieces)
        calls: list[Redact] = []

        def write(redact: Redact) -> tuple[object, str]:
            calls.append(redact)
            return redact.redact(value), redact.redact_text(text)

        assert repr(redactor.applied(write)) == repr((redactor.redact(value), redactor.redact_text(text)))
        ways["once" if len(calls) == 1 else "again"] += 1

    same()
    assert min(ways.values()) >= 20


def test_what_is_written_before_a_secret_is_known_is_left_as_it_is() -> None:
    assert Redactor().applied(lambda redact: redact.redact_text("secret")) == "secret"
