"""A run of three hosts and six steps whose controller dies, or loses its power, anywhere.

Nothing that was acknowledged is lost, nothing is done twice, and no other run of the plan does anything.
"""

from __future__ import annotations

import pytest

from runner.moves import Outcome
from tests.runner.campaign import Campaign, power_lost, swept
from tests.runner.explaining import Illegal

PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
def test_it_dies_after_each_single_operation_and_goes_on(part: int) -> None:
    assert swept(1, slice(part, None, PARTS)) > 20


@pytest.mark.parametrize("part", range(4))
def test_its_machine_loses_power_and_what_was_not_synced_is_there_or_not(part: int) -> None:
    assert sum(power_lost(seed) for seed in range(part, 20, 4)) >= 5


def test_a_run_that_nothing_befalls_is_legal() -> None:
    campaign = Campaign()
    assert {row.outcome for row in campaign.session()} == {Outcome.CHANGED}
    assert campaign.illegal() == ()


def test_a_journal_that_is_not_synced_before_a_change_is_noticed() -> None:
    campaign = Campaign()
    campaign.disk.deaf = frozenset({"fsync"})
    campaign.session()
    assert {each.what for each in campaign.illegal()} == {Illegal.UNANNOUNCED, Illegal.UNKEPT, Illegal.UNSTORED}
