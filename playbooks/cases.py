"""Cases beside an action: what a server said, and what judgement must conclude of it.

    cases:
      - case: the spooler runs
        state: {services: {Spooler: {state: Running, start_mode: Auto}}}
        observed:
          - {Kind: Service, Name: Spooler, State: Running, StartMode: Auto}
        expect: {verdict: attention, findings: [our.spooler.not-compliant]}

A file lies in `cases/` of an action's folder, or stands by itself and names the action of each case. `bases` are lists
of records that several cases begin with: a record of `observed` takes the place of one of its base of the same Kind
and name, and `without` takes names out of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources.abc import Traversable
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from playbooks.catalogue.catalogue import Catalogue
from playbooks.errors import DocumentError
from playbooks.findings import Coverage, Severity, Verdict
from playbooks.model import ACTION_ID, NAME, Action, Given
from playbooks.observation import UNREAD_KIND, NotObserved
from playbooks.parameters import value_of, why_not
from playbooks.values import Record, Value
from texts.encoding import too_large
from texts.models import Document, Words, Written, read_whole
from texts.places import Location
from texts.problems import MistakeError, Problem
from texts.spelling import suggestion
from texts.yaml_tree import strict

__all__ = ["CASES", "MOST_BYTES", "Case", "CaseFile", "Expect", "case_files", "cases_in", "cases_of", "read_cases"]

CASES = "cases"  # the folder beside an action.yml
MOST_BYTES = 16 * 1024 * 1024  # of one file
_DAY = r"^\d{4}-\d{2}-\d{2}$"
_NAMING = ("Name", "Place", "What", "InstanceID", "DisplayName", "Text", "Id", "Address", "Port", "Path", "Command")

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=NAME)]
Day = Annotated[str, StringConstraints(pattern=_DAY)]


class Expect(Written):
    """What judgement must conclude. What is left out is not looked at, but for `findings`, `changes` and `barred`:
    there are none where they are left out; and for `coverage`, which is probed then.
    """

    verdict: Annotated[Verdict, Field(strict=False)] = Field(
        description="What it comes to: ok, attention, unknown, ..."
    )
    findings: list[str] = Field(default_factory=list, description="The ids of all findings, worst first.")
    severities: list[Annotated[Severity, Field(strict=False)]] | None = Field(
        default=None, description="How much each finding matters."
    )
    summary: Sentence | None = Field(default=None, description="Why, in the words of the report.")
    evidence: list[str] | None = Field(default=None, description="What the first finding says was seen.")
    next: list[str] | None = Field(default=None, description="What to do about each finding.")
    cves: list[list[str]] | None = Field(default=None, description="The CVEs of each finding.")
    kbs: list[list[str]] | None = Field(default=None, description="The updates of each finding.")
    facts: dict[str, Any] = Field(default_factory=dict, description="Facts that must be so; others may be anything.")
    unknown: list[str] = Field(default_factory=list, description="Facts that must be unknown.")
    changes: list[str] = Field(
        default_factory=list, description="The ids of all changes that are to be made, in their order."
    )
    coverage: Annotated[Coverage, Field(strict=False)] = Field(
        default=Coverage.PROBED, description="How well it is known, where it is not unknown."
    )
    then: dict[str, Any] | None = Field(
        default=None, description="Facts that are others once the changes are made; required where there are changes "
        "after which the action can say what holds."
    )  # fmt: skip
    barred: list[dict[str, Any]] | None = Field(
        default=None, description="What stands where something was to be changed."
    )


class NotAnswered(Written):
    """That the server gave no complete answer."""

    cause: Sentence = Field(description="timeout, cap, script-error, contract, not-run.")
    reason: Sentence = Field(description="One sentence for people.")
    next: str = Field(default="", description="What to do, where the connection knows it better.")


class WrittenCase(Written):
    """One case. It has an answer that was recorded (`observed`, `base` or `not_observed`), a `state`, or both."""

    case: Sentence = Field(description="What it is about, in one sentence; no two of a file are the same.")
    action: Annotated[str, StringConstraints(pattern=ACTION_ID)] | None = Field(
        default=None, description="The action's id; the one in whose folder the file lies where it is left out."
    )
    today: Day | None = Field(default=None, description="The day as on which it is judged, 2026-11-24; today without.")
    catalogue: Day | None = Field(default=None, description="The day of which the catalogue is; `today` without.")
    params: dict[Name, Given] = Field(default_factory=dict, description="Parameters of the action.")
    base: Sentence | None = Field(default=None, description="A list of `bases` that its records begin with.")
    observed: list[dict[str, Any]] | None = Field(
        default=None, description="Records that the collect script gave: {Kind: ..., ...}."
    )
    without: list[str] = Field(default_factory=list, description="Names of records of the base that are not there.")
    not_observed: NotAnswered | None = Field(default=None, description="That there was no complete answer, and why.")
    state: str | dict[str, Any] | None = Field(
        default=None,
        description="A server of the lab on which the scripts are run where an engine is at hand: as its state file "
        "says, or the path of one, from here.",
    )
    expect: Expect = Field(description="What judgement must conclude.")

    @model_validator(mode="after")
    def _has_something_to_judge(self) -> WrittenCase:
        recorded = self.observed is not None or self.base is not None
        if not recorded and self.not_observed is None and self.state is None:
            raise MistakeError("has nothing to judge", "add observed, a list of records, or state", way=("case",))
        if recorded and self.not_observed is not None:
            raise MistakeError("goes without records", "remove one of the two", way=("not_observed",))
        if self.without and self.base is None:
            raise MistakeError("goes with base", "remove it, or name a base", way=("without",))
        return self


class CaseFile(Written):
    """A file of cases."""

    bases: dict[str, list[dict[str, Any]]] = Field(
        default_factory=dict, description="Lists of records, by a name, that cases begin with."
    )
    usual: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="By Kind, properties that a record has where a case does not write them."
    )
    cases: Annotated[list[WrittenCase], Field(min_length=1)] = Field(description="The cases.")

    @model_validator(mode="after")
    def _each_says_something_else(self) -> CaseFile:
        seen: Counter[tuple[str | None, str]] = Counter()
        for number, each in enumerate(self.cases):
            if seen[each.action, each.case]:
                raise MistakeError("is the sentence of an earlier case too", "say what differs", way=("cases", number))
            seen[each.action, each.case] += 1
            if each.base is not None and each.base not in self.bases:
                there = f"there are: {', '.join(sorted(self.bases))}" if self.bases else "there are no bases"
                advice = suggestion(each.base, self.bases, otherwise=there)
                raise MistakeError("no base has this name", advice, way=("cases", number, "base"))
        return self


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it is judged.

    Attributes:
        at: where it begins.
        params: every parameter of the action, given or by default.
        answer: the records as the script would have emitted them, `Unread` among them; or why there are none; None
            where only a state says what there is.
        state: of a server of the lab, or the path of its file; None where there is none.
    """

    at: Location
    sentence: str
    action: str
    today: date | None
    catalogue: date | None
    params: Mapping[str, Value]
    answer: tuple[Record, ...] | NotObserved | None
    state: str | Mapping[str, Any] | None
    expect: Expect


