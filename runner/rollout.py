"""Which host is begun next, and when no further one is. Pure: time, what is in work and what waits come in as values.

    decide -> Begin | Ask | Wait | Halt | Done

A run goes over its hosts in *waves*: those of the next are begun once all of the last have ended, and the pause
between is over. Hosts with the same value of a limited label are in work together only as many as the limit allows.

Where the rules want it a *health check* stands behind the pause: each host of the wave to which something was sent is
asked whether it is well. All of them are asked, and where one is not well the run drains; so it does where a wave had
hosts that failed, and none that could be asked. Hosts to which nothing was to be sent show nothing, and are not asked.

A run that is halted either *drains*: nothing further is begun and what is in work comes to its own end; or is
*aborted*: what is in work is to let go. Abort outweighs drain, and a journal that cannot be written outweighs both,
since from then on nothing that happens can be recorded. An exhausted *failure budget* drains.

The arithmetic of the budget: a run with a budget of B begins no host once B have failed. So with P in work at a time at
most B + P - 1 fail, and B alone where P is 1. That of the health check: no host of a wave is begun before the check of
the wave before has passed, so that one that does not costs no more than the hosts of the waves up to it. A run that
goes on asks those that are still to be asked before it begins any.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from itertools import accumulate, islice
from math import ceil

from inventory.model import Host
from runner.terms import Ending
from runner.transport.failures import Cause, Failure
from texts.counting import counted

_NAMED = 8  # servers in a message; the journal has them all


class Letting(IntEnum):
    """What becomes of the hosts in work when a run is halted; the higher, the sooner they let go."""

    DRAIN = 1
    ABORT = 2


Limited = tuple[str, str]  # a label and its value: `("dag", "DAG1")`


@dataclass(frozen=True, slots=True)
class Rules:
    """How a run goes over its hosts.

    Attributes:
        parallel: hosts in work at a time, at least 1.
        run_seconds: how long all may take before the run is aborted; None for as long as it takes.
        waves: hosts in each wave, at least 1; see `wave_sizes`. Hosts beyond their sum are of the last. Empty for one.
        pause_seconds: between the end of a wave and the begin of the next.
        limits: how many hosts of one value of a label may be in work at a time, at least 1; by the label.
        limited: for each host the values of its limited labels. A host that is not here has none.
        budget: no host is begun once so many have failed, at least 1; None without a limit.
        health: whether the hosts of a wave are asked whether they are well, before the next is begun.
    """

    parallel: int
    run_seconds: float | None = None
    waves: tuple[int, ...] = ()
    pause_seconds: float = 0.0
    limits: Mapping[str, int] = field(default_factory=dict)
    limited: Mapping[str, Collection[Limited]] = field(default_factory=dict)
    budget: int | None = None
    health: bool = False


class Concern(Enum):
    """Why a host that has ended concerns the health check of its wave."""

    ASK = "ask"  # something was sent to it
    LOST = "lost"  # it failed before anything was sent to it
    NONE = "none"  # nothing was to be sent to it


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of hosts that have ended since the last health check, those that a run that goes on finds included.

    Attributes:
        due: hosts that are to be asked, in the order in which they ended.
        asked: how many were, those that are being asked included.
        unwell: of these, those that are not well, and why in a few words of ours.
        lost: hosts that failed before anything was sent to them.
    """

    due: Collection[str] = ()
    asked: int = 0
    unwell: Mapping[str, str] = field(default_factory=dict)
    lost: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Now:
    """Where a run stands.

    Attributes:
        waiting: hosts that were not begun, in the order in which they are to be.
        in_work: hosts that were begun and have not ended.
        begun: how many were begun, those in work and those that ended.
        failed: how many ended and count against the budget.
        halt: what halted the run, if anything did.
        seconds: since the run began, on the controller's monotonic clock.
        ended: when the last host ended, on the same; None where none has.
        asking: hosts that are being asked whether they are well.
        health: see there; of no account where the rules want no check.
    """

    waiting: Collection[str]
    in_work: Collection[str]
    begun: int = 0
    failed: int = 0
    halt: Halt | None = None
    seconds: float = 0.0
    ended: float | None = None
    asking: Collection[str] = ()
    health: Health = Health()


