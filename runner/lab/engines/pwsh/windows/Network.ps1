# What a server hears and whom it asks: connections, name servers, and the counter of Exchange's mounted databases.
class LabNetwork {
    # The modules themselves hold nothing: their commands are those of this file.
    static [void] Offer() {
        $modules = [LabHost]::Folder + '/modules'
        foreach ($name in 'NetTCPIP', 'DnsClient') {
            [void] [System.IO.Directory]::CreateDirectory("$modules/$name")
            [System.IO.File]::WriteAllText("$modules/$name/$name.psm1", '')
        }
        if ($env:PSModulePath.Split([System.IO.Path]::PathSeparator) -notcontains $modules) {
            $env:PSModulePath = $env:PSModulePath + [System.IO.Path]::PathSeparator + $modules
        }
    }

    static [object] Instance([string] $class, [System.Collections.IDictionary] $properties) {
        $shown = [pscustomobject] $properties
        $shown.psobject.TypeNames.Insert(0, "Microsoft.Management.Infrastructure.CimInstance#root/standardcimv2/$class")
        return $shown
    }
}

function Get-NetTCPConnection {
    [CmdletBinding()]
    param([string[]] $State, [uint16[]] $LocalPort, [uint16[]] $RemotePort)
    foreach ($each in [LabHost]::State.GetProperty('tcp').EnumerateArray()) {
        $shown = [ordered] @{
            LocalAddress  = $each.GetProperty('local_address').GetString()
            LocalPort     = [uint16] $each.GetProperty('local_port').GetInt32()
            RemoteAddress = $each.GetProperty('remote_address').GetString()
            RemotePort    = [uint16] $each.GetProperty('remote_port').GetInt32()
            State         = $each.GetProperty('state').GetString()
        }
        if ($State -and $shown.State -notin $State) { continue }
        if ($LocalPort -and $shown.LocalPort -notin $LocalPort) { continue }
        if ($RemotePort -and $shown.RemotePort -notin $RemotePort) { continue }
        [LabNetwork]::Instance('MSFT_NetTCPConnection', $shown)
    }
}

function Test-NetConnection {
    [CmdletBinding()]
    param([string] $ComputerName, [int] $Port, [string] $InformationLevel)
    foreach ($each in [LabHost]::State.GetProperty('tcp').EnumerateArray()) {
        $here = $each.GetProperty('local_address').GetString() -in '0.0.0.0', '::', $ComputerName
        if ($here -and $each.GetProperty('state').GetString() -eq 'Listen' -and $each.GetProperty('local_port').GetInt32() -eq $Port) {
            if ($each.GetProperty('accepts').GetBoolean()) { return $true }
        }
    }
    Write-Warning "TCP connect to ($ComputerName : $Port) failed"
    return $false
}

function Get-NetIPAddress {
    [CmdletBinding()]
    param()
    $origins = @('WellKnown', 'Manual', 'RouterAdvertisement')
    $origins += @('Dhcp') * [LabHost]::State.GetProperty('leased_v6').GetInt32()
    foreach ($origin in $origins) {
        [LabNetwork]::Instance('MSFT_NetIPAddress', [ordered] @{ AddressFamily = 'IPv6'; PrefixOrigin = $origin })
    }
    foreach ($each in [LabHost]::State.GetProperty('leases').EnumerateArray()) {
        [LabNetwork]::Instance('MSFT_NetIPAddress', [ordered] @{ AddressFamily = 'IPv4'; PrefixOrigin = 'Dhcp' })
    }
}

function Get-DnsClientServerAddress {
    [CmdletBinding()]
    param()
    [string[]] $servers = @(foreach ($each in [LabHost]::State.GetProperty('dns_servers').EnumerateArray()) { $each.GetString() })
    [LabNetwork]::Instance('MSFT_DNSClientServerAddress', [ordered] @{ InterfaceAlias = 'Ethernet'; ServerAddresses = $servers })
}

function Get-Counter {
    [CmdletBinding()]
    param([Parameter(Position = 0, Mandatory = $true)] [string[]] $Counter)
    $mounted = [LabHost]::State.GetProperty('databases_mounted')
    $other = [LabHost]::Text('counters') -ne 'english'
    if ($other -or $mounted.ValueKind -ne 'Number' -or $Counter[0] -ine '\MSExchange Active Manager(_total)\Database Mounted') {
        throw [System.Exception]::new('The specified object was not found on the computer.')
    }
    $path = '\\' + [LabHost]::Text('name').ToLowerInvariant() + $Counter[0].ToLowerInvariant()
    [pscustomobject] @{
        Timestamp      = [datetime]::UtcNow
        CounterSamples = @([pscustomobject] @{ Path = $path; InstanceName = '_total'; CookedValue = [double] $mounted.GetInt32() })
    }
}

[LabNetwork]::Offer()