# Foreign: anchors, aliases and merges. Cases repeat themselves.
RULES = strict("begin with `cases:`", most_bytes=MOST_BYTES, deepest=24, foreign=True)
_WORDS = Words(
    "docs/reference/cases.md",
    {
        _DAY: ("is not a day", "write 2026-11-24"),
        ACTION_ID: ("is not the id of an action", "write area.name in small letters, digits and `_`"),
        NAME: ("cannot be a name", "begin with a small letter; use small letters, digits and `_`"),
    },
)


def case_files(folder: Traversable) -> tuple[Traversable, ...]:
    """The files of cases beside an action, by name; none where there are none."""
    cases = folder.joinpath(CASES)
    if not cases.is_dir():
        return ()
    entries = sorted(cases.iterdir(), key=lambda entry: entry.name)
    return tuple(entry for entry in entries if entry.name.endswith((".yml", ".yaml")) and entry.is_file())


def read_cases(place: Traversable, source: str) -> Document[CaseFile]:
    """A file of cases. `source` stands in messages.

    Raises:
        DocumentError: with all problems that were found.
    """
    try:
        data = place.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DocumentError([Problem(Location(source), f"cannot be read: {reason}", "check the path")]) from None
    return cases_in(data, source)


def cases_in(data: bytes, source: str) -> Document[CaseFile]:
    """As `read_cases`, of the bytes of a file.

    Raises:
        DocumentError: with all problems that were found.
    """
    if len(data) > MOST_BYTES:
        raise DocumentError([too_large(source, MOST_BYTES)])
    return read_whole(data, source, CaseFile, RULES, _WORDS, DocumentError)


