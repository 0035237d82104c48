"""What an error that ends a command is, in words: to who typed it, and to whom `--notify` tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory.errors import InventoryError
from playbooks.errors import PlaybookError
from runner.admission import RefusedError
from runner.cli.output import UsageError
from runner.events import UnreadableEventError
from runner.exit_status import ExitStatus
from runner.journal.errors import JournalError, JournalUnwritable
from runner.locks import HostsHeldError, LockError
from runner.plan.keeping import NotKeptError
from runner.runs import RunNotFoundError
from runner.state import ContradictionError
from runner.token import TokenError, TokenSpentError
from runner.vouching import KeyFileError


@dataclass(frozen=True, slots=True)
class Explained:
    """An error.

    Attributes:
        reasons: what is wrong, and what to do; one sentence each.
        lines: one a problem, each with its own place and advice, as an editor can jump to; come before.
    """

    status: ExitStatus
    reasons: Sequence[tuple[str, str]]
    lines: Sequence[str] = ()


def explained(error: Exception) -> Explained:
    """Which exit status it is, and why."""
    match error:
        case InventoryError() | PlaybookError():
            reasons = [("nothing was sent", "Correct this and run it again.")]
            return Explained(ExitStatus.USAGE, reasons, str(error).splitlines())
        case RunNotFoundError():
            return Explained(ExitStatus.USAGE, [(str(error), "See exrun runs.")])
        case ContradictionError() | UnreadableEventError():
            what = f"the journal cannot be read as that of an audit: {error}"
            return Explained(ExitStatus.JOURNAL, [(what, "See exrun journal verify.")])
        case UsageError(what=what, next=then) | KeyFileError(what=what, next=then):
            return Explained(ExitStatus.USAGE, [(what, then)])
        case RefusedError(refused=refused):
            reasons = [*((each.what, each.next) for each in refused), ("refused", "Nothing was sent.")]
            return Explained(ExitStatus.REFUSED, reasons)
        case HostsHeldError() | TokenSpentError():
            return Explained(ExitStatus.REFUSED, [(error.what, error.next)])
        case LockError() | TokenError() | NotKeptError():
            return Explained(ExitStatus.JOURNAL, [(error.what, error.next)])
        case JournalError():
            status = ExitStatus.JOURNAL if isinstance(error, JournalUnwritable) else ExitStatus.USAGE
            return Explained(status, [(f"{error.path}: {error.what}", error.next)])
        case _:
            then = "Run it again with --debug and report what it says."
            return Explained(ExitStatus.DEFECT, [(f"exrun has a defect: {type(error).__name__}: {error}", then)])
