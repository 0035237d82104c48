"""What `exrun apply`, `resume` and `rollback` do: from a plan's file, or a run's, to what became of each change."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from inventory import loading
from inventory.model import Host, Inventory
from inventory.selection import Selection, select
from playbooks.catalogue.catalogue import Catalogue
from playbooks.errors import ParameterError
from playbooks.loading import load_playbook
from playbooks.model import OnFailure, ReadyPlaybook
from playbooks.shelf import BUILT_IN, shelf
from runner import events
from runner.admission import Present, RefusedError, admitted, same
from runner.applied import Applied
from runner.approval.approving import Refused, Standing
from runner.approval.policy import Policy
from runner.cli import working
from runner.cli.asked_to_change import AskedToChange
from runner.cli.begun import begun_by
from runner.cli.checkpoints import vouching
from runner.cli.descriptors import allow
from runner.cli.interruption import interruptible
from runner.cli.notices import Notices, notices
from runner.cli.options import catalogue_of
from runner.cli.output import UsageError, at_a_glance, debugging, tell
from runner.cli.plan_files import now, policy_of, read_plan, signatures_of
from runner.cli.progress import Words
from runner.cli.sent_events import Sent, events_sent
from runner.cli.show_applied import document_of, print_applied
from runner.disk import SystemDisk
from runner.exit_status import ExitStatus
from runner.fleet import Stop
from runner.journal.chain import Broken
from runner.journal.location import run_directory, unused_run_id
from runner.journal.writer import is_written
from runner.moves import Outcome, is_over
from runner.opening import open_run
from runner.order import Order
from runner.plan import keeping
from runner.plan.records import Plan
from runner.remediating import Approved, Remediation
from runner.reports import typed_next
from runner.reports.typed_next import Begun
from runner.rollout import Letting
from runner.runs import LAST, ClientRun, Run, RunNotFoundError, find_run, newest_first, read_run, uncollected
from runner.state import RunState
from runner.terminal import visible
from runner.terms import Ending
from runner.token import spent_by
from texts.counting import counted

_WELL = (Outcome.COMPLIANT, Outcome.CHANGED)
APPLYING = Words("applying", lambda row: str(row.outcome), tuple(each for each in Outcome if each not in _WELL))
UNDOING = replace(APPLYING, doing="undoing", told=tuple(each for each in APPLYING.told if each != Outcome.ROLLED_BACK))


def apply(asked: AskedToChange, path: Path) -> ExitStatus:
    """Runs a plan for the first time.

    Raises:
        RefusedError: it may not be run now; nothing was sent.
        InventoryError, PlaybookError, UsageError: what was asked for is wrong; nothing was sent.
        LockError, TokenError, NotKeptError, JournalError: as `Remediation.run`.
    """
    with notices(asked.notify, APPLYING.doing) as notes:
        return _applied(asked, path, notes)


def _applied(asked: AskedToChange, path: Path, notes: Notices) -> ExitStatus:
    found = read_plan(path)
    notes.of([found.plan.client])
    plan, signatures = found.plan, signatures_of(path)
    client = plan.client
    if plan.policy is None:
        _refuse(_as_it_was_made(asked, plan, found.digest))
    run = unused_run_id(asked.state, [client], datetime.now(UTC), lambda: secrets.token_hex(2))
    order, present = _ordered(asked, loading.load(*asked.inventory), plan, run, beside=path.parent)
    stood = admitted(plan, found.data, _policy(asked), signatures, present, now())
    _refuse(stood.refused)
    if not stood.approvals:  # who approved it has signed every byte
        _refuse(_as_it_was_made(asked, plan, found.digest))
    if not plan.due:
        _nothing_due("the plan changes nothing", plan, APPLYING, notes)
        return ExitStatus.WELL
    spent_by_other = spent_by(asked.state, client, plan.token, SystemDisk())
    if spent_by_other is not None:
        _refuse([Refused(f"the plan was run, as run {spent_by_other.run}", f"See exrun status {spent_by_other.run}.")])
    return _work(asked, order, Approved(plan, found.data, found.digest, signatures, stood), APPLYING, notes)


def resume(asked: AskedToChange, reference: str) -> ExitStatus:
    """Goes on with a run, from its journal alone.

    Raises:
        As `apply`; and RunNotFoundError.
    """
    with notices(asked.notify, APPLYING.doing) as notes:
        return _resumed(asked, reference, notes)


def _resumed(asked: AskedToChange, reference: str, notes: Notices) -> ExitStatus:
    part, kept = _run_of(asked, reference)
    notes.of([kept.plan.client])
    state = part.state
    order, present = _ordered(asked, loading.load(*asked.inventory), kept.plan, state.run, beside=part.journal.parent)
    undo = _undone_in_part(state, kept.plan)
    if undo:  # what was begun to be undone comes first, and alone: nothing else is changed under its terms
        stood = Standing((), same(kept.plan, present), None)
        _refuse(stood.refused)
        return _work(asked, order, kept.approved(stood), UNDOING, notes, before=part, undo=undo)
    stood = admitted(kept.plan, kept.data, _policy(asked), kept.signatures, present, now())
    _refuse(stood.refused)
    return _work(asked, order, kept.approved(stood), APPLYING, notes, before=part)


def rollback(asked: AskedToChange, reference: str, selection: Selection | None) -> ExitStatus:
    """Undoes what a run changed on some of its hosts, or on all.

    Raises:
        As `apply`; and RunNotFoundError.
    """
    with notices(asked.notify, UNDOING.doing) as notes:
        return _undone(asked, reference, selection, notes)


def _undone(asked: AskedToChange, reference: str, selection: Selection | None, notes: Notices) -> ExitStatus:
    part, kept = _run_of(asked, reference)
    notes.of([kept.plan.client])
    state, plan = part.state, kept.plan
    loaded = loading.load(*asked.inventory)
    chosen = loaded.hosts if selection is None else select(loaded, selection)
    names = {host.name for host in chosen if host.client == plan.client}
    undo = tuple(host.host for host in plan.due if host.host in names and _may_have_changed(state, host.host))
    _say_irreversible(plan, undo)
    if not undo:
        _refuse(_in_work(part))
        _nothing_due("nothing was changed there by this run", plan, UNDOING, notes)
        return ExitStatus.WELL
    order, present = _ordered(asked, loaded, plan, state.run, beside=part.journal.parent)
    stood = Standing((), same(plan, present), None)
    _refuse(stood.refused)
    return _work(asked, order, kept.approved(stood), UNDOING, notes, before=part, undo=undo)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A run's plan, as it lies beside its journal."""

    plan: Plan
    data: bytes
    digest: str
    signatures: Mapping[str, bytes]

    def approved(self, stood: Standing) -> Approved:
        return Approved(self.plan, self.data, self.digest, self.signatures, stood)


