# Scheduled tasks that a script registers: kept in tasks.json, and run by the engine when they are due (tasks.py).
class LabTasks {
    hidden static [string] File() { return [LabHost]::Folder + '/tasks.json' }

    static [System.Text.Json.Nodes.JsonNode] All() {
        return [System.Text.Json.Nodes.JsonNode]::Parse([System.IO.File]::ReadAllText([LabTasks]::File()))
    }

    # Makes one task what it is told to be. One pool at a time, and no reader ever finds half a file.
    static [void] Put([string] $name, [hashtable] $task) {
        $file = [LabTasks]::File()
        $held = [LabServices]::Hold($file + '.held')
        try {
            $all = [LabTasks]::All()
            $all[$name] = [System.Text.Json.Nodes.JsonNode]::Parse((ConvertTo-Json -InputObject $task))
            [System.IO.File]::WriteAllText($file + '.new', $all.ToJsonString())
            [System.IO.File]::Move($file + '.new', $file, $true)
        }
        finally {
            $held.Dispose()
        }
    }

    static [psobject] Named([string] $path, [string] $name) {
        foreach ($each in [LabTasks]::All().AsObject()) {
            if ($path -ieq '\exrun\' -and $each.Key -ieq $name -and $each.Value['registered'].GetValue[bool]()) {
                $shown = [pscustomobject] @{ TaskName = $each.Key; TaskPath = $path; State = 'Ready' }
                $shown.psobject.TypeNames.Insert(0, 'Microsoft.Management.Infrastructure.CimInstance#Root/Microsoft/Windows/TaskScheduler/MSFT_ScheduledTask')
                return $shown
            }
        }
        return $null
    }

    static [System.Management.Automation.ErrorRecord] Missing([string] $name) {
        $why = "No MSFT_ScheduledTask objects found with property 'TaskName' equal to '$name'.  Verify the value of the property and retry."
        return [System.Management.Automation.ErrorRecord]::new(
            [System.Management.Automation.ItemNotFoundException]::new($why), 'CmdletizationQuery_NotFound_TaskName', 'ObjectNotFound', $name)
    }
}

function New-ScheduledTaskAction {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $Execute,

        [string] $Argument,

        [string] $WorkingDirectory
    )
    [pscustomobject] @{ Execute = $Execute; Arguments = $Argument; WorkingDirectory = $WorkingDirectory }
}

function New-ScheduledTaskTrigger {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, ParameterSetName = 'Once')]
        [switch] $Once,

        [Parameter(Mandatory = $true, ParameterSetName = 'Once')]
        [datetime] $At,

        [Parameter(ParameterSetName = 'Once')]
        [timespan] $RepetitionInterval,

        [Parameter(ParameterSetName = 'Once')]
        [timespan] $RepetitionDuration,

        [Parameter(Mandatory = $true, ParameterSetName = 'Startup')]
        [switch] $AtStartup
    )
    $begins = if ($Once) { $At.ToString('yyyy-MM-ddTHH:mm:ss') } else { $null }
    $repetition = $null
    if ($PSBoundParameters.ContainsKey('RepetitionInterval')) {
        $repetition = [pscustomobject] @{ Interval = $RepetitionInterval; Duration = $RepetitionDuration }
    }
    [pscustomobject] @{
        Enabled       = $true
        StartBoundary = $begins
        AtStartup     = [bool] $AtStartup
        Repetition    = $repetition
    }
}

function New-ScheduledTaskPrincipal {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $UserId,

        [string] $LogonType,

        [string] $RunLevel
    )
    [pscustomobject] @{ UserId = $UserId; LogonType = $LogonType; RunLevel = $RunLevel }
}

