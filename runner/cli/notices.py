"""What `--notify` asks for: people told at the end of a command, when a plan waits for approval, when a run stops."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.inventory_files import FOUND
from runner.cli.output import UsageError, tell
from runner.exit_status import ExitStatus
from runner.redaction import Redactor
from runner.reports import typed_next
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.terminal import visible
from runner.terms import Ending
from texts.counting import counted

if TYPE_CHECKING:
    from runner.applied import Applied
    from runner.cli.explaining_errors import Explained
    from runner.cli.sent_events import Sent
    from runner.notifying import Note, Way
    from runner.opening import FleetRun
    from runner.plan.records import Plan
    from runner.reports.typed_next import Begun

_REFERENCE = re.compile(r"(?:env|keyring|command|vault):(?!//)")
_MOST = 300  # characters of a sentence
_MOST_REASONS = 8
_ELSEWHERE = "Why is said where it was run."  # it may name another client, or what that one has
_NOT_WRITTEN = "see there; no shell takes its name as it is."
_NOBODY_S = ""  # the client of a note that says nothing of any


@dataclass(slots=True)
class Notices:
    """Whom to tell of each client, and what; told when the command ends."""

    addresses: Sequence[str] = ()
    ways: Mapping[str, Sequence[Way]] = field(default_factory=dict)
    secrets: Sequence[Secret] = ()
    notes: list[Note] = field(default_factory=list)
    _looked_at: bool = False

    def of(self, clients: Sequence[str]) -> None:
        """Whose people the addresses are, once it is known whose servers these are.

        Raises:
            UsageError: an address is none, cannot be had, or is not any client's; then nobody is told.
        """
        self._looked_at = True
        if self.addresses:
            self.ways, self.secrets = _ways(self.addresses, clients)

    def of_nobody(self) -> None:
        """All that can be had, where the command ended before it was known whose they are."""
        if self._looked_at:
            return
        from runner.forwarding.destinations import without_client

        found: list[Way] = []
        for text in self.addresses:
            with suppress(UsageError):
                found += _ways([without_client(text)], [_NOBODY_S])[0][_NOBODY_S]
        self.ways = {_NOBODY_S: found}

    def kept_out(self, sent: Sent) -> Sent:
        """What a run is opened with, and the addresses that nothing of it may hold."""
        return replace(sent, kept_out=(*sent.kept_out, *self.secrets))

    def audited(self, run: FleetRun, clients: Sequence[str], begun: Begun) -> None:
        """What an audit came to, for each client its own."""
        for client in self._of(clients):
            from collections import Counter

            from playbooks.findings import Verdict
            from runner.notifying import Mood, Note

            mine = [row for row in run.audit.hosts if row.client == client]
            counts = Counter(row.verdict for row in mine)
            worst = next((each for each in Verdict if counts[each]), None)
            told = ", ".join(f"{counts[each]} {each.value}" for each in Verdict if counts[each])
            bad = worst in (Verdict.COMPROMISED, Verdict.SUSPICIOUS)
            well = worst is None or worst in (Verdict.OK, Verdict.NOT_APPLICABLE)
            mood = Mood.FAILURE if bad else Mood.SUCCESS if well else Mood.WARNING
            stopped = _stopped(run)
            self.notes.append(
                Note(
                    client,
                    f"exrun: audit of {visible(client, 100)}: {worst.value if worst else 'nothing asked'}",
                    f"{counted(len(mine), 'server')}: {told}.{stopped}\n"
                    f"Next: {typed_next.show(run.audit.run, begun, client=client) or _NOT_WRITTEN}",
                    Mood.FAILURE if stopped else mood,
                )
            )

    def not_planned(self, run: FleetRun, clients: Sequence[str]) -> None:
        """That no plan was made, since the look at the servers was broken off."""
        for client in self._of(clients):
            from runner.notifying import Mood, Note

            title = f"exrun: no plan for {visible(client, 100)}"
            self.notes.append(
                Note(client, title, f"No plan is written.{_stopped(run)}\nNext: plan again.", Mood.FAILURE)
            )

    def planned(self, plan: Plan, path: Path, begun: Begun) -> None:
        """That a plan is made, and waits for who has to approve it."""
        for client in self._of([plan.client]):
            from runner.notifying import Mood, Note

            changes = len(list(plan.changes))
            servers = len([host for host in plan.hosts if host.changes])
            what = f"{counted(changes, 'change')} on {counted(servers, 'server')}"
            waits = bool(changes) and plan.policy is not None
            command = typed_next.approve if waits else typed_next.apply
            then = command(path.as_posix(), _for_others(begun)) or _NOT_WRITTEN
            self.notes.append(
                Note(
                    client,
                    f"exrun: plan for {visible(client, 100)} " + ("waits for approval" if waits else "is made"),
                    f"Plan {plan.id}: {what}. Made by {visible(plan.planner, 100)}, "
                    f"until {plan.expires:%Y-%m-%d %H:%M} UTC.\n"
                    + (f"Next: {then}" if changes else "Nothing is left to be done."),
                    Mood.WARNING if waits else Mood.INFO,
                )
            )

    def applied(self, result: Applied, *, doing: str, left: bool, begun: Begun) -> None:
        """What running a plan, or undoing it, came to.

        Args:
            left: whether something can be resumed.
        """
        for client in self._of([result.client]):
            from runner.notifying import Mood, Note

            how = result.end.how
            stopped = f" Stopped: {visible(result.end.message, _MOST)}." if result.end.message else ""
            well = result.status in (ExitStatus.WELL, ExitStatus.FINDINGS) and how is Ending.COMPLETE
            told = ", ".join(f"{count} {visible(name)}" for name, count in result.counts.items())
            then = typed_next.resume(result.run, _for_others(begun)) if left else typed_next.show(result.run, begun)
            self.notes.append(
                Note(
                    client,
                    f"exrun: {doing} for {visible(client, 100)} " + ("ended" if well else "needs you"),
                    f"{counted(len(result.hosts), 'server')}: {told or 'none begun'}.{stopped}\n"
                    f"Next: {then or _NOT_WRITTEN}",
                    Mood.SUCCESS if well else Mood.FAILURE,
                )
            )

    def nothing_due(self, client: str, *, doing: str, why: str) -> None:
        """That there was nothing to do, and nothing was sent."""
        for each in self._of([client]):
            from runner.notifying import Mood, Note

            title = f"exrun: {doing} for {visible(client, 100)} ended"
            self.notes.append(Note(each, title, f"{why[:1].upper()}{why[1:]}: nothing was sent.", Mood.INFO))

    def stopped(self, error: Exception, *, doing: str, watched: bool) -> None:
        """That a command ended in an error before it had anything to tell: refused, held up, or broken.

        Args:
            watched: whether somebody sits before it, who sees for himself what he has written wrongly.
        """
        from runner.cli.explaining_errors import explained

        found = explained(error)
        if found.status is ExitStatus.USAGE and watched:
            return
        how = "refused" if found.status is ExitStatus.REFUSED else "stopped"
        told = {note.client for note in self.notes}
        for client in self._of([each for each in self.ways if each not in told]):
            from runner.notifying import Mood, Note

            title = f"exrun: {doing} for {visible(client, 100)} {how}" if client else f"exrun: {doing} {how}"
            text = _reasons(found) if client and len(self.ways) == 1 else _ELSEWHERE
            self.notes.append(Note(client, title, text, Mood.FAILURE))

    def _of(self, clients: Sequence[str]) -> list[str]:
        return [client for client in clients if self.ways.get(client)]


@contextmanager
def notices(addresses: Sequence[str], doing: str) -> Iterator[Notices]:
    """Tells people what was noted, when it is left; of an error that it is left by, that. Failures to tell are said and
    change nothing.

    Args:
        doing: what the command does, as in `DOING for alpha`.
    """
    made = Notices(addresses)
    try:
        yield made
    except Exception as error:  # whatever it is: somebody waits for word of it
        if addresses:
            made.of_nobody()
            made.stopped(error, doing=doing, watched=is_watched())
            _tell(made)
        raise
    _tell(made)


def is_watched() -> bool:
    """Whether what the command says is shown on a terminal."""
    return sys.stderr.isatty()


def _tell(made: Notices) -> None:
    if not made.notes:
        return
    from runner.notifying import untold

    every = [(way, note) for note in made.notes for way in made.ways[note.client]]
    for way, note in untold(every):
        tell(
            f"notification{' of ' if note.client else ''}{note.client} by {way.name} (--notify, number {way.place}) is "
            f"not known to have arrived; what it said: {note.text.splitlines()[0]}"
        )


def _ways(addresses: Sequence[str], clients: Sequence[str]) -> tuple[dict[str, list[Way]], list[Secret]]:
    from inventory.sources.document import credential_reference
    from runner.forwarding.destinations import DestinationError, by_client
    from runner.notifying import NotifyError, Way
    from runner.secrets.resolving import RedactedSecrets, system_stores
    from texts.problems import MistakeError

    store = RedactedSecrets(system_stores(os.environ), Redactor())
    ways: dict[str, list[Way]] = {client: [] for client in clients}
    secrets: list[Secret] = []
    for place, text in enumerate(addresses, 1):
        try:
            for client, [mine] in ((c, t) for c, t in by_client([text], clients, "--notify").items() if t):
                address = store.resolve(credential_reference(mine)) if _REFERENCE.match(mine) else Secret(mine)
                secrets.append(address)
                ways[client].append(Way(address, place))
        except (DestinationError, NotifyError) as error:
            raise UsageError(error.what, error.next) from None
        except SecretUnavailableError as error:
            raise UsageError(f"--notify, number {place}: {error.reference}: {error.why}", error.next) from None
        except MistakeError:
            raise UsageError(
                f"--notify, number {place}: is not how a reference is written", "Write env:NAME or another reference."
            ) from None
    return ways, secrets


def _for_others(begun: Begun) -> Begun:
    """Without the names of inventories and of what is beside them: they may say whose others are."""
    usual = begun.inventory == (FOUND.as_posix(),)
    return replace(begun, inventory=() if usual else ("INVENTORY",), search=(), catalogue="", sign_with="", anchor=())


def _reasons(found: Explained) -> str:
    """Why, as far as it is of this command's client alone: inventories that are wrong may be of others."""
    if found.lines or found.status is ExitStatus.DEFECT:
        return _ELSEWHERE
    lines = [visible(f"{what.removesuffix('.')}. {then}", _MOST) for what, then in found.reasons]
    more = f"And {len(lines) - _MOST_REASONS} more." if len(lines) > _MOST_REASONS else ""
    return "\n".join([*lines[:_MOST_REASONS], *([more] if more else [])])


def _stopped(run: FleetRun) -> str:
    return "" if run.why is None else f" Stopped: {visible(run.why.message, _MOST)}."
