"""What a page says of the audits before it: who is not as before, in what, and how the fleet stood."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import timedelta

import pytest

from playbooks.findings import Severity, Verdict
from runner.comparing import Audited, compare
from runner.reports.history import MOST, History, Past, changed, trend
from runner.reports.html import HtmlReport
from runner.reports.picture import FULL
from tests.runner.reports.test_hostile_answers import HOSTILE, Structure, unshown
from tests.runner.test_comparing import BEGAN, audited, finding, server, step


def later(audit: Audited, days: int, run: str) -> Audited:
    return replace(audit, began=BEGAN + timedelta(days=days), audit=replace(audit.audit, run=run))


WAS = audited(
    server(step("patch", Verdict.OK), name="EX1"),
    server(step("patch", Verdict.VULNERABLE, finding(Severity.HIGH)), name="EX2"),
    server(step("patch", Verdict.OK), name="EX3"),
    server(step("patch", Verdict.OK), name="EX5"),
    run="was",
)
IS = later(
    audited(
        server(step("patch", Verdict.COMPROMISED, finding(Severity.CRITICAL, name="shell")), name="EX1"),
        server(step("patch", Verdict.OK), name="EX2"),
        server(step("patch", Verdict.OK), name="EX4"),
        server(step("patch", Verdict.OK), name="EX5"),
    ),
    1,
    "is",
)


def page(history: History) -> str:
    return HtmlReport(history=history).render(IS.audit)


def pasts(*audits: Audited) -> tuple[Past, ...]:
    return tuple(Past.of(each.began, each.audit) for each in audits)


def test_who_is_not_as_before_stands_first_and_leads_to_its_part() -> None:
    written = page(History(compare(WAS, IS), "", pasts(WAS, IS)))
    seen = " ".join(" ".join(Structure(written).words).split())
    assert "1 worse, 1 new, 1 gone, 1 better, 1 the same (run was, compared with is)" in seen
    assert [(each.became.value, [row.name for row in each.rows]) for each in changed(compare(WAS, IS))] == [
        ("worse", ["EX1"]),
        ("new", ["EX4"]),
        ("gone", ["EX3"]),
        ("better", ["EX2"]),
    ]
    assert "EX1 ok compromised new: " in seen
    assert '<a href="#s1"><bdi>EX1</bdi></a>' in written
    assert '<th scope="row"><bdi>EX3</bdi></th>' in written  # who is gone has no part to be led to
    assert seen.index("What changed") < seen.index("Servers, worst first")


def test_what_makes_two_audits_less_comparable_is_said_beside_what_changed() -> None:
    other = replace(IS, started=replace(IS.started, exrun="2.0"))
    assert "judged by another version of exrun: 1.0, then 2.0" in page(History(compare(WAS, other), "", pasts(other)))


def test_every_run_is_in_the_drawing_and_in_words_and_those_that_are_left_out_are_named() -> None:
    past = pasts(WAS, later(WAS, 1, "between"), IS)
    found = trend(past)
    assert found is not None
    assert [(each.began, each.hosts) for each in found.runs] == [
        ("2026-11-29 02:40", 4),
        ("2026-11-29 02:40", 4),
        ("2026-11-28 02:40", 4),
    ]
    assert found.runs[0].said == "1 compromised, 3 ok"
    written = page(History(None, "", past))
    seen = " ".join(" ".join(Structure(written).words).split())
    assert "Over the last 3 runs of this playbook" in seen
    assert "4 servers at the top" in seen
    assert trend(past[:1]) is None
    written = page(History(None, "No earlier audit is recorded here", past[-1:], ("2026-11-27t0240",)))
    assert "No earlier audit is recorded here: nothing is compared." in written
    assert (
        "1 run of this playbook, whose journals do not verify or are too large to be read along: 2026-11-27t0240"
        in (html.unescape(written))
    )
    assert "Over the last runs" not in written


@pytest.mark.parametrize("runs", [2, 3, 50])
def test_no_server_of_any_run_is_too_few_to_be_seen_in_the_drawing(runs: int) -> None:
    verdicts = [(Verdict.COMPROMISED,) * (number % 2) + (Verdict.OK,) * 2000 for number in range(runs)]
    found = trend([Past(f"r{number}", BEGAN + timedelta(days=number), each) for number, each in enumerate(verdicts)])
    assert found is not None
    assert [area.shade for area in found.areas] == ["grave", "well"]
    for area in found.areas:
        edge = [tuple(map(int, point.split(","))) for point in area.points.split(" ")]
        above, below = edge[:runs], edge[: -runs - 1 : -1]
        assert [x for x, _ in above] == [x for x, _ in below] == sorted(x for x, _ in above)
        assert (above[0][0], above[-1][0]) == (0, FULL)
        for (_, high), (_, low), each in zip(above, below, verdicts, strict=True):
            assert 0 <= high <= low <= FULL
            assert (low - high >= 8) is (Verdict.COMPROMISED in each or area.shade == "well")
    assert (found.marks[0].said, found.marks[-1].x) == (found.runs[-1].began, "100%")
    assert len(found.marks) == min(runs, 5)


def test_of_many_servers_that_changed_a_page_names_the_first_and_counts_the_rest() -> None:
    names = [f"EX{number:03}" for number in range(MOST + 7)]
    was = audited(*(server(step("patch", Verdict.OK), name=name) for name in names), run="was")
    now = audited(*(server(step("patch", Verdict.VULNERABLE), name=name) for name in names), run="is")
    [worse] = changed(compare(was, later(now, 1, "is")))
    assert (worse.count, len(worse.rows), worse.more) == (MOST + 7, MOST, 7)


@pytest.mark.parametrize("text", [text for text in HOSTILE if len(text) < 100])
def test_what_a_server_said_before_is_text_no_less_than_what_it_says_now(text: str) -> None:
    def written(said: str) -> str:
        was = audited(server(step("patch", Verdict.OK), name=said), run="was")
        now = audited(
            server(step("patch", Verdict.VULNERABLE, replace(finding(Severity.HIGH, said), title=said)), name=said)
        )
        now = later(now, 1, "is")
        history = History(compare(was, now), "", pasts(was, now), (said,))
        return HtmlReport(history=history).render(now.audit)

    said = Structure(written(text))
    assert unshown(written(text)) == set()
    assert said.marks in [Structure(written(harmless)).marks for harmless in ("harmless", "harm less", "harm\n")]
