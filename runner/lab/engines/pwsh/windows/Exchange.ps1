# The Exchange snap-in, as far as the state can answer for it: the server's own entry, from its registry, and its virtual
# directories, over directory.json.
class LabExchange {
    static [string[]] $SnapIns = @(
        'Microsoft.Exchange.Management.PowerShell.SnapIn', 'Microsoft.Exchange.Management.PowerShell.E2010'
    )

    static [string] $NoDirectory = (
        'Active Directory server  is not available. Error message: Active directory response: A local error occurred.')

    static [System.Collections.Generic.List[string]] $Added = [System.Collections.Generic.List[string]]::new()

    # Values of setup's key; null where there is no Exchange, or nobody may look.
    static [System.Collections.IDictionary] Setup() {
        try {
            $folder = [LabRegistry]::Open('HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\ExchangeServer\v15\Setup')
        }
        catch [System.Security.SecurityException] {
            return $null
        }
        if (-not $folder) { return $null }
        return [LabRegistry]::Values($folder)
    }

    static [bool] HasRole([string] $name) {
        try {
            return [bool] [LabRegistry]::Open("HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\ExchangeServer\v15\$name")
        }
        catch [System.Security.SecurityException] {
            return $true
        }
    }

    static [System.Text.Json.JsonElement[]] Mailboxes() {
        $text = [System.IO.File]::ReadAllText([LabHost]::Folder + '/mailboxes.json')
        return @([System.Text.Json.JsonDocument]::Parse($text).RootElement.EnumerateArray())
    }

    # A mailbox by its address; an error where there is none, or its folders cannot be asked for.
    static [System.Text.Json.JsonElement] Mailbox([string] $address) {
        foreach ($mailbox in [LabExchange]::Mailboxes()) {
            if ($mailbox.GetProperty('address').GetString() -ne $address) { continue }
            if ($mailbox.GetProperty('denied').GetBoolean()) { throw [System.InvalidOperationException]::new('Cannot open mailbox.') }
            return $mailbox
        }
        throw [System.InvalidOperationException]::new("The operation couldn't be performed because object '$address' couldn't be found.")
    }

    hidden static [System.Text.Json.JsonElement] Directory() {
        $text = [System.IO.File]::ReadAllText([LabHost]::Folder + '/directory.json')
        return [System.Text.Json.JsonDocument]::Parse($text).RootElement
    }

    hidden static [object] Time([System.Text.Json.JsonElement] $value) {
        if ($value.ValueKind -ne 'String') { return $null }
        return [datetime]::Parse($value.GetString(), [cultureinfo]::InvariantCulture, 'RoundtripKind')
    }

    static [bool] IsInstalled() {
        return [LabExchange]::Setup() -and [LabExchange]::Directory().GetProperty('answers').GetString() -ne 'without-commands'
    }

    # What Active Directory has; an error where it does not know who asks.
    hidden static [System.Text.Json.JsonElement] Answering() {
        $directory = [LabExchange]::Directory()
        if ($directory.GetProperty('answers').GetString() -ne 'answers') {
            throw [System.InvalidOperationException]::new([LabExchange]::NoDirectory)
        }
        return $directory
    }

    static [System.Text.Json.JsonElement[]] Listed([string] $name) {
        return @([LabExchange]::Answering().GetProperty($name).EnumerateArray())
    }

    static [object[]] ExportRequests() {
        $number = 0
        $found = foreach ($each in [LabExchange]::Listed('export_requests')) {
            $number++
            [pscustomobject] @{
                Identity       = "$($each.GetProperty('mailbox').GetString())\$($each.GetProperty('name').GetString())\$number"
                Name           = $each.GetProperty('name').GetString()
                BatchName      = $each.GetProperty('batch').GetString()
                FilePath       = $each.GetProperty('path').GetString()
                Status         = $each.GetProperty('status').GetString()
                Mailbox        = $each.GetProperty('mailbox').GetString()
                WhenCreatedUTC = [LabExchange]::Time($each.GetProperty('created'))
                WhenChangedUTC = [LabExchange]::Time($each.GetProperty('created'))
                State          = $each
            }
        }
        return @($found)
    }

    static [object[]] VirtualDirectories([string] $kind) {
        $found = foreach ($each in [LabExchange]::Listed('virtual_directories')) {
            if ($each.GetProperty('kind').GetString() -ne $kind) { continue }
            [pscustomobject] @{
                Name           = $each.GetProperty('name').GetString()
                Guid           = [guid] $each.GetProperty('guid').GetString()
                Server         = [LabHost]::Text('name').ToUpperInvariant()
                InternalUrl    = $each.GetProperty('internal').GetString()
                ExternalUrl    = $each.GetProperty('external').GetString()
                WhenChangedUTC = [LabExchange]::Time($each.GetProperty('changed'))
            }
        }
        return @($found)
    }

