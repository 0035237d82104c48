# Get-CimInstance and Get-WmiObject over the classes that the state can answer.
class LabCim {
    # The instances of a class; null for a class that is not there. A closed class throws.
    static [object[]] Instances([string] $class, [string] $namespace) {
        [LabCim]::StartWmi()
        if ($namespace -match '^root/subscription$') { return [LabCim]::Subscriptions($class) }
        if ($namespace -notmatch '^root/cimv2$') { return $null }
        switch ($class) {
            'Win32_Service' { return [LabCim]::Services() }
            'Win32_OperatingSystem' { return @([LabCim]::OperatingSystem()) }
            'Win32_ComputerSystem' { return @([LabCim]::ComputerSystem()) }
            'Win32_NetworkAdapterConfiguration' { return [LabCim]::Adapters() }
            'Win32_PerfFormattedData_MSExchangeActiveManager_MSExchangeActiveManager' { return [LabCim]::ActiveManager() }
        }
        return $null
    }

    # WMI is a service itself; asked, it starts, unless it is disabled (HRESULT 0x80070422).
    hidden static [void] StartWmi() {
        if ([LabHost]::State.GetProperty('services_denied').GetBoolean()) { return }
        foreach ($service in [LabServices]::All()) {
            if ($service.Name -eq 'Winmgmt' -and $service.StartType -eq 'Disabled' -and $service.Status -eq 'Stopped') {
                throw [System.InvalidOperationException]::new('The service cannot be started, either because it is ' +
                    'disabled or because it has no enabled devices associated with it. ')
            }
        }
    }

    hidden static [object] Instance([string] $class, [System.Collections.IDictionary] $properties) {
        $properties['PSComputerName'] = $null
        $properties['CimClass'] = 'root/cimv2:' + $class
        $instance = [pscustomobject] $properties
        $instance.psobject.TypeNames.Insert(0, 'Microsoft.Management.Infrastructure.CimInstance')
        $instance.psobject.TypeNames.Insert(0, 'Microsoft.Management.Infrastructure.CimInstance#root/cimv2/' + $class)
        return $instance
    }

    # One that is not connected, one of a fixed address, and those whose address is leased.
    hidden static [object[]] Adapters() {
        $rows = @(@{ on = $false; leased = $true; by = $null }, @{ on = $true; leased = $false; by = $null })
        foreach ($server in [LabHost]::State.GetProperty('leases').EnumerateArray()) {
            $rows += @{ on = $true; leased = $true; by = $server.GetString() }
        }
        $found = foreach ($row in $rows) {
            [LabCim]::Instance('Win32_NetworkAdapterConfiguration', [ordered] @{
                IPEnabled   = $row.on
                DHCPEnabled = $row.leased
                DHCPServer  = if ($row.by) { $row.by } else { $null }
            })
        }
        return @($found)
    }

    hidden static [object[]] ActiveManager() {
        $mounted = [LabHost]::State.GetProperty('databases_mounted')
        if ($mounted.ValueKind -ne 'Number') { return $null }
        $found = foreach ($name in '_total', 'db1') {
            [LabCim]::Instance('Win32_PerfFormattedData_MSExchangeActiveManager_MSExchangeActiveManager', [ordered] @{
                Name            = $name
                DatabaseMounted = [uint64] $(if ($name -eq '_total') { $mounted.GetInt32() } else { 0 })
            })
        }
        return @($found)
    }