def cases_of(document: Document[CaseFile], action: Action, catalogue: Catalogue) -> tuple[Case, ...]:
    """The cases of one action in a file, in its order: those that name it, and those that name none.

    A property that a case leaves out is null where the contract allows null. Of `bytes` the text stands in a case, or
    `{latin-1: TEXT}`, a character a byte, where they are no UTF-8; a record whose `Content` is written has the `Size`
    and `Sha256` of it, unless they are written too.

    Raises:
        DocumentError: a parameter, a name of `without` or a day is wrong.
    """
    problems: list[Problem] = []
    found: list[Case] = []
    for number, written in enumerate(document.model.cases):
        if written.action in (None, action.id):
            at = document.at("cases", number)
            reading = _Reading(document, number, written, action, catalogue, problems)
            found.append(
                Case(
                    Location(at.file, at.line, at.column),
                    written.case,
                    action.id,
                    reading.day("today"),
                    reading.day("catalogue"),
                    reading.params(),
                    reading.answer(),
                    written.state,
                    written.expect,
                )
            )
    if problems:
        raise DocumentError(problems)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Reading:
    document: Document[CaseFile]
    number: int
    written: WrittenCase
    action: Action
    catalogue: Catalogue
    problems: list[Problem]

    def _report(self, way: Sequence[str | int], what: str, advice: str) -> None:
        self.problems.append(Problem(self.document.at("cases", self.number, *way), what, advice))

    def day(self, name: str) -> date | None:
        text = getattr(self.written, name)
        if text is None:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._report((name,), "is not a day", "write 2026-11-24")
            return None

    def params(self) -> Mapping[str, Value]:
        specs = self.action.contract.params
        told = {name: value_of(spec.default) for name, spec in specs.items() if not spec.required}
        for name, given in self.written.params.items():
            if name not in specs:
                there = f"there are: {', '.join(sorted(specs))}" if specs else "it has none"
                advice = suggestion(name, specs, otherwise=there)
                self._report(("params", name), f"{self.action.id} has no such parameter", advice)
            elif wrong := why_not(value_of(given), specs[name], self.catalogue):
                self._report(("params", name), *wrong)
            else:
                told[name] = value_of(given)
        for name, spec in specs.items():
            if spec.required and name not in self.written.params:
                self._report(("params",), f"{self.action.id} needs {name}", f"add it: {spec.description}")
        return told

    def answer(self) -> tuple[Record, ...] | NotObserved | None:
        written = self.written
        if written.not_observed is not None:
            return NotObserved(written.not_observed.cause, written.not_observed.reason, written.not_observed.next)
        if written.observed is None and written.base is None:
            return None
        base = self.document.model.bases[written.base] if written.base is not None else []
        records = {_key(record): record for record in base}
        for number, name in enumerate(written.without):
            named = [key for key in records if key[1] == name]
            if not named:
                self._report(("without", number), "nothing of the base has this name", "correct it, or remove it")
            for key in named:
                del records[key]
        own = written.observed or []
        if written.base is None:
            return tuple(map(self._whole, own))  # a server may well say the same twice
        records.update({_key(record): record for record in own})
        return tuple(map(self._whole, records.values()))

    def _whole(self, written: Mapping[str, Any]) -> Record:
        """A record as the script would have emitted it."""
        kind = written.get("Kind")
        declared = self.action.contract.outputs.get(kind, {}) if isinstance(kind, str) else {}
        record: dict[str, Any] = {**self.document.model.usual.get(str(kind), {}), **written}
        for name, spec in declared.items():
            value = record.get(name)
            if (data := _bytes_of(value)) is not None and spec.type.removesuffix("?") == "bytes":
                record[name] = data
                if name == "Content":
                    derived = {"Size": len(data), "Sha256": hashlib.sha256(data).hexdigest().upper()}
                    record |= {of: each for of, each in derived.items() if of in declared and of not in written}
            elif name not in record and spec.type.endswith("?") and kind != UNREAD_KIND:
                record[name] = None
        return {name: _value(value) for name, value in record.items()}


def _bytes_of(written: Any) -> bytes | None:
    """Bytes as a case writes them: a text, or `{latin-1: TEXT}` where they are no UTF-8; None for anything else."""
    match written:
        case str():
            return written.encode()
        case {"latin-1": str(text), **others} if not others and all(ord(each) < 256 for each in text):
            return text.encode("latin-1")
        case _:
            return None


def _value(written: Any) -> Any:
    return tuple(map(_value, written)) if isinstance(written, list) else written


def _key(record: Mapping[str, Any]) -> tuple[str, str]:
    """What makes a record of a case replace one of its base."""
    kind = str(record.get("Kind"))
    if kind in ("File", "Root") and "Path" in record:
        return kind, " ".join(str(record.get(name, "")) for name in ("Path", "Site", "App")).strip()
    names = [str(record[name]) for name in _NAMING if name in record]
    return kind, " ".join([*([str(record["Store"])] if "Store" in record else []), *names[:1]])