    # Of Exchange Emergency Mitigation.
    static [System.Text.Json.JsonElement] Emergency() {
        return [LabExchange]::Answering().GetProperty('emergency')
    }

    # Writes what a change makes of the directory. One pool at a time, and no reader ever finds half a file.
    hidden static [void] Edit([scriptblock] $change) {
        [void] [LabExchange]::Answering()
        $file = [LabHost]::Folder + '/directory.json'
        $held = [LabServices]::Hold($file + '.held')
        try {
            $all = [System.Text.Json.Nodes.JsonNode]::Parse([System.IO.File]::ReadAllText($file))
            & $change $all
            [System.IO.File]::WriteAllText($file + '.new', $all.ToJsonString())
            [System.IO.File]::Move($file + '.new', $file, $true)
        }
        finally {
            $held.Dispose()
        }
    }

    # What Exchange Emergency Mitigation is to leave out here, from now on.
    static [void] LeaveOut([string[]] $names) {
        [LabExchange]::Edit({
                param($all)
                $list = [System.Text.Json.Nodes.JsonArray]::new()
                foreach ($name in $names) { $list.Add([System.Text.Json.Nodes.JsonValue]::Create($name)) }
                $all['emergency']['blocked'] = $list
            }.GetNewClosure())
    }

    static [string[]] Texts([System.Text.Json.JsonElement] $list) {
        return @(foreach ($each in $list.EnumerateArray()) { $each.GetString() })
    }

    # Sets a URL of one; an error where it is not there.
    static [void] SetUrl([string] $kind, [string] $guid, [string] $url, [string] $value) {
        [LabExchange]::Edit({
                param($all)
                foreach ($each in $all['virtual_directories'].AsArray()) {
                    if ($each['guid'].GetValue[string]() -ine $guid -or $each['kind'].GetValue[string]() -ne $kind) { continue }
                    $each[$url] = if ($value) { [System.Text.Json.Nodes.JsonValue]::Create($value) } else { $null }
                    return
                }
                throw [System.InvalidOperationException]::new("The operation couldn't be performed because object '$guid' couldn't be found.")
            }.GetNewClosure())
    }

    static [object] SnapIn([string] $name) {
        $shown = [pscustomobject] @{ Name = $name; PSVersion = [version] '1.0'; Description = 'Admin Tasks for the Exchange Server' }
        $shown.psobject.TypeNames.Insert(0, 'System.Management.Automation.PSSnapInInfo')
        return $shown
    }
}

function Get-PSSnapin {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)]
        [string[]] $Name = '*',

        [switch] $Registered
    )
    $all = if ($Registered) { if ([LabExchange]::IsInstalled()) { [LabExchange]::SnapIns } } else { [LabExchange]::Added }
    foreach ($snapIn in $all) {
        if ([LabServices]::IsLike($snapIn, $Name)) { [LabExchange]::SnapIn($snapIn) }
    }
}

function Add-PSSnapin {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, Position = 0, ValueFromPipelineByPropertyName = $true)]
        [string[]] $Name,

        [switch] $PassThru
    )
    process {
        foreach ($asked in $Name) {
            $found = @(foreach ($snapIn in [LabExchange]::SnapIns) { if ($snapIn -like $asked -and [LabExchange]::IsInstalled()) { $snapIn } })
            if ($found.Count -eq 0) {
                $missing = [System.Management.Automation.PSArgumentException]::new(
                    "The Windows PowerShell snap-in '$asked' is not installed on this computer.")
                $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                    $missing, 'AddPSSnapInRead', 'InvalidArgument', $asked))
            }
            foreach ($snapIn in $found) {
                if ([LabExchange]::Added.Contains($snapIn)) {
                    $again = [System.Management.Automation.PSArgumentException]::new(
                        "Cannot add Windows PowerShell snap-in $snapIn because it is already added. Verify the name of the " +
                        'snap-in and try again.')
                    $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                        $again, 'AddPSSnapInRead', 'InvalidArgument', $snapIn))
                    continue
                }
                [LabExchange]::Added.Add($snapIn)
                Set-Item -LiteralPath 'Function:\global:Get-ExchangeServer' -Value ${function:LabGetExchangeServer}
                Set-Item -LiteralPath 'Function:\global:Set-ExchangeServer' -Value ${function:LabSetExchangeServer}
                Set-Item -LiteralPath 'Function:\global:Get-OrganizationConfig' -Value ${function:LabGetOrganizationConfig}
                foreach ($command in @(
                        'Mailbox', 'MailboxFolderStatistics', 'MailboxFolderPermission', 'MailboxExportRequest',
                        'MailboxExportRequestStatistics', 'ManagementRole', 'ManagementRoleAssignment'
                    )) {
                    Set-Item -LiteralPath "Function:\global:Get-$command" -Value (Get-Item -LiteralPath "Function:\LabGet$command").ScriptBlock
                }
                foreach ($kind in 'Oab', 'Ecp', 'Owa', 'WebServices', 'ActiveSync', 'Mapi', 'PowerShell', 'Autodiscover') {
                    Set-Item -LiteralPath "Function:\global:Get-$($kind)VirtualDirectory" -Value ${function:LabGetVirtualDirectory}
                    Set-Item -LiteralPath "Function:\global:Set-$($kind)VirtualDirectory" -Value ${function:LabSetVirtualDirectory}
                }
                if ($PassThru) { [LabExchange]::SnapIn($snapIn) }
            }
        }
    }
}

