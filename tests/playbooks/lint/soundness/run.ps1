# Runs scripts on the engine and says what they reached for: standard input is one JSON object a line, {"id", "text"}; the current directory
# is an empty one of the caller's. Output: one JSON object a line, {"id", "paths", "changed"}: every path that a command was given,
# and whether a file is not as it was. Commands are functions here, of the parameters and pipeline binding of the real ones, and open nothing.
$ErrorActionPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
$global:reached = [System.Collections.ArrayList]::new()
$env:LOGONSERVER = '\\evil\share'
$env:SystemRoot = 'C:\Windows'
$here = [System.IO.Directory]::GetCurrentDirectory()
$names = 'a', 'C:\a', 'C:\b', 'C:\c', 'x.txt'

function global:Add-Reached($Given, $PSPath) {
    foreach ($one in @($Given) + @($PSPath)) { if ($null -ne $one) { [void]$global:reached.Add("$one") } }
}
# What a file of the current directory is to a script: a live FileInfo, whatever was asked for.
function global:Get-Standing { [System.IO.FileInfo]"$([System.IO.Directory]::GetCurrentDirectory())/C:\a" }

$kinds = @{
    text = 'Get-Content', 'Select-String'; file = 'Get-Item', 'Get-ChildItem'
    record = 'Get-ItemProperty', 'Get-ItemPropertyValue', 'Import-Csv', 'Get-FileHash', 'Get-Acl', 'Get-AuthenticodeSignature'; truth = @('Test-Path')
}
$answers = @{
    text = '"a line \\evil\share"'; file = 'Get-Standing'; truth = '$true'
    record = '[pscustomobject]@{ Name = "\\evil\share"; Path = "\\evil\share"; Place = "\\evil\share"; PSPath = "C:\a"; Hash = "x" }'
}
foreach ($kind in $kinds.Keys) {
    foreach ($name in $kinds[$kind]) {
        $first = if ($name -eq 'Select-String') { '[Parameter(Position = 0)][string[]]$Pattern, [Parameter(Position = 1, ValueFromPipelineByPropertyName = $true)][string[]]$Path' }
        else { '[Parameter(Position = 0, ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)][string[]]$Path' }
        . ([scriptblock]::Create("function global:$name { [CmdletBinding()] param ($first,
            [Parameter(ValueFromPipelineByPropertyName = `$true)][Alias('PSPath')][string[]]`$LiteralPath, [switch]`$File, [switch]`$Recurse, `$Filter, `$Algorithm)
            process { Add-Reached `$Path `$LiteralPath; $($answers[$kind]) } }"))
    }
}

function global:Test-Changed {
    $now = @([System.IO.Directory]::GetFileSystemEntries([System.IO.Directory]::GetCurrentDirectory())).Count
    $now -ne $names.Count -or @($names | Where-Object { [System.IO.File]::ReadAllText("$here/$_") -ne $_ -or ([System.IO.FileInfo]"$here/$_").IsReadOnly }).Count -gt 0
}
function global:Reset-Files {
    foreach ($file in [System.IO.Directory]::GetFiles($here)) {
        ([System.IO.FileInfo]$file).IsReadOnly = $false
        [System.IO.File]::Delete($file)
    }
    foreach ($name in $names) { [System.IO.File]::WriteAllText("$here/$name", $name) }
}

Reset-Files
while ($null -ne ($line = [Console]::In.ReadLine())) {
    $case = $line | ConvertFrom-Json
    $global:reached.Clear()
    $null = & ([scriptblock]::Create($case.text)) 2>&1 3>&1 6>&1
    $changed = [bool](Test-Changed)
    if ($changed) { Reset-Files }
    [Console]::Out.WriteLine((ConvertTo-Json -InputObject @{ id = $case.id; paths = @($global:reached); changed = $changed } -Compress -Depth 3))
}
