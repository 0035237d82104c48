"""One host's lines: few, and none of them missing, wherever the work with it was cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from playbooks.model import ReadyPlaybook
from runner import events
from runner.events import Answer, HostEvent, Purpose, Recorded, StepDue
from runner.hostlog import AbandonedError, HaltedError, HostLog
from runner.journal.verification import read
from runner.journal.writer import JournalWriter
from runner.redaction import Redactor
from runner.results import StepResult
from runner.state import Key, fold
from runner.steps import collects_by_step, observe_steps
from runner.transport.failures import Cause, failure
from runner.transport.interface import Repeated, Replaced, Retried, Script, ScriptResult
from tests.runner.fleets import JUDGEMENT, ScriptedTransport, lost, playbook, saying, step
from tests.runner.happenings import STARTED
from tests.runner.journal.journals import opened

LOST = failure(Cause.CONNECTION_LOST, "the connection went")


@dataclass(slots=True)
class Logged:
    """A host's log over a journal of its own."""

    ready: ReadyPlaybook
    journal: JournalWriter
    defects: list[str] = field(default_factory=list)
    halted: bool = False
    log: HostLog = field(init=False)

    def __post_init__(self) -> None:
        steps = tuple(
            StepDue(each.step.id, each.action.id, Script(each.step.id, each.collect).sha256, None, {})
            for each in self.ready.steps
        )
        events.put(self.journal, replace(STARTED, steps=steps))
        self.log = HostLog(
            self.journal,
            "alpha",
            "EX1",
            steps,
            halted=lambda: self.halted,
            on_defect=lambda step, error: self.defects.append(step),
        )
        self.log.started("ex1.example", 5985)

    def session(self, transport: ScriptedTransport) -> None:
        observe_steps(self.ready, collects_by_step(self.ready), transport, JUDGEMENT, self.log)

    def told(self) -> list[HostEvent]:
        """The host's events, in order; nothing can be recorded from then on."""
        found = [each.event for each in self.recorded()]
        return [each for each in found if not isinstance(each, events.RunStarted)]  # type: ignore[misc]

    def recorded(self) -> list[Recorded]:
        self.journal.close()
        return [events.read(line) for line in read(self.journal.path)[0]]

    def names(self) -> list[str]:
        return [events.name_of(each) for each in self.told()]


def logged(state: Path, *words: str, redactor: Redactor | None = None) -> Logged:
    return Logged(playbook(*(step(word) for word in words)), opened(state, redactor=redactor))


def answers(told: Sequence[HostEvent]) -> list[tuple[str, Answer]]:
    return [
        (each.step, each.answer)
        for each in told
        if isinstance(each, events.ScriptAnswered | events.StepAssessed) and each.answer is not None
    ]


def test_a_server_with_eight_scripts_makes_eleven_lines(tmp_path: Path) -> None:
    host = logged(tmp_path, *"abcdefgh")
    host.session(ScriptedTransport())
    host.log.end(None, 7, 0.5)
    assert host.names() == ["host-started", "script-sending", *8 * ["step-assessed"], "host-ended"]
    assert len(answers(host.told())) == 8


def test_a_script_that_steps_share_is_answered_once_and_named_by_both(tmp_path: Path) -> None:
    host = Logged(playbook(step("a", script="Get-x"), step("b", script="Get-x")), opened(tmp_path))
    host.session(ScriptedTransport())
    host.log.end(None, 7, 0.5)
    judged = [each for each in host.told() if isinstance(each, events.StepAssessed)]
    same = Script("a", "Get-x").sha256
    assert [(each.step, each.script, each.number, each.answer is None) for each in judged] == [
        ("a", same, 1, False),
        ("b", same, 1, True),
    ]


def test_a_step_that_was_not_asked_names_no_script(tmp_path: Path) -> None:
    ready = playbook(step("a", script="Get-x"), step("b", script="Get-x", when="a.good == false"))
    host = Logged(ready, opened(tmp_path))
    host.session(ScriptedTransport())
    host.log.end(None, 7, 0.5)
    judged = [each for each in host.told() if isinstance(each, events.StepAssessed)]
    assert [(each.step, each.script is None, each.number) for each in judged] == [("a", False, 1), ("b", True, None)]


