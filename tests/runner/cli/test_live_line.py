"""The lines that say how a run goes on: they have their width, break no name, and tell no time that nobody knows."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from playbooks.findings import Verdict
from runner.cli.apply_work import APPLYING
from runner.cli.live_progress import LiveProgress
from runner.cli.progress import AUDITING, SHARES, Going, InWork, PlainProgress, progress_lines, spelt
from runner.reports.fitting import cells
from runner.terminal import visible
from tests.runner.fleets import host
from tests.runner.reports.test_glance import host as row

NAMES = st.one_of(st.from_regex(r"(alpha/)?[a-z][a-z0-9.-]{0,70}", fullmatch=True), st.text(min_size=1, max_size=20))
GOING = st.builds(
    Going,
    st.sampled_from(["auditing", "applying"]),
    st.integers(0, 2000),
    st.integers(0, 2000),
    st.just(0.0),
    st.sampled_from(
        ["", "1 unknown, 12 failed", "3 vulnerable, 2 needs-cu, 1 half-installed, 12 unreachable, 4 unknown"]
    ),
    st.sampled_from(["", "wave 2 of 3"]),
    st.booleans(),
    st.sampled_from(["", "the next wave begins in 600 s", "EX4 and 3 more waits for dag DAG1"]),
    st.lists(
        st.builds(InWork, NAMES, st.floats(0, 90_000), st.sampled_from(["", "log on", "apply services"])), max_size=40
    ).map(tuple),
)


@given(GOING, st.floats(0, 100_000), st.integers(80, 200), st.integers(1, 20))
def test_every_line_has_its_width_and_every_server_in_work_is_named_or_counted(
    going: Going, now: float, width: int, most: int
) -> None:
    lines = progress_lines(going, now, width, most)
    assert 1 <= len(lines) <= most
    assert max(map(cells, lines)) <= width
    if most < 3 or not going.in_work:
        return
    text = "\n".join(lines)
    rest = re.search(r"^  and (\d+) more in work$", lines[-1]) or re.search(r"^  (\d+) servers? in work$", lines[-1])
    left_out = int(rest[1]) if rest else 0
    for each in going.in_work[: len(going.in_work) - left_out]:
        name = visible(each.name)
        assert cells(name) > width - 4 or name in text


def test_the_servers_longest_at_work_stand_with_how_long_and_what_they_wait_for() -> None:
    in_work = tuple(InWork(f"EX{number}", float(number), "log on" if number else "reboot") for number in range(9))
    going = Going("applying", 40, 12, 0.0, "1 failed", "wave 2 of 3", True, "the next wave waits for this one", in_work)
    assert progress_lines(going, 75.0, 80, 6) == (
        "applying [##......] 12/40 1:15  1 failed",
        "  wave 2 of 3; 10 a minute; the next wave waits for this one",
        "  EX0  1:15  reboot",
        "  EX1  1:14  log on",
        "  EX2  1:13  log on",
        "  and 6 more in work",
    )


@pytest.mark.parametrize(
    ("hosts", "ended", "in_work", "now", "said"),
    [
        (40, 0, 8, 30.0, ""),
        (40, 7, 8, 30.0, ""),  # the first of those that were begun together say nothing of the rest
        (40, 4, 2, 30.0, ""),
        (40, 10, 8, 30.0, "20 a minute; about 90 s left"),
        (40, 10, 8, 60.0, "10 a minute; about 3 min left"),
        (12, 8, 4, 60.0, "8 a minute"),  # all are begun: who hangs now is not like those that ended
        (2000, 10, 8, 6000.0, "6 an hour; about 332 h left"),
        (40, 40, 0, 60.0, ""),
    ],
)
def test_the_time_left_is_told_of_what_ended_and_no_sooner(
    hosts: int, ended: int, in_work: int, now: float, said: str
) -> None:
    going = Going("auditing", hosts, ended, 0.0, in_work=tuple(InWork(f"EX{each}", 0.0) for each in range(in_work)))
    lines = progress_lines(going, now, 80, 2)
    told = [line.strip() for line in lines[1:] if "left" in line or "minute" in line or "hour" in line]
    assert told == ([said] if said else [])


@pytest.mark.parametrize(
    ("ended", "now", "said"),
    [(100, 5.0, ""), (104, 60.0, ""), (110, 60.0, "10 a minute; about 9 min left")],
)
def test_what_had_ended_before_anybody_looked_says_nothing_of_a_rate(ended: int, now: float, said: str) -> None:
    going = Going("watching", 200, ended, 0.0, before=100)
    assert [line.strip() for line in progress_lines(going, now, 80, 2)[1:]] == ([said] if said else [])


def caught_up(ago: float | None, before: int, since: float | None) -> tuple[str, ...]:
    """The lines of who looks a minute after it has seen 8 of 40 ended, and one in work, and then two more end."""
    now = 1000.0
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)
    live = LiveProgress(console, 40, AUDITING, clock=lambda: now)
    for number in range(8):
        live.had_ended(row(f"EX{number}", Verdict.OK, "why"))
    live.started(host("EX8"), since)
    live.doing(host("EX8"), "collect version")
    live.caught_up(ago, before)
    live.started(host("EX9"))
    now = 1060.0
    live.ended(row("EX10", Verdict.OK, "why"))
    live.ended(row("EX11", Verdict.OK, "why"))
    return progress_lines(live.going, now, 80, 6)


def test_who_catches_up_with_a_run_knows_since_when_and_how_fast_it_goes() -> None:
    assert caught_up(240.0, 0, 200.0) == (
        "auditing [##......] 10/40 5:00",
        "  2 a minute; about 15 min left",
        "  EX8  4:20  collect version",
        "  EX9  1:00",
    )
    assert caught_up(240.0, 4, 200.0)[1] == "  1 a minute; about 25 min left"


def test_who_catches_up_with_a_run_whose_clock_is_another_tells_only_what_it_saw() -> None:
    assert caught_up(None, 0, None) == (
        "auditing [##......] 10/40 1:00",
        "  EX8  -:--  collect version",
        "  EX9  1:00",
    )


def test_a_log_says_once_how_many_had_ended_before_anybody_looked() -> None:
    said: list[str] = []
    plain = PlainProgress(said.append, hosts=200, words=AUDITING)
    for number in range(90):
        plain.had_ended(row(f"EX{number}", Verdict.VULNERABLE if number % 30 == 0 else Verdict.OK, "why"))
    plain.caught_up(None, 0)
    for number in range(90, 105):
        plain.ended(row(f"EX{number}", Verdict.OK, "why"))
    assert said == ["90 of 200 servers: 3 vulnerable", "100 of 200 servers: 3 vulnerable"]
    plain.caught_up(None, 0)
    fresh = PlainProgress(said.append, hosts=200, words=AUDITING)
    fresh.caught_up(0.0, 0)
    assert len(said) == 3


def test_while_waves_are_to_come_no_time_left_is_told() -> None:
    going = Going("applying", 40, 20, 0.0, wave="wave 1 of 3", open_ended=True)
    assert progress_lines(going, 60.0, 80, 2)[1] == "  wave 1 of 3; 20 a minute"


def test_where_nobody_knows_how_many_waves_there_are_no_time_left_is_told() -> None:
    now = 0.0
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)
    live = LiveProgress(console, 40, AUDITING, clock=lambda: now)
    live.wave_begins(2, None, ["EX20"])
    for number in range(20):
        live.ended(row(f"EX{number}", Verdict.OK, "why"))
    now = 60.0
    assert progress_lines(live.going, now, 80, 6)[1] == "  wave 2; 20 a minute"
    said: list[str] = []
    PlainProgress(said.append).wave_begins(2, None, ["EX20"])
    assert said == ["wave 2: EX20"]


def test_a_time_is_spelt_as_a_watch_has_it() -> None:
    assert [spelt(seconds) for seconds in (-1, 7.9, 750, 3723)] == ["0:00", "0:07", "12:30", "1:02:03"]


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_lines_of_an_apply_fit_a_terminal_and_name_a_server_and_what_is_done_there(columns: int) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=columns, height=24, color_system=None)
    names = [f"mbx-{number:03d}-frankfurt" for number in range(1, 201)]
    now = 0.0
    with LiveProgress(console, len(names), APPLYING, clock=lambda: now) as live:
        live.wave_begins(2, 3, names)
        live.waits("the next wave waits for this one")
        for name in names[:32]:
            live.started(host(name))
            live.doing(host(name), "apply services")
        now = 63.0
        live.refresh()
        shown = [line for line in re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())) if line]
        assert live.going.in_work[0] == InWork("mbx-001-frankfurt", 0.0, "apply services")
    assert max(map(len, shown)) <= columns
    at = max(number for number, line in enumerate(shown) if line.startswith("applying"))
    assert shown[at + 1].startswith("  wave 2 of 3; the next wave waits for this one")
    assert shown[at + 2].rstrip() == "  mbx-001-frankfurt  1:03  apply services"
    assert any(line.startswith("  and 28 more in work") for line in shown[at:])


def test_a_low_terminal_gets_fewer_lines_and_a_host_that_ended_is_in_work_no_more() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=5, color_system=None)
    live = LiveProgress(console, 3, AUDITING, clock=lambda: 0.0)
    for name in ("EX1", "EX2", "EX3"):
        live.started(host(name))
    live.ended(row("EX2", Verdict.VULNERABLE, "why"))
    assert [each.name for each in live.going.in_work] == ["EX1", "EX3"]
    assert (live.going.ended, live.going.found) == (1, "1 vulnerable")
    assert len(list(live.__rich_console__(console, console.options))) == 2


@given(st.integers(0, 300))
def test_a_log_has_at_most_a_counted_share_of_lines_and_they_count_what_ended(hosts: int) -> None:
    said: list[str] = []
    progress = PlainProgress(said.append, hosts=hosts, words=AUDITING)
    for number in range(hosts):
        progress.ended(row(f"EX{number}", Verdict.VULNERABLE if number == 0 else Verdict.OK))
    assert len(said) <= SHARES
    assert bool(said) is (hosts >= 2 * SHARES)
    for line in said:
        assert re.fullmatch(rf"\d+ of {hosts} servers: 1 vulnerable", line)
    counts = [int(line.split()[0]) for line in said]
    assert counts == sorted(set(counts))
