"""The run's own lines in each client's journal: what it set out to do, on what terms, and how it ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from inventory.model import Host
from runner import events
from runner.events import FileUsed, InventoryUsed, PlaybookUsed, RunStarted, ServerListed, TablesUsed
from runner.exit_status import ExitStatus
from runner.journal.writer import Clean, JournalWriter
from runner.order import Order, collects_of
from runner.results import HostResult, Label, Listed, exit_status, summarise
from runner.steps import Judgement
from runner.terms import SKIP_UNRESOLVED, Ending, Override
from runner.transport.failures import Failure


def begin(
    order: Order, client: str, journal: JournalWriter, unresolved: Collection[str], data: Clean | None = None
) -> None:
    """Everything that a reader of this client's journal needs to understand the rest of it.

    Args:
        unresolved: keys of the hosts whose password could not be had.
        data: what `events.clean` gave for `started`, where that was asked for before.
    """
    events.put(journal, started(order, client), data)
    for override in order.overrides:
        mine = [host for host in order.hosts if host.client == client and _concerns(override, host, unresolved)]
        hosts = tuple(host.name for host in mine)
        events.put(journal, events.Overridden(override.option, override.value, hosts))
    for script in collects_of(order.playbook):
        steps = tuple(ready.step.id for ready in order.playbook.steps if ready.collect == script.text)
        events.put(journal, events.ScriptNamed(script.sha256, steps, script.text))
    # What opens a locked session is sent to every host, and belongs to no step.
    for statement in order.gate.opening:
        events.put(journal, events.ScriptNamed(statement.sha256, (), statement.text))


def _concerns(override: Override, host: Host, unresolved: Collection[str]) -> bool:
    return override.option != SKIP_UNRESOLVED or host.key in unresolved


def end(journal: JournalWriter, ending: Ending, why: Failure | None, rows: Sequence[HostResult]) -> None:
    """The last line, with what this client's hosts come to and nothing of others; then the file is closed."""
    outcomes = {outcome.value: count for outcome, count in summarise(rows).outcomes.items()}
    ended(journal, ending, why, outcomes, len(rows), exit_status(rows))


def ended(
    journal: JournalWriter,
    ending: Ending,
    why: Failure | None,
    outcomes: Mapping[str, int],
    hosts: int,
    status: ExitStatus,
) -> None:
    """The last line, of counts that are made already; then the file is closed."""
    try:
        if why is None:
            events.put(journal, events.RunEnded(hosts, outcomes, int(status)), durable=True)
        else:
            interrupted = events.RunInterrupted(ending, why.message, why.next, hosts, outcomes, int(status))
            events.put(journal, interrupted, durable=True)
    finally:
        journal.close()


def started(order: Order, client: str) -> RunStarted:
    """Versions and digests of all that decides, and the hosts of this client alone."""
    playbook = order.playbook
    return RunStarted(
        exrun=version("exrun"),
        inventory=_inventory(order, client),
        selection=order.selection,
        hosts=tuple(host.name for host in order.hosts if host.client == client),
        playbook=PlaybookUsed(
            name=playbook.playbook.name,
            title=playbook.playbook.title,
            source=Path(playbook.source).name,
            sha256=playbook.digest,
        ),
        steps=order.steps,
        catalogue=_judged_by(order.judgement),
        today=order.judgement.today,
        marker_token=order.token,
        parallel=order.parallel,
        host_seconds=order.host_seconds,
        run_seconds=order.run_seconds,
        servers=tuple(ServerListed(host.name, listed(host)) for host in order.hosts if host.client == client),
        named=order.named,
    )


def listed(host: Host) -> Listed:
    """What the inventory says of a host, as its row has it."""
    labels = tuple(Label(name, tuple(values)) for name, values in sorted(host.labels.items()))
    return Listed(host.address, host.port, tuple(sorted(host.groups)), labels)


def _inventory(order: Order, client: str) -> InventoryUsed:
    """The digest of all files, and the names of those that speak of this client: others may be called like others."""
    if len(order.inventory_files) < 2:
        return InventoryUsed(Path(order.inventory_source).name, order.inventory_digest, (), 1)
    mine = [file for file in order.inventory_files if client in file.clients]
    return InventoryUsed(
        source=", ".join(Path(file.path).name for file in mine),
        sha256=order.inventory_digest,
        files=tuple(FileUsed(Path(file.path).name, file.sha256) for file in mine),
        read=len(order.inventory_files),
    )


def _judged_by(judgement: Judgement) -> TablesUsed:
    catalogue, origin = judgement.catalogue, judgement.catalogue.origin
    return TablesUsed(
        as_of=catalogue.as_of,
        age_days=(judgement.today - catalogue.as_of).days,
        sha256=catalogue.digest,
        set=origin.kind,
        manifest=origin.manifest,
        signed=origin.signed,
        own=origin.own,
    )
