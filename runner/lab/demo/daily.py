"""The logs of the demo's servers on each day: what the probes of Exchange leave there every hour, whoever attacks it.

The files of the fleet have the first day. A server whose logs had that day and the day of an attack alone would be one
whose logs were taken away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta

from runner.lab.fleet import Fleet
from runner.lab.state import FileState

__all__ = ["daily"]

_FIRST = date(2021, 2, 10)
_WRITTEN = f"{_FIRST}T"


def daily(fleet: Fleet) -> Fleet:
    """The fleet with a log of each day from the first to the day as on which it is looked at."""
    if fleet.day is None:
        return fleet
    days = [_FIRST + timedelta(days=number) for number in range(1, (fleet.day - _FIRST).days + 1)]
    return replace(
        fleet,
        hosts=tuple(
            replace(
                host,
                state=host.state.model_copy(
                    update={"files": {**dict(_later(host.state.files, days)), **host.state.files}}
                ),
            )
            for host in fleet.hosts
        ),
    )


def _later(files: Mapping[str, FileState], days: list[date]) -> Iterator[tuple[str, FileState]]:
    for path, file in files.items():
        if "\\Logging\\" not in path or not file.modified.startswith(_WRITTEN) or file.content is None or file.denied:
            continue
        header = file.content.partition("\n")[0]
        for day in days:
            folder, _, name = path.rpartition("\\")
            begins = name.partition(f"{_FIRST:%Y%m%d}")
            later = FileState(content=f"{header}\n", modified=file.modified.replace(_WRITTEN, f"{day}T"))
            yield f"{folder}\\{begins[0]}{day:%Y%m%d}{begins[2]}", later
