"""The list of what to rotate is whole, in order, and says where each fact is from."""

from __future__ import annotations

from urllib.parse import urlsplit

from playbooks.investigating.rotation import AFTER_CLEANING


def test_each_thing_has_a_reason_an_instruction_and_a_source() -> None:
    for each in AFTER_CLEANING:
        assert all(text and not text.endswith(".") for text in (each.what, each.why, each.how))
        assert urlsplit(each.source).scheme == "https"
    assert len({each.id for each in AFTER_CLEANING}) == len(AFTER_CLEANING)


def test_a_secret_that_yields_the_next_is_rotated_before_it() -> None:
    order = [each.id for each in AFTER_CLEANING]
    before = [
        ("administrators", "directory-rights"),  # who may give rights is cut off before they are looked at
        ("service-accounts", "directory-rights"),
        ("machine-account", "directory-rights"),
        ("directory-rights", "krbtgt"),  # else the new one is copied with the right that was left
        ("auth-certificate", "hybrid-application"),  # which is told of the new certificate
        ("administrators", "users"),
    ]
    assert all(order.index(first) < order.index(then) for first, then in before)
