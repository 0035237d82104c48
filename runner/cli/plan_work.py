"""What `exrun plan` does: from an inventory and a playbook to a file of changes. Runs only scripts that read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from inventory.model import Host
from playbooks.errors import DocumentError
from playbooks.findings import Severity
from runner.approval.policy import VALID, Policy
from runner.cli.asked import Asked
from runner.cli.audit_work import observed, ordered, say_why
from runner.cli.begun import begun_by
from runner.cli.notices import Notices, notices
from runner.cli.options import Format, given_params
from runner.cli.output import UsageError, at_a_glance, emit, tell, terminal_width, write_file
from runner.cli.plan_files import now, policy_of
from runner.cli.progress import PLANNING
from runner.cli.sent_events import Sent, events_sent
from runner.cli.working import actor
from runner.disk import SystemDisk
from runner.exit_status import ExitStatus
from runner.hostlog import HostLog
from runner.journal.location import directory_name
from runner.opening import FleetRun, Planned
from runner.order import Order, idle_limits
from runner.plan import file
from runner.plan.keeping import keep
from runner.plan.noting import Noting
from runner.plan.planning import Made, SecretInPlanError, Seen, going_of, make_plan, status
from runner.plan.records import From, Plan
from runner.redaction import Redactor
from runner.reports import typed_next
from runner.reports.folding import Command
from runner.reports.plan import View, lines
from runner.reports.typed_next import Begun
from runner.results import HostResult
from runner.runs import uncollected
from runner.terminal import visible
from runner.terms import Ending

SUFFIX = ".json"


def plan(asked: Asked, out: Path, policies: Sequence[Path], *, force: bool) -> ExitStatus:
    """Observes the servers that were asked for, writes a plan for each client, says what is in them.

    Raises:
        InventoryError, PlaybookError, UsageError: what was asked for is wrong; nothing was sent.
        JournalError: the journals cannot be begun; nothing was sent.
    """
    with notices(asked.notify, "planning") as notes:
        order = ordered(asked)
        notes.of(order.clients)
        if idle := idle_limits(order):
            raise DocumentError(idle)
        with events_sent(asked.events, order.clients, asked.state, order.run) as sent:
            return _planned(asked, order, notes, notes.kept_out(sent), out, policies, force=force)


def _planned(
    asked: Asked,
    order: Order,
    notes: Notices,
    sent: Sent,
    out: Path,
    policies: Sequence[Path],
    *,
    force: bool,
) -> ExitStatus:
    under = _policies(policies, order.clients)
    paths = _paths(out, order.clients)
    _check_free(paths, force=force)
    notings: dict[str, Noting] = {}
    redactors: dict[str, Redactor] = {}

    def planned(known: Mapping[str, Redactor]) -> Planned:
        redactors.update(known)

        def witness(host: Host, log: HostLog) -> Noting:
            noting = notings[host.key] = Noting(log, known[host.client])
            return noting

        return witness

    run = observed(asked, order, sent, words=PLANNING, planned=planned)
    if run.ending in (Ending.INTERRUPTED, Ending.JOURNAL):
        say_why(run)
        tell("no plan is written: not every server was asked.")
        notes.not_planned(run, order.clients)
        return ExitStatus.INTERRUPTED if run.ending is Ending.INTERRUPTED else ExitStatus.JOURNAL
    given = given_params(asked.param)
    with uncollected():
        plans = [
            _made(order, run, client, given, _policy_of(under, client), notings, redactors[client])
            for client in order.clients
        ]
        _check_free(paths, force=force)  # somebody may have been quicker
        written: list[tuple[Plan, bytes]] = []
        for each in plans:
            data = file.write(each)
            written.append((each, data))
            keep(asked.state, each.client, order.run, data, (), SystemDisk())
            write_file(paths[each.client], data)
        _say_terms(run)
        say_why(run)
        for each, data in written:
            path, policy = paths[each.client], under.get(each.client)
            to = replace(begun_by(asked, order.playbook), policy="" if policy is None else policy[0].as_posix())
            emit(_shown(each, file.digest(data), path, _next(each, path, to), details=asked.details))
            notes.planned(each, path, to)
    return max(status(each) for each in plans)


def _made(
    order: Order,
    run: FleetRun,
    client: str,
    given: Mapping[str, str],
    policy: Policy | None,
    notings: Mapping[str, Noting],
    redactor: Redactor,
) -> Plan:
    rows = {row.name: row for row in run.audit.hosts if row.client == client}
    seen = [_seen(host, rows, notings.get(host.key)) for host in order.hosts if host.client == client]
    made_at = now().replace(microsecond=0)
    made = Made(
        id=secrets.token_hex(6),
        token=secrets.token_hex(16),
        client=client,
        made=made_at,
        expires=made_at + (VALID if policy is None else policy.expires_after),
        run=order.run,
        planner=actor(),
        exrun=version("exrun"),
        inventory=tuple(
            From(Path(each.path).name, each.sha256) for each in order.inventory_files if client in each.clients
        ),
        params=given,
        policy=None if policy is None else policy.digest,
        catalogue=order.judgement.catalogue.digest,
        selection=order.selection or "",
        going=going_of(order.playbook, order.parallel),
    )
    try:
        return make_plan(made, order.playbook, seen, redactor.redact_text)
    except SecretInPlanError as error:
        raise UsageError(
            f"no plan is made: {error}", "Give passwords by reference only; see docs/reference/inventory.md."
        ) from None


def _seen(host: Host, rows: Mapping[str, HostResult], noting: Noting | None) -> Seen:
    row = rows[host.name]
    if noting is None:
        return Seen(host.address, host.port, row, labels=host.labels)
    return Seen(host.address, host.port, row, dict(noting.observed), frozenset(noting.withheld), host.labels)


def _policy_of(under: Mapping[str, tuple[Path, Policy]], client: str) -> Policy | None:
    return under[client][1] if client in under else None


def _policies(paths: Sequence[Path], clients: Sequence[str]) -> dict[str, tuple[Path, Policy]]:
    """The policy of each client that has one, and its file."""
    found: dict[str, tuple[Path, Policy]] = {}
    for path in paths:
        policy = policy_of(path)
        if policy.client not in clients:
            raise UsageError(
                f"{path}: is the policy of {policy.client}, and no server of that client is selected",
                f"Name the policies of: {', '.join(clients)}.",
            )
        if policy.client in found:
            raise UsageError(f"{path}: is a second policy of {policy.client}", "Name one for each client.")
        found[policy.client] = path, policy
    return found


def _paths(out: Path, clients: Sequence[str]) -> dict[str, Path]:
    """Where each client's plan goes; a folder that is to hold several is made."""
    if len(clients) == 1 and not out.is_dir():
        if not out.parent.is_dir():
            raise UsageError(f"-o {out}: there is no folder {out.parent}", "Make it, or name another file.")
        return {clients[0]: out}
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"-o {out}: cannot be a folder for the plans of {len(clients)} clients: {error.strerror}",
            "Name a folder, or select the servers of one client.",
        ) from None
    return {client: out / f"{directory_name(client)}{SUFFIX}" for client in clients}