def _run_of(asked: AskedToChange, reference: str) -> tuple[ClientRun, _Kept]:
    """A run that took a plan, and that plan.

    Raises:
        UsageError: it is another, or its journal does not verify.
    """
    run, [part, *others] = _last_that_changed(asked.state) if reference == LAST else _read(asked.state, reference)
    taken = part.state.plan
    if others or taken is None:
        raise UsageError(
            f"run {run.id} ran no plan: it changed nothing", "Run it again; see exrun runs for those that did."
        )
    if isinstance(part.verified, Broken) and not part.torn:
        raise UsageError(
            f"{part.journal}:{part.verified.line}: the journal does not verify: {part.verified.why}; what was done on "
            "the servers cannot be known from it",
            "See exrun journal verify; look at the servers by hand, or make a new plan.",
        )
    disk, directory = SystemDisk(), part.journal.parent
    data = keeping.kept_bytes(directory, taken.plan, disk)
    plan = keeping.kept_plan(directory, taken.plan, disk)
    return part, _Kept(plan, data, taken.plan, keeping.kept_signatures(directory, disk))


def _read(state: Path, reference: str) -> tuple[Run, tuple[ClientRun, ...]]:
    run = find_run(state, reference)
    return run, read_run(run)


def _last_that_changed(state: Path) -> tuple[Run, tuple[ClientRun, ...]]:
    """The newest run that took a plan; the newest of all where none did."""
    with uncollected():
        for run in newest_first(state):
            with suppress(RunNotFoundError):
                parts = read_run(run)
                if parts[0].state.plan is not None:
                    return run, parts
    return _read(state, LAST)


