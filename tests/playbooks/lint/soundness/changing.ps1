# Runs scripts of changes on the engine and says what they would have written: standard input is one JSON object a line, {"id", "text",
# "allowed": [{"kind", "pattern"}, ...]}. Output: one JSON object a line, {"id", "written": n, "beyond": [...]}: how many places were written,
# and those that are like no allowed pattern, by this engine's own -like. The commands that change are functions here, of the parameters of the real ones, and
# write nothing. Nothing is shared with the linter.
$ErrorActionPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
$global:written = [System.Collections.ArrayList]::new()
$env:EVIL = 'W3SVC'

function global:Add-Written([string[]]$Kinds, $Places) {
    foreach ($place in @($Places)) { [void]$global:written.Add(@{ kinds = $Kinds; place = "$place" }) }
}
foreach ($name in 'Start-Service', 'Stop-Service', 'Restart-Service') {
    . ([scriptblock]::Create("function global:$name { [CmdletBinding()] param ([Parameter(Position = 0, ValueFromPipeline = `$true, ValueFromPipelineByPropertyName = `$true)][string[]]`$Name, [switch]`$Force)
        process { Add-Written 'service' `$Name } }"))
}
function global:Set-Service { [CmdletBinding()] param ([Parameter(Position = 0, ValueFromPipelineByPropertyName = $true)][string]$Name, $StartupType, $Status) process { Add-Written 'service' $Name } }
function global:Remove-Item { [CmdletBinding()] param ([Parameter(Position = 0, ValueFromPipeline = $true)][string[]]$Path, [Parameter(ValueFromPipelineByPropertyName = $true)][Alias('PSPath')][string[]]$LiteralPath, [switch]$Force, [switch]$Recurse)
    process { Add-Written 'file', 'folder' (@($Path) + @($LiteralPath) | Where-Object { $null -ne $_ }) } }
function global:Move-Item { [CmdletBinding()] param ([Parameter(Position = 0)][string[]]$Path, [Parameter(Position = 1)][string]$Destination, [string[]]$LiteralPath, [switch]$Force)
    Add-Written 'file' (@($Path) + @($LiteralPath) + @($Destination) | Where-Object { $_ }) }
function global:Copy-Item { [CmdletBinding()] param ([Parameter(Position = 0)][string[]]$Path, [Parameter(Position = 1)][string]$Destination, [string[]]$LiteralPath, [switch]$Force) Add-Written 'file' $Destination }
function global:Set-Content { [CmdletBinding()] param ([Parameter(Position = 0)][string[]]$Path, [string[]]$LiteralPath, [Parameter(Position = 1, ValueFromPipeline = $true)]$Value, $Encoding) process { Add-Written 'file' (@($Path) + @($LiteralPath) | Where-Object { $_ }) } }
function global:New-Item { [CmdletBinding()] param ([Parameter(Position = 0)][string[]]$Path, $ItemType, $Value, [switch]$Force) Add-Written "$(if ($ItemType -eq 'Directory') { 'folder' } else { 'file' })" $Path }
function global:Set-ItemProperty { [CmdletBinding()] param ([string[]]$Path, [string[]]$LiteralPath, [Parameter(Position = 1)][string]$Name, [Parameter(Position = 2)]$Value, $Type)
    foreach ($one in @($LiteralPath)) { if ($one -match '^HK') { Add-Written 'registry' "$one\$Name" } else { Add-Written 'file', 'folder' $one } } }
function global:Remove-ItemProperty { [CmdletBinding()] param ([string[]]$Path, [string[]]$LiteralPath, [Parameter(Position = 1)][string[]]$Name)
    foreach ($one in @($LiteralPath)) { foreach ($each in $Name) { Add-Written 'registry' "$one\$each" } } }
function global:Set-Acl { [CmdletBinding()] param ([string[]]$LiteralPath, $AclObject) Add-Written 'acl' $LiteralPath }
function global:Restart-WebAppPool { [CmdletBinding()] param ([Parameter(Position = 0, ValueFromPipelineByPropertyName = $true)][string]$Name) process { Add-Written 'pool' $Name } }
# An address by the parts that .NET finds in it: any but this server's is beyond, whatever is allowed.
function global:Invoke-WebRequest { [CmdletBinding()] param ([Parameter(Position = 0, ValueFromPipelineByPropertyName = $true)][uri]$Uri, [switch]$UseBasicParsing, [int]$MaximumRedirection = 5, $TimeoutSec)
    process { if ($Uri.Scheme -ne 'http' -or $Uri.Host -ne '127.0.0.1' -or $Uri.UserInfo -or $MaximumRedirection) { Add-Written 'request' "\..\$Uri" } } }
function global:Stop-WebAppPool { [CmdletBinding()] param ([Parameter(Position = 0, ValueFromPipelineByPropertyName = $true)][string]$Name) process { Add-Written 'pool' $Name } }
# Of a location, an element and an attribute, each a list; whatever is no element by its names alone is beyond.
function global:Add-Configuration([string]$PSPath, [string[]]$Location, [string[]]$Filter, [string]$Name) {
    foreach ($one in $(if ($Location) { $Location } else { 'applicationHost.config' })) {
        foreach ($each in $Filter) {
            $place = "${one}: $each" + $(if ($Name -ne '.') { "/@$Name" })
            if ($PSPath -ne 'MACHINE/WEBROOT/APPHOST' -or $each -match '//|\.\.|\||^/| or ' -or $one -match '\.\.') { $place = "\..\$place" }
            Add-Written 'configuration' $place
        }
    }
}
function global:Set-WebConfigurationProperty { [CmdletBinding()] param ([string]$PSPath, [string[]]$Location, [string[]]$Filter, [string]$Name, $Value) Add-Configuration $PSPath $Location $Filter $Name }
function global:Clear-WebConfiguration { [CmdletBinding()] param ([string]$PSPath, [string[]]$Location, [string[]]$Filter) Add-Configuration $PSPath $Location $Filter '.' }
function global:Set-NetFirewallProfile { [CmdletBinding()] param ([Parameter(Position = 0)][string[]]$Name, $Enabled, $DefaultInboundAction, $DefaultOutboundAction) Add-Written 'firewall_profile' $Name }
foreach ($name in 'Enable-NetFirewallRule', 'Disable-NetFirewallRule', 'Remove-NetFirewallRule') {
    . ([scriptblock]::Create("function global:$name { [CmdletBinding()] param ([Parameter(Position = 0, ValueFromPipeline = `$true)][string[]]`$Name, `$Group, [switch]`$All) process { Add-Written 'firewall_rule' `$Name } }"))
}
function global:New-NetFirewallRule { [CmdletBinding()] param ([string]$Name, $DisplayName, $Group, $Direction, $Action, $Protocol, $LocalPort, $RemotePort, $IcmpType, $RemoteAddress, $Profile) Add-Written 'firewall_rule' $Name }
# A program by its whole path, and the whole command line that Windows would get: any but the one export is beyond.
$env:SystemRoot = 'C:\Windows'
function global:Start-Process { [CmdletBinding()] param ([Parameter(Position = 0)][string]$FilePath, [Parameter(Position = 1)][string[]]$ArgumentList, [switch]$NoNewWindow, [switch]$Wait, [switch]$PassThru)
    if ($FilePath -ine 'C:\Windows\System32\netsh.exe' -or "$ArgumentList" -cnotmatch '^advfirewall export "([A-Z]:\\[^"]+)"$') { Add-Written 'program' "\..\$FilePath $ArgumentList" }
    else { Add-Written 'file' $Matches[1] }
    [pscustomobject]@{ ExitCode = 0 } }
# What a host says: another service, another path.
function global:Get-Service { [pscustomobject]@{ Name = 'W3SVC'; Status = 'Running'; StartType = 'Manual' } }
function global:Get-Content { 'C:\Windows\evil' }
function global:Get-Item { [pscustomobject]@{ FullName = 'C:\Windows\evil'; Name = 'evil' } }
function global:Test-Path { (Get-Random -Maximum 2) -eq 1 }

while ($null -ne ($line = [Console]::In.ReadLine())) {
    $case = $line | ConvertFrom-Json
    $global:written.Clear()
    $null = & ([scriptblock]::Create($case.text)) 2>&1 3>&1 6>&1
    $beyond = @(foreach ($each in $global:written) {
            if (-not @($case.allowed | Where-Object { $_.kind -in $each.kinds -and $each.place -like $_.pattern })) { $each.place }
            elseif ($each.place -match '[*?]|\\\.\.(\\|$)|^[A-Za-z]:[^\\]') { $each.place }
        })
    [Console]::Out.WriteLine((ConvertTo-Json -InputObject @{ id = $case.id; written = $global:written.Count; beyond = $beyond } -Compress -Depth 3))
}
