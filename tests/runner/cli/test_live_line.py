"""The line that says how a run goes on: it has its width, and no part of a name."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from runner.cli.apply_work import APPLYING
from runner.cli.live_progress import LiveProgress
from runner.cli.progress import state_text
from tests.runner.fleets import host

NAMES = st.from_regex(r"alpha/[a-z][a-z0-9.-]{0,40}", fullmatch=True)
PARTS = st.sampled_from(["", "wave 2 of 3"]), st.sampled_from(["", "1 unknown, 12 failed"])
WAITS = st.sampled_from(["", "the next wave begins in 600 s", "EX4 and 3 more waits for dag DAG1"])
IN_WORK = st.dictionaries(NAMES, st.sampled_from(["", "apply services", "verify services"]), max_size=40)


@given(st.integers(0, 200), *PARTS, WAITS, IN_WORK)
def test_the_state_has_its_room_and_no_part_of_a_name(
    room: int, wave: str, found: str, waits: str, in_work: dict[str, str]
) -> None:
    said = state_text(room, wave, found, waits, in_work)
    assert len(said) <= room
    named = re.search(r"in work: (?!\d+$)(.*?)( and \d+ more)?(; |$)", said)
    if named is not None:
        names = {name.partition("/")[2] for name in in_work}
        assert {re.sub(r" \(.*\)$", "", each) for each in named[1].split(", ")} <= names
    if len(found) <= room:
        assert found in said


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_line_of_an_apply_fits_a_terminal_and_names_a_server_and_what_is_done_there(columns: int) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=columns, height=24, color_system=None)
    names = [f"mbx-{number:03d}-frankfurt" for number in range(1, 201)]
    with LiveProgress(console, len(names), APPLYING) as live:
        live.wave_begins(2, 3, names)
        live.waits("the next wave waits for this one")
        for name in names[:32]:
            live.started(host(name))
            live.doing(host(name), "apply services")
        live._progress.refresh()
        shown = [line for line in re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())) if line]
    assert max(map(len, shown)) <= columns
    last = [line for line in shown if line.startswith("applying")][-1]
    assert "in work: mbx-001-frankfurt" in last
    assert "31 more" in last or "29 more" in last
    assert ("wave 2 of 3" in last, "(apply services)" in last) == (columns > 80, columns > 80)
    assert "…" not in last
