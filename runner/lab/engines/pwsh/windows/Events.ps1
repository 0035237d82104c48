# The event logs, over events.json: the state has their events from the oldest on.
class LabEvents {
    # By the log's name; null where there is no log of that name.
    static [object] Log([string] $name) {
        $text = [System.IO.File]::ReadAllText([LabHost]::Folder + '/events.json')
        foreach ($entry in [System.Text.Json.JsonDocument]::Parse($text).RootElement.EnumerateObject()) {
            if ($entry.Name -ieq $name) { return $entry }
        }
        return $null
    }

    static [object[]] Events([object] $log) {
        $name = $log.Name
        $number = 0
        $found = foreach ($entry in $log.Value.GetProperty('events').EnumerateArray()) {
            $number++
            $texts = @(foreach ($each in $entry.GetProperty('texts').EnumerateArray()) { [pscustomobject] @{ Value = $each.GetString() } })
            $made = [datetime]::Parse(
                $entry.GetProperty('time').GetString(), [cultureinfo]::InvariantCulture,
                [System.Globalization.DateTimeStyles] 'AdjustToUniversal, AssumeUniversal')
            $shown = [pscustomobject] @{
                TimeCreated  = $made.ToLocalTime()
                Id           = $entry.GetProperty('id').GetInt32()
                ProviderName = $entry.GetProperty('provider').GetString()
                LogName      = $name
                RecordId     = [long] $number
                Properties   = $texts
                Message      = [string]::Join("`n", @($texts | ForEach-Object { $_.Value }))
            }
            $shown.psobject.TypeNames.Insert(0, 'System.Diagnostics.Eventing.Reader.EventLogRecord')
            $shown
        }
        return @($found)
    }
}

function Get-WinEvent {
    [CmdletBinding(DefaultParameterSetName = 'GetLogSet')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'GetLogSet')]
        [string] $LogName,

        [Parameter(Mandatory = $true, ParameterSetName = 'ListLogSet')]
        [string] $ListLog,

        [Parameter(Mandatory = $true, ParameterSetName = 'HashQuerySet')]
        [hashtable] $FilterHashtable,

        [long] $MaxEvents = [long]::MaxValue,

        [switch] $Oldest
    )
    $name = switch ($PSCmdlet.ParameterSetName) {
        'ListLogSet' { $ListLog }
        'HashQuerySet' { [string] $FilterHashtable['LogName'] }
        default { $LogName }
    }
    function Fail([System.Exception] $exception, [string] $identifier, [System.Management.Automation.ErrorCategory] $category) {
        $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
            $exception, "$identifier,Microsoft.PowerShell.Commands.GetWinEventCommand", $category, $name))
    }
    $log = [LabEvents]::Log($name)
    if ($null -eq $log) {
        Fail ([System.Exception]::new("There is not an event log on the localhost computer that matches `"$name`".")) 'NoMatchingLogsFound' 'ObjectNotFound'
        return
    }
    if ($log.Value.GetProperty('denied').GetBoolean()) {
        Fail ([System.UnauthorizedAccessException]::new('Attempted to perform an unauthorized operation.')) 'System.UnauthorizedAccessException' 'NotSpecified'
        return
    }
    $events = [LabEvents]::Events($log)
    if ($PSCmdlet.ParameterSetName -eq 'ListLogSet') {
        [pscustomobject] @{ LogName = $log.Name; RecordCount = [long] $events.Count; IsEnabled = $log.Value.GetProperty('enabled').GetBoolean() }
        return
    }
    if ($PSCmdlet.ParameterSetName -eq 'HashQuerySet') {
        foreach ($key in $FilterHashtable.Keys) {
            if ($key -notin 'LogName', 'ProviderName', 'Id') { throw [System.NotSupportedException]::new("the lab does not know the filter $key") }
        }
        if ($FilterHashtable.ContainsKey('ProviderName')) {
            $events = @($events | Where-Object { $_.ProviderName -like [string] $FilterHashtable['ProviderName'] })
        }
        if ($FilterHashtable.ContainsKey('Id')) { $events = @($events | Where-Object { $_.Id -in @($FilterHashtable['Id']) }) }
    }
    if ($events.Count -eq 0) {
        Fail ([System.Exception]::new('No events were found that match the specified selection criteria.')) 'NoMatchingEventsFound' 'ObjectNotFound'
        return
    }
    if (-not $Oldest) { [array]::Reverse($events) }
    $events | Select-Object -First ([math]::Min($MaxEvents, $events.Count))
}
