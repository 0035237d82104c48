"""What `exrun lab capture` does: asks one server as an audit does, and writes its answers down without names."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import typer

from inventory import loading
from inventory.model import Host, Inventory
from playbooks.cases import cases_of, read_cases
from playbooks.errors import DocumentError
from runner.cli.asked import Asked
from runner.cli.audit_work import ordered
from runner.cli.capture_work import asked_once
from runner.cli.options import Format
from runner.cli.output import UsageError, emit, tell
from runner.exit_status import ExitStatus
from runner.opening import FleetRun
from runner.order import Order
from runner.pseudonyms import Kind, Names, Pseudonyms, TooManyNamesError
from runner.recording import Answered, Missing, Recorded, cleaned, recorded
from runner.results import Judged
from runner.steps import collects_by_step
from runner.terminal import visible
from runner.terms import Ending
from runner.transport.interface import ScriptResult
from runner.trying import Result, on_recorded_answer
from texts.counting import counted
from texts.spelling import suggestion

_WHERE = frozenset({"site", "dag", "domain", "forest", "customer", "city", "org", "organisation", "location"})


def captured(asked: Asked, out: Path, steps: Sequence[str], replace: Sequence[str], form: Format) -> ExitStatus:
    """Asks the server that was asked for, writes the file and says what it is.

    Raises:
        InventoryError, PlaybookError, UsageError: what was asked for is wrong; or the file cannot be written.
        JournalError: the journal cannot be begun; nothing was sent.
    """
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} is there already, and is left as it is", "Name another file with -o.")
    if not out.parent.is_dir():
        raise UsageError(f"{out} cannot be written: there is no folder {out.parent}", "Name another file with -o.")
    for name in replace:
        if len(name.strip()) < 2:
            raise UsageError(f"--replace `{name}` would stand everywhere", "Name two characters or more.")
    order = ordered(asked)
    if len(order.hosts) != 1:
        several = ", ".join(host.key for host in order.hosts[:5])
        raise UsageError(f"{len(order.hosts)} servers are meant: {several}", "Name one, as CLIENT/NAME where needed.")
    there = [each.step.id for each in order.playbook.steps]
    for step in steps:
        if step not in there:
            advice = suggestion(step, there, otherwise=f"it has {', '.join(there)}")
            raise UsageError(
                f"{order.playbook.playbook.name} has no step `{step}`", f"{advice[:1].upper()}{advice[1:]}."
            )
    run, came, redactors = asked_once(asked, order)
    [row] = run.audit.hosts
    if not isinstance(row, Judged):
        _say_unreached(run, row.why, row.next)
        return _ended(run, ExitStatus.NOT_ALL_JUDGED)
    redactor = redactors[order.hosts[0].client]
    answers = {each.script.sha256: cleaned(each, redactor) for each in came}
    answered = _answered(order, row, answers)
    wanted = [each for each in answered if not steps or each.ready.step.id in steps]
    names = names_of(loading.load(*asked.inventory), order.hosts[0], replace)
    try:
        for _ in range(2):  # some count as names by what was found elsewhere
            for each in wanted:
                names.look(_said(each))
    except TooManyNamesError as error:
        tell(f"{row.name}: {error}. Nothing is written. Record fewer steps at a time: --step NAME.")
        return _ended(run, ExitStatus.NOT_ALL_JUDGED)
    pseudonyms = names.pseudonyms()
    parts = [recorded(each, pseudonyms, order.judgement) for each in wanted]
    _write(out, _text(order, parts))
    differs = [f"{part.step}: {each}" for part in parts for each in part.differs] + _not_as_written(out, order, parts)
    told = _document(order, out, parts, pseudonyms, differs, names.usual) if form is Format.JSON else None
    if told is not None:
        emit(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    else:
        for line in _lines(order, asked, out, parts, pseudonyms, differs, names.usual):
            typer.echo(visible(line))
    missing = any(part.missing is Missing.NO_ANSWER for part in parts)
    status = ExitStatus.FINDINGS if differs else ExitStatus.WELL
    return _ended(run, ExitStatus.NOT_ALL_JUDGED if missing else status)


def _say_unreached(run: FleetRun, why: str, then: str) -> None:
    """Says of a server that gave no answer at all why, and that nothing was written."""
    tell(f"{run.audit.hosts[0].name} gave no answer: {why}. Nothing is written. {then}")


def _ended(run: FleetRun, status: ExitStatus) -> ExitStatus:
    match run.ending:
        case Ending.INTERRUPTED:
            return ExitStatus.INTERRUPTED
        case Ending.JOURNAL:
            return max(status, ExitStatus.JOURNAL)
        case _:
            return status


def _answered(order: Order, row: Judged, answers: Mapping[str, ScriptResult]) -> list[Answered]:
    collects = collects_by_step(order.playbook)
    results = {each.step: each for each in row.steps}
    return [
        Answered(ready, answers.get(collects[ready.step.id].sha256), results[ready.step.id])
        for ready in order.playbook.steps
    ]


def _said(answered: Answered) -> object:
    """Everything of a step that may stand in the file."""
    answer = answered.answer
    said: list[object] = [dict(answered.ready.params), answered.result.assessment.summary]
    streams = getattr(answer, "streams", None)
    if streams is not None:
        said += [streams.output, streams.warnings, [(each.message, each.error_id) for each in streams.errors]]
    for one in (getattr(answer, "error", None), getattr(answer, "failure", None)):
        said += [getattr(one, name) for name in ("message", "error_id", "next") if hasattr(one, name)]
    return said


def names_of(inventory: Inventory, host: Host, replace: Sequence[str] = ()) -> Names:
    """The names that an inventory knows: of its clients, servers, accounts and sites."""
    names = Names()
    for name in replace:
        names.replace(name.strip())
    everybody = [each for client in inventory.clients for each in client.hosts]
    for each in [host, *(one for one in everybody if one.key != host.key)]:
        names.tell(Kind.SERVER, each.name)
        names.tell(Kind.SERVER, each.address)
        names.tell(Kind.USER, each.user or "")
        for label, values in each.labels.items():
            if label.casefold() in _WHERE:
                for value in values:
                    if len(value) > 2:
                        names.tell(Kind.NAME, value)
    for client in inventory.clients:
        names.tell(Kind.ORGANISATION, client.name)
    return names


def _text(order: Order, parts: Sequence[Recorded]) -> str:
    head = [
        "# What a server answered to collect scripts of exrun, recorded by exrun lab capture. Names are replaced by",
        "# placeholders, as far as they could be told. Read it before you send it: other names may still be in it.",
        "# Run it: exrun playbook test FILE",
    ]
    if all(part.verdict is None for part in parts):
        return "\n".join([*head, "# No step was asked.", *(part.text.strip() for part in parts)]) + "\n"
    return "\n".join(head) + "\n\ncases:\n" + "\n".join(part.text for part in parts)


def _write(out: Path, text: str) -> None:
    """For its owner alone: nobody has looked yet at what is in it."""
    try:
        with open(
            os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="\n"
        ) as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}", "Name another file with -o.") from None


def _not_as_written(out: Path, order: Order, parts: Sequence[Recorded]) -> list[str]:
    """What exrun playbook test would say of the file that was written."""
    if all(part.verdict is None for part in parts):
        return []
    actions = {each.action.id: each.action for each in order.playbook.steps}
    wrong: list[str] = []
    try:
        document = read_cases(out, str(out))
        for name in dict.fromkeys(part.action for part in parts if part.verdict is not None):
            for case in cases_of(document, actions[name], order.judgement.catalogue):
                came = on_recorded_answer(case, actions[name], order.judgement.catalogue, order.judgement.today)
                if came.result is not Result.PASSED:
                    said = "; ".join(
                        f"{each.what}: expected {each.expected}, came {each.came}" for each in came.differs
                    )
                    wrong.append(f"{case.sentence}: exrun playbook test fails: {said or came.why}")
    except DocumentError as error:
        wrong += [f"the file cannot be read back: {problem}" for problem in error.problems]
    return wrong


def _by_kind(counts: Counter[Kind]) -> str:
    return ", ".join(counted(counts[kind], _NOUNS[kind]) for kind in Kind if counts[kind])


_NOUNS = {
    Kind.SERVER: "server name",
    Kind.DOMAIN: "domain",
    Kind.USER: "user",
    Kind.ORGANISATION: "organisation",
    Kind.NAME: "other name",
    Kind.SID: "SID",
    Kind.ADDRESS: "address",
}


def _lines(
    order: Order,
    asked: Asked,
    out: Path,
    parts: Sequence[Recorded],
    names: Pseudonyms,
    differs: Sequence[str],
    usual: Sequence[str],
) -> Iterator[str]:
    there = [part for part in parts if part.verdict is not None and part.missing is None]
    yield f"{out}: {counted(len(there), 'answer')} of {counted(len(parts), 'step')}"
    for part in parts:
        match part.missing:
            case None:
                yield f"  {part.step}: {part.verdict}"
            case Missing.NOT_ASKED:
                yield f"  {part.step}: {part.why}"
            case _:
                yield f"  {part.step}: THE ANSWER IS MISSING: {part.why}"
    many = sum(names.counts.values())
    yield f"Replaced: {_by_kind(names.met)}, in {counted(many, 'place')}." if many else "Replaced: nothing."
    for name in dict.fromkeys(usual):
        yield f"NOT REPLACED: {name}, for everybody has that word; --replace {name} does."
    if differs:
        yield "JUDGED OTHERWISE without the names:"
        yield from (f"  {each}" for each in differs)
    if asked.catalogue is not None:
        yield f"It was judged with your own rows: whoever runs it needs --catalogue {asked.catalogue} too."
    yield "What was not told for a name is still in it, and Base64 is not looked into. READ IT before you send it;"
    yield "write it anew with --replace NAME for what you find."
    yield f"Run it: exrun playbook test {out}    What was sent: exrun show {order.run}"


def _document(
    order: Order,
    out: Path,
    parts: Sequence[Recorded],
    names: Pseudonyms,
    differs: Sequence[str],
    usual: Sequence[str],
) -> dict[str, object]:
    return {
        "schema": "exrun.capture/1",
        "run": order.run,
        "file": str(out),
        "steps": [
            {
                "step": part.step,
                "action": part.action,
                "verdict": None if part.verdict is None else str(part.verdict),
                "missing": None if part.missing is None else str(part.missing),
                "why": part.why,
            }
            for part in parts
        ],
        "replaced": {str(kind): {"names": names.met[kind], "places": names.counts[kind]} for kind in Kind},
        "not_replaced": list(dict.fromkeys(usual)),
        "differs": list(differs),
    }
