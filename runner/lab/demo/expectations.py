"""What audits of the demo's fleets must come to, and where one differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib import resources

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from playbooks.findings import Verdict
from runner.lab.state import Strict
from runner.results import FleetResult, HostResult, Outcome
from runner.transport.failures import Cause

FLEET = "fleet.yml"
MARCH = "march/fleet.yml"


class Expected(Strict):
    """One server's row. `cause` says why there is no session; `findings` are all ids, sorted, `among` some of them."""

    verdict: Verdict
    outcome: Outcome
    product: str = ""
    cause: Cause | None = None
    findings: tuple[str, ...] = ()
    among: tuple[str, ...] | None = None
    clean_since: date | None = None


def expectations(fleet: str = FLEET) -> Mapping[str, Expected]:
    """Of every server of a fleet of the demo, by `client/name`: from expected.yml beside it."""
    name = f"{fleet.removesuffix('fleet.yml')}expected.yml"
    text = resources.files("runner.lab.demo").joinpath(*name.split("/")).read_text(encoding="utf-8")
    return TypeAdapter(dict[str, Expected]).validate_python(YAML(typ="safe", pure=True).load(text))


def differences(audit: FleetResult, expected: Mapping[str, Expected]) -> tuple[str, ...]:
    """One line for each thing in which the audit is not what is expected; none when all agrees."""
    rows = {f"{host.client}/{host.name}": host for host in audit.hosts}
    found = [f"{key} has a row that nobody expects" for key in rows.keys() - expected.keys()]
    for key, wanted in expected.items():
        if key not in rows:
            found.append(f"{key} has no row")
        else:
            found.extend(f"{key}: {line}" for line in _row_differences(rows[key], wanted))
    return tuple(sorted(found))


def _row_differences(row: HostResult, wanted: Expected) -> list[str]:
    found = sorted(each.finding.id for each in row.findings)
    said = {
        "verdict": (row.verdict, wanted.verdict),
        "outcome": (row.outcome, wanted.outcome),
        "product": (row.product, wanted.product),
        "clean since": (str(row.clean_since or ""), str(wanted.clean_since or "")),
    }
    if wanted.among is None:
        said["findings"] = (_listed(found), _listed(wanted.findings))
    else:
        said["findings, of those expected,"] = (_listed(sorted({*found} & {*wanted.among})), _listed(wanted.among))
    lines = [
        f"{what} is {_or_nothing(got)}, expected {_or_nothing(want)}"
        for what, (got, want) in said.items()
        if got != want
    ]
    if wanted.cause is not None and not row.why.startswith(f"{wanted.cause}: "):
        lines.append(f"cause is not {wanted.cause}: {row.why}")
    return lines


def _listed(ids: tuple[str, ...] | list[str]) -> str:
    return ", ".join(ids)


def _or_nothing(text: str) -> str:
    """A text, or a word for an empty one."""
    return text or "nothing"
