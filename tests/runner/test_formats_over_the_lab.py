"""A real audit, plan and apply, written in every format of `show` and `report` and read back by readers that are not
ours: each says of each server what the others say, and none says better."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import junitparser
import pytest

from playbooks.findings import Verdict
from runner.lab.faults import Act, Fault, Step
from runner.reports.formats import AuditFormat
from runner.reports.sarif import NOT_JUDGED, VERDICT
from tests.runner.cli.parsing import parsed
from tests.runner.lab.engines.states import STATES
from tests.runner.rehearsal import Rehearsal, rehearsed, server
from tests.runner.reports.test_formats import place, sarif_schema, tables

Said = dict[str, str]  # by server
WELL = {"ok", "not-applicable", "compliant", "changed"}


def of_json(text: str) -> Said:
    document = json.loads(text)
    hosts = document["hosts"] if "hosts" in document else [row for part in document["clients"] for row in part["hosts"]]
    return {host["name"]: host.get("verdict") or host["outcome"] for host in hosts}


def of_lines(text: str) -> Said:
    lines = [json.loads(line) for line in text.splitlines()]
    said = {line["name"]: line["verdict"] for line in lines if line["kind"] == "server"}
    assert lines[-1]["summary"]["hosts"] == len(said)
    return said


def of_csv(text: str) -> Said:
    return {row["server"]: row["verdict"] for row in csv.DictReader(io.StringIO(text, newline=""))}


def of_junit(text: str) -> Said:
    said: Said = {}
    for suite in junitparser.JUnitXml.fromstring(text.encode()):
        for case in suite:
            if case.name == "server":
                told = {
                    each.name: each.value for inside in case.iterchildren(junitparser.Properties) for each in inside
                }
                name = case.classname.partition("/")[2]
                said[name] = told.get("verdict") or told["outcome"]
                assert not (case.result == [] and said[name] not in WELL), f"{name} passes"
    return said


def of_sarif(text: str) -> Said:
    log = json.loads(text)
    sarif_schema().validate(log)
    results = [each for run in log["runs"] for each in run["results"] if each["ruleId"] in (VERDICT, NOT_JUDGED)]
    for each in results:
        assert (each.get("kind") == "pass") is (each["properties"]["verdict"] in WELL)
    return {place(each).partition("/")[2]: each["properties"]["verdict"] for each in results}


def of_markdown(text: str) -> Said:
    said: Said = {}
    for title, rows in tables(text).items():
        if title in ("What to do, worst first", "Nothing to do", "Servers, worst first"):
            said |= {row[0]: "skipped" if row[2] == "not planned" else row[2] for row in rows}
    return said


def of_text(text: str) -> Said:
    """Of a table, or of what was sent and answered: the one word of each server's own line."""
    words = "|".join((*Verdict, "unreachable", "not-asked", "changed", "compliant", "failed", "skipped"))
    lines = [
        re.match(rf"(?:({words})  +)?(?:alpha  +)?(EX\d)\b(?:.*?  +({words})\b)?", line) for line in text.splitlines()
    ]
    said = {each[2]: each[1] or each[3] for each in lines if each and (each[1] or each[3])}
    for names in re.findall(r"(?m)^compliant when the plan was made, and not looked at since: (.*)$", text):
        said |= dict.fromkeys(names.split(", "), "compliant")
    return said


