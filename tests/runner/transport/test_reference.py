"""What docs/reference/transport.md says is what the code does."""

import re
from pathlib import Path

from runner.transport.failures import NEXT, Cause
from runner.transport.fault_codes import TABLE
from runner.transport.interface import Deadlines, Limits

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "transport.md").read_text(encoding="utf-8")


def test_every_cause_is_there_with_its_next_step() -> None:
    assert [cause for cause in Cause if f"| `{cause}` | {NEXT[cause]} |" not in PAGE] == []


def test_every_code_of_the_page_has_the_cause_that_stands_beside_it() -> None:
    rows = re.findall(r"^\| ([0-9x][^|]*) \| `([a-z-]+)` \|", PAGE, re.MULTILINE)
    found = []
    for codes, cause in rows:
        for entry in codes.split(", "):
            first, _, last = entry.partition(" to ")
            begins, ends = int(first, 0), int(last or first, 0)
            found += [(code, cause, TABLE[code].cause) for code in range(begins, ends + 1)]
    assert len(found) > 50
    assert [each for each in found if each[1] != each[2]] == []


def test_deadlines_and_caps_have_the_defaults_of_the_page() -> None:
    deadlines, limits = Deadlines(), Limits()
    for name in ("host", "connect", "script", "reply", "close"):
        assert f"| `{name}` | {getattr(deadlines, name):g}" in PAGE
    mib = 1024 * 1024
    assert f"| `max_bytes` | {limits.max_bytes // mib} MiB |" in PAGE
    assert f"| `max_xml_bytes` | {limits.max_xml_bytes // mib} MiB |" in PAGE
    assert f"| `max_text` | {limits.max_text // mib} Mi characters |" in PAGE
    for name in ("max_objects", "max_values", "max_depth"):
        assert f"| `{name}` | {getattr(limits, name):,} |" in PAGE
