# Get-Service, Set-Service, Start-Service and Stop-Service over the state's services, as on Windows. They are read anew each
# time: what one pool of a server changes, the others see.
enum ServiceControllerStatus {
    Stopped = 1
    StartPending = 2
    StopPending = 3
    Running = 4
    ContinuePending = 5
    PausePending = 6
    Paused = 7
}

enum ServiceStartMode {
    Automatic = 2
    Manual = 3
    Disabled = 4
}

class LabServices {
    # Every service by name, or the error of a service control manager that may not be opened.
    static [object[]] All() {
        if ([LabHost]::State.GetProperty('services_denied').GetBoolean()) {
            throw [System.InvalidOperationException]::new(
                "Cannot open Service Control Manager on computer '.'. This operation might require other privileges.")
        }
        $all = [System.Collections.Generic.SortedDictionary[string, object]]::new([System.StringComparer]::OrdinalIgnoreCase)
        foreach ($entry in [System.Text.Json.JsonDocument]::Parse([LabServices]::Text()).RootElement.EnumerateObject()) {
            $state = [ServiceControllerStatus] $entry.Value.GetProperty('state').GetString().Replace(' ', '')
            $start = switch ($entry.Value.GetProperty('start_mode').GetString()) {
                'Auto' { [ServiceStartMode]::Automatic }
                'Manual' { [ServiceStartMode]::Manual }
                'Disabled' { [ServiceStartMode]::Disabled }
            }
            $display = $entry.Value.GetProperty('display_name').GetString()
            $service = [pscustomobject] @{
                Name                = $entry.Name
                RequiredServices    = @()
                CanPauseAndContinue = $false
                CanShutdown         = $state -eq 'Running'
                CanStop             = $state -eq 'Running'
                DisplayName         = if ($display) { $display } else { $entry.Name }
                DependentServices   = @()
                MachineName         = '.'
                ServiceName         = $entry.Name
                ServicesDependedOn  = @()
                Status              = $state
                ServiceType         = 'Win32OwnProcess'
                StartType           = $start
            }
            $service.psobject.TypeNames.Insert(0, 'System.ServiceProcess.ServiceController')
            $all[$entry.Name] = $service
        }
        return @($all.Values)
    }

    hidden static [object[]] Entries() {
        return @([System.Text.Json.JsonDocument]::Parse([LabServices]::Text()).RootElement.EnumerateObject())
    }

    static [bool] IsThere([string] $asked) {
        foreach ($entry in [LabServices]::Entries()) { if ($entry.Name -ieq $asked) { return $true } }
        return $false
    }

    # What the service control manager keeps in the key of a service, put beside the other values of the key.
    static [void] Kept([string] $asked, [System.Collections.IDictionary] $values) {
        foreach ($entry in [LabServices]::Entries()) {
            if ($entry.Name -ine $asked) { continue }
            $values['Start'] = switch ($entry.Value.GetProperty('start_mode').GetString()) {
                'Auto' { 2 }
                'Manual' { 3 }
                'Disabled' { 4 }
            }
            $delayed = $entry.Value.GetProperty('delayed_autostart')
            if ($delayed.ValueKind -eq 'Number') { $values['DelayedAutostart'] = $delayed.GetInt32() }
            [string[]] $stands = @(foreach ($each in $entry.Value.GetProperty('depends_on').EnumerateArray()) { $each.GetString() })
            if ($stands) { $values['DependOnService'] = $stands }
        }
    }

    hidden static [string] Text() { return [System.IO.File]::ReadAllText([LabHost]::Folder + '/services.json') }

    # Makes one property of one service something else. One pool at a time, and no reader ever finds half a file.
    static [void] Put([string] $name, [string] $property, [string] $value) {
        [LabServices]::PutNode($name, $property, [System.Text.Json.Nodes.JsonValue]::Create($value))
    }

    # Null takes the value DelayedAutostart away.
    static [void] PutDelay([string] $asked, [System.Text.Json.Nodes.JsonNode] $value) {
        foreach ($entry in [LabServices]::Entries()) {
            if ($entry.Name -ieq $asked) { [LabServices]::PutNode($entry.Name, 'delayed_autostart', $value) }
        }
    }

    hidden static [void] PutNode([string] $name, [string] $property, [System.Text.Json.Nodes.JsonNode] $value) {
        $file = [LabHost]::Folder + '/services.json'
        $held = [LabServices]::Hold($file + '.held')
        try {
            $all = [System.Text.Json.Nodes.JsonNode]::Parse([LabServices]::Text())
            $all[$name][$property] = $value
            if ($property -eq 'state' -and [string] $value -in 'Running', 'Start Pending') { $all[$name]['exit_code'] = 0 }
            [System.IO.File]::WriteAllText($file + '.new', $all.ToJsonString())
            [System.IO.File]::Move($file + '.new', $file, $true)
        }
        finally {
            $held.Dispose()
        }
    }

