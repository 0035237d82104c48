"""What runs are called and how they are found again."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.journal.lines import Line
from runner.journal.location import directory_name, new_run_id, unused_run_id
from runner.runs import RunNotFoundError, find_run, newest_first

moments = st.integers(946_684_800, 32_472_144_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def recorded(state: Path, client: str, run: str) -> None:
    folder = state / client / "runs" / run
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").touch()


@given(moments, moments, st.sampled_from(["0000", "7f3a", "ffff"]))
def test_ids_sort_by_time_and_are_directory_names_as_they_stand(one: datetime, other: datetime, token: str) -> None:
    first, second = sorted([one, other])
    assert new_run_id(first, token) <= new_run_id(second, token)
    assert directory_name(new_run_id(one, token)) == new_run_id(one, token)


def test_an_id_is_in_utc() -> None:
    oslo = datetime(2026, 11, 24, 16, 2, 12, tzinfo=timezone(timedelta(hours=1)))
    assert new_run_id(oslo, "7f3a") == "2026-11-24t150212z-7f3a"


def test_an_id_that_any_client_has_is_not_used_again(tmp_path: Path) -> None:
    now = datetime(2026, 11, 24, 15, 2, 12, tzinfo=UTC)
    recorded(tmp_path, "beta", "2026-11-24t150212z-0000")
    tokens = iter(["0000", "0001"])
    assert unused_run_id(tmp_path, ["alpha", "beta"], now, lambda: next(tokens)) == "2026-11-24t150212z-0001"


def test_a_run_is_found_with_the_journals_of_all_its_clients(tmp_path: Path) -> None:
    recorded(tmp_path, "alpha", "2026-11-24t150212z-7f3a")
    recorded(tmp_path, "beta", "2026-11-24t150212z-7f3a")
    recorded(tmp_path, "beta", "2026-11-23t150212z-ffff")
    for reference in ("last", "LAST", "2026-11-24t150212z-7f3a", "2026-11-24", "2026-11-24T1502"):
        run = find_run(tmp_path, reference)
        assert run.id == "2026-11-24t150212z-7f3a"
        assert [journal.parts[-4] for journal in run.journals] == ["alpha", "beta"]


@pytest.mark.parametrize("reference", ["", "2026", "2025", "../../etc", "*"])
def test_what_fits_no_run_or_several_is_an_error_that_names_some(tmp_path: Path, reference: str) -> None:
    recorded(tmp_path, "alpha", "2026-11-24t150212z-7f3a")
    recorded(tmp_path, "alpha", "2026-11-23t150212z-ffff")
    with pytest.raises(RunNotFoundError, match="2026-11-24t150212z-7f3a, 2026-11-23t150212z-ffff"):
        find_run(tmp_path, reference)


def test_of_two_runs_of_one_second_the_last_is_the_one_that_began_later_whatever_was_written_to_last(
    tmp_path: Path,
) -> None:
    for run, micro, written in (("2026-11-24t150212z-ffff", 100, 2_000), ("2026-11-24t150212z-0000", 900, 1_000)):
        recorded(tmp_path, "alpha", run)
        journal = tmp_path / "alpha" / "runs" / run / "journal.jsonl"
        at = datetime(2026, 11, 24, 15, 2, 12, micro, tzinfo=UTC)
        line = Line(1, at, run, "alpha", None, None, "run", "run-started", None, "u@m", {}, "0" * 64)
        journal.write_bytes(line.to_line())
        os.utime(journal, (written, written))
    assert find_run(tmp_path, "last").id == "2026-11-24t150212z-0000"
    assert [run.id[-4:] for run in newest_first(tmp_path)] == ["0000", "ffff"]


def test_a_run_whose_beginning_cannot_be_read_stands_before_those_of_its_second(tmp_path: Path) -> None:
    recorded(tmp_path, "alpha", "2026-11-24t150212z-ffff")
    recorded(tmp_path, "alpha", "2026-11-24t150212z-0000")
    recorded(tmp_path, "alpha", "2026-11-24t150211z-zzzz")
    assert [run.id[-4:] for run in newest_first(tmp_path)] == ["ffff", "0000", "zzzz"]
