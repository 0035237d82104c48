# Get-Service over the state's services, as System.ServiceProcess shows them on Windows.
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
        foreach ($entry in [LabHost]::State.GetProperty('services').EnumerateObject()) {
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
            # The state knows of no dependencies: none are shown.
            if (-not $DependentServices -and -not $RequiredServices) { $service }
        }
    }
}

Set-Alias -Name gsv -Value Get-Service -Scope Global
