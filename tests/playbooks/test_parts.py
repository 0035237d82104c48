"""What scripts of several actions share is put into its place before anything is rendered, once."""

from __future__ import annotations

from importlib import resources

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.loading import load_action
from playbooks.parts import assembled
from playbooks.shelf import shelf

PART = "{# part: iis/files.ps1.j2 #}\n"
TEXT = resources.files("playbooks.actions").joinpath("iis", "files.ps1.j2").read_text(encoding="utf-8")


def test_a_part_stands_where_it_is_named_and_once() -> None:
    assert assembled(f"$a = 1\n{PART}$b = 2\n{PART}") == f"$a = 1\n{TEXT}$b = 2\n"


@pytest.mark.parametrize("text", ["$a = 1\n", f"$a = '{PART}'", f"  {PART}", "{# part: ../iis/files.ps1.j2 #}\n"])
def test_nothing_else_is_a_part(text: str) -> None:
    assert assembled(text) == text


def test_a_part_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        assembled("{# part: iis/nothing.ps1.j2 #}\n")


def test_no_action_of_this_version_has_a_part_left_to_put_in() -> None:
    for found in shelf([]).actions:
        templates = load_action(found, Catalogue.load()).templates
        for text in (templates.collect, templates.apply, templates.rollback, templates.evidence):
            assert "{# part" not in (text or ""), found.name