function New-ScheduledTaskSettingsSet {
    [CmdletBinding()]
    param(
        [switch] $StartWhenAvailable,

        [switch] $AllowStartIfOnBatteries,

        [switch] $DontStopIfGoingOnBatteries,

        [ValidateSet('Parallel', 'Queue', 'IgnoreNew')]
        [string] $MultipleInstances = 'IgnoreNew',

        [ValidateRange(0, 10)]
        [int] $Priority = 7,

        [timespan] $ExecutionTimeLimit = [timespan]::FromDays(3)
    )
    [pscustomobject] @{ StartWhenAvailable = [bool] $StartWhenAvailable }
}

function Register-ScheduledTask {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $TaskName,

        [Parameter(Mandatory = $true)]
        [string] $TaskPath,

        [Parameter(Mandatory = $true)]
        [object] $Action,

        [object[]] $Trigger,

        [Parameter(Mandatory = $true)]
        [object] $Principal,

        [object] $Settings
    )
    if ($null -ne [LabTasks]::Named($TaskPath, $TaskName)) {
        $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
            [System.IO.IOException]::new('Cannot create a file when that file already exists.'),
            'HRESULT 0x800700b7', 'ResourceExists', $TaskName))
    }
    $due = $null
    $every = $null
    foreach ($each in $Trigger) {
        if ($null -eq $each.StartBoundary) { continue }
        if ($null -eq $each.Repetition) {
            $due = [string] $each.StartBoundary
            continue
        }
        # As Windows Server 2016 and later have it.
        if ($each.Repetition.Interval.TotalMinutes -lt 1 -or $each.Repetition.Duration.TotalDays -gt 65535) {
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                [System.ArgumentException]::new('The task XML contains a value which is incorrectly formatted or out of range.'),
                'HRESULT 0x80041318', 'NotSpecified', $TaskName))
        }
        $every = $each.Repetition.Interval.TotalSeconds
    }
    [LabTasks]::Put($TaskName, @{
        registered = $true
        due        = $due
        user       = [string] $Principal.UserId
        execute    = [string] $Action.Execute
        arguments  = [string] $Action.Arguments
        every      = $every
        ran        = $false
    })
    [LabTasks]::Named($TaskPath, $TaskName)
}

# The engine runs it once the time is over that the state gives what runs detached.
function Start-ScheduledTask {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $TaskName,

        [Parameter(Mandatory = $true)]
        [string] $TaskPath
    )
    if ($null -eq [LabTasks]::Named($TaskPath, $TaskName)) {
        $PSCmdlet.WriteError([LabTasks]::Missing($TaskName))
        return
    }
    $after = [LabHost]::State.GetProperty('task_seconds').GetDouble()
    $task = [LabTasks]::All()[$TaskName]
    [LabTasks]::Put($TaskName, @{
        registered = $true
        due        = [datetime]::UtcNow.AddSeconds($after).ToString('yyyy-MM-ddTHH:mm:ssZ')
        user       = [string] $task['user']
        execute    = [string] $task['execute']
        arguments  = [string] $task['arguments']
        ran        = $false
    })
}

function Get-ScheduledTask {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $TaskName,

        [Parameter(Mandatory = $true)]
        [string] $TaskPath
    )
    $found = [LabTasks]::Named($TaskPath, $TaskName)
    if ($null -ne $found) { return $found }
    $PSCmdlet.WriteError([LabTasks]::Missing($TaskName))
}

function Unregister-ScheduledTask {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param(
        [Parameter(Mandatory = $true)]
        [string] $TaskName,

        [Parameter(Mandatory = $true)]
        [string] $TaskPath
    )
    if ($null -eq [LabTasks]::Named($TaskPath, $TaskName)) {
        $PSCmdlet.WriteError([LabTasks]::Missing($TaskName))
        return
    }
    if (-not $PSCmdlet.ShouldProcess($TaskName)) { return }
    $task = [LabTasks]::All()[$TaskName]
    [LabTasks]::Put($TaskName, @{
        registered = $false
        due        = [string] $task['due']
        user       = [string] $task['user']
        execute    = [string] $task['execute']
        arguments  = [string] $task['arguments']
        ran        = $task['ran'].GetValue[bool]()
    })
}
