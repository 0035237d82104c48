"""docs/reference/actions.md is what the contracts say, and the how-to's files are such that its commands pass."""

from __future__ import annotations

import re
import textwrap
from datetime import date
from pathlib import Path

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changing import ready_changes
from playbooks.checking import check
from playbooks.loading import load_playbook
from playbooks.observation import Observed
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
    texts = [textwrap.dedent(block).strip("\n") + "\n" for block in blocks]
    _tree, script, contract, playbook, _lint, _schema, apply, rollback, changes, *_commands = texts
    action = tmp_path / "actions" / "net" / "smb1"
    action.mkdir(parents=True)
    (action / "collect.ps1.j2").write_text(script, encoding="utf-8")
    (action / "action.yml").write_text(contract, encoding="utf-8")
    (tmp_path / "smb.yml").write_text(playbook, encoding="utf-8")
    assert check(tmp_path, Catalogue.load()) == ()
    ready = load_playbook("smb", {}, Catalogue.load(), search=[tmp_path])
    assert [step.step.id for step in ready.steps] == ["version", "smb1"]
    (action / "apply.ps1.j2").write_text(apply, encoding="utf-8")
    (action / "rollback.ps1.j2").write_text(rollback, encoding="utf-8")
    read = contract.replace("writes: []\n", "").replace("timeouts: {collect: 30}\n", "")
    (action / "action.yml").write_text(read + changes, encoding="utf-8")
    assert check(tmp_path, Catalogue.load(), styled=True) == ()
    changed = load_playbook("smb", {}, Catalogue.load(), search=[tmp_path]).steps[1].action
    today = date(2026, 11, 28)
    for before, undone in ((1, "-Value 1"), (None, "Remove-ItemProperty")):
        seen = Observed(({"Kind": "SmbServer", "SMB1": before},))
        named = changed.assess(seen, {}, Catalogue.load(), today).changes
        [made] = ready_changes(changed, {}, named, "0" * 12)
        assert undone in (made.rollback or "")
        assert made.change.id == "switch-smb-1-off"
