"""What running a plan came to, at a glance: worst first, servers with the same outcome for the same reason together.

At most MOST_LINES, none wider than the terminal. What is left out is counted, and stands whole in `exrun show RUN`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.applied import WARNED
from runner.moves import Outcome
from runner.reports import typed_next
from runner.reports.applied import (
    TONES,
    AppliedDocument,
    AppliedHostMember,
    Became,
    counts,
    in_short,
    is_as_planned,
    step_lines,
)
from runner.reports.fitting import names_in
from runner.reports.folding import Command
from runner.reports.glance import MOST_LINES
from runner.reports.grouping import Entry, Painted, entries_of, limited, plain, rows
from runner.reports.typed_next import USUAL, Begun
from runner.terminal import visible
from runner.terms import Ending
from texts.counting import counted

__all__ = ["applied_screen", "applied_text"]

_HEADING = ("OUTCOME", "SERVER", "WHY")
_CELL = 400  # characters of a server's words that are looked at
_APPROVALS, _WAVES, _DETAILS = 3, 6, 10  # lines at most


def applied_text(found: AppliedDocument, width: int, then: str, begun: Begun, *, colour: bool) -> str:
    """The screen as a text."""
    lines = applied_screen(found, width, then, begun)
    return "".join(f"{line.with_colour() if colour else line.text}\n" for line in lines)


def applied_screen(found: AppliedDocument, width: int, then: str = "", begun: Begun = USUAL) -> tuple[Painted, ...]:
    """The lines; totals, how it is undone, and the next command stand last.

    Args:
        then: the command that goes on with the run; empty where nothing is left to go on with.
        begun: what the run was begun with.
    """
    head = tuple(plain(_head(found), width))
    foot = (*plain(_foot(found, width), width), *plain(_ends(found, then, begun), width))
    room = MOST_LINES - len(head) - len(foot) - 2  # two lines are empty
    worst = _worst(found, width)
    servers = _servers(found, width, room - len(worst))
    blank = (Painted(""),)
    return (*head, *servers, *((*blank, *worst) if worst else ()), *blank, *foot)


def _head(found: AppliedDocument) -> Iterator[str]:
    plan = found.plan
    yield f"run {_shown(found.run)}, client {_shown(found.client)}: plan {plan.id} of {_shown(plan.playbook)}"
    if plan.policy is None:
        yield "  no approval was asked for: the plan was made without a policy"
    for each in plan.approvals[:_APPROVALS]:
        yield f"  approved by {_shown(each.by)} ({_shown(each.key)})"
    if len(plan.approvals) > _APPROVALS:
        yield f"  and by {len(plan.approvals) - _APPROVALS} more"


def _servers(found: AppliedDocument, width: int, room: int) -> tuple[Painted, ...]:
    alone = tuple((place, _shown(host.name)) for place, host in enumerate(found.hosts) if is_as_planned(host))
    shown = entries_of(
        (str(host.outcome), _tone(host), _shown(host.name), _why(host), 0)
        for host in found.hosts
        if not is_as_planned(host)
    )
    why = "when the plan was made, and not looked at since"
    folds = [Entry(str(Outcome.COMPLIANT), "well", alone, why, 0)] if alone else []
    return rows(shown, folds, width, room, _HEADING)


def _tone(host: AppliedHostMember) -> str:
    """An undoing that somebody asked for, and that came to its end, is nothing to see to; a server that could not be
    planned is."""
    if not host.planned:
        return "open"
    tone = TONES[host.outcome]
    return "well" if tone == "soft" or (host.outcome is Outcome.ROLLED_BACK and not host.next) else tone


def _why(host: AppliedHostMember) -> str:
    """The reason in one line, with what a good outcome alone would keep to itself."""
    said = [visible(in_short(host), _CELL)]
    if host.outcome in (Outcome.CHANGED, Outcome.COMPLIANT, Outcome.DEFERRED, Outcome.SKIPPED):
        if host.open_ends:
            said.append(f"not run: {', '.join(map(_shown, host.open_ends))}")
        said += [visible(step.why[step.why.index(WARNED) :], _CELL) for step in host.steps if WARNED in step.why]
    return "; ".join(said)


def _worst(found: AppliedDocument, width: int) -> tuple[Painted, ...]:
    """The steps of the worst server, where something is to be seen to there."""
    if not found.hosts or not found.hosts[0].next or not found.hosts[0].begun:
        return ()
    host = found.hosts[0]
    lines = [*limited(_shown(host.name), width, 0, 2)]
    for line in step_lines(host):
        text = line.lstrip(" ")
        lines += limited(visible(text, _CELL), width, len(line) - len(text), 2)
    if len(lines) > _DETAILS:
        lines = [*lines[: _DETAILS - 1], Painted(f"  and {len(lines) - _DETAILS + 1} further lines")]
    return tuple(lines)


def _foot(found: AppliedDocument, width: int) -> Iterator[str]:
    for wave in found.waves[:_WAVES]:
        yield f"wave {wave.number}: {counted(len(wave.hosts), 'server')}: {counts(wave.outcomes)}"
    if len(found.waves) > _WAVES:
        yield f"and {len(found.waves) - _WAVES} further waves"
    if found.untouched:
        lead = "not touched: "
        yield lead + names_in([_shown(name) for name in found.untouched], width - len(lead), 1)[0]
    summary = found.summary
    if summary.not_planned:
        yield f"{counted(summary.not_planned, 'server')} not planned: nothing is sent there under this plan"
    if summary.open_ends:
        yield f"{counted(summary.open_ends, 'server')} with steps that this plan does not run: plan again for them"
    for outcome in Outcome:
        for then in dict.fromkeys(host.next for host in found.hosts if host.outcome is outcome and host.next):
            yield f"{outcome}: {_shown(then)}"
    if found.end.how is not Ending.COMPLETE:
        yield f"NOT FINISHED: {_shown(found.end.message) or found.end.how}"


def _ends(found: AppliedDocument, then: str, begun: Begun) -> Sequence[str]:
    summary, run = found.summary, found.run
    last = [
        f"{counted(summary.hosts, 'server')}: {counts(summary.outcomes)}",
        f"{counted(summary.changes, 'change')}: {counts(summary.became)}",
    ]
    commands = {"all of it": typed_next.show(run, begun)}
    if summary.became[Became.MADE] or summary.became[Became.PARTLY_MADE]:
        commands["What was made can be undone"] = typed_next.rollback(run, begun)
    worst = found.hosts[0] if found.hosts else None
    if not then and worst is not None and worst.next:
        then = typed_next.show(run, begun, host=worst.name)
    elif not then:
        then = typed_next.report(run, begun, page="run.html")
    commands["next"] = then
    return [*last, *(Command(what, command) for what, command in commands.items() if command)]


def _shown(tainted: str) -> str:
    return visible(tainted, _CELL)
