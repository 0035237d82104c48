"""What a server answered as a file of cases: without names, and judged as the server was or said so."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.cases import cases_in, cases_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, UnknownFact, Verdict
from playbooks.loading import load_playbook
from playbooks.model import PropertySpec, ReadyStep
from playbooks.observation import NotObserved, Observation
from runner import recording
from runner.answers import observation_of
from runner.pseudonyms import Kind, Names
from runner.recording import Answered, File, Missing, Recorded, UnfitError, cleaned, file_of, recorded
from runner.redaction import Redactor
from runner.results import StepResult
from runner.steps import Judgement
from runner.transport.failures import Cause, failure
from runner.transport.interface import (
    Capped,
    Completed,
    ErrorText,
    NotRun,
    Script,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
)

SCRIPT = Script("collect", "text")
NAME = "KLAGENFURT7"
HEAD = "# head\n"
JUDGEMENT = Judgement(Catalogue.load(), date(2026, 11, 24))
PAGE = {
    "Name": PropertySpec(type="text"),
    "State": PropertySpec(type="text", values=["Running", "Stopped"]),
    "Size": PropertySpec(type="integer?"),
    "Content": PropertySpec(type="bytes?"),
    "Said": PropertySpec(type="text[]?"),
}


def compliant(observation: Observation, *_: Any) -> Assessment:
    if isinstance(observation, NotObserved):
        return Assessment(Verdict.UNKNOWN, observation.reason, facts={"compliant": UnknownFact(observation.reason)})
    return Assessment(Verdict.OK, "it is", facts={"compliant": True})


@pytest.fixture(scope="module")
def step() -> ReadyStep:
    """Of an action that reads pages."""
    ready = load_playbook("exchange-audit", {}, JUDGEMENT.catalogue).steps[0]
    contract = ready.action.contract.model_copy(update={"outputs": {"Page": PAGE}, "params": {}})
    action = dataclasses.replace(ready.action, id="our.pages", contract=contract, assess=compliant)
    own = ready.step.model_copy(update={"id": "pages", "action": "our.pages"})
    return dataclasses.replace(ready, step=own, action=action, params={})


def page(**others: Any) -> dict[str, Any]:
    return {"Kind": "Page", "Name": "x", "State": "Running", "Size": None, "Content": None, "Said": None, **others}


def completed(*records: Any, **streams: Any) -> Completed:
    return Completed(SCRIPT, Streams(output=records, **streams), 0.1)


def with_judgement(step: ReadyStep, assess: Callable[..., Assessment]) -> ReadyStep:
    return dataclasses.replace(step, action=dataclasses.replace(step.action, assess=assess))


def concluded(step: ReadyStep, answer: ScriptResult) -> Assessment:
    """Of the server's own answer."""
    seen = observation_of(answer, step.action.contract)
    return step.action.assess(seen, step.params, JUDGEMENT.catalogue.on(JUDGEMENT.today), JUDGEMENT.today)


def written(
    step: ReadyStep,
    answer: ScriptResult | None,
    was: Assessment | None = None,
    *,
    secret: str = "",
    told: tuple[str, ...] = (NAME,),
) -> tuple[File, Recorded]:
    redactor = Redactor()
    if secret:
        redactor.register(secret)
    answer = None if answer is None else cleaned(answer, redactor)
    was = concluded(step, answer) if was is None and answer is not None else was
    assert was is not None
    names = Names()
    for name in told:
        names.tell(Kind.SERVER, name)
    for _ in range(2):
        names.look([getattr(getattr(answer, "streams", None), "output", ()), was.summary])
    part = recorded(Answered(step, answer, StepResult("pages", step.action.id, was)), names.pseudonyms(), JUDGEMENT)
    return file_of(HEAD, [part], {step.action.id: step.action}, JUDGEMENT, redactor), part


def read_back(file: File, step: ReadyStep) -> Any:
    [case] = cases_of(cases_in(file.text.encode(), "f"), step.action, JUDGEMENT.catalogue)
    return case.answer


def test_bytes_that_are_no_text_come_back_byte_for_byte(step: ReadyStep) -> None:
    data = bytes(range(256)) + NAME.encode()
    file, part = written(step, completed(page(Content=data, Size=len(data))))
    assert file.differs == ()
    assert "latin-1" in file.text
    [record] = read_back(file, step)
    assert record["Content"] == bytes(range(256)) + b"SERVER1"
    assert record["Size"] == len(record["Content"])
    assert part.verdict is Verdict.OK


SAID = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["---", "\t", "\u2028", "\x9b", "a: b", "# x", "{", "true", "k" * 1500, "\ufeff", "\x85", "'", "\n- x"]
)


@given(st.lists(SAID, max_size=4), SAID, st.none() | st.binary(max_size=40))
def test_whatever_a_server_says_is_read_back_as_it_was(
    step: ReadyStep, said: list[str], name: str, content: bytes | None
) -> None:
    record = page(Name=name, Said=tuple(said), Content=content)
    file, _ = written(step, completed(record), told=())
    names = Names()
    for _ in range(2):
        names.look([(record,), ""])
    assert file.differs == ()
    assert read_back(file, step) == (names.pseudonyms().of(record),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Kind": "Other", NAME: NAME},
        {"Kind": "Page", "k" * 3000: {"deep": [{"a": float("nan")}, math.inf, 10**40]}},
        "text KLAGENFURT7 \u2028 \x9b31m \ud800 ---",
        [1, None, {"---": "\t", "\x85": b"\xff\x00KLAGENFURT7"}],
        page(Size="not a number"),
        page(State="klagenfurt7"),
    ],
)
def test_an_answer_that_breaks_its_contract_is_unknown_and_stands_beside(step: ReadyStep, wrong: Any) -> None:
    file, part = written(step, completed(page(), wrong))
    assert file.differs == ()
    assert (part.verdict, part.missing) == (Verdict.UNKNOWN, Missing.NO_ANSWER)
    assert isinstance(read_back(file, step), NotObserved)
    assert "# came all the same: " in file.text
    assert NAME.casefold() not in file.text.casefold()
    assert all(line.isprintable() for line in file.text.split("\n"))


