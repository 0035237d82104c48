"""Built-in collect scripts in the real parser, and against the commands that a server has."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.documents import read_contract
from playbooks.parameters import samples
from playbooks.parts import assembled
from playbooks.rendering import render

ACTIONS = Path(__file__).resolve().parent.parent.parent / "playbooks" / "actions"
SCRIPTS = sorted(ACTIONS.glob("*/*/collect.ps1.j2"))

# For each file: errors of the parser; what PowerShell 7 parses and Windows PowerShell 5.1 does not
# (../shared/windows/README.md, "Syntax that parses in 7 and not in 5.1"); each command, but the script's own functions,
# with the parameters it is given.
LOOK = r"""
using namespace System.Management.Automation.Language
$found = foreach ($path in [System.IO.File]::ReadAllText($args[0]) | ConvertFrom-Json) {
    $errors = $null
    $tokens = $null
    $tree = [Parser]::ParseFile($path, [ref] $tokens, [ref] $errors)
    $lines = [System.IO.File]::ReadAllText($path).Split("`n")
    $newer = @(
        $tree.FindAll({
            param($node)
            $node -is [TernaryExpressionAst] -or
            $node -is [PipelineChainAst] -or
            ($node -is [BinaryExpressionAst] -and $node.Operator -eq 'QuestionQuestion') -or
            ($node -is [AssignmentStatementAst] -and $node.Operator -eq 'QuestionQuestionEquals') -or
            ($node -is [MemberExpressionAst] -and $node.NullConditional) -or
            ($node -is [IndexExpressionAst] -and $node.NullConditional) -or
            ($node -is [PipelineBaseAst] -and $node.Background) -or
            ($node -is [ScriptBlockAst] -and $node.CleanBlock)
        }, $true) | ForEach-Object { $_.Extent.Text }
        foreach ($token in $tokens) {
            $text = $token.Text
            $before = $lines[$token.Extent.StartLineNumber - 1].Substring(0, $token.Extent.StartColumnNumber - 1)
            # 5.1 has the suffixes d and l and the multipliers, and 0x.
            if ($token.Kind -eq 'Number' -and $text -match '^0b|(u[lsy]?|[ysn])([kmgtp]b)?$') { $text }
            if ($token -is [StringExpandableToken] -and $text -match '(?<!`)(``)*`(e|u\{)') { $text }
            if ($token.Kind -eq 'Pipe' -and -not $before.Trim()) { "$before|" }
        }
    )
    $commands = foreach ($command in $tree.FindAll({ param($node) $node -is [CommandAst] }, $true)) {
        $given = @($command.CommandElements | Where-Object { $_ -is [CommandParameterAst] })
        @{
            Name = $command.GetCommandName()
            Parameters = @($given | ForEach-Object { $_.ParameterName })
        }
    }
    $own = @($tree.FindAll({ param($node) $node -is [FunctionDefinitionAst] }, $true) | ForEach-Object { $_.Name })
    @{
        Path = $path
        Errors = @($errors | ForEach-Object { $_.Message })
        Newer = @($newer)
        Commands = @($commands | Where-Object { $_.Name -notin $own })
    }
}
ConvertTo-Json -InputObject @($found) -Depth 6
"""

COMMON = frozenset(
    {
        *("verbose", "debug", "erroraction", "warningaction", "informationaction", "outvariable", "outbuffer"),
        *("errorvariable", "warningvariable", "informationvariable", "pipelinevariable"),
    }
)


def look(powershell: Path, folder: Path, texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the real parser sees in each text, by the text's name."""
    paths = []
    for name, text in texts.items():
        paths.append(folder / f"{name}.ps1")
        paths[-1].write_text(text, encoding="utf-8", newline="")
    program, listed = folder / "look.ps1", folder / "paths.json"
    program.write_text(LOOK, encoding="utf-8")
    listed.write_text(json.dumps([str(path) for path in paths]), encoding="utf-8")
    answer = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", program, listed],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {Path(entry["Path"]).stem: entry for entry in json.loads(answer.stdout)}


def name_of(script: Path) -> str:
    """The action's id."""
    return f"{script.parent.parent.name}.{script.parent.name}"


def rendered(script: Path) -> str:
    """A collect script as it is sent, with a value of its type for each parameter."""
    contract = read_contract((script.parent / "action.yml").read_bytes(), str(script)).model
    return render(assembled(script.read_text(encoding="utf-8")), samples(contract.params, Catalogue.load()))


def commands_of_a_server(shared: Path) -> dict[str, set[str]]:
    """What every server has: commands of Windows PowerShell 5.1 and of Exchange, with their parameters and aliases."""
    known: dict[str, set[str]] = {}
    for table in ("windows-commands.csv", "exchange-commands.csv"):
        with (shared / "windows" / table).open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                parameters = known.setdefault(row["command"].lower(), set(COMMON))
                parameters |= {text.lower() for text in (row["parameter"], *row["aliases"].split()) if text}
    return known


def what_a_server_lacks(seen: list[dict[str, Any]], known: Mapping[str, set[str]]) -> list[str]:
    """The commands, and the parameters of commands, that are not in the tables, spelt out."""
    lacking = []
    for command in seen:
        name = command["Name"] or "(a command that is no name)"
        if name.lower() not in known:
            lacking.append(name)
            continue
        lacking += [f"{name} -{given}" for given in command["Parameters"] if given.lower() not in known[name.lower()]]
    return lacking


