"""What happens in a run, as a journal names it."""

from __future__ import annotations

from enum import StrEnum

from runner.journal import lines


class Phase(StrEnum):
    """Which part of a run a record belongs to."""

    RUN = "run"
    CONNECT = "connect"
    COLLECT = "collect"
    ASSESS = "assess"
    REPORT = "report"
    JOURNAL = lines.JOURNAL_PHASE  # what the journal says about itself


class Event(StrEnum):
    """What happened. docs/reference/journal.md says which members each has in `data`."""

    RUN_STARTED = "run-started"
    RUN_RESUMED = "run-resumed"
    RUN_INTERRUPTED = "run-interrupted"
    RUN_ENDED = "run-ended"
    OVERRIDE = "override"  # a safety default was switched off
    SCRIPT_NAMED = "script-named"  # the text behind a script hash
    HOST_STARTED = "host-started"
    HOST_ENDED = "host-ended"
    SCRIPT_SENDING = "script-sending"  # intent: durable before the first byte leaves
    SCRIPT_ANSWERED = "script-answered"
    STEP_ASSESSED = "step-assessed"
    CONNECTION_RETRIED = "connection-retried"  # nothing had been run; another attempt follows
    POOL_REPLACED = "pool-replaced"  # a script could not be stopped, so the rest runs in a new pool
    TAIL_DROPPED = lines.TAIL_DROPPED  # a crash had left half a line, which was cut off
