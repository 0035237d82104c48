"""Of answers some never arrive: each to a change is settled by a look over a new connection, and none is sent again."""

from __future__ import annotations

import pytest

from tests.runner.losing import replies_lost

STEPS = 15


@pytest.mark.parametrize(("percent", "least"), [(1, 0), (5, 0), (20, 5)])
def test_whatever_is_dropped_is_settled_by_a_look_and_sent_once(percent: int, least: int) -> None:
    lost = [replies_lost(seed, percent, STEPS) for seed in (3, 4)]
    assert sum(each.steps for each in lost) == 2 * STEPS
    assert sum(each.dropped.total() for each in lost) == sum(each.settled for each in lost) >= least
    assert sum(each.looked for each in lost) >= least
