"""What a report is: an audit, written for one kind of reader."""

from __future__ import annotations

from typing import Protocol

from runner.results import FleetResult


class Report(Protocol):
    """One format. Everything that a server said is tainted: a report shows it as text and as nothing else."""

    def render(self, audit: FleetResult) -> str:
        """The whole report, with a newline at its end. Pure: the same audit gives the same text."""
