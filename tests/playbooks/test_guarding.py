"""What a host undoes by itself unless it is confirmed: an action's scripts stand in ours as they were proven."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.changing import ready_changes
from playbooks.errors import DocumentError
from playbooks.guarding import Names, guarded
from playbooks.lint import style
from playbooks.loading import load_playbook
from tests.playbooks.test_loading import changing

PLAN = "0123456789ab"
CATALOGUE = Catalogue.load()
ACCEPTED: list[str] = YAML(typ="safe").load(Path(__file__).parent / "lint" / "changes_accepted.yml")
# Texts whose ends could reach beyond them, if they stood in others otherwise than in a block of their own.
ENDS = [
    "Start-Service -Name W3SVC # the end",
    "param([string]$Name = 'W3SVC')\nStart-Service -Name $Name",
    "Start-Service -Name `",
    "function Register-Guard { 'another' }\nStart-Service -Name W3SVC",
    "$x = @'\n}\nRegister-Guard\n& {\n'@\nStart-Service -Name W3SVC",
    "Start-Service -Name ('W3SVC' + [char]0x2019)",
]
PARSER = r"""
using namespace System.Management.Automation.Language
$texts = ConvertFrom-Json -InputObject ([Console]::In.ReadToEnd())
$found = foreach ($text in $texts) {
    $tokens = $null
    $errors = $null
    $tree = [Parser]::ParseInput($text, [ref] $tokens, [ref] $errors)
    $tried = @($tree.EndBlock.Statements | Where-Object { $_ -is [TryStatementAst] } |
            ForEach-Object { $_.Body.Statements })
    $calls = @(@($tree.EndBlock.Statements) + $tried | Where-Object {
            $_ -is [PipelineAst] -and $_.PipelineElements[0] -is [CommandAst] -and
            $_.PipelineElements[0].CommandElements[0] -is [ScriptBlockExpressionAst]
        })
    $written = $tree.FindAll({ $args[0] -is [CommandAst] -and $args[0].GetCommandName() -eq 'Set-Content' }, $true)
    @{
        errors     = @($errors).Count
        statements = $tree.EndBlock.Statements.Count
        blocks     = @($calls | ForEach-Object { $_.PipelineElements[0].CommandElements[0].Extent.Text })
        undo       = [string](@($written) | Select-Object -First 1 |
                ForEach-Object { $_.CommandElements[4].Extent.Text } |
                ForEach-Object { & ([scriptblock]::Create($_)) })
    }
}
ConvertTo-Json -InputObject @($found) -Depth 5 -Compress
"""


def parsed(powershell: Path, texts: list[str]) -> list[dict[str, object]]:
    run = subprocess.run(
        [str(powershell), "-NoProfile", "-NonInteractive", "-Command", PARSER],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, object]] = json.loads(run.stdout)
    return found


def test_a_real_parser_finds_each_script_whole_in_a_block_of_its_own(powershell: Path) -> None:
    scripts = [*ACCEPTED, *ENDS]
    made = [guarded(PLAN, "some.change", script, script, 300) for script in scripts]
    applied = parsed(powershell, [each.apply for each in made])
    undone = parsed(powershell, [each.rollback for each in made])
    at_deadline = parsed(powershell, [str(found["undo"]) for found in applied])
    for script, apply, rollback, undo in zip(scripts, applied, undone, at_deadline, strict=True):
        for found in (apply, rollback, undo):
            assert found["errors"] == 0, script
            assert found["blocks"] == [f"{{\n{script}\n}}"], script
        assert apply["statements"] == 6, "the language, its preference, the function, its call, the change, its mark"
        assert undo["statements"] == 6, "and a look at the clock, what comes of it, the renaming, and the undoing"
        assert rollback["statements"] == 7


def test_a_name_comes_from_the_plan_and_the_change_alone_and_tells_two_apart() -> None:
    one, other = (guarded(PLAN, "a" * 119, f"apply {number}", "undo", 300) for number in (1, 2))
    names = [set(re.findall(r"0123456789ab-[a-z0-9.-]+", each.confirm)) for each in (one, other)]
    assert [len(each) for each in names] == [1, 1]
    assert names[0] != names[1]
    assert one == guarded(PLAN, "a" * 119, "apply 1", "undo", 300)
    assert one.confirm != guarded("f" * 12, "a" * 119, "apply 1", "undo", 300).confirm


def test_no_path_of_a_guard_is_longer_than_windows_takes() -> None:
    task = re.findall(r"-TaskName '([^']+)'", guarded(PLAN, "a" * 120, "apply", "undo", 300).confirm)[0]
    assert all(len(str(value)) < 200 for value in Names(task).told.values())


def test_what_stands_around_the_scripts_is_written_in_the_dialect() -> None:
    made = guarded(PLAN, "start.w3svc", "Start-Service -Name W3SVC", "Stop-Service -Name W3SVC", 300)
    for text in (made.apply, made.rollback, made.confirm):
        assert not [each for each in style(text, source="guard") if "120" not in each.why]


def test_a_step_that_asks_for_it_has_its_changes_confirmed(tmp_path: Path) -> None:
    path = changing(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "    confirm: {seconds: 90}\n", encoding="utf-8")
    ready = load_playbook(str(path), {}, CATALOGUE)
    change = Change("one", "Set it", {"service": "W3SVC", "before": "Manual", "marked": False})
    params = {"name": "W3SVC", "start": "Disabled"}
    [plain] = ready_changes(
        load_playbook(str(changing(tmp_path / "b")), {}, CATALOGUE).steps[1].action, params, [change], PLAN
    )
    [made] = ready_changes(ready.steps[1].action, params, [change], PLAN)
    assert plain.confirm is None
    assert made.confirm_seconds == 90
    assert made.confirm is not None
    assert f"& {{\n{plain.apply}\n}}\n" in made.apply
    assert "AddSeconds(90)" in made.apply


@pytest.mark.parametrize("seconds", [59, 86_401])
def test_a_deadline_is_between_a_minute_and_a_day(tmp_path: Path, seconds: int) -> None:
    path = changing(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + f"    confirm: {{seconds: {seconds}}}\n", encoding="utf-8")
    with pytest.raises(DocumentError, match="seconds"):
        load_playbook(str(path), {}, CATALOGUE)


def test_an_action_that_cannot_undo_is_refused_by_the_line_that_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "p.yml"
    path.write_text(
        "name: p\ntitle: P\nsteps:\n  - id: one\n    action: exchange.version\n    confirm: {seconds: 90}\n",
        encoding="utf-8",
    )
    with pytest.raises(DocumentError, match=r"6:5: .*exchange\.version changes nothing that it could undo"):
        load_playbook(str(path), {}, CATALOGUE)
