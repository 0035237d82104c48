"""What a host said, and what judgement must conclude: every case file of every built-in action."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, UnknownFact, Verdict
from playbooks.model import Assess
from playbooks.observation import UNREAD_KIND, NotObserved, Observation, Observed, Unread
from tests.playbooks.scanned import completed

ACTIONS = Path(__file__).resolve().parent.parent.parent / "playbooks" / "actions"
CATALOGUE = Catalogue.load()
CVE = re.compile(r"CVE-\d{4}-\d{4,}")
KB = re.compile(r"KB\d{6,8}")
EXPECTED = {"verdict", "findings", "severities", "summary", "evidence", "next", "facts", "unknown"} | {
    "changes",
    "coverage",
    "then",
    "barred",
    "cves",
    "kbs",
}


@cache
def entries() -> tuple[dict[str, Any], ...]:
    """Every entry, read once: pure-Python YAML is slow."""
    return tuple(_entries())


def _entries() -> Iterator[dict[str, Any]]:
    """Every entry of every cases/*.yml; `base`, `observed` and `without` made into one list of records."""
    for path in sorted(ACTIONS.glob("*/*/cases/*.yml")):
        document = YAML(typ="safe", pure=True).load(path)
        for entry in document["cases"]:
            if "not_observed" in entry:
                yield entry
                continue
            base = document["bases"][entry["base"]] if "base" in entry else []
            records = {record_key(record): record for record in base}
            for key in [key for name in entry.get("without", ()) for key in named(records, name)]:
                del records[key]
            records.update({record_key(record): record for record in entry.get("observed", [])})
            yield entry | {"observed": [completed(record) for record in records.values()]}


def named(records: Mapping[tuple[str, str], object], name: str) -> list[tuple[str, str]]:
    """The records of a base that bear a name; there is at least one."""
    found = [key for key in records if key[1] == name]
    assert found, f"the base has no {name}"
    return found


def record_key(record: dict[str, Any]) -> tuple[str, str]:
    """What makes a record of a case replace one of its base."""
    if record["Kind"] in ("File", "Root") and "Path" in record:
        return record["Kind"], " ".join(str(record.get(name, "")) for name in ("Path", "Site", "App")).strip()
    naming = ("Name", "Place", "What", "InstanceID", "DisplayName", "Text", "Id", "Address", "Port", "Path", "Command")
    names = [str(record[name]) for name in naming if name in record]
    return record["Kind"], " ".join([*([record["Store"]] if "Store" in record else []), *names[:1]])


def cases() -> Iterator[Any]:
    """Every entry, named after its sentence."""
    for entry in entries():
        yield pytest.param(entry, id=f"{entry['action']}: {entry['case']}")


def observation(entry: dict[str, Any]) -> Observation:
    """The case's observation; records of Kind Unread become `unread`, as on the way from a host."""
    if "not_observed" in entry:
        return NotObserved(**entry["not_observed"])
    records = entry["observed"]
    return Observed(
        records=tuple(record for record in records if record["Kind"] != UNREAD_KIND),
        unread=tuple(Unread(record["What"], record["Why"]) for record in records if record["Kind"] == UNREAD_KIND),
    )


def assess_of(action: str) -> Assess:
    """The built-in assess function of an action's id."""
    function: Assess = import_module(f"playbooks.actions.{action}.assess").assess
    return function


def judged(entry: dict[str, Any]) -> Assessment:
    """The assessment of a case on its day, by what the catalogue knew by then: newer rows change no case."""
    today = date.fromisoformat(str(entry["today"]))
    known = CATALOGUE.on(date.fromisoformat(str(entry.get("catalogue", today))))
    return assess_of(entry["action"])(observation(entry), entry.get("params", {}), known, today)


def test_there_are_enough_cases_of_every_action() -> None:
    counted = Counter(entry["action"] for entry in entries())
    assert set(counted) == {f"{path.parent.parent.name}.{path.parent.name}" for path in ACTIONS.glob("*/*/action.yml")}
    assert min(counted.values()) >= 10
    assert sum(counted.values()) >= 40


def test_no_two_cases_say_the_same_sentence() -> None:
    sentences = Counter((entry["action"], entry["case"]) for entry in entries())
    assert [sentence for sentence, times in sentences.items() if times > 1] == []


def as_fact(value: object) -> object:
    """A fact as a case writes it."""
    return tuple(value) if isinstance(value, list) else value


def as_values(barred: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: tuple(value) if isinstance(value, list) else value for name, value in each.items()} for each in barred
    ]


def as_facts(written: dict[str, Any] | None) -> Mapping[str, object] | None:
    """Facts as a case writes them; None where it names none."""
    return None if written is None else {name: as_fact(value) for name, value in written.items()}


@pytest.mark.parametrize("entry", list(cases()))
def test_the_case_is_judged_as_it_says(entry: dict[str, Any]) -> None:
    assessment = judged(entry)
    expected = entry["expect"]
    assert set(expected) <= EXPECTED, "nothing would look at it"
    assert assessment.verdict == Verdict(expected["verdict"])
    assert [finding.id for finding in assessment.findings] == expected["findings"]
    assert [finding.severity for finding in assessment.findings] == expected.get(
        "severities", [finding.severity for finding in assessment.findings]
    )
    assert assessment.summary == expected.get("summary", assessment.summary)
    if assessment.verdict is not Verdict.UNKNOWN:
        assert assessment.coverage == expected.get("coverage", Coverage.PROBED)
    if "evidence" in expected:
        assert list(assessment.findings[0].evidence) == expected["evidence"]
    if "next" in expected:
        assert [finding.next for finding in assessment.findings] == expected["next"]
    if "cves" in expected:
        assert [list(finding.cves) for finding in assessment.findings] == expected["cves"]
    if "kbs" in expected:
        assert [list(finding.kbs) for finding in assessment.findings] == expected["kbs"]
    for name, value in expected.get("facts", {}).items():
        assert assessment.facts[name] == as_fact(value), name
    assert [change.id for change in assessment.changes] == expected.get("changes", [])
    barred = [dict(each.present) for each in assessment.barred]
    if "barred" in expected or not barred:
        assert barred == as_values(expected.get("barred", [])), "what stands where something was to be changed"
    assert not (barred and assessment.changes)
    assert not barred or assessment.verdict is Verdict.UNKNOWN
    then = as_facts(expected.get("then"))
    then = then and {**assessment.facts, **then}  # what the case does not name stays as it is
    assert assessment.then == then, "the facts once all of its changes are made"
    for name in expected.get("unknown", []):
        assert isinstance(assessment.facts[name], UnknownFact), name


@pytest.mark.parametrize("entry", list(cases()))
def test_every_finding_has_evidence_and_a_next_step(entry: dict[str, Any]) -> None:
    assessment = judged(entry)
    assert assessment.summary
    for finding in assessment.findings:
        assert finding.id.startswith(f"{entry['action']}.")
        assert finding.evidence
        assert finding.next
        named = CVE.findall(finding.title)
        assert named[:1] == list(finding.cves[:1]) or not named, "what a title is about, programs are told too"
        assert all(map(CVE.fullmatch, finding.cves))
        assert all(map(KB.fullmatch, finding.kbs))
    if assessment.verdict is Verdict.UNKNOWN:
        assert assessment.coverage is Coverage.NOT_KNOWABLE
