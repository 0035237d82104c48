"""What a command's exit status says. Imports nothing, so that it is there before anything else is."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the exit status of every command says; where several apply, the highest.

    docs/reference/command-line.md has the same table for users.
    """

    WELL = 0
    FINDINGS = 1  # findings or changes pending
    USAGE = 2  # usage, configuration or input wrong; nothing was sent
    NOT_ALL_JUDGED = 3  # some hosts failed, are unreachable or unknown
    REFUSED = 4  # drift, an approval that is missing, a plan that is spent or stale, a server that another run holds
    BUDGET = 5  # stopped by the failure budget or by a health check
    JOURNAL = 6  # the journal cannot be written or does not verify
    DEFECT = 70  # exrun itself is at fault (EX_SOFTWARE of sysexits.h); unlike 2, something may have been sent
    INTERRUPTED = 130
