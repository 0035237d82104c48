"""What `exrun show` does with a plan's file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from runner.cli.options import Format
from runner.cli.output import UsageError, emit
from runner.cli.plan_files import read_plan
from runner.exit_status import ExitStatus
from runner.plan.records import Plan
from runner.reports.plan import lines
from runner.runs import uncollected


def show_plan(path: Path, hosts: Sequence[str], steps: Sequence[str], *, scripts: bool, form: Format) -> ExitStatus:
    """Shows a plan, or what it says of some hosts and steps.

    Raises:
        UsageError: it cannot be read or is none, or has no such host or step.
    """
    with uncollected():
        return _shown(path, hosts, steps, scripts=scripts, form=form)


def _shown(path: Path, hosts: Sequence[str], steps: Sequence[str], *, scripts: bool, form: Format) -> ExitStatus:
    found = read_plan(path)
    wanted = frozenset(name.casefold() for name in hosts)
    _check(found.plan, wanted, steps)
    if form is Format.JSON:
        emit(_json(found.data, wanted, frozenset(steps)))
        return ExitStatus.WELL
    shown = lines(found.plan, found.digest, hosts=wanted or None, steps=steps or None, scripts=scripts)
    emit("".join(f"{line}\n" for line in shown))
    return ExitStatus.WELL


def _check(plan: Plan, hosts: frozenset[str], steps: Sequence[str]) -> None:
    missing = sorted(hosts - {host.host.casefold() for host in plan.hosts})
    if missing:
        raise UsageError(f"--host: the plan has no server {', '.join(missing)}", "See exrun show without --host.")
    known = [step.id for step in plan.steps]
    unknown = [step for step in steps if step not in known]
    if unknown:
        raise UsageError(f"--step: the plan has no step {', '.join(unknown)}", f"It has: {', '.join(known)}.")


def _json(data: bytes, hosts: frozenset[str], steps: frozenset[str]) -> str:
    """The plan's own document; of the hosts and steps that were asked for where any were, and the scripts of these."""
    document = json.loads(data)
    if hosts or steps:
        document["hosts"] = [
            {**host, "steps": [step for step in host["steps"] if not steps or step["step"] in steps]}
            for host in document["hosts"]
            if not hosts or host["host"].casefold() in hosts
        ]
        changes = [each for host in document["hosts"] for step in host["steps"] for each in step["changes"]]
        used = {each[of] for each in changes for of in ("apply", "rollback")}
        document["texts"] = {sha: text for sha, text in document["texts"].items() if sha in used}
    return json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n"