def _ordered(asked: AskedToChange, loaded: Inventory, plan: Plan, run: str, *, beside: Path) -> tuple[Order, Present]:
    """What is to be worked through, and what there is to hold the plan against."""
    client = next((each for each in loaded.clients if each.name == plan.client), None)
    if client is None:
        raise RefusedError([Refused(f"the client {plan.client} is in no inventory that was named", "Name its own.")])
    today = working.today()
    judgement = working.judgement_of(catalogue_of(asked.state, asked.catalogue), today, None)
    ready = _playbook(asked, plan, judgement.catalogue, beside)
    by_name: dict[str, Host] = {host.name: host for host in client.hosts}
    order = working.order_of(
        asked,
        loaded,
        run,
        ready,
        judgement,
        today,
        hosts=tuple(by_name[host.host] for host in plan.due if host.host in by_name),
        selection=plan.selection or None,
        parallel=plan.going.parallel,
    )
    files = tuple(each for each in loaded.files if plan.client in each.clients)
    return order, Present(version("exrun"), client.hosts, files, ready, judgement.catalogue.digest)


def _playbook(asked: AskedToChange, plan: Plan, catalogue: Catalogue, beside: Path) -> ReadyPlaybook:
    search = asked.search or ()
    wanted = asked.playbook or _playbook_of(plan, search, beside)
    given = {name: str(value) for name, value in plan.params.items()}
    try:
        return load_playbook(wanted, given, catalogue, search=search)
    except ParameterError as error:
        what = f"{wanted} does not take the parameters of the plan: {error}"
        raise RefusedError([Refused(what, "Make it again.")]) from None


def _playbook_of(plan: Plan, search: Sequence[Path], beside: Path) -> str:
    """Where the playbook of a plan is, where nobody says: beside the plan, here, or of this version."""
    name = plan.playbook.source
    if name.startswith(BUILT_IN):
        return name.removeprefix(BUILT_IN).rpartition(".")[0]
    for place in (beside / name, Path(name)):
        if place.is_file():
            return f"./{place}" if place.parent == Path() else str(place)
    stem = name.rpartition(".")[0]
    if any(found.name == stem for found in shelf(search).playbooks):
        return stem
    raise UsageError(
        f"the playbook {name} of this plan is neither beside it nor here", "Name its file with --playbook."
    )


def _policy(asked: AskedToChange) -> Policy | None:
    return None if asked.policy is None else policy_of(asked.policy)


def _as_it_was_made(asked: AskedToChange, plan: Plan, digest: str) -> Sequence[Refused]:
    """Whether these are the bytes that were made, where nobody has signed them."""
    if asked.digest is not None:
        if asked.digest.casefold() == digest:
            return ()
        what = f"the SHA-256 of the plan's file is {digest}, not {asked.digest}"
        return [Refused(what, "Name the plan that is meant.")]
    directory = run_directory(asked.state, plan.client, plan.run)
    try:
        keeping.kept_bytes(directory, digest, SystemDisk())
    except keeping.NotKeptError:
        if (directory / keeping.PLAN).exists():
            return [Refused("the plan is not as it was made: its file was altered", "Make the plan again.")]
        return [
            Refused(
                f"nobody had to sign the plan, and {asked.state} does not have the run {plan.run} that made the "
                "plan, so nothing says that it is as it was made",
                f"If it is, run it with --digest {digest}.",
            )
        ]
    return ()


def _in_work(part: ClientRun) -> Sequence[Refused]:
    """Whether another process is at this run now: what its journal lacks may be under way."""
    if not is_written(part.journal.parent, SystemDisk()):
        return ()
    return [Refused(f"run {part.state.run} is in work in another process", "Wait for it to end, or stop it.")]


def _refuse(refused: Sequence[Refused]) -> None:
    if refused:
        raise RefusedError(tuple(refused))


def _work(
    asked: AskedToChange,
    order: Order,
    approved: Approved,
    words: Words,
    notes: Notices,
    *,
    before: ClientRun | None = None,
    undo: Collection[str] = (),
) -> ExitStatus:
    with events_sent(asked.events, order.clients, asked.state, order.run) as sent:
        return _worked(asked, order, approved, words, notes, notes.kept_out(sent), before, undo)


