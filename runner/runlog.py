"""The run's own lines in each client's journal: what it set out to do, on what terms, and how it ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path

from inventory.model import Host
from runner.events import Event, Phase
from runner.journal.writer import JournalWriter
from runner.order import Order, scripts_of
from runner.recording import override_data
from runner.results import HostAudit, exit_status, summarise
from runner.steps import Judgement
from runner.terms import SKIP_UNRESOLVED, Ending, Override
from runner.transport.failures import Failure
from runner.transport.interface import Script


def begin(order: Order, client: str, journal: JournalWriter, unresolved: Collection[str]) -> None:
    """Everything that a reader of this client's journal needs to understand the rest of it.

    Args:
        unresolved: keys of the hosts whose password could not be had.
    """
    journal.record(Phase.RUN, Event.RUN_STARTED, data=started_data(order, client))
    for override in order.overrides:
        mine = [host for host in order.hosts if host.client == client and _concerns(override, host, unresolved)]
        data = {**override_data(override), "hosts": [host.name for host in mine]}
        journal.record(Phase.RUN, Event.OVERRIDE, data=data)
    for script in scripts_of(order.playbook):
        steps = [ready.step.id for ready in order.playbook.steps if ready.script == script.text]
        data = {"steps": steps, "text": script.text}
        journal.record(Phase.RUN, Event.SCRIPT_NAMED, script_hash=script.sha256, data=data)
    # What opens a locked session is sent to every host, and belongs to no step.
    for statement in order.gate.opening:
        journal.record(
            Phase.RUN, Event.SCRIPT_NAMED, script_hash=statement.sha256, data={"steps": [], "text": statement.text}
        )


def _concerns(override: Override, host: Host, unresolved: Collection[str]) -> bool:
    return override.option != SKIP_UNRESOLVED or host.key in unresolved


def end(journal: JournalWriter, ending: Ending, why: Failure | None, rows: Sequence[HostAudit]) -> None:
    """The last line, with what this client's hosts come to and nothing of others; then the file is closed."""
    try:
        totals = {
            "hosts": len(rows),
            "outcomes": {outcome.value: count for outcome, count in summarise(rows).outcomes.items()},
            "status": int(exit_status(rows)),
        }
        if why is None:
            journal.record(Phase.RUN, Event.RUN_ENDED, data=totals, durable=True)
        else:
            said = {"reason": ending.value, "message": why.message, "next": why.next}
            journal.record(Phase.RUN, Event.RUN_INTERRUPTED, data={**said, **totals}, durable=True)
    finally:
        journal.close()


def started_data(order: Order, client: str) -> dict[str, object]:
    """The data of run-started: versions and digests of all that decides, and the hosts of this client alone."""
    playbook = order.playbook
    return {
        "exrun": version("exrun"),
        "inventory": _inventory_data(order, client),
        "selection": order.selection,
        "hosts": [host.name for host in order.hosts if host.client == client],
        "playbook": {
            "name": playbook.playbook.name,
            "title": playbook.playbook.title,
            "source": Path(playbook.source).name,
            "sha256": playbook.digest,
        },
        "steps": [
            {
                "id": ready.step.id,
                "action": ready.action.id,
                "when": None if ready.condition is None else ready.condition.text,
                "params": ready.params,
                "script": Script(ready.step.id, ready.script).sha256,
            }
            for ready in playbook.steps
        ],
        "catalogue": _judged_by(order.judgement),
        "today": order.judgement.today.isoformat(),
        "marker_token": order.token,
        "parallel": order.parallel,
        "host_seconds": order.host_seconds,
        "run_seconds": order.run_seconds,
    }


def _inventory_data(order: Order, client: str) -> dict[str, object]:
    """The digest of all files, and the names of those that speak of this client: others may be called like others."""
    if len(order.inventory_files) < 2:
        return {"source": Path(order.inventory_source).name, "sha256": order.inventory_digest}
    mine = [file for file in order.inventory_files if client in file.clients]
    return {
        "source": ", ".join(Path(file.path).name for file in mine),
        "sha256": order.inventory_digest,
        "files": [{"source": Path(file.path).name, "sha256": file.sha256} for file in mine],
        "read": len(order.inventory_files),
    }


def _judged_by(judgement: Judgement) -> dict[str, object]:
    """Which rows judge: their day and their digest, from which set, who vouches for it, and how many are the user's."""
    catalogue, origin = judgement.catalogue, judgement.catalogue.origin
    signed, own = origin.signed, origin.own
    return {
        "as_of": catalogue.as_of.isoformat(),
        "age_days": (judgement.today - catalogue.as_of).days,
        "sha256": catalogue.digest,
        "set": origin.kind.value,
        "manifest": origin.manifest,
        "signed": None if signed is None else {"by": signed.by, "key": signed.key, "taken": signed.taken.isoformat()},
        "own": None if own is None else {"folder": own.folder, "rows": dict(own.rows)},
    }
