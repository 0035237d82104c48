# Windows Firewall: the commands of the module NetSecurity over firewall.json. What is in force is worked out
# here, as Windows does: of each setting what group policy says, else what is set on the server, else what Windows does.
class LabFirewall {
    hidden static [System.Text.Json.JsonElement] All() {
        $text = [System.IO.File]::ReadAllText([LabHost]::Folder + '/firewall.json')
        return [System.Text.Json.JsonDocument]::Parse($text).RootElement
    }

    # The module itself holds nothing: its commands are those of this file.
    static [void] Offer() {
        if ([LabFirewall]::All().GetProperty('answers').GetString() -eq 'without-commands') { return }
        $modules = [LabHost]::Folder + '/modules'
        [void] [System.IO.Directory]::CreateDirectory($modules + '/NetSecurity')
        [System.IO.File]::WriteAllText($modules + '/NetSecurity/NetSecurity.psm1', '')
        $env:PSModulePath = $env:PSModulePath + [System.IO.Path]::PathSeparator + $modules
    }

    # The stores, or the error that a command ends in.
    static [System.Text.Json.JsonElement] Asked([string] $command) {
        $all = [LabFirewall]::All()
        switch ($all.GetProperty('answers').GetString()) {
            'without-commands' {
                throw [System.Management.Automation.CommandNotFoundException]::new(
                    "The term '$command' is not recognized as the name of a cmdlet, function, script file, or operable program. " +
                    'Check the spelling of the name, or if a path was included, verify that the path is correct and try again.')
            }
            'denied' { throw [System.UnauthorizedAccessException]::new('Access is denied. ') }
        }
        foreach ($entry in [LabServices]::Entries()) {
            if ($entry.Name -ieq 'MpsSvc' -and $entry.Value.GetProperty('state').GetString() -ne 'Running') {
                throw [System.InvalidOperationException]::new('There are no more endpoints available from the endpoint mapper. ')
            }
        }
        return $all
    }

    static [object[]] Profiles([string] $store) {
        $all = [LabFirewall]::Asked('Get-NetFirewallProfile')
        $inForce = @{
            enabled             = 'True'
            default_inbound     = 'Block'
            default_outbound    = 'Allow'
            allow_inbound_rules = 'True'
            allow_local_rules   = 'True'
        }
        $found = foreach ($name in 'Domain', 'Private', 'Public') {
            $said = @{}
            foreach ($setting in $inForce.Keys) {
                $local = [LabFirewall]::Setting($all.GetProperty('local'), $name, $setting)
                if ($setting -eq 'enabled' -and $local -eq '') { $local = 'True' }
                $policy = [LabFirewall]::Setting($all.GetProperty('policy'), $name, $setting)
                $layers = switch ($store) {
                    'ActiveStore' { $policy, $local, $inForce[$setting] }
                    'RSOP' { , $policy }
                    default { , $local }
                }
                $said[$setting] = 'NotConfigured'
                foreach ($each in $layers) {
                    if ($each -notin '', 'NotConfigured') {
                        $said[$setting] = $each
                        break
                    }
                }
            }
            [LabFirewall]::Instance('MSFT_NetFirewallProfile', [ordered] @{
                Name                    = $name
                Profile                 = $name
                Enabled                 = $said['enabled']
                DefaultInboundAction    = $said['default_inbound']
                DefaultOutboundAction   = $said['default_outbound']
                AllowInboundRules       = $said['allow_inbound_rules']
                AllowLocalFirewallRules = $said['allow_local_rules']
                InstanceID              = "MSFT|FW|FirewallProfile|$name"
            })
        }
        return @($found)
    }

    # Empty where the store has no such profile.
    hidden static [string] Setting([System.Text.Json.JsonElement] $store, [string] $name, [string] $setting) {
        $profile = [System.Text.Json.JsonElement]::new()
        if (-not $store.TryGetProperty($name, [ref] $profile)) { return '' }
        return $profile.GetProperty($setting).GetString()
    }