def test_an_answer_whose_judgement_raised_is_recorded_with_it(tmp_path: Path) -> None:
    host = logged(tmp_path, "a")
    host.session(ScriptedTransport(otherwise=saying("raise")))
    host.log.end(None, 7, 0.5)
    [(_, answer)] = answers(host.told())
    assert isinstance(answer, events.Completed)
    assert answer.output == [{"Kind": "State", "Value": "raise"}]
    assert host.defects == ["a"]


class CutError(Exception):
    """Ends a session."""


@dataclass(slots=True)
class Cutting:
    """A witness that ends the session at the nth judgement."""

    log: HostLog
    left: int

    def sending(self, batch: Sequence[object]) -> None:
        self.log.sending(batch)  # type: ignore[arg-type]

    def answered(self, result: ScriptResult) -> None:
        self.log.answered(result)

    def assessed(self, audit: StepResult, script: Script | None) -> StepResult:
        if self.left == 0:
            raise CutError
        self.left -= 1
        return self.log.assessed(audit, script)

    def defect(self, step: str, error: Exception) -> None:
        raise error


@pytest.mark.parametrize("judged", [0, 1, 2])
def test_every_answer_of_a_session_that_was_cut_is_recorded_once(tmp_path: Path, judged: int) -> None:
    host = logged(tmp_path, "a", "b", "c")
    with pytest.raises(CutError):
        observe_steps(
            host.ready, collects_by_step(host.ready), ScriptedTransport(), JUDGEMENT, Cutting(host.log, judged)
        )
    host.log.end(failure(Cause.INTERRUPTED, "halted"), 7, 0.5)
    assert [step for step, _ in answers(host.told())] == ["a", "b", "c"]
    assert host.names()[2:] == [*judged * ["step-assessed"], *(3 - judged) * ["script-answered"], "host-ended"]
    state = fold(host.recorded())
    assert state is not None
    assert state.unsettled == ()


def test_what_is_sent_again_is_a_further_attempt_whose_answer_counts(tmp_path: Path) -> None:
    host = logged(tmp_path, "a", "b")

    class Losing(ScriptedTransport):
        def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
            host.log.noticed(Retried(LOST, 1, 0.25))
            host.log.noticed(Repeated(LOST, (scripts[1],)))
            host.log.noticed(Replaced(scripts[1]))
            return ScriptedTransport.observe(self, scripts)

    host.session(Losing())
    host.log.end(None, 7, 0.5)
    state = fold(host.recorded())
    assert state is not None
    assert [(key, attempt.standing) for key, attempt in state.hosts["EX1"].attempts.items()] == [
        (Key("a", Purpose.COLLECT, 1), "answered"),
        (Key("b", Purpose.COLLECT, 1), "superseded"),
        (Key("b", Purpose.COLLECT, 2), "answered"),
    ]


def test_what_was_never_answered_stays_open_and_what_was_not_started_does_not(tmp_path: Path) -> None:
    host = logged(tmp_path, "a")
    host.session(ScriptedTransport(otherwise=lost(started=False)))
    host.log.end(None, 7, 0.5)
    [(_, answer)] = answers(host.told())
    assert isinstance(answer, events.NotRun)
    assert answer.started is False


def test_nothing_is_intended_once_the_run_is_halted_and_nothing_recorded_once_the_row_is_given(tmp_path: Path) -> None:
    host = logged(tmp_path, "a")
    host.halted = True
    with pytest.raises(HaltedError):
        host.session(ScriptedTransport())
    host.log.end(None, 7, 0.5)
    assert host.names() == ["host-started", "host-ended"]
    for late in (
        lambda: host.log.started("ex1.example", 5985),
        lambda: host.log.end(None, 7, 0.5),
    ):
        with pytest.raises(AbandonedError):
            late()
    assert host.names() == ["host-started", "host-ended"]


def test_what_is_shown_of_a_judgement_is_what_the_journal_has_of_it(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.register("steps")
    host = logged(tmp_path, "a", redactor=redactor)
    host.session(ScriptedTransport(otherwise=saying("my steps")))
    host.log.end(None, 7, 0.5)
    [recorded] = [each for each in host.told() if isinstance(each, events.StepAssessed)]
    assert host.log.row is not None
    assert host.log.row.why == recorded.assessment.summary == "it says my ***"
    assert recorded.assessment.facts == {"good": False, "said": "my ***"}
