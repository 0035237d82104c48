"""What a script says, one item after the other: the engine's answers are iterators of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runner.lab.psrp import Message

# What one object of the output stream may be: a tuple is an array of its own element type (`string[]`, as the registry
# gives), a list an `object[]`, a mapping a hashtable, as the records of a locked session are.
Plain = None | bool | int | float | str | bytes | tuple[str, ...] | list["Plain"] | Mapping[str, "Plain"]


@dataclass(frozen=True, slots=True)
class Output:
    """An object on the output stream."""

    value: Plain


@dataclass(frozen=True, slots=True)
class Verbose:
    """A record on the verbose stream."""

    message: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A record on the warning stream."""

    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error record, in the words that PowerShell has for its parts.

    Attributes:
        error_id: FullyQualifiedErrorId.
        category: a name of ErrorCategory.
        exception: full name of the exception's type.
        activity: the command that wrote it.
        target: TargetObject, where it is text.
    """

    message: str
    error_id: str
    category: str
    exception: str = "System.Management.Automation.RuntimeException"
    activity: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Wrote:
    """A non-terminating error: the script goes on."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Failed:
    """A terminating error that nothing caught: the pipeline fails and the statements after it never run."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Waits:
    """Time passes before the script goes on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Exited:
    """`exit CODE`: ends its own statement only, and tells the client's host (MS-PSRP 2.2.3.17, SetShouldExit)."""

    code: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Items that were said before, as the messages that they are: nothing among them waits or ends anything.

    Attributes:
        quiet: for a client whose host has no user interface.
        shown: for one whose host has.
    """

    quiet: tuple[Message, ...]
    shown: tuple[Message, ...]


Item = Output | Verbose | Warned | Wrote | Failed | Waits | Exited | Ready
Items = Iterator[Item]


def error_written(message: str) -> Problem:
    """What `Write-Error MESSAGE` writes."""
    exception = "Microsoft.PowerShell.Commands.WriteErrorException"
    return Problem(message, exception, "NotSpecified", exception, activity="Write-Error")


def error_thrown(message: str) -> Problem:
    """What `throw MESSAGE` throws."""
    return Problem(message, message, "OperationStopped", target=message)
