"""Accounts and references as people write them: what to write instead is exact, and no password is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.errors import SourceError
from inventory.model import Inventory
from inventory.sources.accounts import mended_reference, misspelt_user
from inventory.sources.document import credential_reference
from inventory.sources.native import read_native

PARTS = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,8}[A-Za-z0-9]", fullmatch=True)
NAMES = st.from_regex(r"[A-Z][A-Z0-9]{0,6}(?:_PW)", fullmatch=True)


def load(user: str, credential: str = "env:ALPHA_PW", *, flow: bool = False) -> Inventory:
    block = f"\n    authentication: ntlm\n    user: {user}\n    credential: {credential}\n    hosts: {{EX1: }}\n"
    one_line = f" {{authentication: ntlm, user: {user}, credential: {credential}, hosts: {{EX1: }}}}\n"
    text = f"exrun: inventory/1\nclients:\n  alpha:{one_line if flow else block}"
    return read_native(text.encode(), file="inventory.yml", folder=Path("/nonexistent"))


def said(user: str, credential: str = "env:ALPHA_PW", *, flow: bool = False) -> str:
    with pytest.raises(SourceError) as caught:
        load(user, credential, flow=flow)
    assert len(caught.value.problems) == 1, str(caught.value)
    return str(caught.value)


@settings(max_examples=150, deadline=None)
@given(
    PARTS,
    PARTS,
    st.sampled_from(
        (
            "{d}\\\\{n}",
            '"{d}\\{n}"',
            "{d}/{n}",
            "{d}//{n}",
            "'{d}\\\\{n}'",
            "\\\\{d}\\{n}",
            "{d}＼{n}",
            "“{d}\\{n}”",
            "‘{d}\\{n}’",
            "{d}¥{n}",
            "{d}\\ {n}",
            '"{d}\\\\\\\\{n}"',
            '"{d}/{n}"',
        )
    ),
    st.booleans(),
)
def test_however_the_backslash_is_mistaken_the_error_shows_what_to_write_and_that_loads(
    domain: str, name: str, form: str, flow: bool
) -> None:
    error = said(form.format(d=domain, n=name), flow=flow)
    assert error.endswith(f"; write `user: '{domain}\\{name}'`")
    assert load(error.split("`user: ")[1].removesuffix("`"), flow=flow).hosts[0].user == f"{domain}\\{name}"


@pytest.mark.parametrize(
    "user",
    ["ALPHA\\svc", "'ALPHA\\svc'", '"ALPHA\\\\svc"', "svc@alpha.example", "'svc@alpha.example'", ".\\svc", "http/a@B"],
)
def test_an_account_that_is_written_right_is_taken_as_it_is(user: str) -> None:
    assert load(user).hosts[0].user == user.strip("'\"").replace("\\\\", "\\")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("\\svc", "has no domain before the backslash; write `user: 'DOMAIN\\svc'` with the account's domain"),
        ("ALPHA\\", "has no name after its domain; write `user: 'DOMAIN\\name'`"),
        ("A\\B\\svc", "has more than one separator; write `user: 'DOMAIN\\name'`"),
        ("“svc@alpha.example”", "has quotes within it; write `user: svc@alpha.example`"),
        ("‘svc’", "has quotes within it; write `user: svc`"),
    ],
)
def test_an_account_that_lacks_a_part_is_an_error(user: str, expected: str) -> None:
    assert said(user).endswith(expected)


def test_what_is_no_account_is_not_repeated() -> None:
    assert said('"ALPHA\\eve%Winter2021!"').endswith("begins an escape; write it in single quotes")


def test_a_bare_name_will_do_where_kerberos_knows_the_realm() -> None:
    text = "exrun: inventory/1\nclients: {a: {user: svc, credential: 'env:X', hosts: {EX1: }}}"
    assert read_native(text.encode(), file="i", folder=Path("/nonexistent")).hosts[0].user == "svc"


FORMS = (
    "$env:{}", "$ENV:{}", "${{env:{}}}", "%{}%", "${}", "${{{}}}", "{}", "“env:{}”", "‘env:{}’", "env: {}", "ENV:{}",
    "Env: {}", "env:${}", "env:${{{}}}", "env:%{}%", "env:'{}'", "'env: {}'", "env.{}", "env={}", "env {}", "env :{}",
    "environ:{}", "os.environ['{}']", 'os.environ.get("{}")', "os.getenv('{}')", "$({})",
    "{{{{ lookup('env', '{}') }}}}", "\"{{{{ lookup('env', '{}') }}}}\"", "[Environment]::GetEnvironmentVariable('{}')",
    "$env:{}  # a comment", "env：{}",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(NAMES, st.sampled_from(FORMS), st.booleans())
def test_however_a_variable_is_written_the_error_names_the_reference(name: str, form: str, flow: bool) -> None:
    with pytest.raises(SourceError) as caught:
        load("svc@alpha.example", form.format(name), flow=flow and "#" not in form)
    assert f"; write `env:{name}`" in str(caught.value).splitlines()[0]
    assert str(credential_reference(f"env:{name}")) == f"env:{name}"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("Keyring:exrun/svc", "keyring:exrun/svc"),
        ("keyring: exrun/ALPHA\\svc", "keyring:exrun/ALPHA\\svc"),
        ("$P", "env:P"),
        ("alpha_pw", "env:alpha_pw"),
        ("hunter2", None),
        ("Winter2021", None),
        ("$Winter2021", None),
        ("WINTER_2021", None),
        ("COMMAND:pass show x", None),
    ],
)
def test_a_reference_is_mended_only_where_the_text_can_be_no_password(text: str, reference: str | None) -> None:
    assert mended_reference(text) == reference


PASSWORDS = st.text(st.sampled_from("abcXYZ0123!#&*+-=?^~."), min_size=6, max_size=14).filter(
    lambda text: sum(any(c in text for c in group) for group in ("abc", "XYZ", "0123", "!#&*+-=?^~.")) >= 3
)


@settings(max_examples=300, deadline=None)
@given(PASSWORDS, st.sampled_from(["{}", "${}", "'{}'", '"{}"', "command: {}", "“{}”", "Command:{}"]))
def test_a_password_in_place_of_a_reference_is_never_repeated(password: str, form: str) -> None:
    with pytest.raises(SourceError) as caught:
        load("svc@alpha.example", form.format(password))
    assert password not in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_judged_without_a_fault_and_what_is_advised_is_right(text: str) -> None:
    wrong = misspelt_user(text)
    if wrong is not None and wrong[1].startswith("write `user: '"):
        assert misspelt_user(wrong[1].split("'")[1]) is None
    mended = mended_reference(text)
    if mended is not None:
        assert str(credential_reference(mended)) == mended


def test_json_is_told_the_same() -> None:
    text = '{"exrun": "inventory/1", "clients": {"a": {"user":"A\\svc", "credential": "env:X", "hosts": {}}}}'
    with pytest.raises(SourceError) as caught:
        read_native(text.encode(), file="i", folder=Path("/nonexistent"))
    assert str(caught.value).startswith(
        "i:1:51: is not YAML: a `\\` in double quotes begins an escape; write `user: 'A"
    )