    hidden static [System.IO.FileStream] Hold([string] $file) {
        while ($true) {
            try { return [System.IO.FileStream]::new($file, 'OpenOrCreate', 'ReadWrite', 'None') }
            catch [System.IO.IOException] { [System.Threading.Thread]::Sleep(5) }
        }
        return $null
    }

    # How a service ended last, as Win32_Service shows it.
    static [uint32] ExitCode([string] $name) {
        $all = [System.Text.Json.JsonDocument]::Parse([LabServices]::Text()).RootElement
        return $all.GetProperty($name).GetProperty('exit_code').GetUInt32()
    }

    # What comes of starting or stopping a service: on_start or on_stop of the state.
    static [string] Manner([string] $name, [string] $property) {
        $all = [System.Text.Json.JsonDocument]::Parse([LabServices]::Text()).RootElement
        return $all.GetProperty($name).GetProperty($property).GetString()
    }

    static [string[]] DependsOn([string] $name) {
        $all = [System.Text.Json.JsonDocument]::Parse([LabServices]::Text()).RootElement
        return [string[]] @(foreach ($each in $all.GetProperty($name).GetProperty('depends_on').EnumerateArray()) { $each.GetString() })
    }

    # Starts what a service depends on, as the service control manager does; those that it has started stay so.
    static [bool] Raised([string] $asked, [string[]] $by) {
        $service = foreach ($each in [LabServices]::All()) { if ($each.Name -eq $asked) { $each } }
        if ($null -eq $service -or $service.Name -in $by) { return $false }
        $status = [string] $service.Status
        if ($status -eq 'Running') { return $true }
        if ($status -ne 'Stopped' -or [string] $service.StartType -eq 'Disabled') { return $false }
        if ([LabServices]::Manner($service.Name, 'on_start') -ne 'runs') { return $false }
        if (-not [LabServices]::AllRaised($service.Name, $by)) { return $false }
        [LabServices]::Put($service.Name, 'state', 'Running')
        return $true
    }

    static [bool] AllRaised([string] $name, [string[]] $by) {
        foreach ($each in [LabServices]::DependsOn($name)) {
            if (-not [LabServices]::Raised($each, @($by) + $name)) { return $false }
        }
        return $true
    }

    # Those that depend on a service and are not stopped.
    static [string[]] Dependents([string] $name) {
        return [string[]] @(foreach ($each in [LabServices]::All()) {
            if ([string] $each.Status -ne 'Stopped' -and $name -in [LabServices]::DependsOn($each.Name)) { $each.Name }
        })
    }

    # The services that these names mean, wildcards included, and the names that mean none.
    static [object[]] Named([string[]] $names) {
        $all = [LabServices]::All()
        $found = [System.Collections.Generic.List[object]]::new()
        foreach ($name in $names) {
            $matching = @(foreach ($service in $all) { if ($service.Name -like $name) { $service } })
            if ($matching.Count -gt 0) { $found.AddRange([object[]] $matching) }
            elseif (-not [System.Management.Automation.WildcardPattern]::ContainsWildcardCharacters($name)) { $found.Add($name) }
        }
        return $found.ToArray()
    }

    static [System.Management.Automation.ErrorRecord] Failed([object] $service, [string] $text, [string] $identifier, [string] $category) {
        $shown = $text -f $service.Name, $service.DisplayName
        return [System.Management.Automation.ErrorRecord]::new(
            [System.InvalidOperationException]::new($shown), $identifier, $category, $service)
    }

    static [bool] IsLike([string] $text, [string[]] $patterns) {
        foreach ($pattern in $patterns) { if ($text -like $pattern) { return $true } }
        return $false
    }

    static [System.Management.Automation.ErrorRecord] NotFound([string] $kind, [string] $asked, [string] $identifier) {
        $message = "Cannot find any service with $kind '$asked'."
        return [System.Management.Automation.ErrorRecord]::new(
            [System.InvalidOperationException]::new($message), $identifier, 'ObjectNotFound', $asked)
    }
}