# Becomes Get-ExchangeServer once the snap-in is added. What only Active Directory knows (site, edition, FQDN) is absent.
function LabGetExchangeServer {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0, ValueFromPipeline = $true)]
        [string] $Identity,

        [switch] $Status
    )
    process {
        $server = [LabHost]::Text('name').ToUpperInvariant()
        if ($Identity -and $Identity -notin $server, $env:COMPUTERNAME) {
            $missing = [System.InvalidOperationException]::new(
                "The operation couldn't be performed because object '$Identity' couldn't be found on '$server'.")
            $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                $missing, 'ManagementObjectNotFoundException', 'NotSpecified', $Identity))
            return
        }
        $emergency = [LabExchange]::Emergency()
        $setup = [LabExchange]::Setup()
        if ($null -eq $setup) { return }
        $edge = [LabExchange]::HasRole('EdgeTransportRole')
        $mailbox = [LabExchange]::HasRole('MailboxRole')
        $access = [LabExchange]::HasRole('ClientAccessRole')
        # Since 2016 client access is a part of the mailbox role; 2013 shows both.
        $roles = if ($edge) { 'Edge' } elseif ($mailbox -and $access -and $setup['MsiProductMinor'] -eq 0) { 'Mailbox, ClientAccess' } else { 'Mailbox' }
        [pscustomobject] @{
            Name                 = $server
            Identity             = $server
            ServerRole           = $roles
            AdminDisplayVersion  = 'Version {0}.{1} (Build {2}.{3})' -f @(
                $setup['MsiProductMajor'], $setup['MsiProductMinor'], $setup['MsiBuildMajor'], $setup['MsiBuildMinor'])
            IsMailboxServer      = $mailbox
            IsClientAccessServer = $access
            IsEdgeServer         = $edge
            IsE15OrLater         = $true
            MitigationsEnabled   = $emergency.GetProperty('server').GetBoolean()
            MitigationsApplied   = [LabExchange]::Texts($emergency.GetProperty('applied'))
            MitigationsBlocked   = [LabExchange]::Texts($emergency.GetProperty('blocked'))
        }
    }
}

function LabSetExchangeServer {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true, Position = 0)] [string] $Identity, [string[]] $MitigationsBlocked)
    $server = [LabHost]::Text('name').ToUpperInvariant()
    if ($Identity -notin $server, $env:COMPUTERNAME) {
        throw [System.InvalidOperationException]::new(
            "The operation couldn't be performed because object '$Identity' couldn't be found on '$server'.")
    }
    [LabExchange]::LeaveOut($MitigationsBlocked)
}

function LabGetOrganizationConfig {
    [CmdletBinding()]
    param()
    [pscustomobject] @{ MitigationsEnabled = [LabExchange]::Emergency().GetProperty('organization').GetBoolean() }
}

# These become Get-Mailbox and so on once the snap-in is added.
function LabGetMailbox {
    [CmdletBinding()]
    param([string] $Server, [string] $ResultSize = 'Unlimited')
    $most = if ($ResultSize -eq 'Unlimited') { [int]::MaxValue } else { [int] $ResultSize }
    foreach ($mailbox in [LabExchange]::Mailboxes() | Select-Object -First $most) {
        $address = $mailbox.GetProperty('address').GetString()
        [pscustomobject] @{ Identity = $address; Name = $address; PrimarySmtpAddress = $address }
    }
}