def _worked(
    asked: AskedToChange,
    order: Order,
    approved: Approved,
    words: Words,
    notes: Notices,
    sent: Sent,
    before: ClientRun | None,
    undo: Collection[str],
) -> ExitStatus:
    vouched = vouching(asked.sign_with, asked.anchor, SystemDisk())
    _check_overtaken(asked.take_over or (), approved.plan)
    working.warn_of(order.overrides)
    if approved.plan.policy is None:
        tell("no policy: nobody was asked to approve this plan. This is recorded.")
    allow(2 + 2 * order.parallel + sent.descriptors)
    reach = working.reach_of(allow_cleartext=asked.allow_cleartext)
    opened = open_run(order, working.world_of(asked.state, reach, vouched.sign, sent))
    working.check_resolved(order, opened.unresolved)
    kept = True

    def keep(notes: Sequence[str]) -> None:
        nonlocal kept
        kept = vouched.keep(notes) and kept

    remediation = Remediation(
        opened,
        approved,
        None if before is None else before.to_go_on,
        0 if before is None else before.lines,
        undo,
        frozenset(asked.take_over or ()),
        keep,
    )
    if not remediation.due:
        if before is not None and before.to_go_on is not None and before.to_go_on.unread:
            raise UsageError(
                f"{before.journal}: lines are missing, or a newer exrun wrote them; what was done on the servers "
                "cannot be known from it, and nothing was sent",
                "See exrun journal verify; look at the servers by hand, or make a new plan.",
            )
        _refuse(() if before is None else _in_work(before))
        _nothing_due("nothing is left to be done", approved.plan, words, notes)
        return ExitStatus.WELL
    stop = Stop()
    with ExitStack() as stack:
        stack.enter_context(interruptible(stop, [Letting.DRAIN, Letting.ABORT]))
        progress = stack.enter_context(
            working.shown(len(remediation.due), words, os.environ, terminal=sys.stderr.isatty(), debug=debugging())
        )
        stack.enter_context(working.few_looks_for_rings())
        said = (
            f"run {order.run}: {words.doing} plan {approved.plan.id} on {counted(len(remediation.due), 'server')} of "
            f"{visible(order.clients[0])}"
        )
        result = remediation.run(stop, progress, lambda: progress.say(said))
    counted_then = [events.Approved(each.by, each.key) for each in approved.standing.approvals]
    columns = at_a_glance(asked.form, details=asked.details)
    to = begun_by(asked, order.playbook)
    then = _next(result, approved.plan, to)
    _say_why(result)
    notes.applied(result, doing=words.doing, left=bool(then), begun=to)
    if then and columns is None:  # elsewhere it is the last line of the screen
        tell(f"next: {then}")
    found = document_of(approved.plan, approved.digest, result, counted_then, to)
    print_applied(found, asked.form, columns, then, to)
    return result.status if kept else max(result.status, ExitStatus.JOURNAL)


def _nothing_due(why: str, plan: Plan, words: Words, notes: Notices) -> None:
    tell(f"{why}: nothing was sent.")
    notes.nothing_due(plan.client, doing=words.doing, why=why)


def _say_why(result: Applied) -> None:
    if result.end.message:
        then = "" if result.end.how is Ending.INTERRUPTED else f". {result.end.next}"  # who did that needs no advice
        tell(f"{result.end.message}{then}")


def _next(result: Applied, plan: Plan, to: Begun) -> str:
    """The command that goes on with the run; nothing where nothing is left to go on with."""
    on_failure = {step.id: OnFailure(step.on_failure) for step in plan.steps}
    if all(is_over(host, on_failure, result.progress.get(host.host)) for host in plan.due):
        return ""
    return typed_next.resume(result.run, to)


def _check_overtaken(named: Sequence[str], plan: Plan) -> None:
    known = {host.host for host in plan.hosts}
    unknown = [name for name in named if name not in known]
    if unknown:
        raise UsageError(f"--take-over: the plan has no server {', '.join(unknown)}", "Name servers of the plan.")


def _undone_in_part(state: RunState, plan: Plan) -> tuple[str, ...]:
    """The hosts that are to be undone, and are not yet."""
    on_failure = {step.id: OnFailure(step.on_failure) for step in plan.steps}
    undoing = [host for host in plan.due if host.host in state.hosts and state.hosts[host.host].undoing]
    return tuple(host.host for host in undoing if not is_over(host, on_failure, state.hosts[host.host]))


def _may_have_changed(state: RunState, name: str) -> bool:
    host = state.hosts.get(name)
    return host is not None and any(each.key.purpose.changes for each in host.attempts.values())


def _say_irreversible(plan: Plan, undo: Collection[str]) -> None:
    for host, step, change in plan.changes:
        if host.host in undo and change.rollback is None:
            title = visible(change.change.title)
            tell(f"{host.host}, step {step.step}: cannot be undone: {title}")
