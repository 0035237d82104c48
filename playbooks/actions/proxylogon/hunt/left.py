"""Dumps and archives that those who came through ProxyLogon left behind: where, how large and of when.

What is looked for is that of Microsoft's Test-ProxyLogon.ps1: dumps of lsass in `C:\\root` and Windows's folder Temp,
mail packed as .7z, .zip or .rar in ProgramData; and both in the web root besides. Backup and antivirus keep archives in
ProgramData too (CSS-Exchange, issues 311 and 328), so these are told only beside traces in the logs.
"""

from __future__ import annotations

from collections.abc import Iterator

from playbooks.actions.exchange.hunting import Grade, first
from playbooks.actions.exchange.lines import short
from playbooks.findings import Finding, Severity
from playbooks.observation import Observed
from playbooks.values import Record, text_of

_WEB_ROOT = "\\inetpub\\wwwroot"


def left_behind(action: str, observed: Observed, worst: Grade) -> tuple[Finding, ...]:
    """Findings of what was left.

    Args:
        worst: what the logs come to.
    """
    found = tuple(observed.of_kind("Left"))
    dumps = [_shown(each) for each in found if text_of(each, "Path").casefold().endswith(".dmp")]
    packed = [each for each in found if not text_of(each, "Path").casefold().endswith(".dmp")]
    told = [
        _shown(each)
        for each in packed
        if worst is not Grade.NOTHING or text_of(each, "Root").casefold().endswith(_WEB_ROOT)
    ]
    findings = []
    if dumps:
        findings.append(
            Finding(
                f"{action}.dumps",
                Severity.HIGH,
                "Dumps of memory lie where those who steal passwords leave them",
                first(dumps),
                "Ask who made them; if nobody did, take every account that was logged on here for known to others. "
                "Keep them as evidence",
            )
        )
    if told:
        findings.append(
            Finding(
                f"{action}.archives",
                Severity.MEDIUM,
                "Archives lie where stolen mail was packed; backup and antivirus keep some there as well",
                first(told),
                "See whose they are, and what is in them, before they are removed",
            )
        )
    if open_ends := list(_not_looked(observed)):
        findings.append(
            Finding(
                f"{action}.not-looked",
                Severity.LOW,
                "Where dumps and archives were looked for, and not everywhere",
                first(open_ends),
                "Look there by hand where the logs have traces",
            )
        )
    return tuple(findings)


def _shown(each: Record) -> str:
    times = f"created {text_of(each, 'Created')[:19]}, written {text_of(each, 'Modified')[:19]}"
    return f"{short(text_of(each, 'Path'))}: {each.get('Size')!s} bytes, {times}"


def _not_looked(observed: Observed) -> Iterator[str]:
    for each in observed.of_kind("LeftPlace"):
        root = text_of(each, "Root")
        if each.get("Whole") is not True:
            yield f"{root}: more than {each.get('Entries')!s} entries, the rest was not looked through"
        if each.get("Seen") != each.get("Given"):
            yield f"{root}: {each.get('Given')!s} of {each.get('Seen')!s} were sent"
        begin = f"{root}\\".casefold()
        yield from (
            f"{entry.what}: {entry.why}" for entry in observed.unread if f"{entry.what}\\".casefold().startswith(begin)
        )
