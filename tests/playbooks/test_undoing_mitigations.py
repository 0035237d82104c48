"""What holds an attack off stays: which shipped actions could start what a mitigation stopped is known."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.lint.wildcards import is_like
from playbooks.loading import load_action
from playbooks.shelf import shelf

# What mitigation.um, mitigation.ecp_pool and mitigation.oab_pool keep from running.
HELD_OFF = {
    "service": ("MSExchangeUM", "MSExchangeUMCR"),
    "pool": ("MSExchangeECPAppPool", "MSExchangeOABAppPool"),
}
# By action: why it starts none of them that a mitigation stopped.
KNOWN = {
    "exchange.services": "leaves Unified Messaging off unless told (tests/playbooks/test_mending.py)",
    "mitigation.ecp_pool": "undoes itself alone",
    "mitigation.oab_pool": "undoes itself alone",
    "mitigation.um": "undoes itself alone",
    "webshell.quarantine": "begins anew only what runs",
}
STARTS = re.compile(r"^[^#\n]*\b(?:Re)?[Ss]tart-(?:Service|WebAppPool)\b", re.MULTILINE)


def reaches(action: str) -> bool:
    """Whether a script of the action starts services or pools, and its contract lets it be one of those."""
    loaded = load_action(shelf([]).action(action)[0], Catalogue.load())
    if not any(STARTS.search(text or "") for text in (loaded.templates.apply, loaded.templates.rollback)):
        return False
    return any(
        is_like(name, re.sub(r"\{\{.*?\}\}", "*", write.pattern))
        for write in loaded.contract.writes
        for name in HELD_OFF.get(write.kind, ())
    )


def test_every_action_that_could_start_what_a_mitigation_stopped_is_known() -> None:
    assert {found.name for found in shelf([]).actions if reaches(found.name)} == set(KNOWN)


def test_a_pool_that_is_stopped_is_not_begun_anew_with_a_web_shell_that_is_taken() -> None:
    place = resources.files("playbooks.actions").joinpath("webshell", "quarantine", "apply.ps1.j2")
    text = place.read_text(encoding="utf-8")
    for found in STARTS.finditer(text):
        before = text[: found.start()].rstrip().splitlines()[-1]
        assert "Get-WebAppPoolState" in before
        assert "-eq 'Started'" in before


@pytest.mark.parametrize("pattern", ["MSExchange*", "{{ name }}"])
def test_what_is_filled_in_counts_as_anything(pattern: str) -> None:
    assert is_like("MSExchangeUM", re.sub(r"\{\{.*?\}\}", "*", pattern))
