"""From the text of a playbook to what is checked, rendered and linted: nothing is looked up later.

An action of this version judges by its assess.py. Any other judges by `compliant_when` (compliant.py); an assess.py in
its folder is an error, because code that came with a playbook does not run on the controller.

Every problem of a playbook and of the actions that it uses is collected before it is raised.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

from playbooks import compliant, parameters
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changing import scripts_of, why_no_write
from playbooks.conditions import ANYTHING, Condition, parse
from playbooks.correcting import PLACEHOLDER, PLAN, Corrections
from playbooks.declared import Domain, accepts, in_words
from playbooks.documents import read_contract, read_playbook
from playbooks.errors import ConditionError, DocumentError, RenderingError
from playbooks.lint import Problem as Refused
from playbooks.lint import lint, style, unlockable
from playbooks.model import (
    APPLY,
    COLLECT,
    CONTRACT,
    EVIDENCE,
    ROLLBACK,
    Action,
    ActionContract,
    Assess,
    Given,
    Keeps,
    ParamSpec,
    PlaceKind,
    Playbook,
    ReadyPlaybook,
    ReadyStep,
    SessionKind,
    Step,
    Templates,
)
from playbooks.parameters import bind
from playbooks.parts import assembled
from playbooks.promised import broken
from playbooks.rendering import check_template, render
from playbooks.shelf import Found, Shelf, contents, find, shelf, text_in
from playbooks.values import Value
from texts.models import Document
from texts.places import Location, place_of
from texts.problems import MistakeError, Problem
from texts.spelling import suggestion

__all__ = ["load_action", "load_playbook"]

TEMPLATES = (COLLECT, APPLY, ROLLBACK, EVIDENCE)
ASSESS = "assess.py"
# The rule under which a script's records are held to its contract.
RECORD = "record"


def load_playbook(
    wanted: str, given: Mapping[str, str], catalogue: Catalogue, *, search: Sequence[Path] = ()
) -> ReadyPlaybook:
    """A playbook with everything that running it needs.

    Args:
        wanted: a path or a name.
        given: parameters of the playbook as text, from the command line.
        search: folders of further playbooks and actions.

    Raises:
        DocumentError: the playbook, an action that it uses or a script of one is wrong; carries all problems.
        PlaybookError: there is no such playbook or folder, or a parameter is wrong (ParameterError).
    """
    found, beside = find(wanted, search)
    document = read_playbook(contents(found.place, found.source), found.source)
    return ready(found, document, shelf(search, beside), catalogue, lambda specs: bind(specs, given, catalogue))


def ready(
    found: Found,
    document: Document[Playbook],
    within: Shelf,
    catalogue: Catalogue,
    binding: Callable[[Mapping[str, ParamSpec]], Mapping[str, Value]],
    *,
    sampled: bool = False,
) -> ReadyPlaybook:
    """A playbook that was read, with everything that running it needs.

    Args:
        binding: from the playbook's parameters to their values.
        sampled: that the values of parameters without default are samples: where one is passed on, a sample of the
            action's own parameter takes its place, which may have choices.

    Raises:
        DocumentError: the playbook, an action that it uses or a script of one is wrong; carries all problems.
        ParameterError: from `binding`.
    """
    loader = _Loader(document, within, catalogue, sampled)
    if document.model.name != found.name:
        advice = f"rename one: --search finds a playbook by its file's name, {found.name}"
        loader.problems.append(Problem(document.at("name"), "is not the name of the file", advice))
    loader.check_params()
    values = binding(document.model.params) if not loader.problems else {}
    steps = loader.steps(values)
    if loader.problems:
        raise DocumentError(loader.problems)
    limits = document.model.strategy.limits
    limited_at = {label: document.at("strategy", "limits", label, key=True) for label in limits}
    return ReadyPlaybook(document.model, found.source, hashlib.sha256(document.data).hexdigest(), steps, limited_at)


def load_action(found: Found, catalogue: Catalogue) -> Action:
    """An action with its contract, templates and judgement. Its templates are not rendered yet.

    Raises:
        DocumentError: something in its folder is missing or wrong.
    """
    source = f"{found.source}/{CONTRACT}"
    document = read_contract(contents(found.place.joinpath(CONTRACT), source), source)
    problems = list(_wrong_defaults(document, document.model.params, catalogue))
    templates = _templates(found, document, problems)
    condition = _condition(found, document, catalogue, problems)
    changes = _changes(found, document, condition, catalogue, problems)
    if problems or templates is None:
        raise DocumentError(problems)
    at = {kind: document.at("outputs", kind, key=True) for kind in document.model.outputs}
    if condition is None:
        assess: Assess = import_module(f"playbooks.actions.{found.name}.assess").assess
        return Action(found.name, found.source, document.model, templates, assess, at)
    contract = document.model.model_copy(update={"facts": dict(compliant.FACTS)})
    judge = compliant.judge_by(found.name, contract, condition, changes)
    action = Action(found.name, found.source, contract, templates, judge, at)
    if changes is not None and (wrong := list(_wrong_changes(action, changes, catalogue))):
        raise DocumentError(wrong)
    return action


def _templates(found: Found, document: Document[ActionContract], problems: list[Problem]) -> Templates | None:
    """The texts beside a contract; None, and more `problems`, where they are not what it says that they are."""
    before = len(problems)
    contract, timeouts = document.model, document.model.timeouts
    there = {name: found.place.joinpath(name).is_file() for name in TEMPLATES}
    if not there[COLLECT]:
        problems.append(Problem(Location(f"{found.source}/{COLLECT}"), "is missing", "an action collects: add it"))
    for name, phase, seconds in ((APPLY, "apply", timeouts.apply), (ROLLBACK, "rollback", timeouts.rollback)):
        at = document.at("timeouts", phase)
        if there[name] and seconds is None:
            problems.append(Problem(at, "is missing", f"add it, for {name}: the seconds that it may take"))
        elif seconds is not None and not there[name]:
            problems.append(Problem(at, f"goes with {name}, which is missing", "remove it, or add that"))
    if there[ROLLBACK] and not there[APPLY]:
        what = "undoes what nothing does"
        problems.append(Problem(Location(f"{found.source}/{ROLLBACK}"), what, f"add {APPLY}, or remove it"))
    if there[EVIDENCE] and not there[APPLY]:
        what = "keeps what nothing changes"
        problems.append(Problem(Location(f"{found.source}/{EVIDENCE}"), what, f"add {APPLY}, or remove it"))
    if there[EVIDENCE] and contract.evidence is None:
        advice = f"say what {EVIDENCE} reads: {{path: NAME, sha256: NAME}}, each of a parameter or a value of changes"
        problems.append(Problem(document.at("evidence"), "is missing", advice))
    if contract.evidence is not None:
        at = document.at("evidence", key=True)
        if not there[EVIDENCE]:
            problems.append(Problem(at, f"goes with {EVIDENCE}, which is missing", "remove it, or add that"))
        problems += _wrong_names(document, contract.evidence)
    if there[APPLY] and not contract.writes:
        problems.append(Problem(document.at("writes"), "is empty", f"name every place that {APPLY} changes"))
    if contract.writes and not there[APPLY]:
        problems.append(Problem(document.at("writes"), f"goes with {APPLY}, which is missing", "write [], or add that"))
    if there[APPLY] and not found.built_in and contract.compliant_when is not None and contract.changes is None:
        what = "does not say what is changed where compliant_when is false"
        problems.append(Problem(document.at(), what, "add changes: title, values, before, after"))
    if contract.changes is not None and not there[APPLY]:
        problems.append(Problem(document.at("changes", key=True), f"goes with {APPLY}, which is missing", "add that"))
    if there[APPLY] and PLAN in contract.params:
        problems.append(
            Problem(document.at("params", PLAN, key=True), "is what templates call the plan's id", "rename it")
        )
    names = None if contract.changes is None else {*contract.params, *contract.changes.values, PLAN}
    for number, write in enumerate(contract.writes):
        if wrong := why_no_write(write, names):
            problems.append(Problem(document.at("writes", number, write.kind), *wrong))
    if contract.confirm is not None and not there[ROLLBACK]:
        what = f"goes with {ROLLBACK}, which is missing"
        problems.append(Problem(document.at("confirm", key=True), what, "remove it, or add that"))
    if contract.detached is not None and not there[APPLY]:
        problems.append(Problem(document.at("detached", key=True), f"goes with {APPLY}, which is missing", "remove it"))
    if contract.detached is not None and contract.confirm is not None:
        what = "cannot be together with confirm"
        problems.append(Problem(document.at("detached", key=True), what, "remove one of them"))
    if there[APPLY] and contract.reversible is not there[ROLLBACK]:
        what = f"is {str(contract.reversible).lower()}, and {ROLLBACK} is {'there' if there[ROLLBACK] else 'missing'}"
        problems.append(Problem(document.at("reversible"), what, "make the two agree"))
    texts = {name: text_in(found.place.joinpath(name), f"{found.source}/{name}") for name in TEMPLATES if there[name]}
    if found.built_in:
        texts = {name: assembled(text) for name, text in texts.items()}
    for name, text in texts.items():
        if name == COLLECT:
            continue  # is checked as it is rendered
        try:
            check_template(text, source=f"{found.source}/{name}")
        except RenderingError as error:
            problems.append(rendering_problem(error, f"{found.source}/{name}"))
    if len(problems) > before:
        return None
    return Templates(texts[COLLECT], texts.get(APPLY), texts.get(ROLLBACK), texts.get(EVIDENCE))


def _wrong_names(document: Document[ActionContract], keeps: Keeps) -> Iterator[Problem]:
    """What is wrong with the names of what is kept. Those of a judgement's own values only a plan can tell."""
    contract = document.model
    for member, name in (("path", keeps.path), ("sha256", keeps.sha256)):
        at = document.at("evidence", member)
        spec = contract.params.get(name)
        if spec is not None and spec.type != "text":
            yield Problem(at, f"names {name!r}, which is not of type text", "name a parameter or value that is")
        if spec is None and contract.changes is not None and name not in contract.changes.values:
            known = ", ".join(sorted({*contract.params, *contract.changes.values}))
            yield Problem(at, f"names {name!r}, which no value and no parameter is", f"there are: {known}")


