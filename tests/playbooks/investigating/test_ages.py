"""What times come to beside the days of installs: reasons against a page, and never for one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.build import Build
from playbooks.investigating.webshells import FileVerdict, Grade, WebFile, judge
from tests.playbooks.investigating.benign import Benign, pages
from tests.playbooks.investigating.servers import EXCHANGE, LATER_BUILD, LISTED_BUILD, SERVER, SHIPPED, file, ids

AUTH = f"{EXCHANGE}\\FrontEnd\\HttpProxy\\owa\\auth"
INSTALL, UPDATE = date(2020, 12, 15), date(2021, 3, 12)
BETWEEN = "age.between-updates"

days = st.dates(date(2012, 1, 1), date(2199, 12, 31)) | st.dates()
times = st.datetimes().map(lambda each: f"{each.isoformat()}Z") | st.sampled_from(
    ("", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z")
)
paths = st.sampled_from(
    (
        *(f"{AUTH}\\errorFE.aspx", f"{AUTH}\\logon.aspx", f"{AUTH}\\x.aspx", f"{EXCHANGE}\\ClientAccess\\web.config"),
        *("C:\\inetpub\\wwwroot\\x.aspx", "D:\\x.ashx", "x", f"{AUTH}\\bin\\App_Web_1.dll"),
    )
)
contents = st.sampled_from(("", "<p>x</p>", '<%eval(Request["x"],"unsafe")%>', "<configuration />"))


def judged(
    *files: WebFile, installed: tuple[date, ...] = (INSTALL, UPDATE), build: Build = LISTED_BUILD
) -> tuple[FileVerdict, ...]:
    return judge(files, (), build, SHIPPED, SERVER, installed=installed)


def at(day: date, hour: int = 12) -> str:
    return f"{day}T{hour:02}:00:00.0000000Z"


@given(st.lists(st.tuples(paths, contents, times, times), max_size=4), st.lists(days, max_size=4))
def test_age_never_makes_a_file_better_and_days_have_no_order(
    files: list[tuple[str, str, str, str]], installed: list[date]
) -> None:
    told = [file(path, content, created=made, modified=written) for path, content, made, written in files]
    without = judged(*(replace(each, created="", modified="") for each in told), installed=())
    older = judged(*told, installed=())
    verdicts = judged(*told, installed=tuple(installed))
    assert verdicts == judged(*told, installed=(*reversed(installed), *installed))
    for timeless, before, after in zip(without, older, verdicts, strict=True):
        assert after.verdict.rank <= before.verdict.rank <= timeless.verdict.rank
        assert set(timeless.reasons) <= set(before.reasons) <= set(after.reasons)
        assert {each.id for each in set(after.reasons) - set(before.reasons)} <= {BETWEEN}
        if after.verdict is not before.verdict:
            assert (before.verdict, after.verdict) == (Grade.UNKNOWN, Grade.SUSPICIOUS)
            assert "known-good.altered" in ids(after)


@given(st.dates(date(2012, 1, 1), date(2030, 1, 1)), st.integers(-400, 400), st.integers(0, 23), st.booleans())
def test_a_page_is_told_that_came_after_the_install_and_on_no_day_of_one_nor_beside_it(
    install: date, apart: int, hour: int, made: bool
) -> None:
    update = install + timedelta(days=100)
    day = install + timedelta(days=apart)
    old = at(install - timedelta(days=500))
    page = file(f"{AUTH}\\errorFE.aspx", "<p>x</p>", created=old, modified=old)
    page = replace(page, created=at(day, hour)) if made else replace(page, modified=at(day, hour))
    (verdict,) = judged(page, installed=(update, install))
    expected = apart > 1 and abs(apart - 100) > 1
    assert (BETWEEN in ids(verdict)) == expected
    assert verdict.verdict is (Grade.SUSPICIOUS if expected else Grade.UNKNOWN)


def test_the_reason_says_what_it_goes_by_and_by_whose_word() -> None:
    (verdict,) = judged(file(f"{AUTH}\\errorFE.aspx", "<p>x</p>", created=at(date(2021, 3, 3)), modified=""))
    (reason,) = (each for each in verdict.reasons if each.id == BETWEEN)
    assert reason.text == (
        "it was made 2021-03-03, and Exchange and its updates were installed on other days, by the server's word: "
        "last on 2020-12-15, next on 2021-03-12"
    )
    assert "easily forged" in reason.source


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"])
def test_a_time_that_is_none_in_utc_or_the_last_of_all_is_judged(when: str) -> None:
    page = file(f"{AUTH}\\errorFE.aspx", "<p>x</p>", created=when, modified=when)
    (verdict,) = judged(page)
    assert (BETWEEN in ids(verdict)) == when.endswith("Z")


@pytest.mark.parametrize("page", tuple(pages()), ids=lambda each: each.name)
def test_an_honest_page_is_not_above_unknown_whenever_it_was_written(page: Benign) -> None:
    when = at(date(2021, 3, 3))
    (verdict,) = judged(file(page.path, page.content, created=when, modified=when), build=LATER_BUILD)
    assert verdict.verdict is Grade.UNKNOWN, verdict.reasons
