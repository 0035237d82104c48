"""The last part of `exrun lab demo`: March 2021 on six servers of one client, from the first audit to the report.

Each command is the one that a user would run, in a process of its own. What it says of each server is held against the
servers' files.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.exit_status import ExitStatus
from runner.lab.demo.expectations import Expected, differences
from runner.replay import replay
from runner.runs import LAST, find_run, read_run

INVESTIGATE = "exchange-investigate"
REPORT = "investigation.html"


@dataclass
class March:
    """The story of one client.

    Attributes:
        folder: inventory, state and reports.
        pace: options of every command.
        judged: the option that judges as on the fleet's day.
        run: runs `exrun` with these arguments, and gives its exit status.
        say: prints a line.
        wrong: a line for each thing that is not as it has to be.
    """

    folder: Path
    pace: Sequence[str]
    judged: Sequence[str]
    run: Callable[[Sequence[str]], int]
    say: Callable[[str], None]
    wrong: list[str] = field(default_factory=list)

    def go(self, expected: Mapping[str, Expected]) -> None:
        """All of it.

        Args:
            expected: what the investigation says of each server.
        """
        self.say("\nMarch 2021. Which servers are exposed?")
        self._audit([], ExitStatus.FINDINGS)
        self.say("\nWas somebody inside?")
        self._audit(["--playbook", INVESTIGATE, "--html", str(self.folder / REPORT)], ExitStatus.NOT_ALL_JUDGED)
        parts = read_run(find_run(self.folder / "state", LAST))
        self.wrong += differences(replay([part.state for part in parts]), expected)

    def _audit(self, options: Sequence[str], well: ExitStatus) -> None:
        self._exrun(["audit", *self._common, *options, *self.judged, *self.pace], well)

    @property
    def _common(self) -> tuple[str, ...]:
        return "-i", str(self.folder / "inventory.yml"), "--state", str(self.folder / "state")

    def _exrun(self, arguments: Sequence[str], *well: int) -> None:
        self.say(f"\n$ exrun {shlex.join(arguments)}\n")
        status = self.run(arguments)
        if status not in well:
            self.wrong.append(f"exrun {arguments[0]} ended with status {status}")
