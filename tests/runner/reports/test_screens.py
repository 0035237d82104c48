"""The page of what users see shows what they see."""

from __future__ import annotations

from tests.runner.reports.screens import BLOCK, PAGE, SCREENS, indented, written


def test_every_screen_of_the_page_is_what_is_printed_now() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "run python -m tests.runner.reports.screens, and look at what it wrote"
    assert [found["name"] for found in BLOCK.finditer(page)] == list(SCREENS)
    for found in BLOCK.finditer(page):
        assert found["text"].rstrip("\n") + "\n" == indented(SCREENS[found["name"]]())


def test_a_screen_that_is_not_true_is_noticed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    wrong = page.replace("8 servers: 1 compromised", "8 servers: 2 compromised", 1)
    assert wrong != page
    assert written(wrong) == page
