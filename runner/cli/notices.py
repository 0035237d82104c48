"""What `--notify` asks for: people told at the end of a command, when a plan waits for approval, when a run stops."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.output import UsageError, state_named, tell
from runner.redaction import Redactor
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.terminal import visible
from runner.terms import Ending
from texts.counting import counted

if TYPE_CHECKING:
    from runner.applied import Applied
    from runner.cli.sent_events import Sent
    from runner.notifying import Note, Way
    from runner.opening import FleetRun
    from runner.plan.records import Plan

_REFERENCE = re.compile(r"(?:env|keyring|command|vault):(?!//)")
_MOST = 300  # characters of a sentence


@dataclass(slots=True)
class Notices:
    """Whom to tell of each client, and what; told when the command ends."""

    ways: Mapping[str, Sequence[Way]]
    secrets: Sequence[Secret] = ()
    notes: list[Note] = field(default_factory=list)

    def kept_out(self, sent: Sent) -> Sent:
        """What a run is opened with, and the addresses that nothing of it may hold."""
        return replace(sent, kept_out=(*sent.kept_out, *self.secrets))

    def audited(self, run: FleetRun, clients: Sequence[str], state: Path) -> None:
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
                    f"Next: {shlex.join(['exrun', 'show', run.audit.run, '--client', client])}{state_named(state)}",
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

    def planned(self, plan: Plan, path: Path) -> None:
        """That a plan is made, and waits for who has to approve it."""
        for client in self._of([plan.client]):
            from runner.notifying import Mood, Note

            changes = len(list(plan.changes))
            servers = len([host for host in plan.hosts if host.changes])
            what = f"{counted(changes, 'change')} on {counted(servers, 'server')}"
            waits = bool(changes) and plan.policy is not None
            # Without the inventories: their names may say whose others are.
            written = shlex.quote(visible(str(path)))
            then = f"exrun approve {written} --key ~/.ssh/id_ed25519" if waits else f"exrun apply {written}"
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

    def applied(self, result: Applied, *, doing: str, left: bool, state: Path) -> None:
        """What running a plan, or undoing it, came to.

        Args:
            left: whether something can be resumed.
        """
        for client in self._of([result.client]):
            from runner.exit_status import ExitStatus
            from runner.notifying import Mood, Note

            how = result.end.how
            stopped = f" Stopped: {visible(result.end.message, _MOST)}." if result.end.message else ""
            well = result.status in (ExitStatus.WELL, ExitStatus.FINDINGS) and how is Ending.COMPLETE
            told = ", ".join(f"{count} {visible(name)}" for name, count in result.counts.items())
            then = ["resume", result.run] if left else ["show", result.run]
            self.notes.append(
                Note(
                    client,
                    f"exrun: {doing} for {visible(client, 100)} " + ("ended" if well else "needs you"),
                    f"{counted(len(result.hosts), 'server')}: {told or 'none begun'}.{stopped}\n"
                    f"Next: {shlex.join(['exrun', *then])}{state_named(state)}",
                    Mood.SUCCESS if well else Mood.FAILURE,
                )
            )

    def _of(self, clients: Sequence[str]) -> list[str]:
        return [client for client in clients if self.ways.get(client)]


@contextmanager
def notices(addresses: Sequence[str], clients: Sequence[str]) -> Iterator[Notices]:
    """Tells people what was noted, when it is left in an orderly way. Failures are said and change nothing.

    Raises:
        UsageError: an address is none, cannot be had, or is not any client's; nothing was sent.
    """
    if not addresses:
        yield Notices({})
        return
    made = _notices(addresses, clients)
    yield made
    from runner.notifying import untold

    every = [(way, note) for note in made.notes for way in made.ways[note.client]]
    for way, note in untold(every):
        tell(
            f"notification of {note.client} by {way.name} (--notify, number {way.place}) is not known to have arrived; "
            f"what it said: {note.text.splitlines()[0]}"
        )


def _notices(addresses: Sequence[str], clients: Sequence[str]) -> Notices:
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
    return Notices(ways, secrets)


def _stopped(run: FleetRun) -> str:
    return "" if run.why is None else f" Stopped: {visible(run.why.message, _MOST)}."
