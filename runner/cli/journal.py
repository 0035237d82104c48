"""`exrun journal`: what runs recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.asked import AskedEvents
from runner.cli.commands import Commands
from runner.cli.options import (
    STATE,
    ClientOption,
    EventsAuthOption,
    EventsCaOption,
    EventsFormatOption,
    EventsOption,
    Format,
    FormatOption,
    RunArgument,
    StateOption,
)
from runner.cli.output import UsageError
from runner.disk import SystemDisk
from runner.events import is_known
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken, Verified
from runner.journal.verification import Vouched, verify
from runner.terminal import visible
from texts.counting import counted

if TYPE_CHECKING:
    from runner.vouching import Opened

group = Commands(help="Read what runs recorded.")


@group.command("verify")
def journal_verify(
    file: Annotated[Path, typer.Argument(envvar="EXRUN_JOURNAL", help="journal.jsonl of a run.")],
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            envvar="EXRUN_KEY",
            metavar="FILE|TEXT",
            help="Say up to which line this public key vouches for it: the line of exrun keys new, or a file or pipe.",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            envvar="EXRUN_CHECKPOINT",
            help="With --key: checkpoints that were kept elsewhere, such as the file of --anchor.",
        ),
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Say whether a journal is as it was written: no line altered, missing, moved or cut off.

    \b
    Needs the file, and for its end the file `head` beside it. With --key also the file `checkpoint` beside it, or
    checkpoints that were kept elsewhere: what was cut off or written anew then shows, whoever did it.
    Exit status: 0 it is whole, 2 it cannot be read, 6 it does not verify, or the key does not vouch for it.

    \b
    Examples:
      exrun journal verify .exrun/alpha/runs/2026-r1/journal.jsonl
      exrun journal verify journal.jsonl --format json
      exrun journal verify journal.jsonl --key journal.pub
      exrun journal verify journal.jsonl --key journal.pub --checkpoint /mnt/worm/checkpoints
    """
    if key is None:
        if checkpoint is not None:
            raise UsageError("--checkpoint without --key says nothing", "Name the public key with --key.")
        found, by = verify(file, known=is_known), None
    else:
        from runner import vouching  # with what verifies signatures, which no other reading needs

        disk = SystemDisk()
        vouched, notes = vouching.verify(file, vouching.verifiers(key, disk), checkpoint, disk, known=is_known)
        found = vouched.found if isinstance(vouched, Vouched) else vouched
        by = VouchedFor(vouched, notes) if isinstance(vouched, Vouched) else None
    if form is Format.JSON:
        typer.echo(json.dumps(verification_document(found, by), indent=2))
    else:
        typer.echo(verification_text(file, found, by))
    raise typer.Exit(ExitStatus.JOURNAL if isinstance(found, Broken) else ExitStatus.WELL)


@group.command("send")
def journal_send(
    run: RunArgument,
    events: EventsOption = None,
    events_format: EventsFormatOption = None,
    events_auth: EventsAuthOption = None,
    events_ca: EventsCaOption = None,
    client: ClientOption = None,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
) -> None:
    """Send what a run recorded to a log, from where it was left off: what --events could not bring there.

    \b
    What has arrived before is not sent again, as far as is known; each event has a key by which a reader knows it.
    A run that is still in work is sent as far as no crash can take it away.
    Exit status: 0 all is delivered, 2 input wrong and nothing sent, 3 some are not known to have arrived, 6 a journal
    does not verify, and is sent as far as it does.

    \b
    Examples:
      exrun journal send last --events https://soc.example.com/ingest --events-auth env:SOC_TOKEN
      exrun journal send 2026-11-24t15 --events syslog+tls://soc.example.com --events-ca soc.pem --client alpha
      exrun journal send last --events events.jsonl --format json
    """
    from runner.cli import journal_send_work  # with what reads a run

    asked = AskedEvents(tuple(events or ()), events_format, tuple(events_auth or ()), events_ca)
    raise typer.Exit(journal_send_work.send(asked, run, client, form, state))


@dataclass(frozen=True, slots=True)
class VouchedFor:
    """How far keys vouch for a journal, and the notes that say so."""

    journal: Vouched
    notes: Opened


def verification_document(found: Verified | Broken, by: VouchedFor | None = None) -> dict[str, object]:
    """The object of `journal verify --format json`; docs/reference/command-line.md says what its members mean."""
    match found:
        case Verified(head, count, after_head, newer):
            return {
                "schema": "exrun.journal-verification/1",
                "verified": True,
                "lines": count,
                "sha256": head.sha256,
                "after_head": after_head,
                "newer": newer,
                "vouched": None
                if by is None
                else {
                    "lines": by.journal.lines,
                    "by": list(by.notes.by),
                    "checkpoints": by.journal.held,
                    "unreadable": by.notes.unreadable,
                },
            }
        case Broken(line, fault, why, intact):
            return {
                "schema": "exrun.journal-verification/1",
                "verified": False,
                "line": line,
                "fault": fault.value,
                "why": why,
                "intact": intact,
            }


def verification_text(file: Path, found: Verified | Broken, by: VouchedFor | None = None) -> str:
    """The same for people. What a journal or a file's name says is tainted."""
    name = visible(str(file))
    match found:
        case Broken(line, fault, why, intact):
            return (
                f"{name}:{line}: {fault.value}: {visible(why)}\n"
                f"{counted(intact, 'line')} before it shown to be as written. Compare with a copy kept elsewhere."
            )
        case Verified(head, count, None):
            end = "no head is beside it, so whole lines may be missing at the end"
        case Verified(head, count, 0):
            end = "it ends where its head says"
        case Verified(head, count, after):
            end = f"the last {after} lines follow its head, and nothing outside the file vouches for them"
    newer = ""
    if found.newer:
        newer = f"\n{counted(found.newer, 'line')} of a newer exrun: intact, and not all that they say is known here"
    told = "" if by is None else f"\n{_told(by, count)}"
    return f"{name}: {count} lines verified; {end}{told}{newer}\nlast line {head.sha256}"


def _told(by: VouchedFor, count: int) -> str:
    rest = count - by.journal.lines
    end = "that is all of them" if not rest else f"for the {counted(rest, 'line')} after it nobody vouches"
    pieces = counted(by.notes.unreadable, "piece")
    half = f"; {pieces} of the checkpoints cannot be read" if by.notes.unreadable else ""
    checkpoints = counted(by.journal.held, "checkpoint")
    names = visible(", ".join(by.notes.by))
    return f"{names} vouches for it up to line {by.journal.lines} ({checkpoints}); {end}{half}"
