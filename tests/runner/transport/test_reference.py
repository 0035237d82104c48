"""What docs/reference/transport.md says is what the code does."""

from pathlib import Path

from runner.transport.failures import NEXT, Cause
from runner.transport.interface import Deadlines, Limits

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "transport.md").read_text(encoding="utf-8")


def test_every_cause_is_there_with_its_next_step() -> None:
    assert [cause for cause in Cause if f"| `{cause}` | {NEXT[cause]} |" not in PAGE] == []


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
