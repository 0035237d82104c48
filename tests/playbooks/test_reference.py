"""docs/reference/actions.md is what the contracts say."""

from __future__ import annotations

from pathlib import Path

from playbooks.catalogue.catalogue import Catalogue
from playbooks.reference import actions_page

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "reference" / "actions.md"
RENEW = (
    "from playbooks.reference import actions_page; from playbooks.catalogue.catalogue import Catalogue; "
    "print(actions_page(Catalogue.load()), end='')"
)


def test_the_page_of_actions_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == actions_page(Catalogue.load()), (
        f'renew it: .venv/bin/python -c "{RENEW}" > docs/reference/actions.md'
    )