    # One object for each rule of a store: of the rule itself, or of one of its filters, which bear its InstanceID.
    static [object[]] Rules([string] $command, [string] $store, [bool] $traced) {
        $all = [LabFirewall]::Asked($command)
        $sources = switch ($store) {
            'ActiveStore' { 'policy_rules', 'rules' }
            'RSOP' { , 'policy_rules' }
            default { , 'rules' }
        }
        $found = foreach ($source in $sources) {
            $from = if ($source -eq 'rules') { 'PersistentStore' } else { 'RSOP' }
            foreach ($rule in $all.GetProperty($source).EnumerateArray()) {
                switch ($command) {
                    'Get-NetFirewallRule' { [LabFirewall]::Rule($rule, $from, $traced) }
                    'Get-NetFirewallPortFilter' {
                        [LabFirewall]::Instance('MSFT_NetProtocolPortFilter', [ordered] @{
                            InstanceID = $rule.GetProperty('id').GetString()
                            Protocol   = $rule.GetProperty('protocol').GetString()
                            LocalPort  = [LabFirewall]::Texts($rule, 'local_port')
                            RemotePort = [LabFirewall]::Texts($rule, 'remote_port')
                        })
                    }
                    'Get-NetFirewallAddressFilter' {
                        [LabFirewall]::Instance('MSFT_NetAddressFilter', [ordered] @{
                            InstanceID    = $rule.GetProperty('id').GetString()
                            LocalAddress  = 'Any'
                            RemoteAddress = [LabFirewall]::Texts($rule, 'remote_address')
                        })
                    }
                    'Get-NetFirewallApplicationFilter' {
                        [LabFirewall]::Instance('MSFT_NetApplicationFilter', [ordered] @{
                            InstanceID = $rule.GetProperty('id').GetString()
                            Program    = $rule.GetProperty('program').GetString()
                        })
                    }
                }
            }
        }
        return @($found)
    }

    hidden static [object] Rule([System.Text.Json.JsonElement] $rule, [string] $from, [bool] $traced) {
        $id = $rule.GetProperty('id').GetString()
        $gpo = $rule.GetProperty('gpo').GetString()
        return [LabFirewall]::Instance('MSFT_NetFirewallRule', [ordered] @{
            Name                  = $id
            DisplayName           = $rule.GetProperty('display_name').GetString()
            Group                 = $rule.GetProperty('group').GetString()
            Enabled               = if ($rule.GetProperty('enabled').GetBoolean()) { 'True' } else { 'False' }
            Profile               = $rule.GetProperty('profile').GetString()
            Direction             = $rule.GetProperty('direction').GetString()
            Action                = $rule.GetProperty('action').GetString()
            PolicyStoreSource     = if ($traced -and $gpo) { $gpo } else { $from }
            PolicyStoreSourceType = if ($from -eq 'RSOP') { 'GroupPolicy' } else { 'Local' }
            InstanceID            = $id
        })
    }

    # A list of one is no list, as the module's own properties are.
    hidden static [object] Texts([System.Text.Json.JsonElement] $rule, [string] $name) {
        [string[]] $texts = @(foreach ($each in $rule.GetProperty($name).EnumerateArray()) { $each.GetString() })
        if ($texts.Count -eq 1) { return $texts[0] }
        return $texts
    }

    # Makes something of what is set on the server. One pool at a time, and no reader ever finds half a file.
    hidden static [void] Change([scriptblock] $change) {
        $file = [LabHost]::Folder + '/firewall.json'
        $held = [LabServices]::Hold($file + '.held')
        try {
            $all = [System.Text.Json.Nodes.JsonNode]::Parse([System.IO.File]::ReadAllText($file))
            $null = & $change $all
            [System.IO.File]::WriteAllText($file + '.new', $all.ToJsonString())
            [System.IO.File]::Move($file + '.new', $file, $true)
        }
        finally {
            $held.Dispose()
        }
    }

    hidden static [object] Named([System.Text.Json.Nodes.JsonNode] $all, [string] $name) {
        foreach ($rule in $all['rules'].AsArray()) {
            if ($rule['id'].GetValue[string]() -ieq $name) { return $rule }
        }
        return $null
    }

    static [bool] IsThere([string] $name) {
        $all = [System.Text.Json.Nodes.JsonNode]::Parse([LabFirewall]::All().GetRawText())
        return $null -ne [LabFirewall]::Named($all, $name)
    }

    static [void] Switch([string] $name, [bool] $enabled) {
        [LabFirewall]::Change({ param($all) [LabFirewall]::Named($all, $name)['enabled'] = [System.Text.Json.Nodes.JsonValue]::Create($enabled) }.GetNewClosure())
    }

