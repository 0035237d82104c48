"""The table for spreadsheets: every server is a line of it, and nothing that a server says is run."""

from __future__ import annotations

import csv
import io
from datetime import date

from hypothesis import example, given, settings
from hypothesis import strategies as st

from playbooks.findings import Assessment, Finding, Severity, Verdict
from playbooks.investigating.standing import CLEAR_OF, LOOKED_FOR
from runner.reports.csv import COLUMNS, CsvReport
from runner.results import NotReached, StepResult, fleet_result, judged
from runner.terms import Terms
from runner.transport.failures import Cause, Failure

TERMS = Terms(date(2026, 4, 2), date(2026, 4, 2))
FORMULAS = "=+-@\uff1d\uff0b\uff0d\uff20"


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_server_is_a_line_worst_first_with_what_decided() -> None:
    hunt = Assessment(Verdict.OK, "nothing", facts={"since": "2026-10-28", CLEAR_OF: LOOKED_FOR})
    module = Assessment(Verdict.SUSPICIOUS, "a module", (Finding("iis.x", Severity.HIGH, "t", next="Look"),))
    fleet = [
        judged("EX1", "alpha", [StepResult("hunt", "proxylogon.hunt", hunt)], 8, 1),
        NotReached("EX3", "alpha", Failure(Cause.TIMEOUT, "no answer", "Start WinRM"), 1, 1, 3),
        judged("EX2", "alpha", [StepResult("iis", "iis.configuration", module)], 8, 1),
    ]
    read = lines(CsvReport().render(fleet_result("r", TERMS, fleet)))
    assert [list(line) for line in read] == [list(COLUMNS)] * 3
    assert [line["server"] for line in read] == ["EX2", "EX3", "EX1"]
    assert (read[0]["verdict"], read[0]["because"], read[0]["next"]) == ("suspicious", "iis.x", "Look")
    assert (read[1]["verdict"], read[1]["clean_since"]) == ("unreachable", "")
    assert (read[2]["verdict"], read[2]["clean_since"], read[2]["logs_since"]) == ("ok", "2026-10-28", "2026-10-28")


@settings(max_examples=300)
@given(st.text(alphabet=st.one_of(st.sampled_from(FORMULAS + ";,|\t\n\r \"'"), st.characters()), max_size=20))
@example("=cmd|'/c calc'!A1")
@example("a;=1+1")
@example("\t=1+1")
@example('";"=1+1')
@example("\ud800=1")
def test_no_cell_begins_with_a_formula_wherever_a_spreadsheet_splits_the_line(said: str) -> None:
    step = StepResult(
        "s", "a.b", Assessment(Verdict.ATTENTION, said or "x", (Finding("f", Severity.LOW, said, next=said),))
    )
    written = CsvReport().render(fleet_result("r", TERMS, [judged(said or "EX1", said or "alpha", [step], 1, 1)]))
    written.encode("utf-8")
    assert len(lines(written)) == 1
    assert written.count("\n") == 2
    for separator in ",;|\t":
        for cell in written.splitlines()[1].split(separator):
            assert not cell.lstrip(' "').startswith(tuple(FORMULAS))