    # What waits for events. An instance has the properties of its own class alone.
    hidden static [object[]] Subscriptions([string] $class) {
        $all = [System.Text.Json.JsonDocument]::Parse([System.IO.File]::ReadAllText([LabHost]::Folder + '/subscriptions.json')).RootElement
        if ($all.GetProperty('answers').GetString() -eq 'denied') {
            throw [System.UnauthorizedAccessException]::new('Access denied ')
        }
        $found = switch ($class) {
            '__EventConsumer' {
                foreach ($each in $all.GetProperty('consumers').EnumerateArray()) {
                    $properties = [ordered] @{ Name = $each.GetProperty('name').GetString() }
                    foreach ($pair in ('command_line', 'CommandLineTemplate'), ('program', 'ExecutablePath'),
                        ('engine', 'ScriptingEngine'), ('script_file', 'ScriptFileName'), ('script', 'ScriptText')) {
                        $value = $each.GetProperty($pair[0]).GetString()
                        if ($null -ne $value) { $properties[$pair[1]] = $value }
                    }
                    [LabCim]::Subscribed($each.GetProperty('class_name').GetString(), $properties)
                }
            }
            '__EventFilter' {
                foreach ($each in $all.GetProperty('filters').EnumerateArray()) {
                    [LabCim]::Subscribed($class, [ordered] @{
                        Name          = $each.GetProperty('name').GetString()
                        Query         = $each.GetProperty('query').GetString()
                        QueryLanguage = 'WQL'
                    })
                }
            }
            '__FilterToConsumerBinding' {
                foreach ($each in $all.GetProperty('bindings').EnumerateArray()) {
                    $consumer = $each.GetProperty('consumer').GetString()
                    $of = foreach ($known in $all.GetProperty('consumers').EnumerateArray()) {
                        if ($known.GetProperty('name').GetString() -ieq $consumer) { $known.GetProperty('class_name').GetString() }
                    }
                    # References, as CIM shows them: the class and its key.
                    [LabCim]::Subscribed($class, [ordered] @{
                        Filter   = '__EventFilter (Name = "' + $each.GetProperty('filter').GetString() + '")'
                        Consumer = "$(if ($of) { @($of)[0] } else { '__EventConsumer' }) (Name = `"$consumer`")"
                    })
                }
            }
            default { return $null }
        }
        return @($found)
    }

    hidden static [object] Subscribed([string] $class, [System.Collections.IDictionary] $properties) {
        $instance = [LabCim]::Instance($class, $properties)
        $instance.CimClass = 'ROOT/subscription:' + $class
        return $instance
    }

    hidden static [object[]] Services() {
        if ([LabHost]::State.GetProperty('services_denied').GetBoolean() -or [LabHost]::Text('wmi') -eq 'denied') {
            throw [System.UnauthorizedAccessException]::new('Access denied ')
        }
        if ([LabHost]::Text('wmi') -eq 'without-class') { return $null }
        if ([LabHost]::Text('wmi') -eq 'empty') { return @() }
        $system = [LabHost]::Text('name').ToUpperInvariant()
        $instances = foreach ($service in [LabServices]::All()) {
            $start = if ($service.StartType -eq 'Automatic') { 'Auto' } else { [string] $service.StartType }
            # WMI parts the words: Start Pending.
            $state = ([string] $service.Status) -creplace '(?<=.)(?=Pending)', ' '
            [LabCim]::Instance('Win32_Service', [ordered] @{
                Name        = $service.Name
                Status      = 'OK'
                ExitCode    = [LabServices]::ExitCode($service.Name)
                DisplayName = $service.DisplayName
                Caption     = $service.DisplayName
                Started     = $service.Status -ne 'Stopped'
                StartMode   = $start
                State       = $state
                SystemName  = $system
            })
        }
        return @($instances)
    }

    hidden static [object] OperatingSystem() {
        $version = [LabHost]::Text('os_version')
        return [LabCim]::Instance('Win32_OperatingSystem', [ordered] @{
            Caption        = [LabHost]::Text('os_caption')
            Version        = $version
            BuildNumber    = $version.Split('.')[-1]
            CSName         = [LabHost]::Text('name').ToUpperInvariant()
            LastBootUpTime = [LabHost]::BootTime()
            OSArchitecture = '64-bit'
            ProductType    = [uint32] 3
            Status         = 'OK'
        })
    }

    hidden static [object] ComputerSystem() {
        $name = [LabHost]::Text('name').ToUpperInvariant()
        return [LabCim]::Instance('Win32_ComputerSystem', [ordered] @{ Name = $name; DNSHostName = $name; Status = 'OK'; PartOfDomain = [LabHost]::State.GetProperty('joined').GetBoolean() })
    }
}

# A WQL condition: comparisons of a property with a value, LIKE, IS NULL, AND, OR, NOT and parentheses.
class LabWql {
    hidden [System.Collections.Generic.List[string]] $Tokens = [System.Collections.Generic.List[string]]::new()
    hidden [int] $At = 0
    hidden [object] $Row

    LabWql([string] $condition) {
        $pattern = '\G\s*(?:("(?:\\.|[^"\\])*")|(''(?:\\.|[^''\\])*'')|(<>|!=|<=|>=|[=<>()])|([\w.+-]+))'
        $position = 0
        while ($condition.Substring($position).Trim()) {
            $match = [regex]::new($pattern).Match($condition, $position)
            if (-not $match.Success) { throw [System.FormatException]::new('Invalid query ') }
            $this.Tokens.Add($match.Value.Trim())
            $position = $match.Index + $match.Length
        }
    }

    [bool] Matches([object] $row) {
        $this.Row = $row
        $this.At = 0
        $result = $this.Any()
        if ($this.At -ne $this.Tokens.Count) { throw [System.FormatException]::new('Invalid query ') }
        return $result
    }

    hidden [string] Next() {
        if ($this.At -ge $this.Tokens.Count) { throw [System.FormatException]::new('Invalid query ') }
        $this.At++
        return $this.Tokens[$this.At - 1]
    }

    hidden [bool] Takes([string] $word) {
        if ($this.At -lt $this.Tokens.Count -and $this.Tokens[$this.At] -ieq $word) {
            $this.At++
            return $true
        }
        return $false
    }

    hidden [bool] Any() {
        $result = $this.All()
        while ($this.Takes('OR')) {
            $right = $this.All()
            $result = $result -or $right
        }
        return $result
    }

    hidden [bool] All() {
        $result = $this.One()
        while ($this.Takes('AND')) {
            $right = $this.One()
            $result = $result -and $right
        }
        return $result
    }

    hidden [bool] One() {
        if ($this.Takes('NOT')) { return -not $this.One() }
        if ($this.Takes('(')) {
            $result = $this.Any()
            if (-not $this.Takes(')')) { throw [System.FormatException]::new('Invalid query ') }
            return $result
        }
        $property = $this.Row.psobject.Properties[$this.Next()]
        if ($null -eq $property) { throw [System.FormatException]::new('Invalid query ') }
        $operator = $this.Next()
        if ($operator -ieq 'IS') {
            $negated = $this.Takes('NOT')
            if (-not $this.Takes('NULL')) { throw [System.FormatException]::new('Invalid query ') }
            return ($null -eq $property.Value) -ne $negated
        }
        $value = $this.Literal($this.Next())
        switch ($operator) {
            '=' { return $property.Value -ieq $value }
            '<>' { return $property.Value -ine $value }
            '!=' { return $property.Value -ine $value }
            '<' { return $property.Value -lt $value }
            '>' { return $property.Value -gt $value }
            '<=' { return $property.Value -le $value }
            '>=' { return $property.Value -ge $value }
            'LIKE' { return [regex]::IsMatch([string] $property.Value, [LabWql]::Like([string] $value), 'IgnoreCase, Singleline') }
        }
        throw [System.FormatException]::new('Invalid query ')
    }

    hidden [object] Literal([string] $token) {
        if ($token[0] -eq [char] 39 -or $token[0] -eq [char] 34) {
            return [regex]::Replace($token.Substring(1, $token.Length - 2), '\\(.)', '$1')
        }
        if ($token -ieq 'TRUE') { return $true }
        if ($token -ieq 'FALSE') { return $false }
        $number = 0L
        if ([long]::TryParse($token, [ref] $number)) { return $number }
        throw [System.FormatException]::new('Invalid query ')
    }

    # % any text, _ any character, [a-c] one of these.
    static [string] Like([string] $pattern) {
        $text = [System.Text.StringBuilder]::new('^')
        foreach ($part in [regex]::Matches($pattern, '%|_|\[[^\]]+\]|[^%_\[]+|\[')) {
            switch -regex ($part.Value) {
                '^%$' { [void] $text.Append('.*') }
                '^_$' { [void] $text.Append('.') }
                '^\[.+\]$' { [void] $text.Append($part.Value) }
                default { [void] $text.Append([regex]::Escape($part.Value)) }
            }
        }
        return $text.Append('$').ToString()
    }
}

function Get-CimInstance {
    [CmdletBinding(DefaultParameterSetName = 'ClassName')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'ClassName')]
        [string] $ClassName,

        [Parameter(Mandatory = $true, ParameterSetName = 'Query')]
        [string] $Query,

        [Parameter(ParameterSetName = 'ClassName')]
        [string] $Filter,

        [Alias('SelectProperties')]
        [string[]] $Property,

        [string] $Namespace = 'root/cimv2',

        [string] $QueryDialect = 'WQL',

        [Alias('OT')]
        [uint32] $OperationTimeoutSec,

        [switch] $KeyOnly,

        [switch] $Shallow
    )
    $class = $ClassName
    $condition = $Filter
    if ($PSCmdlet.ParameterSetName -eq 'Query') {
        if ($Query -notmatch '^\s*SELECT\s+(?<what>.+?)\s+FROM\s+(?<class>\w+)(?:\s+WHERE\s+(?<where>.+))?\s*$') {
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                [System.FormatException]::new('Invalid query '), 'HRESULT 0x80041017', 'InvalidArgument', $Query))
        }
        $class = $Matches['class']
        $condition = if ($Matches.ContainsKey('where')) { $Matches['where'] } else { '' }
        if ($Matches['what'] -ne '*') { $Property = $Matches['what'].Split(',').Trim() }
    }
    $failure = $null
    try {
        $instances = [LabCim]::Instances($class, $Namespace.Replace('\', '/').Trim('/'))
        if ($null -eq $instances) {
            $failure = [System.Management.Automation.ErrorRecord]::new(
                [System.InvalidOperationException]::new('Invalid class '), 'HRESULT 0x80041010', 'MetadataError', $class)
        }
        elseif ($condition) {
            $wql = [LabWql]::new($condition)
            $instances = @(foreach ($instance in $instances) { if ($wql.Matches($instance)) { $instance } })
        }
    }
    catch [System.UnauthorizedAccessException] {
        $failure = [System.Management.Automation.ErrorRecord]::new($_.Exception, 'HRESULT 0x80041003', 'PermissionDenied', $class)
    }
    catch [System.InvalidOperationException] {
        $failure = [System.Management.Automation.ErrorRecord]::new($_.Exception, 'HRESULT 0x80070422', 'NotSpecified', $class)
    }
    catch [System.FormatException] {
        $failure = [System.Management.Automation.ErrorRecord]::new($_.Exception, 'HRESULT 0x80041017', 'InvalidArgument', $condition)
    }
    if ($failure) {
        $PSCmdlet.WriteError($failure)
        return
    }
    foreach ($instance in $instances) {
        # As WMI does: the properties that were not asked for are there and empty.
        if ($Property) {
            foreach ($shown in $instance.psobject.Properties) {
                if ($shown.Name -notin $Property -and $shown.Name -notin 'PSComputerName', 'CimClass', 'Name') { $shown.Value = $null }
            }
        }
        $instance
    }
}

function Get-WmiObject {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Class')]
        [Alias('ClassName')]
        [string] $Class,

        [Parameter(Mandatory = $true, ParameterSetName = 'Query')]
        [string] $Query,

        [Parameter(ParameterSetName = 'Class')]
        [string] $Filter,

        [Parameter(Position = 1, ParameterSetName = 'Class')]
        [string[]] $Property,

        [Alias('NS')]
        [string] $Namespace = 'root\cimv2'
    )
    $passed = @{} + $PSBoundParameters
    if ($passed.ContainsKey('Class')) {
        $passed['ClassName'] = $passed['Class']
        $passed.Remove('Class')
    }
    Get-CimInstance @passed
}

Set-Alias -Name gcim -Value Get-CimInstance -Scope Global
Set-Alias -Name gwmi -Value Get-WmiObject -Scope Global
