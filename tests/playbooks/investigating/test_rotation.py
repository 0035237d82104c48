"""The list of what to rotate is whole, in order, and says where each fact is from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.findings import Assessment, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.rotation import AFTER_CLEANING, URGENT, of_servers, to_rotate


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


def finding(name: str, *evidence: str) -> Assessment:
    return Assessment(Verdict.COMPROMISED, "x", findings=(Finding(name, Severity.CRITICAL, "t", evidence, "n"),))


def seen(said: Mapping[str, Assessment]) -> dict[str, tuple[str, ...]]:
    return {each.id: each.seen for each in to_rotate(said) if each.seen}


SAID = st.lists(
    st.builds(
        finding,
        st.sampled_from(
            ["webshell.scan.malicious", "iis.configuration.known-key", "windows.persistence.user", "other.thing"]
        ),
        st.sampled_from(
            ["C:\\x.aspx: y [content.machine-key: rule]", "[content.credential-dump]", "[content.nothing]", "\u202e["]
        ),
    ),
    max_size=4,
).map(lambda each: {str(number): one for number, one in enumerate(each)})


@given(SAID, st.booleans())
def test_whatever_was_seen_nothing_is_left_out_and_the_order_stays(said: Mapping[str, Assessment], edge: bool) -> None:
    version = {"version": Assessment(Verdict.OK, "x", facts={"edge": edge})}
    found = to_rotate({**said, **version})
    assert [replace(each, seen=(), unless=()) for each in found] == list(AFTER_CLEANING)


def test_of_a_server_of_which_nothing_is_known_the_list_is_as_it_stands() -> None:
    assert to_rotate({}) == AFTER_CLEANING


@pytest.mark.parametrize(
    ("said", "urgent"),
    [
        (finding("webshell.scan.malicious", "C:\\k.aspx: it gives out [content.machine-key: x]"), {"machine-keys"}),
        (finding("iis.configuration.known-key"), {"machine-keys"}),
        (finding("webshell.scan.suspicious", "C:\\k.aspx: it names [content.credential-dump: x]"), {"administrators"}),
        (finding("webshell.scan.malicious", "C:\\l.aspx: y [content.credential-writer: x]"), {"users"}),
        (finding("windows.persistence.administrator"), {"local-accounts"}),
        (
            finding("webshell.scan.malicious", "C:\\l.aspx: y [content.visitor-runs: x]"),
            {"service-accounts", "local-accounts", "administrators", "machine-account", "auth-certificate"},
        ),
        (Assessment(Verdict.COMPROMISED, "x", facts={"grade": "written"}), {"stored-passwords", "users"}),
        (Assessment(Verdict.UNKNOWN, "x", facts={"at_least": "session-obtained"}), {"stored-passwords", "users"}),
        (Assessment(Verdict.OK, "x", facts={"grade": UnknownFact("no log")}), set()),
        (finding("exchange.patch.vulnerable", "[content.machine-key]"), set()),
    ],
    ids=lambda each: "" if isinstance(each, set) else each.verdict,
)
def test_what_was_found_makes_a_secret_urgent(said: Assessment, urgent: set[str]) -> None:
    assert set(seen({"step": said})) == urgent


def test_what_an_edge_server_has_none_of_by_its_own_word_stays_on_the_list() -> None:
    said = {"version": Assessment(Verdict.OK, "x", facts={"edge": True})}
    unless = {each.id for each in to_rotate(said) if each.unless}
    assert {"krbtgt", "auth-certificate", "machine-account"} <= unless
    assert not unless & {"local-accounts", "administrators", "edge-subscription", "tls-certificates", "machine-keys"}


def test_of_several_servers_each_word_has_its_server() -> None:
    servers = [
        ("EX1", {"a": finding("iis.configuration.static-key")}),
        ("EDGE", {"a": Assessment(Verdict.OK, "x", facts={"edge": True})}),
    ]
    keys = next(each for each in of_servers(servers) if each.id == "machine-keys")
    assert keys.seen == ("EX1: a machine key is written out in a configuration",)
    krbtgt = next(each for each in of_servers(servers) if each.id == "krbtgt")
    assert [each.partition(",")[0] for each in krbtgt.unless] == ["EDGE"]
    assert of_servers(()) == ()


def test_a_secret_that_is_urgent_by_a_reason_of_a_file_has_a_reason_that_there_is() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "webshells.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:content|config)[.a-z-]+)`", page))
    of_files = [sign for sign in URGENT if sign.startswith(("content.", "config."))]
    assert of_files
    assert set(of_files) <= named
    assert {thing for thing, _ in URGENT.values()} <= {each.id for each in AFTER_CLEANING}
