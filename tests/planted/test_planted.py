"""Each planted bug is caught, by the tests that name themselves for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.planted.planting import ROOT, Bug, bugs, copied, plant, tried

BUGS = bugs()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source without a bug."""
    return copied(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught_by_name(bug: Bug, whole: Path, tmp_path: Path) -> None:
    # A patch makes a file anew and leaves the other name of the old one as it is.
    tree = shutil.copytree(whole, tmp_path / "tree", copy_function=os.link)
    assert plant(bug, tree) == "", "the patch does not fit the source any more: make it anew"
    came = tried(tree, bug.caught_by)
    assert (came.status, came.caught(bug.caught_by)) == (1, set(bug.caught_by)), f"{bug.what}\n{came.said}"


def test_without_a_bug_no_test_that_catches_one_fails(whole: Path) -> None:
    came = tried(whole, sorted({test for bug in BUGS for test in bug.caught_by}))
    assert (came.status, came.failed) == (0, frozenset()), came.said


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_what_a_patch_takes_away_stands_in_one_place(bug: Bug) -> None:
    """So it is put there, whatever has changed around it."""
    for file, taken in bug.taken:
        assert taken, f"{file}: a patch that only adds may be put anywhere"
        assert (ROOT / file).read_text(encoding="utf-8").count(taken) == 1, f"{file}:\n{taken}"


def test_every_bug_is_in_the_product_and_says_what_is_wrong() -> None:
    assert len(BUGS) >= 15
    for bug in BUGS:
        assert bug.what.endswith("."), bug.name
        assert bug.caught_by, bug.name
        assert bug.files, bug.name
        assert not any(file.startswith("tests/") for file in bug.files), bug.name
