"""On what terms the rows of a run hold: which tables judged, as on which day, what was off, how it ended. Pure.

What people must know of these before they read a row is a finding of the run, from the journal's own words: the
same on the day of the run and whenever a report is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from playbooks.actions.exchange.standing import UPDATE_CATALOGUE
from playbooks.catalogue.catalogue import Age, age_of
from playbooks.catalogue.origin import OwnRows
from playbooks.findings import Finding, Severity
from texts.counting import counted

AS_OF = "--as-of"
ALLOW_CLEARTEXT = "--allow-cleartext"
SKIP_UNRESOLVED = "--skip-unresolved"
ALLOW_FULL_LANGUAGE = "--allow-full-language"
DEFAULTS = "exrun.toml"


class Ending(StrEnum):
    """How a run came to its end; the further down, the less is known of it."""

    COMPLETE = "complete"
    REFUSED = "refused"  # what is looked at last did not hold; nothing was sent
    BUDGET = "budget"  # so many hosts failed that no further one was begun
    HEALTH = "health"  # servers of a wave were not well, so the next was not begun
    DEADLINE = "deadline"  # of the whole run
    INTERRUPTED = "interrupted"  # Ctrl-C
    JOURNAL = "journal"  # it could not be written
    UNRECORDED = "unrecorded"  # still running, or killed

    @property
    def rank(self) -> int:
        """0 for a run that came to its end."""
        return list(Ending).index(self)


@dataclass(frozen=True, slots=True)
class End:
    """The end of a run. `message` and `next` are empty where it is complete."""

    how: Ending = Ending.COMPLETE
    message: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """A safety default that was switched off: its option, and the option's value where it has one."""

    option: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.option} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class Terms:
    """What all rows of a run have in common.

    Attributes:
        as_of: the day of the tables that judged.
        today: the day as on which was judged: the controller's UTC date when the run started, unless told another.
        own_rows: the user's own rows that judged too; None for none.
        newer: how many lines of the journal are of a newer exrun, or have a member that only one knows.
    """

    as_of: date
    today: date
    end: End = End()
    overrides: tuple[Override, ...] = ()
    own_rows: OwnRows | None = None
    newer: int = 0

    @property
    def days(self) -> int:
        """The tables' age; negative where the day of judgement is before theirs."""
        return (self.today - self.as_of).days

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be known before any row, worst first. Those above `info` cost the run its exit status 0 with
        --strict."""
        found = [*_end(self.end), *_newer(self.newer), *_tables(self), *(_override(each) for each in self.overrides)]
        return tuple(sorted(found, key=lambda finding: finding.severity.rank))


# The end's own words are for the row of one server.
_AFTER = {
    Ending.BUDGET: "See to the servers that failed, then go on with those that were not begun",
    Ending.HEALTH: "See to the servers that are not well, then go on with those that were not begun",
    Ending.REFUSED: "See what it says, and make the plan again",
    Ending.INTERRUPTED: "Run the audit again for the servers left out",
    Ending.UNRECORDED: "See whether it still runs; if not, run the audit again",
}


def _end(end: End) -> tuple[Finding, ...]:
    if end.how is Ending.COMPLETE:
        return ()
    unrecorded = end.how is Ending.UNRECORDED
    what = f"{'It is not known how the run ended' if unrecorded else 'The run did not come to its end'}: {end.message}"
    return (Finding(f"run.{end.how}", Severity.HIGH, what, (), _AFTER.get(end.how, end.next)),)


def _newer(lines: int) -> tuple[Finding, ...]:
    if not lines:
        return ()
    what = f"The journal has {counted(lines, 'line')} of a newer exrun: what only that version knows is not here"
    return (Finding("run.newer", Severity.MEDIUM, what, (), "Read the run with the version of exrun that wrote it"),)


def _tables(terms: Terms) -> tuple[Finding, ...]:
    days, seen = terms.days, (f"catalogue as of {terms.as_of}, judged as on {terms.today}",)
    if days < 0:
        what = "This machine's clock stands before the catalogue's day: how old the catalogue is cannot be told"
        return (Finding("run.clock", Severity.HIGH, what, seen, "Set this machine's clock, and audit again"),)
    match age_of(terms.as_of, terms.today):
        case Age.CURRENT:
            return ()
        case Age.AGED:
            what = f"The catalogue is {days} days old: updates and attacks of the time since are not in it"
            return (Finding("run.catalogue-aged", Severity.MEDIUM, what, seen, UPDATE_CATALOGUE),)
        case Age.STALE:
            what = f"The catalogue is {days} days old, too old to call a build ok: what would be ok is not-current"
            return (Finding("run.catalogue-stale", Severity.HIGH, what, seen, UPDATE_CATALOGUE),)


# What each means for who reads the rows, and what to do then.
_SWITCHED_OFF: Mapping[str, tuple[str, str]] = {
    AS_OF: (
        "Judged as on {value}, by what the catalogue knew by then, not as on the day of the run",
        "Run it without --as-of before anybody relies on it",
    ),
    ALLOW_CLEARTEXT: (
        "Over http, whoever is on the network could read and change what was said",
        "Use it in labs only",
    ),
    ALLOW_FULL_LANGUAGE: (
        "Read-only by the linter alone: the servers' own engines did not hold these steps to reading: {value}",
        "Have their actions written for a locked session, and run it without --allow-full-language",
    ),
    SKIP_UNRESOLVED: (
        "Servers whose password could not be had were left out: they are the rows no-credential, if there are any",
        "Mend their credential references, and audit them",
    ),
    DEFAULTS: (
        "Some of what was asked for was not typed, but stands in a file of defaults: {value}",
        "See with exrun config whether that is what was meant",
    ),
}


def _override(override: Override) -> Finding:
    otherwise = ("A safety default was switched off", "See the journal for which servers that concerns")
    what, then = _SWITCHED_OFF.get(override.option, otherwise)
    return Finding("run.override", Severity.INFO, what.format(value=override.value), (str(override),), then)