def test_every_action_has_a_collect_script() -> None:
    folders = {path.parent for path in ACTIONS.glob("*/*/assess.py")}
    assert folders == {path.parent for path in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_a_collect_script_begins_strict_and_stops_on_errors(script: Path) -> None:
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[:2] == ["Set-StrictMode -Version 2.0", "$ErrorActionPreference = 'Stop'"]


@pytest.mark.real_powershell
@pytest.mark.needs_shared
def test_every_collect_script_parses_and_has_nothing_that_windows_powershell_lacks(
    powershell: Path, shared: Path, tmp_path: Path
) -> None:
    seen = look(powershell, tmp_path, {name_of(script): rendered(script) for script in SCRIPTS})
    assert sorted(seen) == sorted(name_of(script) for script in SCRIPTS)
    known = commands_of_a_server(shared)
    for name, entry in seen.items():
        assert (name, entry["Errors"], entry["Newer"]) == (name, [], [])
        assert (name, what_a_server_lacks(entry["Commands"], known)) == (name, [])
        assert entry["Commands"]


# One of each kind, so that the test above is known to see it: the text, and what is found in it.
NEWER = {
    "ternary": ("$a ? 1 : 2", ["$a ? 1 : 2"]),
    "and-chain": ("Get-Date && Get-Date", ["Get-Date && Get-Date"]),
    "or-chain": ("Get-Date || Get-Date", ["Get-Date || Get-Date"]),
    "coalescing": ("$a ?? 1", ["$a ?? 1"]),
    "coalescing-assignment": ("$a ??= 1", ["$a ??= 1"]),
    "null-conditional": ("${a}?.b", ["${a}?.b"]),
    "null-conditional-index": ("${a}?[0]", ["${a}?[0]"]),
    "background": ("Get-Date &", ["Get-Date"]),
    "clean-block": ("function f { clean { 1 } }", ["{ clean { 1 } }"]),
    "unsigned": ("1u", ["1u"]),
    "unsigned-long": ("0xFFul", ["0xFFul"]),
    "byte": ("5y", ["5y"]),
    "short-kilobytes": ("1skb", ["1skb"]),
    "big": ("10n", ["10n"]),
    "binary": ("0b101", ["0b101"]),
    "escape": ('"`e[0m"', ['"`e[0m"']),
    "code-point": ('"a`u{263A}"', ['"a`u{263A}"']),
    "here-string-escape": ('@"\n`e\n"@', ['@"\n`e\n"@']),
    "pipe-first": ("Get-Date\n    | Get-Date", ["    |"]),
    "none-of-these": ("\"``e\"; 1d; 2L; 1MB; 0x1F; Get-Date |\n    Get-Date; '`e'; $a.b", []),
}


@pytest.mark.real_powershell
def test_each_thing_that_windows_powershell_lacks_is_seen(powershell: Path, tmp_path: Path) -> None:
    seen = look(powershell, tmp_path, {name: text for name, (text, _) in NEWER.items()})
    assert {name: (entry["Errors"], entry["Newer"]) for name, entry in seen.items()} == {
        name: ([], found) for name, (_, found) in NEWER.items()
    }


@pytest.mark.real_powershell
@pytest.mark.needs_shared
def test_each_command_and_parameter_that_a_server_lacks_is_seen(powershell: Path, shared: Path, tmp_path: Path) -> None:
    text = (
        "Get-ChildItem -LiteralPath 'C:\\' -Depth 1 -ErrorAction Stop; Join-String; Get-Date -AsUTC; & $a;"
        " Get-Content -LiteralPath a -AsByteStream; Sort-Object -Top 1; Test-Json; Get-ExchangeServer -Status"
    )
    seen = look(powershell, tmp_path, {"script": text})["script"]
    assert what_a_server_lacks(seen["Commands"], commands_of_a_server(shared)) == [
        "Join-String",
        "Get-Date -AsUTC",
        "(a command that is no name)",
        "Get-Content -AsByteStream",
        "Sort-Object -Top",
        "Test-Json",
    ]


def test_whoever_restarts_a_server_looks_for_the_same_marks_as_whoever_only_reads_them() -> None:
    """An action has a script of its own: what two of them have alike stands twice, and may not come apart."""
    reading, restarting = (
        (ACTIONS / "windows" / name / "collect.ps1.j2").read_text(encoding="utf-8")
        for name in ("pending_reboot", "restart")
    )
    begin = "Set-StrictMode"
    assert restarting[restarting.index(begin) :].startswith(reading[reading.index(begin) :])


def test_the_hunts_differ_in_what_they_look_for_alone() -> None:
    """From its first function on the script of each is that of all others."""
    scripts = {
        path.parent.parent.name: path.read_text(encoding="utf-8") for path in ACTIONS.glob("*/hunt/collect.ps1.j2")
    }
    assert len(scripts) > 1
    begin = "# The values of a key."
    assert {each.count(begin) for each in scripts.values()} == {1}
    assert len({each[each.index(begin) :] for each in scripts.values()}) == 1
