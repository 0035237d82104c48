"""What each report tells its reader."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from playbooks.findings import Assessment, Coverage, Finding, Severity, Verdict
from playbooks.investigating.rotation import AFTER_CLEANING
from playbooks.investigating.standing import CLEAR_OF, LOOKED_FOR
from runner.reports.html import HtmlReport
from runner.reports.interface import Report
from runner.reports.json import AuditDocument, JsonReport, schema_text
from runner.reports.table import TableReport
from runner.reports.wording import headline, meaning, probed, tone, totals
from runner.results import HostResult, Label, Listed, NotReached, Outcome, StepResult, fleet_result, judged
from runner.terms import End, Ending, Terms
from runner.transport.failures import Cause, Failure
from tests.runner.reports.fleets import fleet as large_fleet

TERMS = Terms(date(2026, 4, 2), date(2026, 4, 2))
LISTED = Listed(
    "ex1.example", 5986, ("exchange",), (Label("dag", ("DAG1",)), Label("roles", ("Mailbox", "ClientAccess")))
)
PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas" / "audit.json"


def host(name: str, client: str, verdict: Verdict, coverage: Coverage = Coverage.PROBED) -> HostResult:
    bad = verdict not in (Verdict.OK, Verdict.NOT_EXCHANGE)
    finding = Finding(
        f"exchange.patch.{verdict}",
        Severity.CRITICAL,
        "No fix is in",
        ("a", "b"),
        "Install KB5001779",
        ("CVE-2021-26855",),
        ("KB5001779",),
    )
    step = StepResult(
        "patch",
        "exchange.patch",
        Assessment(
            verdict,
            f"because {verdict}",
            (finding,) if bad else (),
            {"product": "2016", "cu": "CU23", "build": "15.2.529.5"},
            coverage,
        ),
    )
    return judged(name, client, [step], requests=8, seconds=1.23456, listed=LISTED)


SILENT = NotReached(
    "EX3",
    "beta",
    Failure(Cause.TIMEOUT, "no answer in 30 s", "Check that WinRM listens"),
    steps_due=1,
    requests=1,
    seconds=30,
)
FLEET = fleet_result(
    "2026-r1",
    TERMS,
    [host("EX2", "beta", Verdict.OK), SILENT, host("EX1", "alpha", Verdict.VULNERABLE)],
)
REPORTS: list[Report] = [TableReport(200), JsonReport(), HtmlReport()]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_every_host_is_in_every_report_worst_first_the_unreachable_too(report: Report) -> None:
    written = report.render(FLEET)
    assert written.index("EX1") < written.index("EX3") < written.index("EX2")
    assert written.endswith("\n")
    for said in ("vulnerable", "unreachable", "no answer in 30 s", "Check that WinRM listens", "2026-04-02", "2026-r1"):
        assert said in written


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_the_same_audit_gives_the_same_text(report: Report) -> None:
    assert report.render(FLEET) == report.render(FLEET)


def test_the_table_ends_in_totals_the_catalogues_date_and_how_much_was_probed() -> None:
    assert TableReport(200).render(FLEET).splitlines()[-3:] == [
        "3 servers: 1 vulnerable, 1 unreachable, 1 ok",
        "catalogue as of 2026-04-02; 2 of 3 checks probed (66 %), 1 not knowable",
        "run 2026-r1",
    ]


def test_the_table_names_product_and_cumulative_update() -> None:
    assert "Exchange Server 2016 CU23" in TableReport(200).render(FLEET)


def test_the_table_names_clients_only_where_there_are_several() -> None:
    alone = fleet_result("r", TERMS, [host("EX1", "alpha", Verdict.OK)])
    assert "alpha" not in TableReport(200).render(alone)
    assert "alpha/EX1" in TableReport(200).render(FLEET)


def test_the_table_keeps_within_the_width_of_the_terminal() -> None:
    assert max(map(len, TableReport(80).render(FLEET).splitlines())) <= 80


def test_colour_is_the_callers_choice_and_no_variable_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "30"), ("TERM", "xterm-256color")):
        monkeypatch.setenv(name, value)
    assert "\x1b" not in TableReport(200, colour=False).render(FLEET)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31mvulnerable" in TableReport(200, colour=True).render(FLEET)


def test_an_audit_of_no_hosts_says_so_in_every_report() -> None:
    nothing = fleet_result("r", TERMS, [])
    assert TableReport().render(nothing).startswith("no servers\n")
    assert json.loads(JsonReport().render(nothing))["hosts"] == []
    assert "No server was audited." in HtmlReport().render(nothing)


def test_the_json_object_has_the_members_that_programs_rely_on() -> None:
    read = json.loads(JsonReport().render(FLEET))
    assert list(read) == ["schema", "run", "catalogue", "judged_on", "end", "findings", "hosts", "rotate", "summary"]
    assert (read["schema"], read["run"], read["judged_on"]) == ("exrun.audit/1", "2026-r1", "2026-04-02")
    assert read["catalogue"] == {"as_of": "2026-04-02", "age_days": 0, "own": None}
    assert (read["end"], read["findings"]) == ({"how": "complete", "message": ""}, [])
    worst = read["hosts"][0]
    assert {name: worst[name] for name in ("name", "client", "outcome", "verdict", "requests", "seconds")} == {
        "name": "EX1",
        "client": "alpha",
        "outcome": "findings",
        "verdict": "vulnerable",
        "requests": 8,
        "seconds": 1.235,
    }
    assert worst["findings"] == [
        {
            "id": "exchange.patch.vulnerable",
            "step": "patch",
            "action": "exchange.patch",
            "severity": "critical",
            "title": "No fix is in",
            "evidence": ["a", "b"],
            "next": "Install KB5001779",
            "cves": ["CVE-2021-26855"],
            "kbs": ["KB5001779"],
        }
    ]
    assert {name: worst[name] for name in ("address", "port", "groups", "labels", "build")} == {
        "address": "ex1.example",
        "port": 5986,
        "groups": ["exchange"],
        "labels": {"dag": ["DAG1"], "roles": ["Mailbox", "ClientAccess"]},
        "build": "15.2.529.5",
    }
    assert read["summary"]["verdicts"]["unreachable"] == 1
    assert read["summary"]["outcomes"] == {
        Outcome.COMPLIANT: 1,
        Outcome.FINDINGS: 1,
        Outcome.UNKNOWN: 0,
        Outcome.UNREACHABLE: 1,
        Outcome.FAILED: 0,
    }


def test_what_is_written_reads_back_through_the_model_and_a_foreign_member_does_not() -> None:
    written = JsonReport().render(FLEET)
    assert AuditDocument.model_validate_json(written).model_dump(mode="json") == json.loads(written)
    with pytest.raises(ValidationError):
        AuditDocument.model_validate({**json.loads(written), "extra": 1})


def test_the_published_schema_is_that_of_the_model() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), "write runner.reports.json.schema_text() there"


def test_the_published_schema_names_every_member_as_it_is_written() -> None:
    schema = json.loads(schema_text())
    read = json.loads(JsonReport().render(FLEET))
    assert set(schema["properties"]) == set(schema["required"]) == set(read)
    assert set(schema["$defs"]["HostMember"]["properties"]) == set(read["hosts"][0])


def test_the_page_loads_nothing_and_its_policy_names_its_own_style_and_script_and_no_other() -> None:
    page = HtmlReport().render(FLEET)
    digests = []
    for tag in ("style", "script"):
        [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests.append(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())
    policy = (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; base-uri 'none'; "
        "form-action 'none'"
    )
    assert f'content="{policy.replace(chr(39), "&#39;")}"' in page
    assert not re.search(r"<link|<img|<iframe|<form|\ssrc=|\shref=\"[^#]|\sstyle=|\son\w+=|url\(|@import|eval", page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|Function|fetch|XMLHttp|import\(", page)


def test_the_page_is_for_paper_and_for_the_dark_too() -> None:
    page = HtmlReport().render(FLEET)
    assert "@media print" in page
    assert "prefers-color-scheme: dark" in page


def test_a_manager_reads_first_how_many_servers_need_something_done() -> None:
    assert headline(FLEET) == "1 of 3 servers needs something done. 1 of 3 servers could not be judged completely."
    well = fleet_result("r", TERMS, [host("EX1", "alpha", Verdict.OK)])
    assert headline(well) == "Nothing was found on 1 server by the catalogue of 2026-04-02."
    assert headline(fleet_result("r", TERMS, [SILENT])) == "1 of 1 server could not be judged completely."


def test_the_page_explains_the_verdicts_that_it_uses_and_no_other() -> None:
    page = HtmlReport().render(FLEET)
    for verdict in Verdict:
        used = verdict in {Verdict.VULNERABLE, Verdict.UNREACHABLE, Verdict.OK}
        assert (meaning(verdict, FLEET) in html.unescape(page)) is used


def test_a_share_is_never_rounded_up_to_all() -> None:
    known = [host(f"EX{index}", "alpha", Verdict.OK) for index in range(999)]
    audit = fleet_result("r", TERMS, [*known, SILENT])
    assert probed(audit.summary.coverage) == "999 of 1000 checks probed (99 %), 1 not knowable"
    assert totals(audit.summary) == "1000 servers: 1 unreachable, 999 ok"


OLD = Terms(
    date(2026, 4, 2), date(2026, 5, 20), End(Ending.DEADLINE, "the time limit was reached", "Raise --run-timeout.")
)
LEFT = NotReached("EX4", "beta", Failure(Cause.INTERRUPTED, "the time limit was reached", "Raise it"), 1, 0, 0.0)
BARE = NotReached("EX5", "beta", Failure(Cause.CREDENTIAL, "env:PW: not set", "Set PW"), 1, 0, 0.0)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_what_is_found_of_the_run_is_in_every_report(report: Report) -> None:
    written = html.unescape(report.render(fleet_result("r", OLD, [LEFT, BARE])))
    for said in (
        "The run did not come to its end: the time limit was reached",
        "Raise --run-timeout.",
        "The catalogue is 48 days old: updates and attacks of the time since are not in it",
        "not-asked",
        "no-credential",
    ):
        assert said in written


def test_a_manager_reads_of_an_early_end_of_servers_that_were_not_asked_and_of_old_tables() -> None:
    rows = [host("EX1", "alpha", Verdict.BEHIND), LEFT, BARE, SILENT]
    assert headline(fleet_result("r", OLD, rows)) == (
        "The run did not come to its end. 1 of 4 servers needs something done. 2 of 4 servers were not asked. "
        "1 of 4 servers could not be judged completely. The catalogue that judged is 48 days old."
    )


def test_the_json_object_says_how_the_run_ended_and_how_old_its_catalogue_was() -> None:
    read = AuditDocument.model_validate_json(JsonReport().render(fleet_result("r", OLD, [LEFT])))
    assert (read.end.how, read.end.message) == (Ending.DEADLINE, "the time limit was reached")
    assert (read.catalogue.age_days, str(read.judged_on)) == (48, "2026-05-20")
    assert [found.id for found in read.findings] == ["run.deadline", "run.catalogue-aged"]


def test_behind_and_not_current_are_open_and_neither_grave_nor_well() -> None:
    for verdict in (Verdict.BEHIND, Verdict.NOT_CURRENT, Verdict.NOT_ASKED, Verdict.NO_CREDENTIAL):
        assert tone(verdict) == "open"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_meaning_in_sentences_and_ok_names_the_catalogues_day(verdict: Verdict) -> None:
    said = meaning(verdict, FLEET)
    assert said.endswith(".")
    assert "{" not in said
    assert ("2026-04-02" in said) is (verdict is Verdict.OK)


def searched(name: str, verdict: Verdict) -> HostResult:
    said = Assessment(verdict, f"because {verdict}", facts={"since": "2026-10-28", CLEAR_OF: LOOKED_FOR})
    return judged(name, "alpha", [StepResult("hunt", "proxylogon.hunt", said)], requests=8, seconds=1)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_clean_is_shown_with_its_day(report: Report) -> None:
    written = report.render(fleet_result("r", TERMS, [searched("EX1", Verdict.OK)]))
    if isinstance(report, JsonReport):
        [server] = json.loads(written)["hosts"]
        assert (server["verdict"], server["clean_since"], server["logs_since"]) == ("ok", "2026-10-28", "2026-10-28")
        assert server["because"] == [{"step": "hunt", "finding": ""}]
    else:
        assert "clean since 2026-10-28" in written


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_what_to_rotate_is_in_every_report_of_a_compromised_server_and_in_no_other(report: Report) -> None:
    inside = report.render(fleet_result("r", TERMS, [searched("EX1", Verdict.COMPROMISED)]))
    other = report.render(fleet_result("r", TERMS, [searched("EX1", Verdict.SUSPICIOUS)]))
    if isinstance(report, JsonReport):
        assert [each["id"] for each in json.loads(inside)["rotate"]] == [each.id for each in AFTER_CLEANING]
        assert json.loads(other)["rotate"] == []
    elif isinstance(report, HtmlReport):
        shown = html.unescape(inside)
        places = [shown.index(each.what) for each in AFTER_CLEANING]
        assert places == sorted(places)
        assert all(each.source in inside for each in AFTER_CLEANING)
        assert "what to rotate" not in other
    else:
        assert f"{len(AFTER_CLEANING)} kinds of secrets are to be rotated" in inside
        assert "rotated" not in other


def test_the_headline_says_first_where_somebody_was_inside_and_on_how_many_nobody_was_seen() -> None:
    fleet = [searched("EX1", Verdict.COMPROMISED), searched("EX2", Verdict.OK), searched("EX3", Verdict.PROBED)]
    assert headline(fleet_result("r", TERMS, fleet)) == (
        "Somebody was inside 1 of 3 servers. 2 of 3 servers need something done. On 1 of 3 servers nothing of an "
        "intruder was found, since the day in the row."
    )


def test_a_server_more_costs_a_page_few_bytes_and_few_elements() -> None:
    few, many = (HtmlReport().render(large_fleet(count)) for count in (70, 140))
    assert (len(many.encode()) - len(few.encode())) / 70 < 4000
    assert (many.count("<") - few.count("<")) / 2 / 70 < 80  # begin and end tags


def test_a_row_leads_to_the_part_of_its_server_and_a_finding_to_what_others_have_alike() -> None:
    page = HtmlReport().render(large_fleet(14))
    targets = re.findall(r'id="([sf]\d+)"', page)
    assert len(targets) == len(set(targets))
    links = re.findall(r'href="#([sf]\d+)"', page)
    assert set(links) <= set(targets)
    assert {f"s{number}" for number in range(1, 15)} <= set(links)


def test_a_finding_stands_with_its_updates_and_its_holes() -> None:
    page = HtmlReport().render(large_fleet(14))
    assert '<span class="tag">KB5070000</span> <span class="tag">CVE-2021-26855</span>' in page
