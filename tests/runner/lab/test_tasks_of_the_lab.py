"""Scheduled tasks of simulated servers: what becomes of those whose folder is taken away."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from runner.lab.engines.pwsh import directory
from runner.lab.engines.pwsh.tasks import Tasks
from runner.lab.state import LiveState
from tests.waiting import happens


def test_a_server_whose_folder_is_gone_has_no_tasks_and_keeps_no_other_from_its_own(tmp_path: Path) -> None:
    (tmp_path / "stays").mkdir()
    due = {"registered": True, "ran": False, "due": "2026-11-29T02:40:00", "every": None}
    (tmp_path / "stays" / directory.TASKS).write_text(json.dumps({"exrun-ab": due}), encoding="utf-8")
    tasks = Tasks(tmp_path / "no-powershell", lambda: datetime(2026, 11, 30, tzinfo=UTC))
    live = LiveState.__new__(LiveState)  # nobody is told: what is due has no script
    try:
        for name in ("gone", "stays"):
            tasks.watch(live, tmp_path / name, {})
        tasks.run_due()
        assert happens(lambda: json.loads((tmp_path / "stays" / directory.TASKS).read_text())["exrun-ab"]["ran"])
    finally:
        tasks.close()