def _condition(
    found: Found, document: Document[ActionContract], catalogue: Catalogue, problems: list[Problem]
) -> Condition | None:
    """The parsed `compliant_when`; None where assess.py judges, or where there is a problem."""
    assess = found.place.joinpath(ASSESS)
    if document.model.compliant_when is None:
        if found.built_in and assess.is_file():
            return None
        advice = "add compliant_when: an expression over Kind.Property"
        problems.append(Problem(document.at(), "does not say how the action is judged", advice))
    elif found.built_in and assess.is_file():
        problems.append(Problem(document.at("compliant_when", key=True), "stands beside an assess.py", "keep one"))
    if not found.built_in and assess.is_file():
        problems.append(
            Problem(
                Location(f"{found.source}/{ASSESS}"),
                "is not run: code that comes with a playbook stays off the controller",
                "remove it, and judge by compliant_when in action.yml",
            )
        )
    if document.model.compliant_when is None:
        return None
    try:
        return compliant.condition_of(document.model, "", catalogue)
    except ConditionError as error:
        problems.append(Problem(document.at("compliant_when"), error.what, error.advice))
        return None


def _changes(
    found: Found,
    document: Document[ActionContract],
    condition: Condition | None,
    catalogue: Catalogue,
    problems: list[Problem],
) -> Corrections | None:
    """The parsed `changes`; None where there are none, or where there is a problem."""
    if document.model.changes is None or condition is None:
        return None
    try:
        return compliant.changes_of(document.model, condition, catalogue)
    except MistakeError as error:
        problems.append(Problem(document.at("changes", *error.way), error.what, error.advice))
        return None


