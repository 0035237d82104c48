"""What `exrun report` does with a plan's file: the page that a change board decides by."""

from __future__ import annotations

from pathlib import Path

from runner.approval.approving import needs_approval, standing
from runner.cli.output import UsageError
from runner.cli.plan_files import PlanFile, now, policy_of, read_plan, signatures_of
from runner.reports.brand import Brand
from runner.reports.plan import View, lines
from runner.reports.plan_json import document, json_text
from runner.reports.plan_page import Approvals, plan_page

__all__ = ["html_of", "json_of", "plan_of", "text_of"]


def plan_of(path: Path, client: str | None) -> PlanFile:
    """The plan.

    Raises:
        UsageError: it cannot be read or is none, or is another client's.
    """
    found = read_plan(path)
    if client is not None and found.plan.client != client:
        raise UsageError(f"--client: {path} is a plan of {found.plan.client}", "Leave --client away.")
    return found


def html_of(found: PlanFile, policy: Path | None, brand: Brand | None = None) -> str:
    """The page.

    Raises:
        UsageError: a signature or the policy cannot be read.
    """
    return plan_page(found.plan, found.digest, _approvals(found, policy), brand)


def json_of(found: PlanFile) -> str:
    """As `exrun show PLAN --format json` has it."""
    return json_text(document(found.plan, found.digest, found.data, View()))


def text_of(found: PlanFile) -> str:
    """As `exrun show PLAN` has it."""
    return "".join(f"{line}\n" for line in lines(found.plan, found.digest))


def _approvals(found: PlanFile, path: Path | None) -> Approvals:
    signatures, at = signatures_of(found.path), now()
    if path is None:
        needed = None if found.plan.policy is not None else 0
        return Approvals(needed, (), (), tuple(signatures), at)
    policy = policy_of(path)
    stood = standing(found.plan, found.data, policy, signatures, at)
    return Approvals(
        policy.approvals if needs_approval(found.plan, policy) else 0,
        tuple((each.by, each.key) for each in stood.approvals),
        tuple((each.what, each.next) for each in stood.refused),
        tuple(signatures),
        at,
    )
