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


def test_every_run_has_its_bar_and_those_that_are_left_out_are_named() -> None:
    past = pasts(WAS, later(WAS, 1, "between"), IS)
    bars = trend(past)
    assert [(bar.name, bar.hosts) for bar in bars] == [
        ("2026-11-28 02:40 UTC", 4),
        ("2026-11-29 02:40 UTC", 4),
        ("2026-11-29 02:40 UTC", 4),
    ]
    assert bars[-1].said == "1 compromised, 3 ok"
    assert trend(past[:1]) == ()
    written = page(History(None, "No earlier audit is recorded here", past[-1:], ("2026-11-27t0240",)))
    assert "No earlier audit is recorded here: nothing is compared." in written
    assert (
        "1 run of this playbook, whose journals do not verify or are too large to be read along: 2026-11-27t0240"
        in (html.unescape(written))
    )
    assert "Over the last runs" not in written


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
    assert said.marks in [Structure(written(harmless)).marks for harmless in ("harmless", "harm less")]