def _wrong_changes(action: Action, changes: Corrections, catalogue: Catalogue) -> Iterator[Problem]:
    """What is wrong with the templates of changes for every sample of what they may be told."""
    found = [scripts_of(action, told).problems for told in _samples(action.contract, changes, catalogue)]
    if all(found):
        yield from found[0]


def _samples(contract: ActionContract, changes: Corrections, catalogue: Catalogue) -> Iterator[dict[str, Value]]:
    """What templates may be told: texts are paths where `writes` has them as the beginning of one; others are words
    in the first sample, and paths in the second."""
    for other in ("sample", "C:\\sample"):
        told = parameters.samples(contract.params, catalogue)
        for name, spec in contract.params.items():
            if spec.required and parameters.choices(spec, catalogue) is None:
                told[name] = _sample_of(name, told[name], contract, other)
        for name, expression in changes.values.items():
            sample = parameters.sample_of(expression.domain)
            listed = expression.domain.values is not None
            told[name] = sample if listed else _sample_of(name, sample, contract, other)
        yield {**told, PLAN: "0" * 12}


def _sample_of(name: str, sample: Value, contract: ActionContract, other: str) -> Value:
    if isinstance(sample, tuple):
        return tuple(_sample_of(name, each, contract, other) for each in sample)
    if not isinstance(sample, str):
        return sample
    for write in contract.writes:
        if re.match(rf"\{{\{{\s*{name}\s*\}}\}}", write.pattern):
            if write.kind is PlaceKind.REGISTRY:
                return "HKLM:\\SOFTWARE\\sample"
            return "C:\\sample" if write.kind in (PlaceKind.FILE, PlaceKind.FOLDER, PlaceKind.ACL) else "sample"
        if name in PLACEHOLDER.split(write.pattern)[1::2]:
            return "sample"
    return other


