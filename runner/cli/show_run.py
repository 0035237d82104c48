"""What `exrun show` does with a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from runner.cli.options import Format
from runner.cli.output import UsageError, emit, tell, terminal_width
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken
from runner.reports.folding import folded
from runner.reports.run import document, json_text, lines
from runner.runs import ClientRun, find_run, read_run, uncollected


def show_run(
    state: Path, run: str, client: str | None, hosts: Sequence[str], *, scripts: bool, form: Format
) -> ExitStatus:
    """Shows a run, or what it did on some hosts.

    Raises:
        RunNotFoundError, UsageError: there is none of this name, or it has no such client or host.
    """
    with uncollected():
        parts = read_run(find_run(state, run), client)
        wanted = None if not hosts else frozenset(name.casefold() for name in hosts)
        if parts[0].state.plan is not None:
            from runner.cli.show_applied import applied_document, as_written

            applied = applied_document(parts[0], only=wanted, texts=scripts)
            _check_hosts(wanted or frozenset(), {host.name for host in applied.hosts})
            emit(as_written(applied, form, terminal_width(), whole=wanted is None and not scripts))
            return warn_of_broken(parts)
        found = document(parts, texts=scripts, hosts=wanted, whole=form is Format.JSON)
        _check_hosts(wanted or frozenset(), {host.name for part in found.clients for host in part.hosts})
        if form is Format.JSON:
            emit(json_text(found))
        else:
            emit("".join(f"{line}\n" for line in folded(lines(found), terminal_width())))
    return warn_of_broken(parts)


def _check_hosts(wanted: Collection[str], shown: Collection[str]) -> None:
    missing = sorted({*wanted} - {name.casefold() for name in shown})
    if missing:
        raise UsageError(f"--host: the run has no server {', '.join(missing)}", "See exrun show without --host.")


def warn_of_broken(parts: tuple[ClientRun, ...]) -> ExitStatus:
    """Says on standard error which journals are not as they were written; the status for it."""
    status = ExitStatus.WELL
    for part in parts:
        if isinstance(part.verified, Broken):
            status = ExitStatus.JOURNAL
            tell(
                f"{part.journal}:{part.verified.line}: the journal does not verify: {part.verified.why}. Nothing from "
                "that line on is used; see exrun journal verify."
            )
    return status
