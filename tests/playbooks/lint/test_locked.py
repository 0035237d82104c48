"""What is refused for a locked session is what a locked session of a real engine refuses, type by type."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from playbooks.lint import lint, unlockable
from playbooks.lint.commands import known_commands
from playbooks.lint.kinds import ALLOWED, COLLECTIONS
from playbooks.lint.locked import CORE, FUNCTIONS
from playbooks.lint.rules.members import STATIC

# A value that each type takes; those that the linter accepts behind -is alone are not made.
VALUES = {
    "datetime": "'2021-03-02'", "datetimeoffset": "'2021-03-02'", "timespan": "'1:00'", "version": "'1.2'",
    "guid": "'792e5b37-4505-47ef-b7d2-8711bb7affa8'", "char": "'x'", "uri": "'http://ex1.example/'",
    "ipaddress": "'127.0.0.1'", "net.ipaddress": "'127.0.0.1'", "hashtable": "@{ a = 1 }", "ordered": "@{ a = 1 }",
    "collections.hashtable": "@{ a = 1 }", "pscustomobject": "@{ a = 1 }", "regex": "'a'",
    "management.automation.pscustomobject": "@{ a = 1 }", "exception": "'x'", "switch": "$true",
    "switchparameter": "$true", "management.automation.switchparameter": "$true",
}  # fmt: skip
NEVER_MADE = {"io.fileinfo", "io.directoryinfo"}
CASTS = {
    f"[{kind}]{VALUES.get(kind, '1')}": kind
    for kind in sorted(ALLOWED - NEVER_MADE | {"string[]", "pscustomobject[]", "collections.generic.list[string]"})
}
# PowerShell 7 makes it, and about_Language_Modes does not list it: refused, since [ordered] is there.
CAREFUL = {"collections.specialized.ordereddictionary"}
CONSTRUCTED = {f"[{kind}]::new()" for kind in COLLECTIONS - CAREFUL if "generic" not in kind} | {
    "[collections.generic.list[string]]::new()",
    "[collections.generic.dictionary[string,string]]::new()",
}
# What is a method, and which arguments it takes; the rest of STATIC are properties and fields.
CALLS = {
    ("datetime", "parse"): "'2021-03-02'", ("datetime", "daysinmonth"): "2021, 3", ("timespan", "fromdays"): "1",
    ("string", "isnullorempty"): "''", ("string", "join"): "',', @('a')", ("string", "format"): "'{0}', 1",
    ("math", "round"): "1.5", ("math", "max"): "1, 2", ("environment", "getenvironmentvariable"): "'PATH'",
    ("environment", "getfolderpath"): "'System'", ("io.path", "getfilename"): "'a'", ("io.path", "combine"): "'a', 'b'",
    ("io.file", "exists"): "'a'", ("io.directory", "exists"): "'a'", ("io.driveinfo", "getdrives"): "",
    ("version", "parse"): "'1.2'", ("guid", "parse"): "'792e5b37-4505-47ef-b7d2-8711bb7affa8'",
    ("convert", "toint32"): "'1'", ("convert", "tobase64string"): "@(1)",
    ("bitconverter", "tostring"): "[byte[]](1, 2)",
    ("regex", "escape"): "'a'", ("text.regularexpressions.regex", "match"): "'a', 'a'", ("int", "parse"): "'1'",
    ("int32", "parse"): "'1'", ("int64", "parse"): "'1'", ("long", "parse"): "'1'", ("double", "parse"): "'1'",
    ("char", "isdigit"): "'1'", ("array", "indexof"): "@(1), 1", ("datetimeoffset", "parse"): "'2021-03-02'",
    ("net.dns", "gethostname"): "", ("ipaddress", "parse"): "'::1'", ("net.ipaddress", "parse"): "'::1'",
    ("uri", "escapedatastring"): "'a'",
    ("security.principal.windowsidentity", "getcurrent"): "", ("diagnostics.fileversioninfo", "getversioninfo"): "'a'",
}  # fmt: skip
STATICS = {f"[{kind}]::{name}({given})" for (kind, name), given in CALLS.items()}
PROPERTIES = {
    "[datetime]::UtcNow", "[environment]::MachineName", "[io.fileattributes]::ReparsePoint", "[string]::Empty",
    "[globalization.cultureinfo]::InvariantCulture", "[dayofweek]::Monday", "[int]::MaxValue", "[math]::PI",
    "[text.encoding]::UTF8", "[stringcomparison]::Ordinal",
}  # fmt: skip
CONVERTED = {"'1' -as [int]", "@{ a = 1 } -as [hashtable]", "@(1) -as [object[]]"}
PIECES = sorted({*CASTS, *CONSTRUCTED, *STATICS, *PROPERTIES, *CONVERTED})

ASK = r"""
$pieces = [System.IO.File]::ReadAllText($args[0]) | ConvertFrom-Json
$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'
$answers = foreach ($piece in $pieces) {
    $id = ''
    try { $null = Invoke-Expression $piece } catch { $id = $_.FullyQualifiedErrorId }
    @{ Piece = $piece; Error = $id }
}
ConvertTo-Json -InputObject @($answers)
"""
REFUSALS = (
    "ConversionSupportedOnlyToCoreTypes",
    "CannotCreateTypeConstrainedLanguage",
    "MethodInvocationNotSupportedInConstrainedLanguage",
)


@pytest.fixture(scope="module")
def refused(powershell: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Whether a locked session of the real engine refused each piece for its language."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "ask.ps1").write_text(ASK, encoding="utf-8")
    (folder / "pieces.json").write_text(json.dumps(PIECES), encoding="utf-8")
    command = [str(powershell), "-NoProfile", "-NonInteractive", "-File", str(folder / "ask.ps1")]
    ran = subprocess.run([*command, str(folder / "pieces.json")], capture_output=True, text=True, check=True)
    return {each["Piece"]: each["Error"].startswith(REFUSALS) for each in json.loads(ran.stdout)}


@pytest.mark.real_powershell
def test_what_is_refused_is_what_the_engine_refuses(refused: dict[str, bool]) -> None:
    said = {piece: unlockable(piece, (), source="x.ps1") != () for piece in PIECES}
    assert len(refused) == len(PIECES)
    assert {piece for piece in PIECES if said[piece] != refused[piece]} == set()
    assert 20 < sum(refused.values()) < len(PIECES) - 20, "both are tried"


def test_every_type_of_which_the_linter_knows_a_method_is_tried() -> None:
    never = {"math", "management.managementdatetimeconverter"}  # the second is not on Linux
    properties = {piece.partition("]")[0].lstrip("[") for piece in PROPERTIES}
    fields = {"text.encoding", "stringsplitoptions", "serviceprocess.servicecontrollerstatus", "cultureinfo"}
    assert set(STATIC) - {kind for kind, _ in CALLS} - properties - fields - never == set()


def test_what_a_locked_session_takes_is_among_what_the_linter_takes() -> None:
    assert CORE - ALLOWED - set(STATIC) == set()
    assert {command for command in FUNCTIONS if command not in known_commands()} == set()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("[pscustomobject]@{ Kind = 'A' }", "converted to [pscustomobject]"),
        ("$x = New-Object -TypeName System.Collections.ArrayList", "no object of [System.Collections.ArrayList]"),
        ("$x = New-Object System.Text.StringBuilder", "no object of [System.Text.StringBuilder]"),
        ("$x = 1 -as [pscustomobject]", "-as [pscustomobject] gives nothing"),
        ("[Math]::Round(1.5)", "[Math]::Round() cannot be called"),
        ("[System.Text.Encoding]::UTF8.GetString(1)", ".GetString() of an object of [System.Text.Encoding]"),
        ("Get-ScheduledTask", "a function of the module ScheduledTasks"),
        ("Import-Module -Name WebAdministration", "what is imported in a locked session"),
        ("Get-Service | ForEach-Object { [IO.Path]::GetFileName($_.Name) }", "[IO.Path]::GetFileName()"),
    ],
)
def test_what_a_locked_session_refuses_is_said_with_what_to_write(script: str, why: str) -> None:
    (problem,) = unlockable(script, (), source="x.ps1")
    assert problem.rule == "locked"
    assert why in problem.why
    assert problem.instead


@pytest.mark.parametrize(
    "script",
    [
        "@{ Kind = 'A' }",
        "New-Object -TypeName PSObject -Property @{ Kind = 'A' }",
        "[ordered]@{ Kind = 'A' }",
        "([string]$env:NAME).Replace('a', 'b').Trim()",
        "[Environment]::MachineName",
        "Get-FileHash -LiteralPath 'C:\\Windows\\notepad.exe'",
    ],
)
def test_what_a_locked_session_takes_is_not_refused(script: str) -> None:
    assert lint(script, source="x.ps1") == ()
    assert unlockable(script, (), source="x.ps1") == ()


def test_a_function_whose_module_is_imported_before_the_lock_is_taken() -> None:
    assert unlockable("Get-ScheduledTask", ("scheduledtasks",), source="x.ps1") == ()