@dataclass(slots=True)
class _Loader:
    """Checks one playbook against what is on the shelf."""

    document: Document[Playbook]
    shelf: Shelf
    catalogue: Catalogue
    sampled: bool
    problems: list[Problem] = field(default_factory=list)
    _loaded: dict[str, Action | None] = field(default_factory=dict)

    def check_params(self) -> None:
        """Defaults and choices of the playbook's own parameters."""
        self.problems.extend(_wrong_defaults(self.document, self.document.model.params, self.catalogue))

    def steps(self, values: Mapping[str, Value]) -> tuple[ReadyStep, ...]:
        """The steps; fewer than there are where there are problems."""
        ready: list[ReadyStep] = []
        facts: dict[str, Mapping[str, Domain]] = {}
        own = self.document.model.params
        known = {name: value for name, value in values.items() if not (self.sampled and own[name].required)}
        for number, step in enumerate(self.document.model.steps):
            action = self._action(number, step)
            action = self._as_the_step_has_it(number, step, action) if action else None
            params = self._params(number, step, action, values) if action else None
            condition = self._condition(number, step, facts, known)
            # A later `when` over the facts of an action that could not be loaded would be one problem more and no news.
            facts[step.id] = parameters.domains(action.contract.facts, self.catalogue) if action else _Anything()
            if action and params is not None:
                self._check_judgement(number, step, action, params)
            script = collected(action, params, self.problems) if action and params is not None else None
            if action and params is not None and script is not None:
                ready.append(ReadyStep(step, action, params, condition, script))
        return tuple(ready)

    def _report(self, number: int, way: Sequence[str | int], what: str, advice: str, *, key: bool = False) -> None:
        self.problems.append(Problem(self.document.at("steps", number, *way, key=key), what, advice))

    def _action(self, number: int, step: Step) -> Action | None:
        if step.action in self._loaded:
            return self._loaded[step.action]
        found = self.shelf.action(step.action)
        action: Action | None = None
        match found:
            case (one,):
                try:
                    action = load_action(one, self.catalogue)
                except DocumentError as error:
                    self.problems.extend(error.problems)
            case ():
                known = [action.name for action in self.shelf.actions]
                there = f"there are: {', '.join(sorted(set(known)))}"
                advice = suggestion(step.action, known, otherwise=there)
                self._report(number, ("action",), "there is no such action", advice)
            case _:
                places = " and ".join(each.source for each in found)
                self._report(number, ("action",), f"stands in {places}", "rename or remove one of them")
        self._loaded[step.action] = action
        return action

    def _as_the_step_has_it(self, number: int, step: Step, action: Action) -> Action:
        """The action, where its step says that its changes are to be confirmed, or run detached."""
        if step.confirm is not None and action.templates.rollback is None:
            what = f"{action.id} changes nothing that it could undo"
            self._report(number, ("confirm",), what, "remove it", key=True)
        if step.detached is not None and action.templates.apply is None:
            self._report(number, ("detached",), f"{action.id} changes nothing", "remove it", key=True)
        if step.confirm is None and step.detached is None:
            return action
        confirm, detached = step.confirm or action.contract.confirm, step.detached or action.contract.detached
        if confirm is not None and detached is not None:
            name = "confirm" if step.detached is None else "detached"
            other = "detached" if name == "confirm" else "confirm"
            self._report(number, (name,), f"cannot be together with {other}", "remove one of them", key=True)
        return replace(action, contract=action.contract.model_copy(update={"confirm": confirm, "detached": detached}))

    def _condition(
        self, number: int, step: Step, facts: Mapping[str, Mapping[str, Domain]], given: Mapping[str, Value]
    ) -> Condition | None:
        if step.when is None:
            return None
        params = parameters.domains(self.document.model.params, self.catalogue)
        try:
            return parse(step.when, facts, params=params, given=given)
        except ConditionError as error:
            self._report(number, ("when",), error.what, error.advice)
            return None

    def _check_judgement(self, number: int, step: Step, action: Action, params: Mapping[str, Value]) -> None:
        """Whether what this step gives can be compared with what `compliant_when` compares it with."""
        if action.contract.compliant_when is None:
            return
        given = {name: value for name, value in params.items() if not self._is_sample(step, name)}
        try:
            compliant.condition_of(action.contract, "", self.catalogue, given)
        except ConditionError as error:
            self._report(number, ("action",), f"compliant_when of {action.id}: {error.what}", error.advice)

    def _is_sample(self, step: Step, name: str) -> bool:
        """Whether what a step gives as a parameter is a sample, which nobody wrote."""
        passed = parameters.passed_on(step.with_.get(name))
        own = self.document.model.params
        return self.sampled and passed in own and own[passed].required

    def _params(
        self, number: int, step: Step, action: Action, values: Mapping[str, Value]
    ) -> Mapping[str, Value] | None:
        """Every parameter of the action; None where something is wrong with one."""
        before = len(self.problems)
        specs = action.contract.params
        params = {name: parameters.value_of(spec.default) for name, spec in specs.items() if not spec.required}
        for name, written in step.with_.items():
            if name not in specs:
                there = f"there are: {', '.join(sorted(specs))}" if specs else "it has none"
                advice = suggestion(name, specs, otherwise=there)
                self._report(number, ("with", name), f"{action.id} has no such parameter", advice, key=True)
            elif parameters.passed_on(written) is not None:
                self._pass_on(number, name, written, specs[name], values, params)
            elif isinstance(written, str) and "{{" in written:
                what = "is put together from parts"
                self._report(number, ("with", name), what, 'pass one parameter, whole: "{{ params.name }}"')
            elif wrong := parameters.why_not(parameters.value_of(written), specs[name], self.catalogue):
                self._report(number, ("with", name), *wrong)
            else:
                params[name] = parameters.value_of(written)
        for name, spec in specs.items():
            if spec.required and name not in step.with_:
                self._report(number, ("with", name), f"{action.id} needs {name}", f"add it: {spec.description}")
        return params if len(self.problems) == before else None

    def _pass_on(
        self,
        number: int,
        name: str,
        written: Given,
        spec: ParamSpec,
        values: Mapping[str, Value],
        params: dict[str, Value],
    ) -> None:
        own = self.document.model.params
        passed = str(parameters.passed_on(written))
        if passed not in own:
            there = f"there are: {', '.join(sorted(own))}" if own else "declare it in params"
            advice = suggestion(passed, own, otherwise=there)
            self._report(number, ("with", name), f"the playbook has no parameter {passed!r}", advice)
        elif not accepts(spec.type, own[passed].type):
            what = f"passes on {in_words(own[passed].type)} where {in_words(spec.type)} is needed"
            self._report(number, ("with", name), what, "give both the same type")
        elif self.sampled and own[passed].required:
            params.update(parameters.samples({name: spec}, self.catalogue))
        elif passed not in values:
            return  # the playbook's parameters are wrong and reported
        elif wrong := parameters.why_not(values[passed], spec, self.catalogue):
            self._report(number, ("with", name), f"what {passed} passes on {wrong[0]}", wrong[1])
        else:
            params[name] = values[passed]


