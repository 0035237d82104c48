"""`exrun journal`: what runs recorded."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Sequence
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
from runner.cli.output import UsageError, emit
from runner.disk import SystemDisk
from runner.events import is_known
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken, Verified
from runner.journal.errors import JournalUnreadable
from runner.journal.location import JOURNAL
from runner.journal.verification import Vouched, verify
from runner.runs import find_run
from runner.terminal import visible
from texts.counting import counted

if TYPE_CHECKING:
    from runner.vouching import Opened

group = Commands(help="Read what runs recorded.")


@group.command("verify")
def journal_verify(
    journals: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|RUN...",
            envvar="EXRUN_JOURNAL",
            help="journal.jsonl of a run, or a pattern such as .exrun/*/runs/*/journal.jsonl; or a run's id, the "
            "beginning of one, or `last`.",
        ),
    ],
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
    state: StateOption = STATE,
) -> None:
    """Say whether journals are as they were written: no line altered, missing, moved or cut off.

    \b
    Needs the file, and for its end the file `head` beside it. With --key also the file `checkpoint` beside it, or
    checkpoints that were kept elsewhere: what was cut off or written anew then shows, whoever did it.
    Exit status: 0 all are whole, 2 one cannot be read, 6 one does not verify, or the key does not vouch for it.

    \b
    Examples:
      exrun journal verify last
      exrun journal verify .exrun/alpha/runs/2026-r1/journal.jsonl
      exrun journal verify ".exrun/alpha/runs/*/journal.jsonl" --key journal.pub
      exrun journal verify journal.jsonl --format json
      exrun journal verify journal.jsonl --key journal.pub --checkpoint /mnt/worm/checkpoints
    """
    if key is None and checkpoint is not None:
        raise UsageError("--checkpoint without --key says nothing", "Name the public key with --key.")
    named = [each for word in journals for each in journals_of(word, state)]
    files = list({os.path.realpath(each): each for each in named}.values())
    verifying = _verifying(key, checkpoint)
    if len(journals) == 1 and files == [Path(journals[0])]:
        found, by = verifying(files[0])
        if form is Format.JSON:
            emit(json.dumps(verification_document(found, by), indent=2) + "\n")
        else:
            emit(verification_text(files[0], found, by) + "\n")
        raise typer.Exit(ExitStatus.JOURNAL if isinstance(found, Broken) else ExitStatus.WELL)
    raise typer.Exit(_verify_all(files, verifying, form))


def journals_of(word: str, state: Path) -> list[Path]:
    """The journals that a word names: a file, the folder of a run, those that fit a pattern, or a run's.

    A pattern is one here, so that it does the same where no shell expands it.

    Raises:
        UsageError: no file fits the pattern.
        RunNotFoundError: it is no file, and no run is called so.
    """
    path = Path(word)
    if path.is_file():
        return [path]
    if path.is_dir() and (path / JOURNAL).is_file():
        return [path / JOURNAL]
    if glob.has_magic(word):
        found = [Path(each) for each in sorted(glob.glob(word, recursive=True)) if Path(each).is_file()]
        if not found:
            raise UsageError(f"no file fits {word}", "Name journals, or runs, which exrun runs lists.")
        return found
    if path.suffix or len(path.parts) > 1 or path.exists():  # what was meant is a file
        return [path]
    return list(find_run(state, word).journals)


_Verify = Callable[[Path], "tuple[Verified | Broken, VouchedFor | None]"]


def _verifying(key: str | None, checkpoint: Path | None) -> _Verify:
    """How each journal is verified. The key is read once: it may be a pipe."""
    if key is None:
        return lambda file: (verify(file, known=is_known), None)
    from runner import vouching  # with what verifies signatures, which no other reading needs

    disk = SystemDisk()
    keys = vouching.verifiers(key, disk)

    def vouched(file: Path) -> tuple[Verified | Broken, VouchedFor | None]:
        found, notes = vouching.verify(file, keys, checkpoint, disk, known=is_known)
        return (found.found, VouchedFor(found, notes)) if isinstance(found, Vouched) else (found, None)

    return vouched


def _verify_all(files: Sequence[Path], verifying: _Verify, form: Format) -> ExitStatus:
    """Each with its line, whatever is wrong with another; the highest status."""
    members: list[dict[str, object]] = []
    lines: list[str] = []
    counts = dict.fromkeys(("whole", "not as written", "not to be read"), 0)
    for file in files:
        try:
            found, by = verifying(file)
        except JournalUnreadable as error:
            counts["not to be read"] += 1
            lines.append(f"{visible(str(file))}: {visible(error.what)}")
            members.append(
                {
                    "file": str(file),
                    "verified": False,
                    "line": None,
                    "fault": "unreadable",
                    "why": error.what,
                    "intact": 0,
                }
            )
        else:
            counts["not as written" if isinstance(found, Broken) else "whole"] += 1
            lines.append(verification_text(file, found, by).replace("\n", "; "))
            document = verification_document(found, by)
            del document["schema"]
            members.append({"file": str(file), **document})
    if form is Format.JSON:
        emit(json.dumps({"schema": "exrun.journal-verifications/1", "journals": members}, indent=2) + "\n")
    else:
        said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        emit("".join(f"{line}\n" for line in (*lines, f"{counted(len(files), 'journal')}: {said}")))
    if counts["not as written"]:
        return ExitStatus.JOURNAL
    return ExitStatus.USAGE if counts["not to be read"] else ExitStatus.WELL


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
