"""What one line of a log says of ProxyShell."""

from __future__ import annotations

from playbooks.actions.exchange import cmdlets
from playbooks.actions.exchange.confusion import Target, hidden, target, worked
from playbooks.actions.exchange.hunting import Grade, Sign, Trace
from playbooks.actions.exchange.lines import Line, request


def judge(line: Line, _: str) -> Sign:
    """What a line says; None where it is harmless."""
    if line.folder.casefold().startswith("cmdletinfra\\"):
        return cmdlets.line(line)
    asked = request(line)
    meant = target(asked.url)
    if meant is None:
        meant = hidden(line.text)
        return None if meant is None else Trace(Grade.PROBED, f"{meant.value}: {asked.shown(line.place)}")
    return Trace(_grade(meant, answered=worked(asked)), f"{meant.value}: {asked.shown(line.place)}")


def _grade(meant: Target, *, answered: bool) -> Grade:
    match meant:
        case _ if not answered:
            return Grade.PROBED
        case Target.OWN_IDENTITY | Target.POWERSHELL:
            return Grade.SESSION
        case Target.MAIL:
            return Grade.ANSWERED
        case Target.UNNAMED:
            return Grade.PROBED
