"""What a plan's file is written as: the page that a change board decides by, and the formats of `exrun show`."""

from __future__ import annotations

from pathlib import Path

from runner.approval.approving import needs_approval, standing
from runner.cli.output import UsageError
from runner.cli.plan_files import PlanFile, now, policy_of, read_plan, signatures_of
from runner.reports.brand import Brand
from runner.reports.formats import AuditFormat
from runner.reports.plan import WHOLE, View, lines
from runner.reports.plan_page import Approvals, plan_page

__all__ = ["html_of", "plan_as", "plan_of"]


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


def plan_as(found: PlanFile, form: AuditFormat, view: View = WHOLE) -> str:
    """As `exrun show PLAN --format` has it.

    Raises:
        UsageError: a plan is not written so, or not a part of it.
    """
    match form:
        case AuditFormat.TEXT | AuditFormat.TABLE:
            return "".join(f"{line}\n" for line in lines(found.plan, found.digest, view))
        case AuditFormat.JSON:
            from runner.reports.plan_json import document, json_text  # a schema takes a moment

            return json_text(document(found.plan, found.digest, found.data, view))
        case AuditFormat.MARKDOWN:
            if not view.whole or view.scripts or view.diff:
                raise UsageError(
                    "markdown is of a whole plan, and without its scripts",
                    "Leave --host, --step, --scripts and --diff away, or take --format text or json.",
                )
            from runner.reports.plan_markdown import plan_markdown

            return plan_markdown(found.plan, found.digest)
        case AuditFormat.CSV | AuditFormat.JSONL | AuditFormat.JUNIT | AuditFormat.SARIF:
            raise UsageError(
                f"{form} says how servers are, and a plan says what would be done to them",
                "Take text, json or markdown; exrun report -f html has it as a page.",
            )


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