def _check_free(paths: Mapping[str, Path], *, force: bool) -> None:
    there = [str(path) for path in paths.values() if path.exists() or path.is_symlink()]
    if there and not force:
        raise UsageError(
            f"{', '.join(there)}: is there already, and somebody may have approved it",
            "Name another file, or write over it with --force.",
        )


def _shown(made: Plan, digest: str, path: Path, then: str, *, details: bool) -> str:
    """A plan at a glance for a terminal; all of it for a pipe or a file.

    Args:
        then: the command that comes next; empty where there is none.
    """
    columns = at_a_glance(Format.TEXT, details=details)
    if columns is None:
        told = [*lines(made, digest, View(width=terminal_width())), _lies(path) + (f" Next: {then}" if then else "")]
    else:
        from runner.reports.plan_glance import plan_screen  # a pipe needs none of it

        all_of_it = typed_next.show_plan(path.as_posix())
        last = [_lies(path)]
        last += [Command(what, command) for what, command in (("all of it", all_of_it), ("next", then)) if command]
        told = list(plan_screen(made, digest, columns, typed_next.show_plan(path.as_posix(), whole=False), last))
    return "".join(f"{line}\n" for line in (*told, ""))


def _lies(path: Path) -> str:
    return f"Written to {visible(str(path))}."


def _next(made: Plan, path: Path, to: Begun) -> str:
    """The command that comes next; nothing where nothing is to be changed."""
    if not any(True for _ in made.changes):
        return ""
    return (typed_next.approve if made.policy else typed_next.apply)(path.as_posix(), to)


def _say_terms(run: FleetRun) -> None:
    """What is to be known of the run before anybody relies on its plan, such as an old catalogue."""
    for finding in run.audit.terms.findings:
        if finding.severity is not Severity.INFO:
            tell(f"{finding.title}. {finding.next}.")
