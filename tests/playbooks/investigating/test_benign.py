"""No page or configuration of an honest site is above unknown."""

from __future__ import annotations

import pytest

from playbooks.investigating.webshells import Grade
from tests.playbooks.investigating.benign import Benign, pages
from tests.playbooks.investigating.servers import LATER_BUILD, file, judged

PAGES = tuple(pages())


def test_there_are_enough_of_them_and_none_is_like_another() -> None:
    assert len({each.content for each in PAGES}) == len(PAGES) >= 300


@pytest.mark.parametrize("page", PAGES, ids=lambda each: each.name)
def test_an_honest_page_is_not_above_unknown(page: Benign) -> None:
    (verdict,) = judged(file(page.path, page.content), build=LATER_BUILD)
    assert verdict.verdict is Grade.UNKNOWN, verdict.reasons
