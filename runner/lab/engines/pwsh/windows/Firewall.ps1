# Windows Firewall: the commands of the module NetSecurity that read, over firewall.json. What is in force is worked out
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
    static [object[]] Rules([string] $command, [string] $store) {
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
                    'Get-NetFirewallRule' { [LabFirewall]::Rule($rule, $from) }
                    'Get-NetFirewallPortFilter' {
                        [LabFirewall]::Instance('MSFT_NetProtocolPortFilter', [ordered] @{
                            InstanceID = $rule.GetProperty('id').GetString()
                            Protocol   = $rule.GetProperty('protocol').GetString()
                            LocalPort  = [LabFirewall]::Texts($rule, 'local_port')
                            RemotePort = 'Any'
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

    hidden static [object] Rule([System.Text.Json.JsonElement] $rule, [string] $from) {
        $id = $rule.GetProperty('id').GetString()
        return [LabFirewall]::Instance('MSFT_NetFirewallRule', [ordered] @{
            Name                  = $id
            DisplayName           = $rule.GetProperty('display_name').GetString()
            Group                 = $rule.GetProperty('group').GetString()
            Enabled               = if ($rule.GetProperty('enabled').GetBoolean()) { 'True' } else { 'False' }
            Profile               = $rule.GetProperty('profile').GetString()
            Direction             = $rule.GetProperty('direction').GetString()
            Action                = $rule.GetProperty('action').GetString()
            PolicyStoreSource     = $from
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
    param([switch] $All, [string] $PolicyStore = 'PersistentStore')
    [LabFirewall]::Rules('Get-NetFirewallRule', $PolicyStore)
}

function Get-NetFirewallPortFilter {
    [CmdletBinding()]
    param([switch] $All, [string] $PolicyStore = 'PersistentStore')
    [LabFirewall]::Rules('Get-NetFirewallPortFilter', $PolicyStore)
}

function Get-NetFirewallAddressFilter {
    [CmdletBinding()]
    param([switch] $All, [string] $PolicyStore = 'PersistentStore')
    [LabFirewall]::Rules('Get-NetFirewallAddressFilter', $PolicyStore)
}

function Get-NetFirewallApplicationFilter {
    [CmdletBinding()]
    param([switch] $All, [string] $PolicyStore = 'PersistentStore')
    [LabFirewall]::Rules('Get-NetFirewallApplicationFilter', $PolicyStore)
}

[LabFirewall]::Offer()
