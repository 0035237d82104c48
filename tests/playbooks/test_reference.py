"""docs/reference/actions.md is what the contracts say, and the how-to's files are such that its commands pass."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from playbooks.catalogue.catalogue import Catalogue
from playbooks.checking import check
from playbooks.loading import load_playbook
from playbooks.reference import actions_page

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "reference" / "actions.md"
HOW_TO = DOCS / "how-to" / "write-an-action.md"
RENEW = (
    "from playbooks.reference import actions_page; from playbooks.catalogue.catalogue import Catalogue; "
    "print(actions_page(Catalogue.load()), end='')"
)


def test_the_page_of_actions_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == actions_page(Catalogue.load()), (
        f'renew it: .venv/bin/python -c "{RENEW}" > docs/reference/actions.md'
    )


def test_the_files_of_the_how_to_pass_the_linter_and_load(tmp_path: Path) -> None:
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE)
    _tree, script, contract, playbook, *_commands = (textwrap.dedent(block).strip("\n") + "\n" for block in blocks)
    action = tmp_path / "actions" / "net" / "smb1"
    action.mkdir(parents=True)
    (action / "collect.ps1.j2").write_text(script, encoding="utf-8")
    (action / "action.yml").write_text(contract, encoding="utf-8")
    (tmp_path / "smb.yml").write_text(playbook, encoding="utf-8")
    assert check(tmp_path, Catalogue.load()) == ()
    ready = load_playbook("smb", {}, Catalogue.load(), search=[tmp_path])
    assert [step.step.id for step in ready.steps] == ["version", "smb1"]