def collected(
    action: Action, params: Mapping[str, Value], problems: list[Problem], *, styled: bool = False
) -> str | None:
    """The rendered and linted collect script; None, and more `problems`, where something is wrong with it."""
    source = f"{action.source}/{COLLECT}"
    try:
        script = render(action.templates.collect, params, source=source)
    except RenderingError as error:
        problems.append(rendering_problem(error, source))
        return None
    refused = linted(script, source, styled=styled) or [
        *_locked(action, script, source),
        *_promised(action, script, source),
    ]
    problems.extend(refused)
    return None if refused else script


def _locked(action: Action, script: str, source: str) -> list[Problem]:
    """What the session that the contract asks for would refuse."""
    if action.contract.session is SessionKind.FULL:
        return []
    return _placed(unlockable(script, action.contract.needs.modules, source=source))


def _promised(action: Action, script: str, source: str) -> list[Problem]:
    """Where a script that is proven read-only emits something else than its contract declares."""
    contract = Location(f"{action.source}/{CONTRACT}")
    return [
        Problem(action.declared_at.get(each.kind, contract), each.what, each.advice, RECORD)
        if each.kind
        else Problem(place_of(each.at, script, source), each.what, each.advice, RECORD)
        for each in broken(script, action.templates.collect, action.contract)
    ]


