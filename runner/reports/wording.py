"""What verdicts, outcomes and totals are called before people; programs get the values of the enumerations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from playbooks.findings import Verdict
from runner.audit import WELL, CoverageCount, Outcome, Summary

MEANING: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.VULNERABLE: "A fix exists for what this server runs, and it is not installed.",
        Verdict.NEEDS_CU: "No fix exists for its cumulative update: a newer one must be installed first.",
        Verdict.HALF_INSTALLED: "The places that show whether the fix is in disagree: count it as not fixed.",
        Verdict.UNREACHABLE: "The audit tried and could not speak with it. It may be in any state.",
        Verdict.NO_CREDENTIAL: "There was no password or ticket to log on with, so nothing was tried. "
        "It may be in any state.",
        Verdict.NOT_ASKED: "The audit did not ask it: the run ended before, or left it out. It may be in any state.",
        Verdict.UNKNOWN: "It was asked, but something that the judgement needs could not be read.",
        Verdict.OUT_OF_SUPPORT: "Microsoft no longer makes security updates for it.",
        Verdict.BEHIND: "Nothing worse was found, but a newer update than its own is out and not installed.",
        Verdict.NOT_CURRENT: "Nothing was found, but by tables so old that updates and attacks since then are missing "
        "from them: nobody can call it current.",
        Verdict.ATTENTION: "It works, but something wants doing.",
        Verdict.NEWER_THAN_CATALOGUE: "Newer than this audit's tables: neither good nor bad is known of it.",
        Verdict.OK: "Nothing was found by what was asked.",
        Verdict.NOT_EXCHANGE: "No Exchange Server is installed there.",
        Verdict.NOT_APPLICABLE: "What was asked does not concern it.",
    }
)


_GRAVE = frozenset({Verdict.VULNERABLE, Verdict.NEEDS_CU, Verdict.HALF_INSTALLED})


def tone(verdict: Verdict) -> Literal["grave", "open", "well"]:
    """How a verdict is coloured: act tonight, look into it, or nothing to do."""
    if verdict in _GRAVE:
        return "grave"
    return "well" if verdict in WELL else "open"


def counted(count: int, noun: str) -> str:
    """`1 server`, `2 servers`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def totals(summary: Summary) -> str:
    """`12 servers: 3 vulnerable, 1 unreachable, 8 ok`, worst first; verdicts that no server has are left out."""
    found = ", ".join(f"{count} {verdict}" for verdict, count in summary.verdicts.items() if count)
    return f"{counted(summary.hosts, 'server')}: {found}" if found else "no servers"


def probed(coverage: CoverageCount) -> str:
    """How much of what was to be asked is known from the servers themselves."""
    if not coverage.steps:
        return "nothing was to be probed"
    share = 100 * coverage.probed // coverage.steps  # rounded down: 100 % means all
    rest = [
        f"{count} {name}"
        for count, name in ((coverage.predicted, "predicted"), (coverage.not_knowable, "not knowable"))
        if count
    ]
    return f"{coverage.probed} of {counted(coverage.steps, 'check')} probed ({share} %)" + "".join(
        f", {part}" for part in rest
    )


def headline(summary: Summary) -> str:
    """The one sentence that a manager reads."""
    judged = summary.hosts - sum(
        summary.outcomes[outcome] for outcome in (Outcome.UNKNOWN, Outcome.UNREACHABLE, Outcome.FAILED)
    )
    wanting = summary.outcomes[Outcome.FINDINGS]
    if not summary.hosts:
        return "No server was audited."
    if judged == summary.hosts and not wanting:
        return f"Nothing was found on {counted(summary.hosts, 'server')}."
    sentences = []
    if wanting:
        need = "needs" if wanting == 1 else "need"
        sentences.append(f"{wanting} of {counted(summary.hosts, 'server')} {need} something done.")
    if judged < summary.hosts:
        missing = summary.hosts - judged
        sentences.append(f"{missing} of {counted(summary.hosts, 'server')} could not be judged completely.")
    return " ".join(sentences)
