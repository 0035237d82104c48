"""Pages of Exchange that are younger than what is Microsoft's beside them, or that came between installs. Pure.

Times of files and days of installs are the server's own, and whoever broke in can write both. So an old time says
nothing, and age only ever speaks against a page: by itself it is a reason to look, and against a page that is known to
be changed it is a reason for more.

Setup and updates write pages while they run. A page has its own time of writing from its package, so one of Microsoft's
is as a rule written before its install and made on a day of one. Days of updates that later ones replaced may be gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from playbooks.investigating.locations import PAGES, ending_of, of_exchange
from playbooks.investigating.places import Server, comparable
from playbooks.investigating.verdicts import FileVerdict, Grade, Reason, Written

__all__ = ["aged", "in_utc", "is_aged"]

_WEB_FOLDERS = ("frontend\\httpproxy\\", "clientaccess\\")
# Days of installs are of the server's own clock and place and times of files are UTC, which are a day apart at most;
# and an install that begins before midnight ends after it.
_TOLERANCE = 1
_YOUNG = 1  # days
_TIMES = "times of the server, which are easily forged"
_DAYS = "days of installs in the server's registry and times of its files, which are easily forged"


def aged(
    verdicts: Sequence[FileVerdict], files: Sequence[Written], installed: Collection[date], server: Server
) -> tuple[FileVerdict, ...]:
    """What each file comes to with its age, in their order; never better than before.

    Args:
        verdicts: what each file came to without it.
        installed: the days on which Exchange and its updates were installed; none where these are not known, and then
            pages are held against their neighbours alone.
    """
    settled: dict[str, datetime] = {}
    for verdict, file in zip(verdicts, files, strict=True):
        when = max(_times(file), default=None)
        if verdict.verdict is Grade.BASELINE and when is not None:
            folder = _folder(file)
            settled[folder] = max(when, settled.get(folder, when))
    days = sorted({each.toordinal() for each in installed})
    return tuple(
        _with(verdict, (*_younger(verdict, file, settled.get(_folder(file))), *_between(verdict, file, days, server)))
        for verdict, file in zip(verdicts, files, strict=True)
    )


def is_aged(path: str, verdict: Grade, server: Server) -> bool:
    """Whether days of installs can say anything of a file: a page where Exchange has its own, and nobody knows it."""
    below = of_exchange(path, server) or ""
    return verdict in (Grade.SUSPICIOUS, Grade.UNKNOWN) and ending_of(path) in PAGES and below.startswith(_WEB_FOLDERS)


def _younger(verdict: FileVerdict, file: Written, settled: datetime | None) -> Iterator[Reason]:
    """A page that was written after those of its folder that are certainly Microsoft's."""
    when = max(_times(file), default=None)
    if verdict.verdict is Grade.BASELINE or settled is None or when is None or ending_of(file.path) not in PAGES:
        return
    if (when - settled).total_seconds() > _YOUNG * 24 * 3600:
        text = f"it was written {when:%Y-%m-%d}, after Microsoft's own pages beside it ({settled:%Y-%m-%d})"
        yield Reason("age.younger", _grade(verdict), text, _TIMES)


def _between(verdict: FileVerdict, file: Written, days: Sequence[int], server: Server) -> Iterator[Reason]:
    """A page that came after Exchange, and on no day on which it or an update of it was installed."""
    if not days or not is_aged(file.path, verdict.verdict, server):
        return
    for word, said in (("made", file.created), ("written", file.modified)):
        when = in_utc(said)
        day = 0 if when is None else when.toordinal()
        before = [each for each in days if each < day - _TOLERANCE]
        if when is None or not before or any(abs(each - day) <= _TOLERANCE for each in days):
            continue
        after = next((each for each in days if each > day), None)
        then = "nothing after it" if after is None else f"next on {date.fromordinal(after)}"
        text = (
            f"it was {word} {when:%Y-%m-%d}, and Exchange and its updates were installed on other days, "
            f"by the server's word: last on {date.fromordinal(before[-1])}, {then}"
        )
        yield Reason("age.between-updates", _grade(verdict), text, _DAYS)
        return


def _grade(verdict: FileVerdict) -> Grade:
    """Of itself age is no more than a reason to look."""
    altered = any(each.id == "known-good.altered" for each in verdict.reasons)
    return Grade.SUSPICIOUS if altered else Grade.UNKNOWN


def _with(verdict: FileVerdict, more: Sequence[Reason]) -> FileVerdict:
    if not more:
        return verdict
    reasons = tuple(sorted((*verdict.reasons, *more), key=lambda each: each.grade.rank))
    grade = min((verdict.verdict, *(each.grade for each in more)), key=lambda each: each.rank)
    return replace(verdict, verdict=grade, reasons=reasons)


def _folder(file: Written) -> str:
    return comparable(file.path).rpartition("\\")[0]


def _times(file: Written) -> Iterator[datetime]:
    for said in (file.created, file.modified):
        when = in_utc(said)
        if when is not None:
            yield when


def in_utc(said: str) -> datetime | None:
    """A time of the server, without a zone; None where it said none, or none that there is in UTC."""
    try:
        when = datetime.fromisoformat(said)
        return when.replace(tzinfo=None) - (when.utcoffset() or timedelta())
    except (OverflowError, ValueError):
        return None