def rendering_problem(error: RenderingError, source: str) -> Problem:
    """Why a template does not render, with its place."""
    return Problem(Location(source, error.line or 1, error.column or 1), error.what, error.advice)


def linted(script: str, source: str, *, styled: bool = False) -> list[Problem]:
    """What the linter has against a script; with `styled`, against how it is written too."""
    return _placed((*lint(script, source=source), *(style(script, source=source) if styled else ())))


def _placed(found: Iterable[Refused]) -> list[Problem]:
    return [Problem(Location(each.source, each.line, each.column), each.why, each.instead, each.rule) for each in found]


class _Anything(dict[str, Domain]):
    """The facts of an action that could not be loaded: every name, and whatever it is compared with."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Domain:
        return ANYTHING


def _wrong_defaults(
    document: Document[Playbook] | Document[ActionContract], specs: Mapping[str, ParamSpec], catalogue: Catalogue
) -> Iterator[Problem]:
    for name, spec in specs.items():
        text = spec.type.removesuffix("?").removesuffix("[]") == "text"
        if parameters.choices(spec, catalogue) is not None and not text:
            key = "choices" if spec.choices is not None else "choices_from"
            at = document.at("params", name, key, key=True)
            yield Problem(at, "go with text only", "remove them, or make the type text")
        elif not spec.required and (wrong := parameters.why_not(parameters.value_of(spec.default), spec, catalogue)):
            yield Problem(document.at("params", name, "default"), *wrong)