def test_a_word_that_the_contract_lists_is_nobodys_name(step: ReadyStep) -> None:
    file, _ = written(step, completed(page(Name="Running")), told=("Running",))
    assert file.differs == ()
    [record] = read_back(file, step)
    assert (record["State"], record["Name"]) == ("Running", "server1")


def test_a_judgement_that_fails_leaves_the_records_and_nothing_that_it_concluded(step: ReadyStep) -> None:
    """What was concluded of the server has its names: a judgement that fails without them once let them through."""

    def assess(observation: Observation, *_: Any) -> Assessment:
        if "SERVER1" in str(observation):
            raise KeyError(NAME)
        return Assessment(Verdict.OK, f"{NAME} is well", facts={"compliant": True, "names": (NAME,)})

    file, part = written(with_judgement(step, assess), completed(page(Name=NAME)))
    assert any("failed with KeyError" in each for each in file.differs)
    assert part.verdict is Verdict.UNKNOWN
    assert NAME not in file.text
    assert read_back(file, step) == (page(Name="SERVER1"),)


def test_a_judgement_that_failed_on_the_server_too_is_no_agreement(step: ReadyStep) -> None:
    def assess(*_: Any) -> Assessment:
        raise TypeError(NAME)

    file, _ = written(with_judgement(step, assess), completed(page()), Assessment(Verdict.UNKNOWN, "a defect"))
    assert any("failed with TypeError" in each for each in file.differs)
    assert NAME not in file.text


@pytest.mark.parametrize(
    "of_the_server",
    [
        Assessment(Verdict.ATTENTION, ""),
        Assessment(Verdict.OK, "", facts={"compliant": False}),
        Assessment(Verdict.OK, "", facts={"compliant": True, "name": "VILLACH8"}),
        Assessment(Verdict.OK, "", facts={"compliant": ("a", "b")}),
        Assessment(Verdict.OK, "", facts={"compliant": 1}),
        Assessment(Verdict.OK, ""),
    ],
)
def test_what_is_concluded_otherwise_is_said(step: ReadyStep, of_the_server: Assessment) -> None:
    file, _ = written(step, completed(page()), of_the_server)
    assert file.differs
    assert "VILLACH8" not in "".join(file.differs)


def test_a_fact_in_another_order_or_with_the_hash_of_what_has_names_is_the_same(step: ReadyStep) -> None:
    def assess(observation: Observation, *_: Any) -> Assessment:
        digest = f"{abs(hash(str(observation))):064x}"
        two = (f"{digest} b", "a of 7 bytes")
        return Assessment(Verdict.OK, "", facts={"names": two if NAME in str(observation) else two[::-1]})

    assert written(with_judgement(step, assess), completed(page(Name=NAME)))[0].differs == ()


@pytest.mark.parametrize(
    "answer",
    [
        completed(page(Name="Tr0ub4dor&3 KLAGENFURT7")),
        completed(page(), errors=(ErrorText("Tr0ub4dor&3", "Tr0ub4dor&3", ""),), warnings=("Tr0ub4dor&3",)),
        Terminated(SCRIPT, ErrorText("Tr0ub4dor&3", "KLAGENFURT7", ""), Streams(output=("Tr0ub4dor&3",)), 1.0),
        TimedOut(SCRIPT, 3.0, Streams(output=({"Tr0ub4dor&3": base64.b64encode(b"Tr0ub4dor&3").decode()},))),
        Capped(SCRIPT, "max_bytes", 7),
        NotRun(SCRIPT, failure(Cause.CONNECTION_LOST, "Tr0ub4dor&3 KLAGENFURT7"), None),
    ],
)
def test_no_secret_and_no_name_is_left_of_any_answer(step: ReadyStep, answer: ScriptResult) -> None:
    file, _ = written(step, answer, secret="Tr0ub4dor&3")
    assert file.differs == ()
    for secret in ("Tr0ub4dor", NAME.casefold(), NAME, base64.b64encode(b"Tr0ub4dor&3").decode()[:12]):
        assert secret not in file.text


def test_a_secret_that_would_stand_in_it_is_refused(step: ReadyStep) -> None:
    with pytest.raises(UnfitError, match="a password"):
        written(step, completed(page()), secret="as it was captured")


def test_a_file_that_nobody_could_read_is_refused(step: ReadyStep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_BYTES", 1 << 20)
    with pytest.raises(UnfitError, match="more than a file of cases may have"):
        written(step, completed(page(Content=b"\xff" * (1 << 19))))


def test_a_name_in_an_id_of_the_playbook_is_said(step: ReadyStep) -> None:
    _, part = written(step, completed(page()), told=("pages", "compliant"))
    assert set(part.left) == {"pages", "compliant"}


def test_a_step_that_was_not_asked_says_why_in_one_line(step: ReadyStep) -> None:
    was = Assessment(Verdict.NOT_APPLICABLE, "KLAGENFURT7\nis \u2028 none")
    file, part = written(step, None, was)
    assert part.missing is Missing.NOT_ASKED
    said = '# NOT ASKED: pages (our.pages): "SERVER1\\nis \\L none"'
    assert file.text.splitlines()[1:] == ["# No step was asked.", said]
