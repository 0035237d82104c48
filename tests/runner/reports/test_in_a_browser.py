"""Pages as Chromium shows them: searched and sorted by their script, whole without it, on a telephone and on paper."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from runner.comparing import compare
from runner.reports.applied_page import applied_page
from runner.reports.history import History
from runner.reports.html import HtmlReport
from runner.reports.plan_page import Approvals, plan_page
from tests.runner.reports.board import board_plan, hostile_plan
from tests.runner.reports.fleets import fleet
from tests.runner.reports.test_applied import fleet as applied_fleet
from tests.runner.reports.test_applied import hostile_run, told
from tests.runner.reports.test_history import IS, WAS, pasts
from tests.runner.reports.test_hostile_answers import HOSTILE, answering

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium")

SHEETS = 8  # of A4, for 40 servers
UNSEEN = Approvals(None, (), (), (), datetime(2026, 11, 28, 3, 0, tzinfo=UTC))
WORDS = " ".join(text for text in HOSTILE if len(text) < 100) + "x" * 5000
PAGES: dict[str, Callable[[], str]] = {
    "audit": lambda: HtmlReport().render(fleet(40)),
    "changed": lambda: HtmlReport(history=History(compare(WAS, IS), "", pasts(WAS, IS), ("r0",))).render(IS.audit),
    "plan": lambda: plan_page(board_plan(), "ab" * 32, UNSEEN),
    "applied": lambda: applied_page(told(*applied_fleet("completes", "breaks", "completes", "breaks"))),
    "hostile-audit": lambda: HtmlReport().render(answering(WORDS)),
    "hostile-plan": lambda: plan_page(hostile_plan(WORDS.encode("utf-8", "replace").decode()), "ab" * 32, UNSEEN),
    "hostile-applied": lambda: applied_page(hostile_run(WORDS)),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Where a page lies, as a URL."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str) -> str:
        path: Path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(PAGES[name](), encoding="utf-8")
        return path.as_uri()

    return write


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900})
    yield made
    made.close()


@pytest.fixture
def audit(context: BrowserContext, written: Callable[[str], str]) -> Page:
    page = context.new_page()
    page.goto(written("audit"))
    return page


def shown(page: Page, of: str) -> list[str]:
    """The ids or first words of what is laid out."""
    script = (
        "all => all.filter(each => each.checkVisibility()).map(each => each.id || each.textContent.split(/\\s/)[0])"
    )
    return list(page.locator(of).evaluate_all(script))


def test_a_search_leaves_the_rows_and_sections_that_hold_every_word_and_says_how_many(audit: Page) -> None:
    audit.get_by_label("Search").fill("compromised york")
    rows = shown(audit, "table[data-servers] tbody tr")
    assert rows == ["EX0012", "EX0033"]
    assert len(shown(audit, "article.server")) == 2
    assert audit.get_by_role("status").inner_text() == "2 of 40 servers"
    audit.get_by_label("Search").fill("")
    assert len(shown(audit, "table[data-servers] tbody tr")) == len(shown(audit, "article.server")) == 40


def test_a_verdict_is_chosen_with_how_many_have_it(audit: Page) -> None:
    choice = audit.get_by_role("combobox", name="Verdict")
    assert choice.locator("option").all_text_contents()[:3] == ["all", "compromised (5)", "vulnerable (6)"]
    choice.select_option("compromised")
    assert audit.get_by_role("status").inner_text() == "5 of 40 servers"
    assert set(audit.locator("tbody tr:not(.away) .verdict").all_text_contents()) == {"compromised"}


def test_rows_are_sorted_by_a_column_and_go_back_to_worst_first(audit: Page) -> None:
    rows = audit.locator("table[data-servers] tbody th a")
    worst_first = rows.all_text_contents()
    head = audit.get_by_role("columnheader", name="Server")
    head.get_by_role("button").click()
    assert rows.all_text_contents() == sorted(worst_first) != worst_first
    assert head.get_attribute("aria-sort") == "ascending"
    audit.get_by_label("Sort by").select_option("worst first")
    assert rows.all_text_contents() == worst_first
    assert head.get_attribute("aria-sort") is None


def test_what_a_search_hides_is_on_paper_all_the_same(audit: Page) -> None:
    audit.get_by_label("Search").fill("no server is called so")
    assert shown(audit, "table[data-servers] tbody tr") == []
    audit.emulate_media(media="print")
    assert len(shown(audit, "table[data-servers] tbody tr")) == 22  # those that are ok stand in one list
    assert not audit.get_by_label("Search").is_visible()


def test_a_command_is_copied(context: BrowserContext, audit: Page) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    section = audit.locator("article.server").first
    for command in (
        "exrun plan exchange-isolate northwind/EX0005 -o isolate.json",
        "exrun show 2026-11-28t150212z-7f3a --client northwind --host EX0005",
    ):
        section.get_by_role("button", name="Copy", exact=True).first.click()
        section.get_by_role("button", name="Copied").wait_for()
        assert audit.evaluate("navigator.clipboard.readText()") == command
        section.get_by_role("button", name="Copied").evaluate("each => { each.textContent = 'done'; }")


def test_without_script_the_page_is_whole_and_has_no_control_that_does_nothing(
    browser: Browser, written: Callable[[str], str]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written("audit"))
    assert page.locator("button, input, select").count() == 0
    assert page.locator("table[data-servers] tbody tr").count() == page.locator("article.server").count() == 40
    page.locator("tbody th a").first.click()
    assert page.url.endswith("#s1")
    context.close()


@pytest.mark.parametrize("name", list(PAGES))
def test_nothing_is_off_the_screen_of_a_telephone(
    context: BrowserContext, written: Callable[[str], str], name: str
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(written(name))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(each => each.checkVisibility()"
        " && !each.closest('thead') && each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML)"
    )
    assert wide == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["audit", "changed", "plan", "applied"])
def test_axe_finds_nothing_serious(browser: Browser, written: Callable[[str], str], name: str, scheme: str) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    page.goto(written(name))
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).response
    context.close()
    assert len(found["passes"]) > 10
    bad = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in bad] == []


@pytest.mark.parametrize("name", ["hostile-audit", "hostile-plan", "hostile-applied"])
def test_whatever_a_server_says_nothing_of_it_runs_or_is_fetched(
    context: BrowserContext, written: Callable[[str], str], name: str
) -> None:
    page, said, asked = context.new_page(), [], []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written(name))
    for control in page.get_by_label("Search").all():
        control.fill("<img src=x onerror=alert(1)>")
    assert said == []
    assert asked == [written(name)]


def test_no_script_runs_but_the_one_that_the_policy_names(context: BrowserContext, tmp_path: Path) -> None:
    planted = "<script>document.title = 'planted'</script><img src=x onerror=\"document.title = 'planted'\">"
    path = tmp_path / "planted.html"
    path.write_text(PAGES["audit"]().replace("</main>", f"{planted}</main>"), encoding="utf-8")
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.title().startswith("Exchange audit")
    assert page.get_by_label("Search").count() == 1


def test_forty_servers_fit_on_few_sheets(audit: Page) -> None:
    assert 3 < sheets(audit) <= SHEETS


def test_a_plan_of_a_few_servers_is_no_book_whatever_its_scripts_are(
    context: BrowserContext, written: Callable[[str], str]
) -> None:
    page = context.new_page()
    page.goto(written("plan"))
    page.emulate_media(media="print")
    assert shown(page, "details.script pre") == []
    assert page.get_by_text("Not on paper: the page has each").is_visible()
    assert sheets(page) <= 6


def sheets(page: Page) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf(prefer_css_page_size=True)))
