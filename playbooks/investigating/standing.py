"""How a server stands, from all that was asked of it: one verdict, why, what decided it, and what comes next. Pure.

    Assessments by step -> Standing

The verdict is the worst that any step says, so a further answer can only make it worse, never better. That a server is
clean is no step's to say, and is said with a day or not at all: where nothing that speaks of an intruder was found, and
every step that reads logs tells, in the fact `since`, to which day they reach back. Where one of them cannot tell,
nobody knows since when nothing happened, and that is `unknown`.

One quiet log makes no server clean: a web shell stands in no log of a hunt, nor a module of IIS in a list of pages.
So clean is said only where the steps together name all of LOOKED_FOR in the fact `clear_of`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from playbooks.findings import Assessment, Coverage, Finding, UnknownFact, Verdict

__all__ = ["CLEAR_OF", "LOOKED_FOR", "SINCE", "WELL", "Because", "Standing", "standing_of", "verdict_of"]

SINCE = "since"
"""The fact of a step that reads logs: the day to which they reach back, as 2026-11-01."""
CLEAR_OF = "clear_of"
"""The fact of a step that looks for an intruder: of what it found the server clear; of nothing where it is in doubt."""
LOOKED_FOR = (
    "ProxyLogon",
    "ProxyShell",
    "ProxyNotShell and OWASSRF",
    "web shells",
    "IIS's configuration",
    "what starts by itself",
    "transport agents",
)
"""What a server is to be clear of before it is called clean; `clear_of` says it in these words."""
WELL = frozenset({Verdict.OK, Verdict.NOT_EXCHANGE, Verdict.NOT_APPLICABLE})
# Facts that say whether something speaks of an intruder, and what they are where nothing does; a count of 0 is as good
# as false. Where a step has one and it says otherwise, or is not known, the server is not called clean, whatever the
# step's verdict is. `compliant` is that of an action of a user, which may look for anything.
_INNOCENT = MappingProxyType({"compliant": True, "compromised": False, "suspicious": False})
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
        verdict: the worst that any step says.
        why: in one sentence; may quote the server and is tainted.
        next: what to do now; empty where nothing is to be done.
        logs_since: the latest of the days to which logs that were read reach back; None where none says one, or one
            cannot.
        clean_since: this day, where nothing of an intruder was found; None where something was, or is not known.
        because: the findings of the steps that decided, worst first.
    """

    verdict: Verdict
    why: str
    next: str
    logs_since: date | None
    clean_since: date | None
    because: tuple[Because, ...]


def standing_of(said: Mapping[str, Assessment]) -> Standing:
    """What a server comes to by what each step says of it.

    Args:
        said: by step, in the order of the playbook. A step that was not answered is among them, `unknown`.
    """
    verdict, reach = verdict_of(tuple(said.values())), _Reach.of(said)
    if not said:
        why, then = "no step was run on this host", "Give the playbook a step that concerns this host"
        return Standing(verdict, why, then, None, None, ())
    deciding = {step: each for step, each in said.items() if each.verdict is verdict}
    because = tuple(Because(step, finding.id) for step, finding in _worst_first(deciding))
    because += tuple(Because(step, "") for step, each in deciding.items() if not each.findings)
    if not deciding:  # nothing worse was found, and how far back the logs reach is not known
        why = f"how far back the logs reach is not known: {reach.unknown[0].why}"
        why = "; ".join((why, *_besides(verdict, said, reach)))
        then = f"Look at the logs that {reach.unknown[0].step} reads by hand, or audit again"
        return Standing(verdict, why, then, None, None, tuple(Because(each.step, "") for each in reach.unknown))
    clean_since = _clean_since(verdict, said, reach)
    why = _why(verdict, said, deciding, reach)
    return Standing(verdict, why, _next(verdict, said, deciding), reach.since, clean_since, because)


def verdict_of(said: Sequence[Assessment]) -> Verdict:
    """The worst that any step says of a server.

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
    return Verdict.NOT_EXCHANGE if worst is Verdict.OK and Verdict.NOT_EXCHANGE in verdicts else worst


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


def _clean_since(verdict: Verdict, said: Mapping[str, Assessment], reach: _Reach) -> date | None:
    """Where an update, a restart or a service is all that is wanting."""
    if verdict.rank <= Verdict.PROBED.rank or not reach.quiet:
        return None
    for each in said.values():
        if each.coverage is Coverage.NOT_KNOWABLE or not _is_innocent(each):
            return None
    return None if _not_cleared(said) else reach.since


def _not_cleared(said: Mapping[str, Assessment]) -> tuple[str, ...]:
    """What no step says this server to be clear of."""
    told = [each.facts.get(CLEAR_OF) for each in said.values()]
    clear = {what for each in told if isinstance(each, tuple) for what in each}
    return tuple(what for what in LOOKED_FOR if what not in clear)


def _is_innocent(each: Assessment) -> bool:
    told = each.facts if each.verdict not in _CONCERNS_NOBODY else {}
    return all(told[fact] == innocent for fact, innocent in _INNOCENT.items() if fact in told)


def _why(verdict: Verdict, said: Mapping[str, Assessment], deciding: Mapping[str, Assessment], reach: _Reach) -> str:
    if not reach.asked:
        return "; ".join(dict.fromkeys(each.summary for each in deciding.values()))
    if verdict is Verdict.OK:
        [first, *others] = deciding
        found = f"none of {len(deciding)} steps found anything" if others else f"{first} found nothing"
        days = f"{found}; of the days before {reach.since} nothing is known: no log reaches further"
        missing = _not_cleared(said)
        return f"{days}; not called clean, for no step looked for {', '.join(missing)}" if missing else days
    return "; ".join((*dict.fromkeys(each.summary for each in deciding.values()), *_besides(verdict, said, reach)))


def _besides(verdict: Verdict, said: Mapping[str, Assessment], reach: _Reach) -> Iterator[str]:
    """What else is to be known of a server that was searched: `behind` alone says nothing of whether one was inside."""
    if reach.quiet and reach.since is not None:
        yield f"nothing of what was looked for is in the logs since {reach.since}"
    also: dict[Verdict, list[str]] = {}
    for step, each in said.items():
        if each.verdict is not verdict and each.verdict not in WELL:
            also.setdefault(each.verdict, []).append(step)
    if also:
        worst_first = sorted(also.items(), key=lambda entry: entry[0].rank)
        yield "also " + ", ".join(f"{other} ({', '.join(steps)})" for other, steps in worst_first)


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
