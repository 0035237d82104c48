"""Paths that are to be quarantined: what passes is one file, in each script as it was named; tricks are refused."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from playbooks.actions.file.quarantine.assess import item_of
from playbooks.actions.file.quarantine.paths import why_not_below, why_not_plain
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changing import scripts_of
from playbooks.lint import lint
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.rendering import render
from playbooks.shelf import shelf
from playbooks.values import Value

# What names are made of that somebody wants to be read otherwise.
PIECES = st.sampled_from(
    ["a", "Z", "x.aspx", "[", "]", "[a-z]", "'", "''", "\u2018", "\u2019", "\u201c", "$", "$env:X", "$(1)", "{", "}",
     "{{", "}}", "{%", "%}", "#", ";", "&", "(", ")", ",", "@", "%", "^", "~", "~1", "-", "\u2013", "=", "+", "!", " ",
     ".", "..", "\\", "/", ":", "*", "?", "<", ">", "|", '"', "`", "\t", "\n", "\x00", "\x7f", "\u00a0", "\u202e",
     "\u200b", "\u00e9", "\u0430", "\u0131", "\u00df", "\U0001f600", "\ud800", "nul", "COM1", "CON.x", "PROGRA~1"]
)  # fmt: skip
NAMES = st.lists(PIECES, min_size=1, max_size=6).map("".join)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "\\".join(["C:", "inetpub", "wwwroot", *names]))
ROOTS = ("C:\\inetpub\\wwwroot",)
SHA256 = "ab" * 32


@cache
def action() -> Action:
    return load_action(shelf([]).action("file.quarantine")[0], Catalogue.load())


def told(path: str) -> dict[str, Value]:
    return {
        "path": path,
        "sha256": SHA256,
        "roots": ROOTS,
        "plan": "0123456789ab",
        "drive": path[:2],
        "item": item_of(path),
        "opens": path,
        "way": (),
        "above": (),
        "about": "{}",
        "created": "2021-03-02T10:00:00.0000000Z",
        "modified": "2021-03-02T10:00:00.0000000Z",
        "attributes": "Archive",
        "sddl": "O:BAG:SYD:P(A;;FA;;;SY)",
    }


@settings(max_examples=300, deadline=None)
@given(PATHS)
def test_a_path_that_passes_is_proven_in_every_script_of_the_change(path: str) -> None:
    assume(not why_not_plain(path))
    made = scripts_of(action(), told(path))
    assert [str(each) for each in made.problems] == []
    assert made.rollback is not None
    assert made.evidence is not None


@settings(max_examples=300, deadline=None)
@given(PATHS | NAMES | st.text(max_size=20))
def test_the_collect_script_of_any_path_only_reads(path: str) -> None:
    found = lint(render(action().templates.collect, {"path": path}), source="x")
    assert [str(each) for each in found] == []


@settings(max_examples=300, deadline=None)
@given(PATHS)
def test_a_path_that_passes_has_only_parts_that_windows_takes_as_they_are(path: str) -> None:
    assume(not why_not_plain(path))
    parts = path.split("\\")
    assert parts[0] == "C:"
    for part in parts[1:]:
        assert part
        assert part == part.strip(" ").rstrip(".")
        assert not set(part) & set('<>:"/|?*`') | {each for each in part if ord(each) < 32}
        assert part.split(".")[0].rstrip(" ").upper() not in ("CON", "NUL", "COM1", "AUX", "PRN")
    path.encode()


@given(PATHS, PATHS)
def test_two_paths_never_have_one_name_in_a_quarantine(one: str, other: str) -> None:
    assume(one != other)
    assume(not why_not_plain(one) and not why_not_plain(other))
    assert item_of(one) != item_of(other)


GOOD = "C:\\inetpub\\wwwroot\\aspnet_client\\x.aspx"


@pytest.mark.parametrize(
    "path",
    [
        GOOD + ":stream", GOOD + "::$DATA", GOOD + ".", GOOD + " ", GOOD + "\\", GOOD.replace("\\", "/"),
        "\\\\?\\" + GOOD, "\\\\.\\" + GOOD, "\\??\\" + GOOD, "//?/" + GOOD, "\\\\localhost\\c$\\x", GOOD[2:], GOOD[3:],
        "HKLM:\\SOFTWARE\\x", "C:", "C:\\", "", " " + GOOD, GOOD.replace("C:", "CC:"), GOOD.replace("C:", "\u0421:"),
        GOOD.replace("inetpub", ".."), GOOD.replace("inetpub", "."), GOOD.replace("inetpub", "inetpub."),
        GOOD.replace("\\x", "\\ x"), GOOD.replace("x.aspx", "X~1.ASP"), GOOD.replace("aspnet_client", "ASPNET~1"),
        GOOD.replace("x.aspx", "AB12~1"), GOOD.replace("x.aspx", "CONIN$"), GOOD.replace("x.aspx", "com\u00b9.txt"),
        GOOD.replace("x.aspx", "nul .aspx"), GOOD.replace("x", "y" * 260), GOOD.replace("x", "\U0001f600" * 115),
    ],
)  # fmt: skip
def test_a_trick_is_refused(path: str) -> None:
    assert why_not_plain(path)


@pytest.mark.parametrize(
    "name", ["~$x.docx", "a~b", "long name~1.aspx", "backup~10000000.bak", "x~1.backup", "a.b~1", "~1"]
)
def test_a_name_with_a_tilde_that_is_no_8_3_name_passes(name: str) -> None:
    assert why_not_plain(f"C:\\inetpub\\{name}") == ""


@pytest.mark.parametrize(
    ("path", "roots", "below"),
    [
        (GOOD, ("C:\\inetpub\\wwwroot",), True),
        (GOOD, ("c:\\INETPUB\\wwwroot\\",), True),
        (GOOD, ("C:\\inetpub\\www",), False),
        (GOOD, (GOOD,), False),
        (GOOD, ("D:\\inetpub",), False),
        (GOOD, (), False),
        (GOOD, ("C:\\",), False),
        (GOOD, ("C:",), False),
        (GOOD, ("",), False),
        (GOOD, ("C:\\inetpub\\..",), False),
        (GOOD, ("\\\\server\\share", "C:\\inetpub"), True),
        ("C:\\exrun-quarantine-0123456789ab\\1.quarantined", ("C:\\exrun-quarantine-0123456789ab",), False),
        ("C:\\Stra\u00dfe\\x", ("C:\\STRASSE",), False),
    ],
    ids=str,
)
def test_a_file_is_below_a_root_or_left_alone(path: str, roots: tuple[str, ...], below: bool) -> None:
    assert (why_not_below(path, roots) == "") is below