    static [void] Remove([string] $name) {
        [LabFirewall]::Change({ param($all) $all['rules'].AsArray().Remove([LabFirewall]::Named($all, $name)) }.GetNewClosure())
    }

    static [void] Add([System.Collections.IDictionary] $rule) {
        $made = [System.Text.Json.Nodes.JsonNode]::Parse((ConvertTo-Json -InputObject $rule))
        [LabFirewall]::Change({ param($all) $all['rules'].AsArray().Add($made) }.GetNewClosure())
    }

    static [void] SetProfile([string] $name, [System.Collections.IDictionary] $settings) {
        [LabFirewall]::Change({
                param($all)
                $local = $all['local'].AsObject()
                if (-not $local.ContainsKey($name)) {
                    $whole = '{"enabled": "True", "default_inbound": "NotConfigured", "default_outbound": "NotConfigured", "allow_inbound_rules": "NotConfigured", "allow_local_rules": "NotConfigured"}'
                    $local[$name] = [System.Text.Json.Nodes.JsonNode]::Parse($whole)
                }
                foreach ($setting in $settings.Keys) { $local[$name][$setting] = [System.Text.Json.Nodes.JsonValue]::Create([string] $settings[$setting]) }
            }.GetNewClosure())
    }

    # What netsh makes of the policy: here its JSON, on Windows what no other program reads. Gives its exit code.
    static [int] Export([string] $path) {
        try { $all = [LabFirewall]::Asked('netsh') }
        catch { return 1 }
        $real = [LabFiles]::Target($path)
        if (-not $real) { return 1 }
        $policy = [System.Text.Json.Nodes.JsonObject]::new()
        foreach ($name in 'local', 'rules') { $policy[$name] = [System.Text.Json.Nodes.JsonNode]::Parse($all.GetProperty($name).GetRawText()) }
        $text = $policy.ToJsonString()
        $inPart = $all.GetProperty('exports').GetString() -eq 'in-part'
        if ($inPart) { $text = $text.Substring(0, [int] ($text.Length / 2)) }
        [System.IO.File]::WriteAllText($real, $text)
        [LabMarks]::Add([LabFiles]::Windows($real), $false)
        return [int] $inPart
    }

    static [System.Management.Automation.ErrorRecord] Missing([string] $name) {
        $why = "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$name'.  Verify the value of the property and retry."
        return [System.Management.Automation.ErrorRecord]::new(
            [System.Management.Automation.ItemNotFoundException]::new($why), 'CmdletizationQuery_NotFound_InstanceID', 'ObjectNotFound', $name)
    }

    hidden static [object] Instance([string] $class, [System.Collections.IDictionary] $properties) {
        $shown = [pscustomobject] $properties
        $shown.psobject.TypeNames.Insert(0, "Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/$class")
        return $shown
    }
}

function Get-NetFirewallProfile {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)]
        [Alias('Profile')]
        [string[]] $Name,

        [switch] $All,

        [string] $PolicyStore = 'PersistentStore'
    )
    foreach ($each in [LabFirewall]::Profiles($PolicyStore)) {
        if (-not $Name -or $each.Name -in $Name) { $each }
    }
}

function Get-NetFirewallRule {
    [CmdletBinding()]
    param([switch] $All, [string] $PolicyStore = 'PersistentStore', [switch] $TracePolicyStore)
    [LabFirewall]::Rules('Get-NetFirewallRule', $PolicyStore, [bool] $TracePolicyStore)
}

function Get-NetFirewallPortFilter {
    [CmdletBinding()]
    param([switch] $All, [string] $PolicyStore = 'PersistentStore')
    [LabFirewall]::Rules('Get-NetFirewallPortFilter', $PolicyStore, $false)
}

function Get-NetFirewallAddressFilter {
    [CmdletBinding()]
    param([switch] $All, [string] $PolicyStore = 'PersistentStore')
    [LabFirewall]::Rules('Get-NetFirewallAddressFilter', $PolicyStore, $false)
}

function Get-NetFirewallApplicationFilter {
    [CmdletBinding()]
    param([switch] $All, [string] $PolicyStore = 'PersistentStore')
    [LabFirewall]::Rules('Get-NetFirewallApplicationFilter', $PolicyStore, $false)
}

