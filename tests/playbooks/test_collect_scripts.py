"""Built-in collect scripts in the real parser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ACTIONS = Path(__file__).resolve().parent.parent.parent / "playbooks" / "actions"
SCRIPTS = sorted(ACTIONS.glob("*/*/collect.ps1.j2"))

# Syntax that PowerShell 7 parses and Windows PowerShell 5.1 does not (../shared/windows/README.md).
PARSE = r"""
$found = foreach ($path in $args[0] | ConvertFrom-Json) {
    $errors = $null
    $tree = [System.Management.Automation.Language.Parser]::ParseFile($path, [ref]$null, [ref]$errors)
    $newer = $tree.FindAll({
        param($node)
        $node -is [System.Management.Automation.Language.TernaryExpressionAst] -or
        $node -is [System.Management.Automation.Language.PipelineChainAst] -or
        ($node -is [System.Management.Automation.Language.MemberExpressionAst] -and $node.NullConditional) -or
        ($node -is [System.Management.Automation.Language.PipelineBaseAst] -and $node.Background)
    }, $true)
    [pscustomobject]@{
        Path = $path
        Errors = @($errors | ForEach-Object { $_.Message })
        Newer = @($newer | ForEach-Object { $_.Extent.Text })
    }
}
ConvertTo-Json -InputObject @($found) -Depth 4
"""


def test_every_action_has_a_collect_script() -> None:
    folders = {path.parent for path in ACTIONS.glob("*/*/action.yml")}
    assert folders == {path.parent for path in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.parent.name}.{path.parent.name}")
def test_a_collect_script_begins_strict_and_stops_on_errors(script: Path) -> None:
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[:2] == ["Set-StrictMode -Version 2.0", "$ErrorActionPreference = 'Stop'"]


@pytest.mark.real_powershell
def test_every_collect_script_parses_and_has_nothing_that_windows_powershell_lacks(
    powershell: Path, tmp_path: Path
) -> None:
    check = tmp_path / "check.ps1"
    check.write_text(PARSE, encoding="utf-8")
    answer = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", check, json.dumps([str(path) for path in SCRIPTS])],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    results = json.loads(answer.stdout)
    assert [Path(entry["Path"]) for entry in results] == SCRIPTS
    assert [entry for entry in results if entry["Errors"] or entry["Newer"]] == []
