"""Scripts that carry a path or a file object to where it matters, by every way that a value can go in PowerShell: through
lists, casts, indexes, properties, tables, phases of functions, pipelines, operators, strings and loops. A seed always
gives the same scripts. Each names the classes of the ways that it takes, so that a run can say that it reached them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Made:
    """A script, the classes of what it is made of, and whether what it carries is a place elsewhere or a live object."""

    text: str
    classes: frozenset[str]
    risky: bool


_LOCAL = ("'C:\\Windows\\win.ini'", '"$env:SystemRoot\\win.ini"', "(Join-Path 'C:\\x' 'y')", "'HKLM:\\SOFTWARE\\Microsoft'",
          "'C:\\x', 'C:\\y'", "'D:\\a'")  # fmt: skip
_AWAY = ("'\\\\server\\share\\x'", "'\\\\server\\share\\x', 'C:\\y'", "'C:\\y', '\\\\server\\share\\x'", "('\\' + '\\server\\share\\x')",
         "[string](Get-ItemProperty -LiteralPath 'HKLM:\\SOFTWARE\\x').Place", "$env:LOGONSERVER",
         "'Microsoft.PowerShell.Core\\FileSystem::\\\\server\\share\\x'", "'\\\\?\\UNC\\server\\share\\x'")  # fmt: skip
_LIVE = ("(Get-Item -LiteralPath 'C:\\a')", "(Get-ChildItem -LiteralPath 'C:\\' -File)")

# {x} is the value, {v} a new variable, {n} a new number. Before "=>" stand statements, behind it the value that goes on.
_WAYS: dict[str, tuple[str, ...]] = {
    "list": ("@({x})", "({x}, 'C:\\y')", "{v} = @(); {v} += {x} => {v}", "(@({x}) + @('C:\\y'))", "{v} = {x}, 'C:\\z' => {v}",
             "{v} = New-Object System.Collections.ArrayList; [void]{v}.Add({x}) => {v}", "{v} = @({x}); {v}.Clear() => {v}",
             "{v} = [System.Collections.Generic.List[string]]::new(); {v}.Add({x}) => {v}", "{v}, {v}b = {x}, 'C:\\y' => {v}"),
    "cast": ("[string]({x})", "[string[]]({x})", "[array]({x})", "[object[]]({x})", "[System.Collections.ArrayList]@({x})",
             "[psobject]({x})", "[psobject[]]({x})", "({x} -as [string])", "[System.Collections.Generic.List[string]]({x})",
             "[array]{v} = $null; {v} = {x} => {v}", "[string]{v} = {x} => {v}", "[regex]({x})", "[uri]({x})", "[version]'1.2' => {x}",
             "[System.Management.Automation.PSObject]({x})", "([string[]]{v} = {x})", "({x} -as [psobject])", "[char[]]({x})"),
    "index": ("@({x})[0]", "@({x})[-1]", "@('C:\\y', {x})[0..1]", "({x})[0]", "('C:\\x'[2] + '\\server\\share\\x') => {x}",
              "{v} = @('C:\\y'); {v}[0] = {x} => {v}", "{v} = @{{}}; {v}['k'] = {x} => {v}['k']", "'C:\\x'[2] => {x}"),
    "note": ("(Get-ChildItem -LiteralPath 'C:\\' | Select-Object -Property @{{ Name = 'PSPath'; Expression = {{ {x} }} }} -ExpandProperty Directory)",
             "([pscustomobject]@{{ FullName = {x} }} | Select-Object -ExpandProperty FullName)",
             "(Get-ChildItem -LiteralPath 'C:\\' | Select-Object -Property FullName, Name) => {x}",
             "({x} | Select-Object -Property @{{ n = 'p'; e = {{ $_ }} }} | ForEach-Object {{ $_.p }})",
             "(Get-Item -LiteralPath 'C:\\a' | Add-Member -NotePropertyName PSPath -NotePropertyValue ({x}) -PassThru)",
             "{v} = Get-Item -LiteralPath 'C:\\a' | Select-Object -Property Name, Length => {x}",
             "(Get-Content -LiteralPath 'C:\\a' | ForEach-Object {{ $_.PSPath }}) => {x}"),
    "table": ("@{{ p = {x} }}.p", "@{{ p = {x} }}['p']", "@{{ p = {x} }}.SyncRoot.p", "@{{ p = {x} }}.Values", "@{{ Count = {x} }}.Count",
              "([pscustomobject]@{{ p = {x} }}).p", "{v} = [ordered]@{{ p = {x} }} => {v}[0]", "{v} = @{{ p = {x} }} => {v}.q",
              "{v} = @{{ Value = 'C:\\y'; p = {x} }}.GetEnumerator() | ForEach-Object {{ $_.Value }} => {v}",
              "{v} = @{{}}; {v}.p = {x} => {v}.p", "[hashtable]@{{ p = {x} }} => {x}", "{v} = New-Object PSObject -Property @{{ p = {x} }} => {v}.p",
              "{v} = @{{ p = {x} }} => {v}.p", "{v} = @{{ p = 'C:\\y' }}; {v} += @{{ q = {x} }} => {v}.q"),
    "phases": ("function Get-W{n} {{ param($p) begin {{ $q = $p }} process {{ $q }} end {{ 1 }} }} => (Get-W{n} -p ({x}))",
               "function Get-W{n} {{ param($p) begin {{ if ($p -notlike '[A-Z]:\\*') {{ return }} }} process {{ Get-Content $p }} }} => (Get-W{n} -p ({x}))",
               "function Get-W{n} {{ param([string]$p) if ($p -notlike '[A-Z]:\\*') {{ return }} Get-Content $p }} => (Get-W{n} -p ({x}))",
               "function Get-W{n} {{ param([string]$p) $p }} => (Get-W{n} ({x}))", "function Get-W{n} {{ param($p) end {{ return $p }} }} => (Get-W{n} ({x}))",
               "function Get-W{n} {{ param([Parameter(ValueFromPipeline = $true)]$p) process {{ $p }} }} => ({x} | Get-W{n})",
               "function Get-W{n} {{ param([array]$p) $p }} => (Get-W{n} ({x}))", "function Get-W{n} {{ {x} }} => (Get-W{n})"),
    "topic": ("({x} | ForEach-Object {{ $_ }})", "('C:\\y' | ForEach-Object -Begin {{ {x} }} -Process {{ $_ }})",
              "({x} | ForEach-Object {{ 'C:\\y' | ForEach-Object -Begin {{ $_ }} -Process {{ $_ }} }})",
              "({x} | ForEach-Object {{ 'C:\\y' | ForEach-Object -Process {{ 'C:\\z' }} -End {{ $_ }} }})", "@({x}).Where({{ $true }})",
              "@({x}).ForEach({{ $_ }})", "(Where-Object -InputObject ({x}) -FilterScript {{ $_ -like '[A-Z]:\\*' }})",
              "({x} | Where-Object {{ $_ -is [string] -and $_ -like '[A-Z]:\\*' }})", "(Sort-Object -InputObject ({x}))",
              "({x} | Sort-Object -Unique | Select-Object -First 1)", "(Write-Output ({x}))", "({x} | Where-Object {{ $_ -like '[A-Z]:\\*' }})"),
    "unary": ("(-not $true, {x})", "((-join {x}, 'C:\\y') -ne 'C:\\y')", "((-1, {x}) -ne -1)", "(, {x})", "(-join ({x}))", "(-split ({x}))",
              "(!$true, {x})", "{v} = -1, 2 => {x}"),
    "null": ("($null + @({x}))", "($null + ({x}))", '"$([void]1){y}" => {x}', "([void]1 + ({x}))", "{v} = $null; {v} += {x} => {v}",
             "(($null + @({x})) -ne '')", "{v} = $null => {x}"),
    "arithmetic": ("(({x}) + '\\y')", "('' + ({x}))", "(({x}) * 1)", "{v} = '\\\\server\\share\\' => ({v} += 'C:y')", "('C:' + ({x}))",
                   "{v} = {x}; {v} += '\\y' => {v}", "{v} = 1 + 2 * 3 - 4 => {x}", "('C:\\y', {x} -ne 'C:\\y')"),
    "operators": ("(({x}) -join '')", "(({x}) -split '!')", "(({x}) -replace 'zz', '')", "('{{0}}' -f ({x}))", "('C:\\{{0}}' -f ({x}))",
                  "(({x}) -ne '')", "(@({x}) -like '[A-Z]:\\*')", "(({x}) -as [string[]])", "(('a' -eq 'b'), ({x}))", "([string[]]({x}) -like '[A-Z]:\\*')"),
    "text": ('{v} = {x} => "{v}"', '{v} = {x} => "{v}\\y"', '{v} = {x} => "$({v})"', '{v} = {x} => "C:\\{v}"', "([string]({x})).TrimEnd('\\')",
             "([string]({x})).Trim()", "([string]({x})).Replace('a', 'a')", "([string]({x})).Substring(0)", "([string]({x})).ToLower()",
             "([string]({x})).TrimEnd('x', '\\', ':', 'C')", '{v} = {x}\n{w} = @"\n{v}\n"@ => {w}', "@'\nC:\\y\n'@ => {x}", "({x}).ToString()"),
    "loop": ("$(foreach ($i{n} in {x}) {{ $i{n} }})", "$(switch ({x}) {{ default {{ $_ }} }})", "{v} = foreach ($i{n} in {x}) {{ $i{n} }} => {v}",
             "{v} = if ($true) {{ {x} }} else {{ 'C:\\y' }} => {v}", "$(for ($i{n} = 0; $i{n} -lt 1; $i{n}++) {{ {x} }})",
             "{v} = try {{ {x} }} catch {{ 'C:\\y' }} => {v}", "$(do {{ {x} }} while ($false))", "foreach ({v} in {x}) {{ 1 }} => {v}",
             "{v} = 'C:\\y'; if ($false) {{ {v} = {x} }} => {v}"),
    "path": ("(Join-Path -Path ({x}) -ChildPath 'y')", "(Split-Path -Path ({x}))", "[System.IO.Path]::Combine(({x}), 'y')",
             "(Join-Path (Split-Path (Split-Path ({x}))) 'UNC\\server\\share\\x')", "[System.IO.Path]::GetDirectoryName(({x}))",
             "(Split-Path -Path ({x}) -Leaf)", "(Join-Path 'C:\\x' ({x}))"),
}  # fmt: skip
_SINKS: dict[str, tuple[str, ...]] = {
    "open": ("Get-Content {e}", "Get-Content -LiteralPath {e}", "Get-Item -Path {e}", "Get-ChildItem -LiteralPath {e} -File",
             "Get-ItemProperty -LiteralPath {e}", "Test-Path -LiteralPath {e}", "Import-Csv -Path {e}", "Get-FileHash {e}",
             "Select-String -Pattern x -Path {e}"),
    "piped": ("{e} | Get-Item", "{e} | Get-Content", "{e} | ForEach-Object {{ Get-Item -LiteralPath $_ }}", "foreach ($f in {e}) {{ Get-Content $f }}",
              "{e} | Select-Object -First 1 | Get-Item", "@({e}).ForEach({{ Get-Content $_ }})"),
    "static": ("[System.IO.File]::Exists({e})", "[System.IO.Directory]::GetFiles({e})"),
    "guarded": ("{v} = {e}; if ({v} -like '[A-Z]:\\*') {{ Get-Content {v} }}", "{v} = [string]({e}); if ({v} -like '[A-Z]:\\*') {{ Get-Content {v} }}",
                "{v} = [string]({e}); if ({v} -notlike '[A-Z]:\\*') {{ return }}; Get-Content {v}",
                "{v} = {e}; if ({v} -match '^[A-Z]:\\\\') {{ Get-Content {v} }}",
                "{v} = [string]({e}); if ((1 / 0) -or {v} -notlike '[A-Z]:\\*') {{ return }}; Get-Content {v}",
                "{v} = [string]({e}); if ({v} -like '[A-Z]:\\*') {{ {w} = @{{ n = 'x'; e = {{ Get-Content {v} }} }} }}; {v} = '\\\\server\\share\\x'; 1 | Select-Object -Property {w}",
                "foreach ($f in {e}) {{ if ($f -like '[A-Z]:\\*') {{ Get-Content $f }} }}",
                "{e} | ForEach-Object {{ if ($_ -like '[A-Z]:\\*') {{ Get-Content $_ }} }}",
                "{e} | ForEach-Object {{ if ($_ -isnot [string]) {{ return }}; if ($_ -notlike '[A-Z]:\\*') {{ return }}; Get-Content $_ }}",
                "{v} = {e}; if ({v} -is [string] -and {v} -like '[A-Z]:\\*') {{ Get-Content {v} }}"),
    "receiver": ("({e}).Replace('C:\\b', 'C:\\c')", "foreach ($f in {e}) {{ $f.Replace('C:\\b', 'C:\\c') }}",
                 "{e} | ForEach-Object {{ $_.Replace('C:\\b', 'C:\\c') }}", "({e}).Trim()", "{v} = {e}; {v}.IsReadOnly = $true",
                 "{e} | Sort-Object -Property {{ $_.Replace('C:\\b', 'C:\\c') }}", "({e}).Length"),
}  # fmt: skip


def classes() -> frozenset[str]:
    """The classes of which a run must have reached each."""
    return frozenset(_WAYS) | frozenset(_SINKS)


def ways(seed: int, count: int) -> Iterator[Made]:
    """`count` scripts: a value, one to three ways, and a place where it matters."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _made(chance)


def _made(chance: random.Random) -> Made:
    sink = chance.choice(list(_SINKS))
    sources = (_LOCAL, _AWAY, _LIVE) if sink == "receiver" else (_LOCAL, _LOCAL, _AWAY, _LIVE)
    source = chance.choice(sources)
    value = chance.choice(source)
    statements: list[str] = []
    taken = {sink}
    number = 0
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        kind = chance.choice(list(_WAYS))
        template = chance.choice(_WAYS[kind])
        number += 1
        taken.add(kind)
        before, arrow, after = template.rpartition(" => ")
        names = {"x": value, "v": f"$v{number}", "w": f"$w{number}", "n": str(number), "y": "\\\\server\\share\\x"}
        if arrow:
            statements.append(before.format(**names))
        value = after.format(**names)
        if source is not _LOCAL and "," in value and not value.startswith(("(", "@", "$", "[")):
            value = f"({value})"
    if not value.startswith(("(", "@", "$", "'", '"')) or ", " in value.split("(")[0] or sink == "static":
        value = f"({value})"
    statements.append(chance.choice(_SINKS[sink]).format(e=value, v="$z", w="$zz"))
    return Made("\n".join(statements), frozenset(taken), source is not _LOCAL)