@dataclass(frozen=True, slots=True)
class Halt:
    """No further host is begun. `why` stands in the rows of those that were not."""

    letting: Letting
    ending: Ending
    why: Failure

    def outweighs(self, other: Halt | None) -> bool:
        """Whether this is what counts, when the other came first."""
        if other is None:
            return True
        return self._weight > other._weight

    @property
    def _weight(self) -> tuple[bool, Letting]:
        return self.ending is Ending.JOURNAL, self.letting


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin these now, in this order."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask these now whether they are well."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be begun until a host ends or has answered, or `seconds` are over; None for as long as it takes."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is in work, and nothing will be."""


Decision = Begin | Ask | Wait | Halt | Done


def decide(rules: Rules, now: Now) -> Decision:
    """What is to be done now.

    Returns:
        Halt only where the run is to be halted that was not, or is to let go sooner than it was told before.
    """
    late = _too_late(rules, now.seconds)
    if late is not None and (now.in_work or now.asking) and late.outweighs(now.halt):
        return late
    if now.halt is not None:
        return _wait(rules, now)
    if not now.waiting:
        return _wait(rules, now)
    if late is not None:
        return late
    if rules.budget is not None and now.failed >= rules.budget:
        return _spent(now.failed)
    room = rules.parallel - len(now.in_work) - len(now.asking)
    paused = _pause(rules, now)
    if rules.health and not now.in_work and paused <= 0 and now.begun in (0, *_bounds(rules)):
        if now.health.due:
            return Ask(tuple(islice(now.health.due, room))) if room > 0 else _wait(rules, now)
        if not now.asking and (unwell := _unwell(now.health)) is not None:
            return unwell
    if room > 0 and paused <= 0 and not now.asking:
        of_wave = islice(now.waiting, _left_of_wave(rules, now))
        fresh = tuple(islice(_unlimited(rules, of_wave, now.in_work), room))
        if fresh:
            return Begin(fresh)
    return _wait(rules, now, paused)


def awaited(rules: Rules, now: Now) -> str:
    """What hosts that could be begun wait for, in words; empty where they wait for room alone, or for nothing."""
    if now.halt is not None or not now.waiting:
        return ""
    paused = _pause(rules, now)
    if paused > 0:
        return f"the next wave begins in {ceil(paused / 5) * 5} s"
    if now.asking:
        return "the next wave waits for the health check"
    if len(now.in_work) >= rules.parallel:
        return ""
    of_wave = list(islice(now.waiting, _left_of_wave(rules, now)))
    if not of_wave:
        return "the next wave waits for this one"
    taken = Counter(value for host in now.in_work for value in rules.limited.get(host, ()))
    for host in of_wave:
        for label, value in rules.limited.get(host, ()):
            if taken[label, value] >= rules.limits.get(label, taken[label, value] + 1):
                more = f" and {len(of_wave) - 1} more" if len(of_wave) > 1 else ""
                return f"{host.rpartition('/')[2]}{more} waits for {label} {value}"
    return ""


def wave_of(rules: Rules, number: int) -> int:
    """In which wave, from 1, the host is that is begun as the `number`th, from 1."""
    return bisect_left(_bounds(rules), number) + 1