function Get-Service {
    [CmdletBinding(DefaultParameterSetName = 'Default')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Default', ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)]
        [Alias('ServiceName')]
        [string[]] $Name,

        [Parameter(Mandatory = $true, ParameterSetName = 'DisplayName')]
        [string[]] $DisplayName,

        [string[]] $Include,

        [string[]] $Exclude,

        [Alias('DS')]
        [switch] $DependentServices,

        [Alias('SDO', 'ServicesDependedOn')]
        [switch] $RequiredServices,

        [Parameter(Mandatory = $true, ParameterSetName = 'InputObject', ValueFromPipeline = $true)]
        [object[]] $InputObject
    )
    process {
        try {
            $all = [LabServices]::All()
        }
        catch [System.InvalidOperationException] {
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                $_.Exception, 'System.InvalidOperationException', 'NotSpecified', $null))
        }
        $byDisplayName = $PSCmdlet.ParameterSetName -eq 'DisplayName'
        $asked = if ($byDisplayName) { $DisplayName } else { $Name }
        if ($PSCmdlet.ParameterSetName -eq 'InputObject') { $asked = @(foreach ($item in $InputObject) { $item.Name }) }
        $found = $all
        if ($asked) {
            $found = foreach ($pattern in $asked) {
                $matching = @(foreach ($service in $all) {
                    $label = if ($byDisplayName) { $service.DisplayName } else { $service.Name }
                    if ($label -like $pattern) { $service }
                })
                if ($matching.Count -eq 0 -and -not [System.Management.Automation.WildcardPattern]::ContainsWildcardCharacters($pattern)) {
                    if ($byDisplayName) { $record = [LabServices]::NotFound('display name', $pattern, 'NoServiceFoundForGivenDisplayName') }
                    else { $record = [LabServices]::NotFound('service name', $pattern, 'NoServiceFoundForGivenName') }
                    $PSCmdlet.WriteError($record)
                }
                $matching
            }
        }
        foreach ($service in $found) {
            if ($Include -and -not [LabServices]::IsLike($service.Name, $Include)) { continue }
            if ($Exclude -and [LabServices]::IsLike($service.Name, $Exclude)) { continue }
            # What services depend on is not shown.
            if (-not $DependentServices -and -not $RequiredServices) { $service }
        }
    }
}

Set-Alias -Name gsv -Value Get-Service -Scope Global

function Set-Service {
    [CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Name')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Name', ValueFromPipelineByPropertyName = $true)]
        [Alias('ServiceName', 'SN')]
        [string] $Name,

        [Parameter(Mandatory = $true, ParameterSetName = 'InputObject', ValueFromPipeline = $true)]
        [object] $InputObject,

        [Alias('DN')]
        [string] $DisplayName,

        [Alias('StartMode', 'SM', 'ST')]
        [ServiceStartMode] $StartupType,

        [switch] $PassThru
    )
    process {
        if ($PSCmdlet.ParameterSetName -eq 'InputObject') { $Name = $InputObject.Name }
        try {
            $service = foreach ($each in [LabServices]::All()) { if ($each.Name -eq $Name) { $each } }
        }
        catch [System.InvalidOperationException] {
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                $_.Exception, 'System.InvalidOperationException', 'NotSpecified', $null))
        }
        if ($null -eq $service) {
            $missing = [System.InvalidOperationException]::new("Service $Name was not found on computer '.'.")
            $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                $missing, 'InvalidOperationException', 'ObjectNotFound', $Name))
            return
        }
        if (-not $PSCmdlet.ShouldProcess("$($service.DisplayName) ($($service.Name))")) { return }
        if ($PSBoundParameters.ContainsKey('StartupType')) {
            $mode = if ($StartupType -eq [ServiceStartMode]::Automatic) { 'Auto' } else { [string] $StartupType }
            [LabServices]::Put($service.Name, 'start_mode', $mode)
        }
        if ($PSBoundParameters.ContainsKey('DisplayName')) { [LabServices]::Put($service.Name, 'display_name', $DisplayName) }
        if ($PassThru) { Get-Service -Name $service.Name }
    }
}

