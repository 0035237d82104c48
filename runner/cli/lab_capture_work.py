"""What `exrun lab capture` does: asks one server as an audit does, and writes its answers down without names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from inventory import loading
from inventory.model import Host, Inventory
from runner.cli.asked import Asked
from runner.cli.audit_work import ordered
from runner.cli.capture_work import asked_once
from runner.cli.fresh_files import write_new
from runner.cli.options import Format
from runner.cli.output import UsageError, emit, tell
from runner.exit_status import ExitStatus
from runner.opening import FleetRun
from runner.order import Order
from runner.pseudonyms import Kind, Names, NamesMakeNamesError, TooManyNamesError
from runner.recording import Answered, Missing, UnfitError, cleaned, file_of, recorded
from runner.reports.capture import Capture, lines, to_json
from runner.results import Judged
from runner.steps import collects_by_step
from runner.terminal import visible
from runner.terms import Ending
from runner.transport.interface import ScriptResult
from texts.spelling import suggestion

_HEAD = """\
# What a server answered to collect scripts of exrun, recorded by exrun lab capture. Names are replaced by
# placeholders, as far as they could be told. Read it before you send it: other names may still be in it.
# Run it: exrun playbook test FILE
"""
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
    if not os.access(out.parent, os.W_OK):
        raise UsageError(f"{out} cannot be written: {out.parent} may not be written to", "Name another file with -o.")
    for name in replace:
        if len(name.strip()) < 2:
            raise UsageError(f"--replace `{name}` would stand everywhere", "Name two characters or more.")
    loaded = loading.load(*asked.inventory)
    order = ordered(asked, loaded)
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
    names = names_of(loaded, order.hosts[0], replace)
    try:
        for _ in range(2):  # some count as names by what was found elsewhere
            for each in wanted:
                names.look(_said(each))
        pseudonyms = names.pseudonyms()
        parts = [recorded(each, pseudonyms, order.judgement) for each in wanted]
        actions = {each.action.id: each.action for each in order.playbook.steps}
        file = file_of(_HEAD, parts, actions, order.judgement, redactor)
    except (TooManyNamesError, NamesMakeNamesError, UnfitError) as error:
        fewer = f" Record fewer steps: --step {wanted[0].ready.step.id}." if len(wanted) > 1 else ""
        tell(f"{row.name}: {error}. Nothing is written.{fewer} What was sent: exrun show {order.run}")
        return _ended(run, ExitStatus.NOT_ALL_JUDGED)
    write_new(out, file.text)
    left = list(dict.fromkeys(name for part in parts for name in part.left))
    capture = Capture(order.run, str(out), parts, pseudonyms, names.usual, left, file.differs)
    if form is Format.JSON:
        emit(to_json(capture))
    else:
        for line in lines(capture, None if asked.catalogue is None else str(asked.catalogue)):
            typer.echo(visible(line))
    missing = any(part.missing is Missing.NO_ANSWER for part in parts)
    status = ExitStatus.FINDINGS if file.differs else ExitStatus.WELL
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
