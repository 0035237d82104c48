"""What `exrun show` does with a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from runner.cli.output import UsageError, emit, tell, terminal_width
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken
from runner.reports.folding import folded
from runner.reports.formats import AuditFormat
from runner.reports.run import document, json_text, lines
from runner.results import fleet_result
from runner.runs import ClientRun, find_run, read_run, uncollected
from texts.spelling import suggestion

_WHOLE = (AuditFormat.TEXT, AuditFormat.JSON)  # all that was sent and answered; the others are reports
FILE_WIDTH = 160  # columns of a table where no terminal says how many it has


def show_run(
    state: Path, run: str, client: str | None, hosts: Sequence[str], *, scripts: bool, form: AuditFormat
) -> ExitStatus:
    """Shows a run, or what it did on some hosts.

    Raises:
        RunNotFoundError, UsageError: there is none of this name, or it has no such client or host.
    """
    with uncollected():
        parts = read_run(find_run(state, run), client)
        wanted = None if not hosts else frozenset(name.casefold() for name in hosts)
        if form not in _WHOLE:
            if scripts:
                raise UsageError(f"--scripts: {form} holds no scripts", "Take --format text or json.")
            if (status := warn_of_broken(parts)) is not ExitStatus.WELL:
                return status  # a report of a part would say less than was found
        if parts[0].state.plan is not None:
            from runner.cli.begun import state_of  # an audit needs none of it
            from runner.cli.show_applied import applied_as, applied_document
            from runner.reports.typed_next import begun

            to = begun(parts[0].state.started, state_of(state))
            applied = applied_document(parts[0], to, only=wanted, texts=scripts)
            _check_hosts(hosts, [host.name for host in applied.hosts], parts)
            emit(applied_as(applied, form, to, terminal_width(), whole=wanted is None and not scripts))
        elif form not in _WHOLE:
            emit(_reported(parts, hosts, form))
        else:
            found = document(parts, texts=scripts, hosts=wanted, whole=form is AuditFormat.JSON)
            _check_hosts(hosts, [host.name for part in found.clients for host in part.hosts], parts)
            if form is AuditFormat.JSON:
                emit(json_text(found))
            else:
                emit("".join(f"{line}\n" for line in folded(lines(found), terminal_width())))
    return ExitStatus.WELL if form not in _WHOLE else warn_of_broken(parts)


def _reported(parts: Sequence[ClientRun], hosts: Sequence[str], form: AuditFormat) -> str:
    """The report of an audit, or of some of its servers."""
    from runner.replay import replay  # what was sent and answered needs neither
    from runner.reports.formats import report_of

    audit = replay([part.state for part in parts])
    if hosts:
        _check_hosts(hosts, [host.name for host in audit.hosts], parts)
        wanted = {name.casefold() for name in hosts}
        audit = fleet_result(audit.run, audit.terms, [host for host in audit.hosts if host.name.casefold() in wanted])
    return report_of(form, width=terminal_width() or FILE_WIDTH).render(audit)


def _check_hosts(asked: Sequence[str], found: Collection[str], parts: Sequence[ClientRun]) -> None:
    known = {name.casefold() for name in found}
    begun = [name for part in parts for name in part.state.hosts]
    for name in asked:
        if name.casefold() not in known:
            likely = suggestion(name, begun, otherwise="see exrun show without --host.")
            raise UsageError(f"--host: the run has no server `{name}`", likely[0].upper() + likely[1:])


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
