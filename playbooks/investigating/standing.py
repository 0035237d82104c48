"""How a server stands, from all that was asked of it: one verdict, why, what decided it, and what comes next. Pure.

    Assessments by step -> Standing

The verdict is the worst that any step says, so a further answer can only make it worse, never better. `clean` is no
step's to say: a server is clean where every step is ok, and only since the day to which all the logs that were read
reach back. A step tells that day in the fact `since`, as `proxylogon.hunt` does; where one of them cannot tell, nobody
knows since when nothing happened, and that is `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from playbooks.findings import Assessment, Finding, UnknownFact, Verdict

__all__ = ["SINCE", "WELL", "Because", "Standing", "standing_of", "verdict_of"]

SINCE = "since"
"""The fact of a step that reads logs: from this day on, as 2026-11-01, nothing in them went unseen."""
WELL = frozenset({Verdict.OK, Verdict.CLEAN, Verdict.NOT_EXCHANGE, Verdict.NOT_APPLICABLE})
_CONCERNS_NOBODY = frozenset({Verdict.NOT_EXCHANGE, Verdict.NOT_APPLICABLE})


@dataclass(frozen=True, slots=True)
class Because:
    """What decided a verdict: a step, and the id of its finding; empty where the step's summary is all there is."""

    step: str
    finding: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What one server comes to.

    Attributes:
        verdict: the worst that any step says, `clean` where that is `ok` and the logs say since when.
        why: in one sentence; may quote the server and is tainted.
        next: what to do now; empty where nothing is to be done.
        since: the latest of the days from which on the steps read the logs; None where none says one, or one cannot.
        because: the findings of the steps that decided, worst first.
    """

    verdict: Verdict
    why: str
    next: str
    since: date | None
    because: tuple[Because, ...]


def standing_of(said: Mapping[str, Assessment]) -> Standing:
    """What a server comes to by what each step says of it.

    Args:
        said: by step, in the order of the playbook. A step that was not answered is among them, `unknown`.
    """
    verdict, reach = verdict_of(tuple(said.values())), _Reach.of(said)
    if not said:
        why, then = "no step was run on this host", "Give the playbook a step that concerns this host"
        return Standing(verdict, why, then, None, ())
    deciding = {step: each for step, each in said.items() if _decides(each.verdict, verdict)}
    because = tuple(Because(step, finding.id) for step, finding in _worst_first(deciding))
    because += tuple(Because(step, "") for step, each in deciding.items() if not each.findings)
    if not deciding:  # nothing worse was found, and how far back the logs reach is not known
        why = f"how far back the logs reach is not known: {reach.unknown[0].why}"
        why = "; ".join((why, *_besides(verdict, said, reach)))
        then = f"Look at the logs that {reach.unknown[0].step} reads by hand, or audit again"
        return Standing(verdict, why, then, None, tuple(Because(each.step, "") for each in reach.unknown))
    return Standing(verdict, _why(verdict, said, deciding, reach), _next(verdict, said, deciding), reach.since, because)


def verdict_of(said: Sequence[Assessment]) -> Verdict:
    """The worst that any step says of a server; `clean` and `not-exchange` are better than `ok` in what they say.

    Without any assessment nothing is known. A host without Exchange stays `not-exchange` where its Windows is in
    order, because `ok` would be read as a healthy Exchange server.
    """
    verdicts = {each.verdict for each in said}
    if not verdicts:
        return Verdict.UNKNOWN
    reach = _Reach.of({str(number): each for number, each in enumerate(said)})
    if reach.unknown:
        verdicts.add(Verdict.UNKNOWN)
    worst = min(verdicts, key=lambda verdict: verdict.rank)
    if worst not in (Verdict.OK, Verdict.CLEAN):
        return worst
    if Verdict.NOT_EXCHANGE in verdicts:
        return Verdict.NOT_EXCHANGE
    return Verdict.OK if reach.since is None else Verdict.CLEAN


@dataclass(frozen=True, slots=True)
class _Unreached:
    step: str
    why: str


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far back logs reach: `since` by all steps that say so, and those that were to say so and cannot.

    Attributes:
        asked: whether any step reads logs.
        quiet: whether every such step found nothing.
    """

    since: date | None
    unknown: tuple[_Unreached, ...]
    asked: bool
    quiet: bool

    @classmethod
    def of(cls, said: Mapping[str, Assessment]) -> _Reach:
        days: list[date] = []
        unknown: list[_Unreached] = []
        quiet = True
        for step, each in said.items():
            if SINCE not in each.facts or each.verdict in _CONCERNS_NOBODY:
                continue
            quiet = quiet and each.verdict is Verdict.OK
            match each.facts[SINCE]:
                case UnknownFact(reason):
                    unknown.append(_Unreached(step, reason))
                case told:
                    day = _day(told)
                    if day is None:
                        unknown.append(_Unreached(step, "what it says is no day"))
                    else:
                        days.append(day)
        return cls(None if unknown else max(days, default=None), tuple(unknown), bool(days or unknown), quiet)


def _day(told: object) -> date | None:
    """A day as 2026-11-01 and in no other form."""
    try:
        day = date.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return day if day is not None and day.isoformat() == told else None


def _decides(said: Verdict, verdict: Verdict) -> bool:
    """`clean` is decided by the steps that are ok, and is no step's to say."""
    return said is verdict or {said, verdict} == {Verdict.OK, Verdict.CLEAN}


def _why(verdict: Verdict, said: Mapping[str, Assessment], deciding: Mapping[str, Assessment], reach: _Reach) -> str:
    if verdict is Verdict.CLEAN:
        return (
            f"nothing was found by {', '.join(deciding)}; the logs reach back to {reach.since}, and of what was before "
            "nothing is known"
        )
    why = "; ".join(dict.fromkeys(each.summary for each in deciding.values()))
    return why if not reach.asked else "; ".join((why, *_besides(verdict, said, reach)))


def _besides(verdict: Verdict, said: Mapping[str, Assessment], reach: _Reach) -> Iterator[str]:
    """What else is to be known of a server that was searched: `behind` alone says nothing of whether one was inside."""
    if reach.quiet and reach.since is not None:
        yield f"nothing of what was looked for is in the logs since {reach.since}"
    for other in Verdict:
        if other is not verdict and other not in WELL:  # worst first
            steps = [step for step, each in said.items() if each.verdict is other]
            if steps:
                yield f"{other} besides: {', '.join(steps)}"


def _next(verdict: Verdict, said: Mapping[str, Assessment], deciding: Mapping[str, Assessment]) -> str:
    """What the steps that decided the verdict ask for; another step's advice would be no answer to it."""
    if verdict in WELL:
        rest = {step: each for step, each in said.items() if step not in deciding}
        return _asked(deciding) or _asked(rest)
    return _asked(deciding) or f"See what {', '.join(deciding)} says of this server, and look by hand"


def _asked(steps: Mapping[str, Assessment]) -> str:
    return next((finding.next for _, finding in _worst_first(steps) if finding.next), "")


def _worst_first(steps: Mapping[str, Assessment]) -> list[tuple[str, Finding]]:
    found = [(step, finding) for step, each in steps.items() for finding in each.findings]
    return sorted(found, key=lambda entry: entry[1].severity.rank)
