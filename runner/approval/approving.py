"""Whether a plan may be run now: who approved it, under which policy, and what the clock says. Pure.

An approval is an SSH signature (SSHSIG) of the plan file's bytes, for the purpose `exrun-plan`: what
`ssh-keygen -Y sign -n exrun-plan` makes, and `ssh-keygen -Y verify` reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from runner.approval.policy import NAMESPACE, Policy
from runner.approval.windows import Closed, Open, stand
from runner.plan.records import Plan
from runner.signatures.allowed_signers import AllowedSigners
from runner.signatures.errors import SignatureError

__all__ = ["Approval", "Refused", "needs_approval", "standing"]


@dataclass(frozen=True, slots=True)
class Approval:
    """A signature that counts: of whom, as the policy names them, with which key."""

    by: str
    key: str


@dataclass(frozen=True, slots=True)
class Refused:
    """One reason why a plan may not be run now, and what to do about it."""

    what: str
    next: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What is to be said of a plan's approval.

    Attributes:
        approvals: that count.
        refused: why it may not be run now; empty where it may.
        until: when that ends, UTC; None without an end.
    """

    approvals: tuple[Approval, ...]
    refused: tuple[Refused, ...]
    until: datetime | None


def needs_approval(plan: Plan, policy: Policy) -> bool:
    """Whether anything in the plan is done by an action that the policy does not let go without approval."""
    actions = {step.id: step.action for step in plan.steps}
    return any(actions[step.step] not in policy.without_approval for _, step, _ in plan.changes)


def standing(
    plan: Plan, data: bytes, policy: Policy | None, signatures: Mapping[str, bytes], now: datetime
) -> Standing:
    """Whether a plan may be run now.

    Args:
        data: the bytes of its file, which are what was approved.
        policy: the client's as it is now; None where there is none.
        signatures: the signature files beside the plan, by their names.
        now: with its zone.
    """
    refused = [*_same_policy(plan, policy), *_aged(plan, policy, now)]
    expires = _expires(plan, policy)
    if policy is None or plan.policy is None:
        return Standing((), tuple(refused), expires)
    approvals, wrong = _counted(plan, data, policy, signatures, now)
    missing = policy.approvals - len(approvals)
    if needs_approval(plan, policy) and missing > 0:
        refused.append(
            Refused(
                f"{len(approvals)} of {policy.approvals} approvals that count" + "".join(f"; {why}" for why in wrong),
                "Have it signed by an approver who did not make it: exrun approve."
                if not policy.planner_may_approve
                else "Have it signed by an approver: exrun approve.",
            )
        )
    match stand(policy.windows, policy.freezes, now):
        case Closed(why=why, opens=opens):
            then = (
                "No window opens within 400 days." if opens is None else f"Run it from {opens:%Y-%m-%d %H:%M} UTC on."
            )
            refused.append(Refused(why, then))
            until = None
        case Open(until=ends):
            until = expires if ends is None else min(ends, expires)
    return Standing(tuple(approvals), tuple(refused), until)


def _expires(plan: Plan, policy: Policy | None) -> datetime:
    return plan.expires if policy is None else min(plan.expires, plan.made + policy.expires_after)


def _aged(plan: Plan, policy: Policy | None, now: datetime) -> Iterator[Refused]:
    """A plan has its time, also where no policy says how long."""
    if now >= _expires(plan, policy):
        yield Refused(f"the plan has expired: it was made {plan.made:%Y-%m-%d %H:%M} UTC", "Make it again.")
    if now < plan.made:
        yield Refused(
            f"the plan was made in the future: {plan.made:%Y-%m-%d %H:%M} UTC",
            "Set the clocks of this machine and of the one that made the plan.",
        )


def _same_policy(plan: Plan, policy: Policy | None) -> Sequence[Refused]:
    again = "Make the plan again."
    if policy is None:
        if plan.policy is None:
            return ()
        return [Refused("the policy under which the plan was made is not there", "Name it with --policy.")]
    if policy.client != plan.client:
        return [Refused(f"the policy is of the client {policy.client}, the plan of {plan.client}", again)]
    if plan.policy is None:
        return [Refused("the client has a policy, and the plan was made without it", again)]
    return () if plan.policy == policy.digest else [Refused("the policy is another than when the plan was made", again)]


def _counted(
    plan: Plan, data: bytes, policy: Policy, signatures: Mapping[str, bytes], now: datetime
) -> tuple[list[Approval], list[str]]:
    """The approvals that count, one a person, and why the others do not."""
    listed = AllowedSigners(policy.file, tuple(each.signer for each in policy.approvers))
    counted: dict[str, Approval] = {}
    wrong: list[str] = []
    for name in sorted(signatures):
        try:
            signer = listed.signer_of(data, signatures[name], NAMESPACE, now=now)
        except SignatureError as error:
            wrong.append(f"{name}: {error.what}")
            continue
        approver = next(each for each in policy.approvers if each.signer is signer)
        if approver.made(plan.planner) and not policy.planner_may_approve:
            wrong.append(f"{name}: {signer.principals} made the plan")
        else:
            counted[signer.principals] = Approval(signer.principals, signer.key.fingerprint)
    return list(counted.values()), wrong
