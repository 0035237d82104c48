"""What a plan has to know of a host beside its row: what it was asked, and what of that must not be written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from runner.codec import Redact
from runner.journal.lines import UnrecordableValueError, canonical
from runner.results import StepResult
from runner.steps import Sending, Witness
from runner.transport.interface import Completed, Script, ScriptResult

__all__ = ["Noting"]


@dataclass(slots=True)
class Noting:
    """A witness that hands on to another one, and keeps what a plan is made of.

    Attributes:
        inner: what it returns of a step counts: the same, without secrets.
        redact: takes the client's secrets out; a digest is never of one.
        observed: by step that was asked: SHA-256 of the canonical form of what the host said; None where it did not
            say it to the end.
        withheld: steps with a change that `inner` did not give back as it was: a secret stands in it.
    """

    inner: Witness
    redact: Redact
    observed: dict[str, str | None] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    _said: dict[str, str | None] = field(default_factory=dict)  # by script hash

    def sending(self, batch: Sequence[Sending]) -> None:
        """See `Witness`."""
        self.inner.sending(batch)

    def answered(self, result: ScriptResult) -> None:
        """See `Witness`."""
        self.inner.answered(result)
        self._said[result.script.sha256] = self._digest(result)

    def assessed(self, result: StepResult, script: Script | None) -> StepResult:
        """See `Witness`."""
        recorded = self.inner.assessed(result, script)
        if script is not None:
            self.observed[result.step] = self._said[script.sha256]
        if recorded.assessment.changes != result.assessment.changes:
            self.withheld.add(result.step)
        return recorded

    def defect(self, step: str, error: Exception) -> None:
        """See `Witness`."""
        self.inner.defect(step, error)

    def _digest(self, result: ScriptResult) -> str | None:
        if not isinstance(result, Completed):
            return None
        try:
            said = canonical(self.redact.redact(result.streams.output))
        except UnrecordableValueError:
            return None
        return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
