"""Beginnings of parameters' names: all that fit are named, and what PowerShell takes is what it takes."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest

from playbooks.lint import lint
from playbooks.lint.abbreviations import meant
from playbooks.lint.commands import known_commands

TABLE = Path(__file__).resolve().parents[3] / "playbooks" / "lint" / "parameters.csv"
# Elsewhere than on Windows there is no store of certificates.
_OF_CERTIFICATES = {"Eku", "ExpiringInDays", "DnsName", "SSLServerAuthentication", "CodeSigningCert"}
# PowerShell 6 and later have it; the reference page that the table is from lists it for 5.1 as well.
NEWER = {("Get-ChildItem", "FollowSymlink")}


def answer(script: str) -> tuple[str, str]:
    (problem,) = lint(script, source="x.ps1")
    assert problem.rule == "parameter"
    return problem.why, problem.instead


@pytest.mark.parametrize(
    ("script", "why", "instead"),
    [
        (
            "Get-ChildItem -Path 'C:\\inetpub\\wwwroot' -r",
            "Get-ChildItem -r is a beginning of -ReadOnly and -Recurse, and PowerShell takes -Recurse",
            "write -Recurse",
        ),
        (
            "Get-ChildItem -Path 'C:\\inetpub\\wwwroot' -Recurse -e '*.txt'",
            (
                "Get-ChildItem -e is a beginning of -Eku, -ErrorAction, -ErrorVariable, -Exclude and -ExpiringInDays, "
                "and PowerShell takes -Exclude"
            ),
            "write -Exclude",
        ),
        (
            "Get-ChildItem -Path C:\\x -f",
            "Get-ChildItem -f is a beginning of -File, -Filter and -Force, and PowerShell refuses it",
            "write -File, -Filter or -Force",
        ),
        ("Get-ChildItem -Path C:\\x -rec", "Get-ChildItem -rec is a beginning of -Recurse", "write -Recurse"),
        ("Get-ChildItem -Path C:\\x -s", "Get-ChildItem -s is another name of -Recurse", "write -Recurse"),
        (
            "Get-Service -c other",
            "Get-Service -c is a beginning of -ComputerName",
            "name the servers in the inventory: exrun runs this on each of them",
        ),
        (
            "Get-Process -e",
            "Get-Process -e is a beginning of -ErrorAction and -ErrorVariable, and PowerShell refuses it",
            "write -ErrorAction",
        ),
        (
            "Get-ChildItem -Path C:\\x -Recruse",
            "Get-ChildItem -Recruse is not a read-only parameter that a server has",
            "did you mean -Recurse?",
        ),
        (
            "function Get-Part { param($Name) $Name }\nGet-Part -n x",
            "Get-Part -n is a beginning of -name",
            "write -name",
        ),
    ],
)
def test_advice_names_all_that_fit_and_what_powershell_takes(script: str, why: str, instead: str) -> None:
    assert answer(script) == (why, instead)


@pytest.mark.needs_shared
def test_the_table_has_every_parameter_that_the_linter_does_not_allow_and_every_alias(shared: Path) -> None:
    known = known_commands()
    there = set()
    for name in ("windows", "exchange"):
        with (shared / "windows" / f"{name}-commands.csv").open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                command = known.get(row["command"].lower())
                if command is None or not row["parameter"]:
                    continue
                if row["parameter"].lower() not in command.parameters or row["aliases"]:
                    there.add((command.name, row["parameter"], row["aliases"]))
    with TABLE.open(encoding="utf-8") as lines:
        ours = {(row["command"], row["parameter"], row["aliases"]) for row in csv.DictReader(lines)}
    assert ours == {row for row in there if row[:2] not in NEWER}


# For each command and beginning: what fits there, and what the engine's own binder takes.
LOOK = r"""
using namespace System.Management.Automation.Language
$asked = [System.IO.File]::ReadAllText($args[0]) | ConvertFrom-Json
$found = foreach ($one in $asked) {
    $command = Get-Command -Name $one.Command -ErrorAction SilentlyContinue
    if (-not $command -or $command.CommandType -ne 'Cmdlet') { continue }
    foreach ($short in $one.Short) {
        $fits = @($command.Parameters.Values | Where-Object {
            @($_.Name; $_.Aliases) | Where-Object { $_ -like "$short*" }
        } | ForEach-Object { $_.Name } | Sort-Object)
        if ($one.Place) {
            # What a place adds is bound in a second look, which the static binder does not take: only a real call does.
            $refused = $false
            $taken = @()
            try { $null = & ([scriptblock]::Create("$($one.Command) -Path $($one.Place) -$short")) }
            catch {
                $refused = $_.FullyQualifiedErrorId -like 'AmbiguousParameter*'
                if ($_.FullyQualifiedErrorId -like 'MissingArgument*') { $taken = @($_.Exception.ParameterName) }
            }
            [pscustomobject]@{
                Command = $one.Command; Short = $short; Fits = $fits; Taken = $taken; Refused = $refused
            }
            continue
        }
        $tree = [Parser]::ParseInput("$($one.Command) -$short", [ref]$null, [ref]$null)
        $call = $tree.Find({ param($node) $node -is [CommandAst] }, $true)
        $bound = [StaticParameterBinder]::BindCommand($call, $true)
        $errors = @($bound.BindingExceptions.Values | ForEach-Object { $_.BindingException.ErrorId })
        $taken = @($bound.BoundParameters.Keys) + @($bound.BindingExceptions.Values | ForEach-Object {
            if ($_.BindingException.ErrorId -eq 'MissingArgument') { $_.BindingException.ParameterName }
        })
        $taken = @($taken | Where-Object { $_ -ne $one.Command })
        [pscustomobject]@{
            Command = $one.Command; Short = $short; Fits = $fits; Taken = $taken
            Refused = $errors -contains 'AmbiguousParameter'
        }
    }
}
ConvertTo-Json -InputObject @($found) -Depth 4
"""


@pytest.mark.real_powershell
def test_a_real_powershell_takes_what_is_said(powershell: Path, tmp_path: Path) -> None:
    known = known_commands()
    shorts = {
        command.name: sorted({name.lower()[:length] for name, _ in command.parameters.values() for length in (1, 2, 3)})
        for command in known.values()
    }
    program, listed = tmp_path / "look.ps1", tmp_path / "asked.json"
    program.write_text(LOOK, encoding="utf-8")
    places_of = {"Get-ChildItem": tmp_path, "Get-Item": tmp_path, "Test-Path": tmp_path, "Get-Content": program}
    asked = [{"Command": name, "Short": short, "Place": str(places_of.get(name, ""))} for name, short in shorts.items()]
    listed.write_text(json.dumps(asked), encoding="utf-8")
    run = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-File", program, listed],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    compared = taken = refused = places = 0
    for seen in json.loads(run.stdout):
        said = meant(seen["Short"], known[seen["Command"].lower()])
        # Parameters differ between the editions: compared is where the same ones fit.
        newer = {name for command, name in NEWER if command == seen["Command"]} | _OF_CERTIFICATES
        if not said.whole and set(said.fits) - newer == set(seen["Fits"]) - newer:
            compared += 1
            places += seen["Command"] == "Get-ChildItem"
            taken += said.taken is not None
            refused += bool(seen["Refused"])
            assert (said.taken is None) == bool(seen["Refused"]), seen
            assert said.taken is None or seen["Taken"] in ([said.taken], []), seen
    assert compared > 150
    assert taken > 100
    assert refused > 10
    assert places > 10
