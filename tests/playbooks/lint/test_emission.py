"""What a script is said to emit, and what a real PowerShell emits from it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from playbooks.lint import lint
from playbooks.lint.emission import Emitted, NoRecord, Record, Untold, emitted

CASES = YAML(typ="safe").load(Path(__file__).parent / "emission.yml")
ACCEPTED = YAML(typ="safe").load(Path(__file__).parent / "accepted.yml")
COUNTERPARTS = YAML(typ="safe").load(Path(__file__).parent / "counterparts.yml")


def said(each: Emitted) -> str:
    """A record as the cases write it."""
    match each:
        case NoRecord(what=what):
            return f"no record: {what}"
        case Untold(why=why):
            return f"untold: {why}"
        case Record(kinds=None):
            return "?"
        case Record():
            kinds = ",".join(sorted(each.kinds or ())) or "-"
            names = [name if name in each.certain else f"{name}?" for name in sorted(each.names)]
            return " ".join([kinds, *names, *(["*"] if each.open else [])])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_script_emits_what_the_case_says(case: dict[str, Any]) -> None:
    assert lint(case["script"], source="x.ps1") == ()
    assert [said(each) for each in emitted(case["script"])] == case["emits"]


# Each object of a script as its Kind and the names of its other properties, or as null where it has no Kind.
LOOK = r"""
$ErrorActionPreference = 'Stop'
$answers = foreach ($script in [System.IO.File]::ReadAllText($args[0]) | ConvertFrom-Json) {
    $objects = @(& ([scriptblock]::Create($script)))
    $said = foreach ($object in $objects) {
        $names = @()
        if ($object -is [System.Collections.IDictionary]) { $names = @($object.Keys) }
        elseif ($object.PSObject.BaseObject -is [System.Management.Automation.PSCustomObject]) {
            $names = @($object.PSObject.Properties.Name)
        }
        if ($null -eq $object) { continue }
        $kind = $null
        if ($names -contains 'Kind') { $kind = $object.Kind }
        [pscustomobject]@{ Kind = $kind; Names = @($names | Where-Object { $_ -ne 'Kind' }) }
    }
    [pscustomobject]@{ Said = @($said) }
}
ConvertTo-Json -InputObject @($answers) -Depth 5
"""


def explained(kind: str | None, names: set[str], by: tuple[Emitted, ...]) -> bool:
    """Whether an object that came is among what was said."""
    for each in by:
        match each:
            case Untold():
                return True
            case NoRecord() if kind is None:
                return True
            case Record(kinds=kinds):
                of_kind = kinds is None or (kind in kinds if kind is not None else not kinds)
                if of_kind and each.certain <= names and (each.open or names <= set(each.names)):
                    return True
    return False


@pytest.mark.real_powershell
def test_whatever_a_real_powershell_emits_was_said(powershell: Path, tmp_path: Path) -> None:
    program, listed = tmp_path / "look.ps1", tmp_path / "scripts.json"
    program.write_text(LOOK, encoding="utf-8")
    listed.write_text(json.dumps([case["script"] for case in CASES]), encoding="utf-8")
    answer = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", program, listed],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = json.loads(answer.stdout)
    assert len(answers) == len(CASES)
    for case, came in zip(CASES, answers, strict=True):
        by = emitted(case["script"])
        for each in came["Said"]:
            assert explained(each["Kind"], set(each["Names"]), by), (case["name"], each)
        # And nothing is said that never comes, but for what a path that was not taken would give.
        assert came["Said"] or not any(isinstance(each, Record) for each in by), case["name"]


@pytest.mark.parametrize("script", [*ACCEPTED, *COUNTERPARTS.values()])
def test_every_script_that_is_proven_can_be_followed(script: str) -> None:
    assert all(0 <= each.at < len(script) for each in emitted(script))


def test_a_script_that_nests_calls_again_and_again_is_not_followed_for_ever() -> None:
    functions = [f"function Get-F{n} {{ Get-F{n + 1}; Get-F{n + 1} }}" for n in range(19)]
    script = "\n".join([*reversed(functions), "function Get-F19 { @{ Kind = 'A' } }", "Get-F0"])
    assert emitted(script) == (Untold(0, "the script is too intricate to follow"),)


def test_a_function_that_calls_itself_is_told_to() -> None:
    script = "function Get-All { param($n) if ($n -gt 0) { Get-All -n ($n - 1) }; @{ Kind = 'A' } }\nGet-All -n 3"
    assert [said(each) for each in emitted(script)] == ["untold: Get-All calls itself", "A"]


def test_offsets_are_those_of_the_table_and_of_each_name() -> None:
    script = "$r = @{ Kind = 'A'; One = 1 }\n$r['Two'] = 2\n$r.Three = 3\n$r"
    (record,) = emitted(script)
    assert isinstance(record, Record)
    assert record.at == script.index("@{")
    assert record.names == {"One": script.index("One"), "Two": script.index("'Two'"), "Three": script.index("Three")}