def wave_sizes(written: Sequence[str], hosts: int) -> tuple[int, ...]:
    """The sizes of the waves of a run, as they are written: `1`, `10%` of all hosts, `rest`.

    A percentage is rounded down, and is at least 1 host. Without `rest` the last size is repeated until none is left.
    No wave is empty: sizes beyond the hosts that there are fall away.

    Args:
        written: each a whole number from 1, a percentage from 1% to 100%, or `rest`, which is the last.
    """
    sizes: list[int] = []
    left = hosts
    for each in _unending(written):
        if left <= 0:
            break
        size = left if each == "rest" else int(each.rstrip("%"))
        if each.endswith("%"):
            size = max(hosts * size // 100, 1)
        sizes.append(min(size, left))
        left -= sizes[-1]
    return tuple(sizes)


def budget_of(written: str | None, hosts: int) -> int | None:
    """A failure budget as it is written, a count or a percentage of so many hosts: rounded down, and at least 1."""
    if written is None:
        return None
    return max(hosts * int(written[:-1]) // 100, 1) if written.endswith("%") else int(written)


def limited_of(hosts: Iterable[Host], limits: Collection[str]) -> dict[str, tuple[Limited, ...]]:
    """The values of the limited labels of each host that has any, by its key."""
    found = {
        host.key: tuple((label, value) for label in limits for value in host.labels.get(label, ())) for host in hosts
    }
    return {key: values for key, values in found.items() if values}


def of_wave(rules: Rules, now: Now) -> tuple[str, ...]:
    """The hosts that are left of the wave in which a host would be begun now, in their order."""
    return tuple(islice(now.waiting, _left_of_wave(rules, replace(now, in_work=()))))


def is_wave_over(rules: Rules, now: Now) -> bool:
    """Whether every host of the waves so far has ended, of those that will be begun."""
    return not now.in_work and (not now.waiting or now.halt is not None or now.begun in _bounds(rules))


def _unending(written: Sequence[str]) -> Iterator[str]:
    yield from written
    while True:
        yield written[-1] if written else "rest"


def _left_of_wave(rules: Rules, now: Now) -> int:
    """How many hosts may be begun before the wave is over; none while the one before is in work."""
    bounds = _bounds(rules)
    if now.begun in bounds and now.in_work:
        return 0
    return next((bound - now.begun for bound in bounds if now.begun < bound), len(now.waiting))


def _pause(rules: Rules, now: Now) -> float:
    """Seconds until the next wave may begin; 0 within one."""
    if now.in_work or now.ended is None or rules.pause_seconds <= 0:
        return 0.0
    return max(now.ended + rules.pause_seconds - now.seconds, 0.0) if now.begun in _bounds(rules) else 0.0


def _bounds(rules: Rules) -> tuple[int, ...]:
    """How many hosts have been begun at the end of each wave but the last."""
    return tuple(accumulate(rules.waves[:-1]))


def _unlimited(rules: Rules, waiting: Iterable[str], in_work: Iterable[str]) -> Iterator[str]:
    """Those that may be begun beside what is in work, and beside each other, in their order."""
    if not rules.limits:
        yield from waiting
        return
    taken = Counter(value for host in in_work for value in rules.limited.get(host, ()))
    for host in waiting:
        values = rules.limited.get(host, ())
        if all(taken[value] < rules.limits.get(value[0], taken[value] + 1) for value in values):
            taken.update(values)
            yield host


def _wait(rules: Rules, now: Now, paused: float = 0.0) -> Wait | Done:
    if now.in_work or now.asking:
        return Wait(_left(rules, now.seconds))
    if now.halt is None and now.waiting:
        left = _left(rules, now.seconds)
        return Wait(paused if left is None else min(paused, left))
    return Done()


def _spent(failed: int) -> Halt:
    why = Failure(
        Cause.INTERRUPTED,
        f"the failure budget is spent: {counted(failed, 'server')} failed",
        "See to the servers that failed, then go on with those that were not begun.",
    )
    return Halt(Letting.DRAIN, Ending.BUDGET, why)


def _unwell(health: Health) -> Halt | None:
    """Why no further host is begun; None where the next may be."""
    if health.unwell:
        said = _some([f"{host} ({why})" for host, why in health.unwell.items()])
        what = f"{counted(len(health.unwell), 'server')} did not pass the health check: {said}"
    elif health.lost and not health.asked:
        what = (
            "the health check has nothing to look at: nothing was changed on any server of the wave, and "
            f"{_some(list(health.lost))} failed"
        )
    else:
        return None
    then = "See to these servers, then go on with those that were not begun: the check is made again before them."
    return Halt(Letting.DRAIN, Ending.HEALTH, Failure(Cause.INTERRUPTED, what, then))


def _some(said: Sequence[str]) -> str:
    more = [f"{len(said) - _NAMED} more"] if len(said) > _NAMED else []
    return ", ".join([*said[:_NAMED], *more])


def _left(rules: Rules, seconds: float) -> float | None:
    return None if rules.run_seconds is None or seconds >= rules.run_seconds else rules.run_seconds - seconds


def _too_late(rules: Rules, seconds: float) -> Halt | None:
    if rules.run_seconds is None or seconds < rules.run_seconds:
        return None
    why = Failure(
        Cause.INTERRUPTED,
        f"the run's time limit of {rules.run_seconds:g} s was reached",
        "Raise --run-timeout or --parallel, or select fewer hosts, and run the audit again for this host.",
    )
    return Halt(Letting.ABORT, Ending.DEADLINE, why)