function Start-Service {
    [CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Name')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Name', ValueFromPipelineByPropertyName = $true)]
        [Alias('ServiceName')]
        [string[]] $Name,

        [Parameter(Mandatory = $true, ParameterSetName = 'InputObject', ValueFromPipeline = $true)]
        [object[]] $InputObject,

        [switch] $PassThru
    )
    process {
        if ($PSCmdlet.ParameterSetName -eq 'InputObject') { $Name = @(foreach ($item in $InputObject) { $item.Name }) }
        try {
            $found = [LabServices]::Named($Name)
        }
        catch [System.InvalidOperationException] {
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                $_.Exception, 'System.InvalidOperationException', 'NotSpecified', $null))
        }
        foreach ($service in $found) {
            if ($service -is [string]) {
                $PSCmdlet.WriteError([LabServices]::NotFound('service name', $service, 'NoServiceFoundForGivenName'))
                continue
            }
            if (-not $PSCmdlet.ShouldProcess("$($service.DisplayName) ($($service.Name))")) { continue }
            $status = [string] $service.Status
            if ($status -like 'Pause*') {
                $PSCmdlet.WriteError([LabServices]::Failed(
                    $service, "Failed to start service '{1} ({0})'.", 'StartServiceFailed', 'OpenError'))
                continue
            }
            if ($status -ne 'Running') {
                $begun = $status -in 'StartPending', 'ContinuePending'
                $manner = [LabServices]::Manner($service.Name, 'on_start')
                $able = $status -eq 'Stopped' -and [string] $service.StartType -ne 'Disabled' -and $manner -ne 'fails'
                if (-not $begun -and -not ($able -and [LabServices]::AllRaised($service.Name, @()))) {
                    $text = "Service '{1} ({0})' cannot be started due to the following error: Cannot start service {0} on computer '.'."
                    $PSCmdlet.WriteError([LabServices]::Failed($service, $text, 'CouldNotStartService', 'OpenError'))
                    continue
                }
                if ($manner -eq 'hangs') {
                    [LabServices]::Put($service.Name, 'state', 'Start Pending')
                    while ($true) {
                        Start-Sleep -Seconds 2
                        $PSCmdlet.WriteWarning("Waiting for service '$($service.DisplayName) ($($service.Name))' to start...")
                    }
                }
                [LabServices]::Put($service.Name, 'state', 'Running')
            }
            if ($PassThru) { Get-Service -Name $service.Name }
        }
    }
}

function Stop-Service {
    [CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Name')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Name', ValueFromPipelineByPropertyName = $true)]
        [Alias('ServiceName')]
        [string[]] $Name,

        [Parameter(Mandatory = $true, ParameterSetName = 'InputObject', ValueFromPipeline = $true)]
        [object[]] $InputObject,

        [switch] $Force,

        [switch] $NoWait,

        [switch] $PassThru
    )
    process {
        if ($PSCmdlet.ParameterSetName -eq 'InputObject') { $Name = @(foreach ($item in $InputObject) { $item.Name }) }
        try {
            $found = [LabServices]::Named($Name)
        }
        catch [System.InvalidOperationException] {
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                $_.Exception, 'System.InvalidOperationException', 'NotSpecified', $null))
        }
        foreach ($service in $found) {
            if ($service -is [string]) {
                $PSCmdlet.WriteError([LabServices]::NotFound('service name', $service, 'NoServiceFoundForGivenName'))
                continue
            }
            if (-not $PSCmdlet.ShouldProcess("$($service.DisplayName) ($($service.Name))")) { continue }
            $status = [string] $service.Status
            if ($status -ne 'Stopped') {
                $dependents = [LabServices]::Dependents($service.Name)
                if ($dependents -and -not $Force) {
                    $text = "Cannot stop service '{1} ({0})' because it has dependent services. It can only be stopped if the Force flag is set."
                    $PSCmdlet.WriteError([LabServices]::Failed($service, $text, 'ServiceHasDependentServices', 'InvalidOperation'))
                    continue
                }
                if ($dependents) { Stop-Service -Name $dependents -Force }
                $manner = [LabServices]::Manner($service.Name, 'on_stop')
                if ($status -ne 'StopPending' -and ($manner -eq 'fails' -or $status -notin 'Running', 'Paused')) {
                    $text = "Service '{1} ({0})' cannot be stopped due to the following error: Cannot stop service {0} on computer '.'."
                    $PSCmdlet.WriteError([LabServices]::Failed($service, $text, 'CouldNotStopService', 'CloseError'))
                    continue
                }
                if ($manner -eq 'hangs') {
                    [LabServices]::Put($service.Name, 'state', 'Stop Pending')
                    while (-not $NoWait) {
                        Start-Sleep -Seconds 2
                        $PSCmdlet.WriteWarning("Waiting for service '$($service.DisplayName) ($($service.Name))' to stop...")
                    }
                    continue
                }
                [LabServices]::Put($service.Name, 'state', 'Stopped')
            }
            if ($PassThru) { Get-Service -Name $service.Name }
        }
    }
}

Set-Alias -Name sasv -Value Start-Service -Scope Global
Set-Alias -Name spsv -Value Stop-Service -Scope Global
