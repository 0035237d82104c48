"""Which host is begun next, and when no further one is. Pure: time, what is in work and what waits come in as values.

    decide -> Begin | Wait | Halt | Done

A run that is halted either *drains*: nothing further is begun and what is in work comes to its own end; or is
*aborted*: what is in work is to let go. Abort outweighs drain, and a journal that cannot be written outweighs both,
since from then on nothing that happens can be recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice

from runner.terms import Ending
from runner.transport.failures import Cause, Failure


class Letting(IntEnum):
    """What becomes of the hosts in work when a run is halted; the higher, the sooner they let go."""

    DRAIN = 1
    ABORT = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """How a run goes over its hosts.

    Attributes:
        parallel: hosts in work at a time, at least 1.
        run_seconds: how long all may take before the run is aborted; None for as long as it takes.
    """

    parallel: int
    run_seconds: float | None = None


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
class Wait:
    """Nothing is to be begun until a host ends, or `seconds` are over; None where only a host's end is waited for."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is in work, and nothing will be."""


Decision = Begin | Wait | Halt | Done


def decide(
    rules: Rules, waiting: Iterable[str], in_work: Collection[str], halt: Halt | None, seconds: float
) -> Decision:
    """What is to be done now.

    Args:
        waiting: hosts that were not begun, in the order in which they are to be; only the first are looked at.
        in_work: hosts that were begun and have not ended.
        halt: what halted the run, if anything did.
        seconds: since the run began, on the controller's monotonic clock.

    Returns:
        Halt only where the run is to be halted that was not, or is to let go sooner than it was told before.
    """
    late = _too_late(rules, seconds)
    if late is not None and in_work and late.outweighs(halt):
        return late
    if halt is not None:
        return Wait(_left(rules, seconds)) if in_work else Done()
    free = rules.parallel - len(in_work)
    fresh = tuple(islice(waiting, max(free, 0)))
    if fresh:
        return Begin(fresh) if late is None else late
    return Wait(_left(rules, seconds)) if in_work else Done()


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
