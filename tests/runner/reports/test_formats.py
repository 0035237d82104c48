"""Every format of an audit, read back by a reader that is not ours: no server and no finding is lost in any."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import junitparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator
from markdown_it import MarkdownIt

from playbooks.findings import Assessment, Coverage, Finding, Severity, Verdict
from runner.exit_status import ExitStatus
from runner.reports.formats import AuditFormat, report_of
from runner.reports.jsonl import schema_text
from runner.reports.sarif import FINGERPRINT, NOT_JUDGED, VERDICT
from runner.results import (
    FleetResult,
    HostFinding,
    Judged,
    Label,
    Listed,
    NotReached,
    Outcome,
    StepResult,
    exit_status,
    fleet_result,
    judged,
)
from runner.terms import End, Ending, Terms
from runner.transport.failures import Cause, Failure

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parents[2] / "docs" / "reference" / "schemas"
STALE = Terms(date(2026, 4, 2), date(2027, 4, 2))
INTERRUPTED = Terms(date(2026, 4, 2), date(2026, 4, 2), End(Ending.INTERRUPTED, "the run was interrupted", "Again."))

findings = st.builds(
    Finding,
    st.sampled_from(["exchange.patch.vulnerable", "iis.x", "a.b-c"]),
    st.sampled_from(Severity),
    st.sampled_from(["No fix is in", "Seen {0}", "Two | three"]),
    st.lists(st.sampled_from(["ExSetup.exe is 15.2.529.5", "C:\\x [a](b)"]), max_size=2).map(tuple),
    st.sampled_from(["", "Install KB5001779"]),
    st.lists(st.sampled_from(["CVE-2021-26855", "CVE-2021-27065"]), max_size=2, unique=True).map(tuple),
    st.lists(st.just("KB5001779"), max_size=1).map(tuple),
)
assessments = st.builds(
    Assessment,
    st.sampled_from(Verdict),
    st.sampled_from(["because", "it says so"]),
    st.lists(findings, max_size=3).map(tuple),
    st.just({"product": "2019", "cu": "CU14", "build": "15.2.1544.4"}),
    st.sampled_from(Coverage),
)
steps = st.lists(
    st.builds(StepResult, st.sampled_from(["version", "patch", "hunt"]), st.just("a.b"), assessments),
    min_size=1,
    max_size=3,
    unique_by=lambda step: step.step,
)
listed = st.sampled_from(
    [Listed(), Listed("ex1.example", 5986, ("exchange",), (Label("dag", ("DAG1",)), Label("roles", ("A", "B"))))]
)
clients = st.sampled_from(["alpha", "beta"])
names = st.sampled_from([f"EX{number}" for number in range(1, 30)])
rows = st.one_of(
    st.builds(judged, names, clients, steps, st.integers(0, 20), st.floats(0, 9), listed),
    st.builds(
        NotReached,
        names,
        clients,
        st.builds(Failure, st.sampled_from(Cause), st.just("no answer"), st.just("Start WinRM")),
        st.just(2),
        st.just(1),
        st.floats(0, 9),
        listed,
    ),
)
fleets = st.builds(
    fleet_result,
    st.just("2026-r1"),
    st.sampled_from([STALE, INTERRUPTED, Terms(date(2026, 4, 2), date(2026, 4, 2))]),
    st.lists(rows, max_size=6, unique_by=lambda row: (row.client, row.name)),
)


def written(form: AuditFormat, audit: FleetResult) -> str:
    return report_of(form, width=120).render(audit)


def everything(audit: FleetResult) -> set[tuple[str, str, str, str]]:
    """Client, server, step and id of each finding."""
    return {(host.client, host.name, each.step, each.finding.id) for host in audit.hosts for each in host.findings}


@cache
def sarif_schema() -> Draft4Validator:
    path = HERE / "schemas" / "sarif-2.1.0-rtm.5.json"
    return Draft4Validator(json.loads(path.read_text(encoding="utf-8")))


@cache
def line_schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_text()))


@pytest.mark.parametrize("form", AuditFormat)
def test_every_format_writes_an_audit_without_servers(form: AuditFormat) -> None:
    assert written(form, fleet_result("r", INTERRUPTED, [])).endswith("\n")


@given(fleets)
@settings(max_examples=40, deadline=None)
def test_text_is_the_table_by_another_name(audit: FleetResult) -> None:
    assert written(AuditFormat.TEXT, audit) == written(AuditFormat.TABLE, audit)


@given(fleets)
@settings(max_examples=80, deadline=None)
def test_a_reader_of_lines_finds_every_server_in_its_order_and_knows_whether_it_has_all(audit: FleetResult) -> None:
    lines = [json.loads(line) for line in written(AuditFormat.JSONL, audit).splitlines()]
    for line in lines:
        line_schema().validate(line)
    *servers, summary = lines
    whole = json.loads(written(AuditFormat.JSON, audit))
    for line, host in zip(servers, whole.pop("hosts"), strict=True):
        assert line == {"schema": "exrun.audit-line/1", "kind": "server", "run": "2026-r1", **host}
    assert summary == {**whole, "schema": "exrun.audit-line/1", "kind": "summary"}
    assert summary["summary"]["hosts"] == len(servers)


def test_the_published_schema_of_a_line_is_that_of_the_model() -> None:
    published = (SCHEMAS / "audit-line.json").read_text(encoding="utf-8")
    assert published == schema_text(), "write runner.reports.jsonl.schema_text() there"


@given(fleets)
@settings(max_examples=80, deadline=None)
def test_a_reader_of_csv_finds_every_server_and_finding(audit: FleetResult) -> None:
    read = list(csv.DictReader(io.StringIO(written(AuditFormat.CSV, audit), newline="")))
    assert [(line["client"], line["server"]) for line in read] == [(host.client, host.name) for host in audit.hosts]
    for line, host in zip(read, audit.hosts, strict=True):
        assert line["findings"].split() == [each.finding.id for each in host.findings]
        assert set(line["cves"].split()) == {cve for each in host.findings for cve in each.finding.cves}
        assert line["build"] == host.build
        assert line["labels"] == ("dag: DAG1; roles: A, B" if host.labels else "")


@given(fleets)
@settings(max_examples=80, deadline=None)
def test_a_reader_of_markdown_finds_every_server_and_finding_in_its_tables(audit: FleetResult) -> None:
    cells = tables(written(AuditFormat.MARKDOWN, audit))
    several = len({host.client for host in audit.hosts}) > 1
    named = {f"{host.client}/{host.name}" if several else host.name for host in audit.hosts}
    shown = [row[0] for title in ("What to do, worst first", "Nothing to do") for row in cells.get(title, [])]
    assert sorted(shown) == sorted(named)
    found = {
        (row[0], row[1], name) for row in cells.get("Findings", []) for name in row[4].partition(": ")[2].split(", ")
    }
    assert found == {
        (each.finding.severity.value, each.finding.id, f"{host.client}/{host.name}" if several else host.name)
        for host in audit.hosts
        for each in host.findings
    }
    counted = {row[1]: int(row[0]) for row in cells.get("How many", [])}
    assert counted == {verdict.value: count for verdict, count in audit.summary.verdicts.items() if count}


def tables(text: str) -> dict[str, list[list[str]]]:
    """The cells of each table below its heading, by CommonMark's and GitHub's rules; the row of headings left out."""
    found: dict[str, list[list[str]]] = {}
    title, rows = "", []
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            title = tokens[at + 1].content
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "td_open":
            rows[-1].append("".join(each.content for each in tokens[at + 1].children or ()))
        elif token.type == "table_close":
            found[title], rows = [row for row in rows if row], []
    return found


@given(fleets)
@settings(max_examples=80, deadline=None)
def test_junitparser_finds_every_server_and_step_and_a_failure_exactly_where_the_exit_status_says_it(
    audit: FleetResult,
) -> None:
    read = junitparser.JUnitXml.fromstring(written(AuditFormat.JUNIT, audit).encode())
    by_client = {suite.name: suite for suite in read}
    assert set(by_client) == {host.client for host in audit.hosts}
    for client, suite in by_client.items():
        mine = [host for host in audit.hosts if host.client == client]
        wanted = {(f"{client}/{host.name}", "server") for host in mine}
        wanted |= {
            (f"{client}/{host.name}", step.step) for host in mine if isinstance(host, Judged) for step in host.steps
        }
        assert {(case.classname, case.name) for case in suite} == wanted
        assert suite.tests == len(wanted)
        status = exit_status(mine)
        assert (suite.errors > 0) is (status is ExitStatus.NOT_ALL_JUDGED)
        assert (suite.errors + suite.failures > 0) is (status is not ExitStatus.WELL)
        counted = (suite.tests, suite.failures, suite.errors, suite.skipped)
        suite.update_statistics()
        assert counted == (suite.tests, suite.failures, suite.errors, suite.skipped)
        named = {
            (client, case.classname.partition("/")[2], case.name, each.value)
            for case in suite
            for inside in case.iterchildren(junitparser.Properties)
            for each in inside
            if each.name == "finding"
        }
        assert named == {each for each in everything(audit) if each[0] == client}


@given(fleets)
@settings(max_examples=60, deadline=None)
def test_sarif_is_valid_and_has_every_server_and_every_finding(audit: FleetResult) -> None:
    log = json.loads(written(AuditFormat.SARIF, audit))
    sarif_schema().validate(log)
    results = [result for run in log["runs"] for result in run["results"] if "locations" in result]
    assert {place(result) for result in results} == {f"{host.client}/{host.name}" for host in audit.hosts}
    told = [result for result in results if result["ruleId"] not in (VERDICT, NOT_JUDGED)]
    assert sorted(identity(result) for result in told) == sorted(
        (host.client, host.name, each.step, each.finding.id) for host in audit.hosts for each in host.findings
    )
    for run in log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
        marks = [result["partialFingerprints"][FINGERPRINT] for result in run["results"] if "locations" in result]
        assert len(set(marks)) == len(marks), "each result is told from every other"
    for host in audit.hosts:
        mine = [each for each in results if place(each) == f"{host.client}/{host.name}"]
        if host.outcome is not Outcome.COMPLIANT:
            assert any(each.get("kind", "fail") == "fail" for each in mine), "a reader of levels alone sees it"
        assert (NOT_JUDGED in {each["ruleId"] for each in mine}) is (
            host.outcome not in (Outcome.COMPLIANT, Outcome.FINDINGS)
        )


def place(result: dict[str, Any]) -> str:
    [location] = result["locations"]
    [server] = location["logicalLocations"]
    return str(server["fullyQualifiedName"])


def identity(result: dict[str, Any]) -> tuple[str, ...]:
    properties = result["properties"]
    return properties["client"], properties["server"], properties["step"], result["ruleId"]


def test_the_same_finding_has_the_same_fingerprint_whatever_it_says_the_next_day() -> None:
    def prints(title: str, seconds: float) -> list[str]:
        finding = Finding("exchange.patch.behind", Severity.MEDIUM, title, (title,), "Install it")
        step = StepResult("patch", "exchange.patch", Assessment(Verdict.BEHIND, title, (finding, finding)))
        log = json.loads(
            written(AuditFormat.SARIF, fleet_result(title, STALE, [judged("EX1", "alpha", [step], 1, seconds)]))
        )
        results = log["runs"][0]["results"]
        return [each["partialFingerprints"][FINGERPRINT] for each in results if "locations" in each]

    assert prints("12 updates behind", 1.0) == prints("13 updates behind", 2.0)
    assert len(set(prints("12 updates behind", 1.0))) == 3


def test_the_reference_names_every_format() -> None:
    reference = (SCHEMAS.parent / "command-line.md").read_text(encoding="utf-8")
    for form in AuditFormat:
        assert re.search(rf"`{form}`", reference), form


def test_what_several_servers_have_is_one_line_of_the_ticket() -> None:
    finding = Finding("a.b", Severity.LOW, "Same", ("e",), "Do")
    step = StepResult("s", "a.b", Assessment(Verdict.ATTENTION, "why", (finding,)))
    audit = fleet_result("r", STALE, [judged(f"EX{number}", "alpha", [step], 1, 1) for number in range(3)])
    [row] = tables(written(AuditFormat.MARKDOWN, audit))["Findings"]
    assert row == ["low", "a.b", "Same", "-", "3: EX0, EX1, EX2"]
    assert HostFinding("s", "a.b", finding) in audit.hosts[0].findings
