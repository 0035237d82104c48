"""The page on policies and their published schema say what a policy is."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from runner.approval.policy import PolicyDocument, read_policy, schema_text
from tests.runner.signatures.keyring import ed25519

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "reference" / "policies.md"
RENEW = "from runner.approval.policy import schema_text; print(schema_text(), end='')"


def example(page: Path) -> str:
    """The first policy that a page shows, with keys that are some."""
    shown = re.search(r"\n\n((?:    [^\n]*\n)*    client: alpha\n(?:    [^\n]*\n)+)", page.read_text(encoding="utf-8"))
    assert shown is not None
    text = re.sub(r"^    ", "", shown[1], flags=re.MULTILINE)
    return re.sub(r"ssh-ed25519 \S+\.\.\.", lambda _: ed25519().line, text)


def test_the_published_schema_is_that_of_the_model() -> None:
    published = (DOCS / "reference" / "schemas" / "policy.json").read_text(encoding="utf-8")
    assert published == schema_text(), f'renew it: .venv/bin/python -c "{RENEW}" > docs/reference/schemas/policy.json'


@pytest.mark.parametrize("page", [PAGE, DOCS / "how-to" / "plan-a-change.md"], ids=lambda page: page.name)
def test_a_policy_that_a_page_shows_is_one(page: Path) -> None:
    policy = read_policy(example(page).encode(), page.name, local=lambda naive: naive.astimezone(UTC))
    assert (policy.client, policy.expires_after) == ("alpha", timedelta(days=3))


def test_the_page_has_a_row_for_every_key() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in PolicyDocument.model_fields if f"\n| `{name}` |" not in page] == []