function LabGetMailboxFolderStatistics {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true, Position = 0)] [string] $Identity, [string] $FolderScope = 'All')
    foreach ($folder in [LabExchange]::Mailbox($Identity).GetProperty('folders').EnumerateArray()) {
        $scope = $folder.GetProperty('scope').GetString()
        if ($FolderScope -in 'All', $scope) {
            [pscustomobject] @{ FolderPath = $folder.GetProperty('path').GetString(); FolderType = $scope }
        }
    }
}

function LabGetMailboxFolderPermission {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true, Position = 0)] [string] $Identity)
    $address, $path = $Identity -split ':', 2
    foreach ($folder in [LabExchange]::Mailbox($address).GetProperty('folders').EnumerateArray()) {
        if ($folder.GetProperty('path').GetString() -ne $path.Replace('\', '/')) { continue }
        foreach ($right in $folder.GetProperty('rights').EnumerateObject()) {
            [pscustomobject] @{
                User         = [pscustomobject] @{ UserType = $right.Name; DisplayName = $right.Name }
                AccessRights = @(foreach ($each in $right.Value.EnumerateArray()) { $each.GetString() })
            }
        }
    }
}

function LabGetMailboxExportRequest {
    [CmdletBinding()]
    param([string] $ResultSize = '1000')
    $most = if ($ResultSize -eq 'Unlimited') { [int]::MaxValue } else { [int] $ResultSize }
    [LabExchange]::ExportRequests() | Select-Object -First $most -ExcludeProperty State -Property *
}

function LabGetMailboxExportRequestStatistics {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true, Position = 0)] [string] $Identity, [switch] $IncludeReport)
    foreach ($each in [LabExchange]::ExportRequests()) {
        if ($each.Identity -ne $Identity) { continue }
        if ($each.State.GetProperty('denied').GetBoolean()) {
            throw [System.InvalidOperationException]::new('Unable to read the request from the mailbox database.')
        }
        [pscustomobject] @{
            Name                = $each.Name
            FilePath            = $each.FilePath
            MRSServerName       = $each.State.GetProperty('server').GetString()
            QueuedTimestamp     = $null
            CompletionTimestamp = $null
            Report              = if ($IncludeReport) { $each.State.GetProperty('report').GetString() }
        }
    }
}

function LabGetManagementRole {
    [CmdletBinding()]
    param([string] $RoleType)
    if ($RoleType -ne 'MailboxImportExport') { return }
    foreach ($each in [LabExchange]::Listed('export_roles')) { [pscustomobject] @{ Name = $each.GetString(); RoleType = $RoleType } }
}

function LabGetManagementRoleAssignment {
    [CmdletBinding()]
    param([string] $Role)
    foreach ($each in [LabExchange]::Listed('role_assignments')) {
        if ($each.GetProperty('role').GetString() -ne $Role) { continue }
        [pscustomobject] @{
            Name                         = $each.GetProperty('name').GetString()
            Role                         = $Role
            RoleAssigneeName             = $each.GetProperty('assignee').GetString()
            RoleAssigneeType             = $each.GetProperty('type').GetString()
            RoleAssignmentDelegationType = $each.GetProperty('delegation').GetString()
            Enabled                      = $each.GetProperty('enabled').GetBoolean()
            WhenCreatedUTC               = [LabExchange]::Time($each.GetProperty('created'))
        }
    }
}

# Becomes Get-OabVirtualDirectory and the others.
function LabGetVirtualDirectory {
    [CmdletBinding()]
    param([string] $Server, [switch] $ADPropertiesOnly)
    $kind = $MyInvocation.MyCommand.Name.Substring('Get-'.Length).Replace('VirtualDirectory', '')
    [LabExchange]::VirtualDirectories($kind)
}

# Becomes Set-OabVirtualDirectory and the others.
function LabSetVirtualDirectory {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true, Position = 0)] [string] $Identity, [string] $InternalUrl, [string] $ExternalUrl)
    $kind = $MyInvocation.MyCommand.Name.Substring('Set-'.Length).Replace('VirtualDirectory', '')
    if ($PSBoundParameters.ContainsKey('InternalUrl')) { [LabExchange]::SetUrl($kind, $Identity, 'internal', $InternalUrl) }
    if ($PSBoundParameters.ContainsKey('ExternalUrl')) { [LabExchange]::SetUrl($kind, $Identity, 'external', $ExternalUrl) }
}
