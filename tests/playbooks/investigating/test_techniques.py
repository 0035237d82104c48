"""Every technique is found, by the reason that is right for it."""

from __future__ import annotations

import pytest

from playbooks.investigating.webshells import Grade
from tests.playbooks.investigating.servers import file, ids, judged
from tests.playbooks.investigating.techniques import TECHNIQUES, Technique


def test_there_are_samples_of_enough_techniques() -> None:
    assert len({each.name for each in TECHNIQUES}) == len(TECHNIQUES) >= 60


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda each: each.name)
def test_a_technique_is_found_by_the_right_reason(technique: Technique) -> None:
    (verdict,) = judged(file(technique.path, technique.content))
    assert verdict.verdict in (Grade.MALICIOUS, Grade.SUSPICIOUS), verdict.reasons
    assert technique.reason in ids(verdict)
