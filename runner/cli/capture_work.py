"""What `exrun catalogue capture` does: scans one server, and writes down what it says of its own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from inventory.model import Host
from runner.catalogues.capturing import Captured, CaptureError, Scanned, captured
from runner.cli.asked import Asked
from runner.cli.audit_work import observed, ordered, say_why
from runner.cli.output import UsageError
from runner.hostlog import HostLog
from runner.opening import FleetRun, Planned
from runner.order import Order
from runner.redaction import Redactor
from runner.results import StepResult
from runner.steps import Sending
from runner.transport.interface import Script, ScriptResult

PLAYBOOK = "exchange-webshells"


class Keeping:
    """A session's witness that keeps what came, for a journal has no room for it."""

    def __init__(self, log: HostLog) -> None:
        self._log = log
        self.results: list[ScriptResult] = []

    def sending(self, batch: Sequence[Sending]) -> None:
        """Hands on."""
        self._log.sending(batch)

    def answered(self, result: ScriptResult) -> None:
        """Hands on, and keeps it."""
        self._log.answered(result)
        self.results.append(result)

    def assessed(self, result: StepResult, script: Script | None) -> StepResult:
        """Hands on."""
        return self._log.assessed(result, script)

    def defect(self, step: str, error: Exception) -> None:
        """Hands on."""
        self._log.defect(step, error)


def asked_once(asked: Asked, order: Order) -> tuple[FleetRun, list[ScriptResult], Mapping[str, Redactor]]:
    """What came of it, the answers as they came, and what takes secrets out of those of each client.

    Raises:
        As `observed`.
    """
    kept: list[Keeping] = []
    redactors: dict[str, Redactor] = {}

    def planned(told: Mapping[str, Redactor]) -> Planned:
        redactors.update(told)

        def witness(_: Host, log: HostLog) -> Keeping:
            kept.append(Keeping(log))
            return kept[-1]

        return witness

    run = observed(asked, order, planned=planned)
    say_why(run)
    return run, [result for each in kept for result in each.results], redactors


def capture(asked: Asked, out: Path, licence: str) -> Captured:
    """Scans the server that was asked for and writes its files of Exchange as a table that is not reviewed.

    Raises:
        InventoryError, PlaybookError, UsageError: what was asked for is wrong, or the server is not known to be clean.
        JournalError: the journal cannot be begun; nothing was sent.
    """
    if out.exists():
        raise UsageError(f"{out} is there already, and is left as it is", "Name another file with -o.")
    order = ordered(asked)
    if len(order.hosts) != 1:
        names = ", ".join(host.name for host in order.hosts[:5])
        raise UsageError(f"{len(order.hosts)} servers are meant: {names}", "Name one: a baseline is of one server.")
    [host] = order.hosts
    run, results, _ = asked_once(asked, order)
    if not results:
        why = run.audit.hosts[0].why if run.audit.hosts else "it was not asked"
        raise UsageError(f"{host.name} gave no answer: {why}", f"See exrun show {order.run}.")
    [step] = order.playbook.steps
    scanned = Scanned(host.client, host.name, order.run, results[0])
    try:
        found = captured(scanned, step.action.contract, order.judgement.catalogue, licence)
        with out.open("x", encoding="utf-8") as file:
            file.write(found.text)
    except CaptureError as error:
        raise UsageError(error.what, error.next) from None
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}", "Name another file with -o.") from None
    return found