function Set-NetFirewallProfile {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string[]] $Name,

        [ValidateSet('True', 'False', 'NotConfigured')]
        [string] $Enabled,

        [ValidateSet('Allow', 'Block', 'NotConfigured')]
        [string] $DefaultInboundAction,

        [ValidateSet('Allow', 'Block', 'NotConfigured')]
        [string] $DefaultOutboundAction
    )
    $all = [LabFirewall]::Asked('Set-NetFirewallProfile')
    $settings = @{}
    if ($Enabled) { $settings['enabled'] = $Enabled }
    if ($DefaultInboundAction) { $settings['default_inbound'] = $DefaultInboundAction }
    if ($DefaultOutboundAction) { $settings['default_outbound'] = $DefaultOutboundAction }
    if ($all.GetProperty('unset').GetString() -eq 'refused' -and $settings.Values -contains 'NotConfigured') {
        throw [System.ArgumentException]::new('The parameter is incorrect. ')
    }
    foreach ($each in $Name) { [LabFirewall]::SetProfile($each, $settings) }
}

function Disable-NetFirewallRule {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string[]] $Name)
    [void] [LabFirewall]::Asked('Disable-NetFirewallRule')
    foreach ($each in $Name) {
        if (-not [LabFirewall]::IsThere($each)) { $PSCmdlet.WriteError([LabFirewall]::Missing($each)); continue }
        [LabFirewall]::Switch($each, $false)
    }
}

function Enable-NetFirewallRule {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string[]] $Name)
    [void] [LabFirewall]::Asked('Enable-NetFirewallRule')
    foreach ($each in $Name) {
        if (-not [LabFirewall]::IsThere($each)) { $PSCmdlet.WriteError([LabFirewall]::Missing($each)); continue }
        [LabFirewall]::Switch($each, $true)
    }
}

function Remove-NetFirewallRule {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string[]] $Name)
    [void] [LabFirewall]::Asked('Remove-NetFirewallRule')
    foreach ($each in $Name) {
        if (-not [LabFirewall]::IsThere($each)) { $PSCmdlet.WriteError([LabFirewall]::Missing($each)); continue }
        [LabFirewall]::Remove($each)
    }
}

# The one program of the lab's servers that a change may run.
function Start-Process {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, Position = 0)]
        [string] $FilePath,

        [Parameter(Position = 1)]
        [string[]] $ArgumentList,

        [switch] $NoNewWindow,

        [switch] $Wait,

        [switch] $PassThru
    )
    if ($FilePath -ine 'C:\Windows\System32\netsh.exe' -or "$ArgumentList" -notmatch '^advfirewall export "(.+)"$') {
        throw [System.InvalidOperationException]::new('This command cannot be run due to the error: The system cannot find the file specified.')
    }
    $ended = [pscustomobject] @{ Id = 4711; HasExited = $true; ExitCode = [LabFirewall]::Export($Matches[1]) }
    if ($PassThru) { $ended }
}

function New-NetFirewallRule {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $Name,

        [Parameter(Mandatory = $true)]
        [string] $DisplayName,

        [string] $Group,

        [ValidateSet('Inbound', 'Outbound')]
        [string] $Direction = 'Inbound',

        [ValidateSet('Allow', 'Block')]
        [string] $Action = 'Allow',

        [string] $Protocol = 'Any',

        [string[]] $LocalPort = @('Any'),

        [string[]] $RemotePort = @('Any'),

        [string[]] $IcmpType = @('Any'),

        [string[]] $RemoteAddress = @('Any'),

        [string] $Profile = 'Any'
    )
    [void] [LabFirewall]::Asked('New-NetFirewallRule')
    if ([LabFirewall]::IsThere($Name)) {
        $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
            [System.IO.IOException]::new('Cannot create a file when that file already exists. '), 'HRESULT 0x800700b7', 'ResourceExists', $Name))
    }
    [LabFirewall]::Add([ordered] @{
        id             = $Name
        display_name   = $DisplayName
        group          = if ($Group) { $Group } else { $null }
        enabled        = $true
        direction      = $Direction
        action         = $Action
        profile        = $Profile
        protocol       = $Protocol
        local_port     = $LocalPort
        remote_port    = $RemotePort
        icmp_type      = $IcmpType
        remote_address = $RemoteAddress
        program        = 'Any'
        gpo            = ''
    })
}

[LabFirewall]::Offer()
