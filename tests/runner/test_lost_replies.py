"""Of answers to changes some never arrive: each is settled by a look over a new connection, and none sent again."""

from __future__ import annotations

import pytest

from tests.runner.losing import replies_lost


@pytest.mark.parametrize(("percent", "least"), [(1, 0), (5, 1), (20, 10)])
def test_whatever_is_dropped_is_settled_by_a_look_and_sent_once(percent: int, least: int) -> None:
    lost = [replies_lost(seed, percent) for seed in (3, 4)]
    assert sum(each.steps for each in lost) == 100
    assert sum(each.dropped for each in lost) == sum(each.settled for each in lost) >= least