class Rows(HTMLParser):
    """What the table of servers of a page says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: Said = {}
        self._row: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr" and any(name in ("data-verdict", "data-outcome") for name, _ in attrs):
            self._row = [value or "" for name, value in attrs if name in ("data-verdict", "data-outcome")]

    def handle_data(self, data: str) -> None:
        if self._row is not None and re.fullmatch(r"EX\d", data.strip()):
            self.said[data.strip()] = self._row[0]
            self._row = None


def of_html(text: str) -> Said:
    rows = Rows()
    rows.feed(text)
    return rows.said


READERS: Mapping[str, Callable[[str], Said]] = {
    AuditFormat.TEXT: of_text,
    AuditFormat.TABLE: of_text,
    AuditFormat.JSON: of_json,
    AuditFormat.JSONL: of_lines,
    AuditFormat.CSV: of_csv,
    AuditFormat.MARKDOWN: of_markdown,
    AuditFormat.JUNIT: of_junit,
    AuditFormat.SARIF: of_sarif,
    "html": of_html,
}
NONE_OF_A_CHANGE = {AuditFormat.JSONL, AuditFormat.CSV, AuditFormat.SARIF}
NONE_OF_A_PLAN = {*NONE_OF_A_CHANGE, AuditFormat.JUNIT}


def told(lab: Rehearsal, command: str, what: str, form: str) -> Said:
    status, out, err = lab(command, what, "--format", form)
    assert status == 0, err
    return READERS[form](out)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    none = STATES["not Exchange, though an uninstalled Exchange 2010 left its key; no services"]
    hosts = (
        server("EX1"),
        server("EX2", services=()),
        server("EX3"),
        replace(server("EX4"), state=none.model_copy(update={"name": "EX4"})),
    )
    with rehearsed(tmp_path, monkeypatch, *hosts, parallel=1) as lab:
        lab.fail("EX3", Fault(Act.RESET, Step.AUTHENTICATE))
        yield lab


def test_every_format_says_of_every_server_of_an_audit_the_same(fleet: Rehearsal) -> None:
    fleet("audit", "-i", "inventory.yml", "--playbook", "./repair.yml", "--connect-timeout", "5")
    same = {"EX1": "attention", "EX2": "attention", "EX3": "unreachable", "EX4": "not-applicable"}
    for command in ("show", "report"):
        for form in READERS:
            if (command, form) == ("show", "html"):
                continue
            assert (command, form, told(fleet, command, "last", form)) == (command, form, same)


def test_every_format_says_of_every_server_of_a_change_the_same_or_that_it_has_none(fleet: Rehearsal) -> None:
    assert fleet.plan("plan.json", "--connect-timeout", "5")[0] == 3
    for command in ("show", "report"):
        for form in AuditFormat:
            status, out, err = fleet(command, "plan.json", "--format", form)
            assert (command, form, status) == (command, form, 2 if form in NONE_OF_A_PLAN else 0), err
            if form not in NONE_OF_A_PLAN:
                assert all(name in out for name in ("EX1", "EX3"))
    shown = json.loads(fleet("show", "plan.json", "--format", "json")[1])["plan"]["hosts"]
    told_of = {row["host"]: (sum(len(step["changes"]) for step in row["steps"]), bool(row["refused"])) for row in shown}
    assert told_of == {"EX1": (4, False), "EX2": (0, False), "EX3": (0, True), "EX4": (0, False)}
    marked = tables(fleet("show", "plan.json", "--format", "markdown")[1])
    assert [row[0] for row in marked["Changes"]] == ["EX1"] * 4
    [rows] = [rows for title, rows in marked.items() if title.startswith("Not changed")]
    assert [row[:2] for row in rows] == [["EX3", "not planned"]]

    fleet("apply", "plan.json", "-i", "inventory.yml", "--connect-timeout", "5")
    same = told(fleet, "report", fleet.applied, "json")
    assert same["EX1"] == "changed"
    assert same["EX3"] not in WELL
    for command in ("show", "report"):
        for form in READERS:
            if (command, form) == ("show", "html"):
                continue
            if form in NONE_OF_A_CHANGE:
                assert fleet(command, fleet.applied, "--format", form)[0] == 2
            else:
                assert (command, form, told(fleet, command, fleet.applied, form)) == (command, form, same)


def test_every_next_command_of_a_run_of_the_lab_is_one_that_the_parser_takes_and_those_that_show_run(
    fleet: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fleet.folder / "inventory.yml").rename(fleet.folder / "our servers.yml")
    out = [
        fleet(command, *rest, "-i", "our servers.yml", "--state", "run s", "--connect-timeout", "5")[1]
        for command, *rest in (
            ["audit", "--playbook", "./repair.yml"],
            ["plan", "./repair.yml", "-o", "a plan.json"],
            ["apply", "a plan.json"],
        )
    ]
    out += [fleet("status", "--state", "run s")[1], fleet("diff", "last", "last", "--state", "run s")[1]]
    page = fleet(
        "report", sorted(each.name for each in fleet.folder.glob("run s/alpha/runs/*"))[0], "--html", "--state", "run s"
    )[1]
    named = [
        re.search(r"exrun .*", line)[0]
        for text in out
        for line in text.splitlines()  # type: ignore[index]
        if re.search(r"(?:[Nn]ext|all of it|undone): exrun ", line)
    ]
    named += [each.replace("&#34;", '"') for each in re.findall(r'<code class="command">([^<]*)</code>', page)]
    assert {each.split()[1] for each in named} >= {"show", "apply", "doctor"}
    for command in named:
        name, given = parsed(command)
        assert str(given.get("state", "run s")) == "run s", command
        assert name in ("show", "report", "diff") or given["inventory"] == [Path("our servers.yml")], command
        if name == "show":
            assert fleet(*shlex.split(command)[1:])[0] == 0, command
