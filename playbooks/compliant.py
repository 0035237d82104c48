"""`compliant_when`: how an action without an assess.py is judged.

    compliant_when: Protocol.Enabled == false and Protocol.Name != params.name

The same language as `when`, over `Kind.Property` of the records that the action's own collect script emitted, and over
the action's parameters:

- Where the script emitted several records of a Kind, the condition must hold for each of them. Two Kinds with several
  records each cannot be named together: emit one of them as a single record.
- A Kind of which there is no record makes what depends on it unknown, never false.
- A condition that holds counts as true only when nothing went unread: what could not be read might be the exception.

A user's assess.py is never imported. Judgement runs on the controller, which holds the credentials of a whole fleet;
what a playbook brings along stays data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from playbooks.catalogue.catalogue import Catalogue
from playbooks.conditions import PARAMS, Condition, Words, evaluate, names, parse
from playbooks.correcting import Corrections, corrections, corrections_of
from playbooks.declared import Domain
from playbooks.errors import ConditionError
from playbooks.findings import Assessment, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.model import ActionContract, Assess, FactSpec
from playbooks.observation import Observation, Observed
from playbooks.parameters import domains
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Record, Value

FACT = "compliant"
FACTS = {FACT: FactSpec(type="boolean")}
_WORDS = Words(
    "declared Kind",
    "property",
    "Kind.Property",
    "the action",
    "name the values that are meant with `in [...]`, or compare in the script, as [version] or as numbers, and emit "
    "true or false",
)
_MOST_EVIDENCE = 20
_LONGEST = 200


def condition_of(
    contract: ActionContract, source: str, catalogue: Catalogue, given: Mapping[str, Value] | None = None
) -> Condition:
    """The parsed `compliant_when` of a contract that has one.

    Args:
        catalogue: has choices of parameters.
        given: values of the parameters, where a step has given them.

    Raises:
        ConditionError: not in the language, of a Kind, property or parameter that the contract does not declare, or
            about nothing that the script reads.
    """
    params = domains(contract.params, catalogue)
    condition = parse(
        contract.compliant_when or "", _outputs(contract), params=params, given=given, source=source, words=_WORDS
    )
    if all(owner == PARAMS for owner, _ in names(condition)):
        raise ConditionError("names nothing that the script reads", "write Kind.Property", source=source)
    return condition


def changes_of(contract: ActionContract, condition: Condition, catalogue: Catalogue) -> Corrections | None:
    """The parsed `changes` of a contract; None where it has none.

    Raises:
        MistakeError: something in it cannot be; its way begins at `changes`.
    """
    if contract.changes is None:
        return None
    about = {kind for kind, _ in names(condition) if kind != PARAMS}
    return corrections_of(contract.changes, _outputs(contract), domains(contract.params, catalogue), about, _WORDS)


def _outputs(contract: ActionContract) -> dict[str, dict[str, Domain]]:
    return {
        kind: {name: spec.domain for name, spec in properties.items()} for kind, properties in contract.outputs.items()
    }


def judge_by(action: str, contract: ActionContract, condition: Condition, changes: Corrections | None = None) -> Assess:
    """The judgement that a contract's `compliant_when` makes: ok where it holds, else attention, with the changes that
    would make it hold.

    Args:
        action: the action's id, for its finding `<action>.not-compliant`.
        condition: from `condition_of`.
        changes: from `changes_of`.
    """
    looked_up = names(condition)  # once for all hosts: the tree is walked for them
    kinds = tuple(dict.fromkeys(kind for kind, _ in looked_up if kind != PARAMS))
    judged = _Judged(action, contract, condition, changes, looked_up, kinds)

    def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
        return _assess(judged, observation, params)

    return assess


@dataclass(frozen=True, slots=True)
class _Judged:
    """An action, its condition and its changes; what the condition looks up, and the Kinds among it."""

    action: str
    contract: ActionContract
    condition: Condition
    changes: Corrections | None
    looked_up: tuple[tuple[str, str], ...]
    kinds: tuple[str, ...]


def _assess(judged: _Judged, observation: Observation, params: Mapping[str, Value]) -> Assessment:
    action, contract, condition = judged.action, judged.contract, judged.condition
    if not isinstance(observation, Observed):
        return not_observed(action, observation, (FACT,))
    rows = _rows(judged.kinds, observation)
    if isinstance(rows, UnknownFact):
        return unknown(action, "what compliant_when asks for", rows.reason, (FACT,))
    rows = [row | {PARAMS: params} for row in rows]
    results = [(row, evaluate(condition, row)) for row in rows]
    failing = [row for row, result in results if result is False]
    if failing:
        whole = not observation.unread and not any(isinstance(result, UnknownFact) for _, result in results)
        return _not_compliant(judged, failing, whole=whole)
    undecided = next((result for _, result in results if isinstance(result, UnknownFact)), None)
    if undecided is not None:
        return unknown(action, "what compliant_when asks for", undecided.reason, (FACT,))
    if observation.unread:
        entry = observation.unread[0]
        return unknown(action, "everything that the script reads", f"{entry.what}: {entry.why}", (FACT,))
    return Assessment(Verdict.OK, f"{contract.title}: {condition.text}", facts={FACT: True})


def _rows(kinds: tuple[str, ...], observation: Observed) -> list[dict[str, Facts]] | UnknownFact:
    """The facts for each evaluation: one record of every Kind that the condition names."""
    records: dict[str, list[Record]] = {kind: list(observation.of_kind(kind)) for kind in kinds}
    for kind, found in records.items():
        if not found:
            unread = "; ".join(f"{entry.what}: {entry.why}" for entry in observation.unread)
            return UnknownFact(f"there is no record of {kind}" + (f"; not read: {unread}" if unread else ""))
    several = [kind for kind, found in records.items() if len(found) > 1]
    if len(several) > 1:
        return UnknownFact(f"there are several records of {' and of '.join(several)}, which cannot be paired")
    single: dict[str, Facts] = {kind: found[0] for kind, found in records.items()}
    return [single | {several[0]: record} for record in records[several[0]]] if several else [single]


def _not_compliant(judged: _Judged, failing: list[dict[str, Facts]], *, whole: bool) -> Assessment:
    """`whole` says that every record was judged: then nothing is left once the changes are made."""
    action, contract, condition = judged.action, judged.contract, judged.condition
    changes = corrections(judged.changes, failing) if judged.changes is not None else ()
    if isinstance(changes, UnknownFact):
        return unknown(action, "what its changes are to be told", changes.reason, (FACT,))
    evidence = tuple(
        ", ".join(f"{kind}.{name} = {_shown(row[kind].get(name))}" for kind, name in judged.looked_up)
        for row in failing[:_MOST_EVIDENCE]
    )
    more = (f"and {len(failing) - _MOST_EVIDENCE} more",) if len(failing) > _MOST_EVIDENCE else ()
    return Assessment(
        Verdict.ATTENTION,
        f"{contract.title}: not so: {condition.text}",
        (
            Finding(
                id=f"{action}.not-compliant",
                severity=contract.severity or Severity.MEDIUM,
                title=f"{contract.title}: not as it should be",
                evidence=(f"should be: {condition.text}", *evidence, *more),
                next=contract.next or f"See what {action} is for, and correct it by hand",
            ),
        ),
        {FACT: False},
        changes=changes,
        then={FACT: True} if changes and whole else None,
    )


def _shown(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
