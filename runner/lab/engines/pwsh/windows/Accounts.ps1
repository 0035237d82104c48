# Local users and the members of Administrators, over accounts.json.
class LabAccounts {
    static [System.Text.Json.JsonElement] Asked() {
        $text = [System.IO.File]::ReadAllText([LabHost]::Folder + '/accounts.json')
        $all = [System.Text.Json.JsonDocument]::Parse($text).RootElement
        if ($all.GetProperty('answers').GetString() -eq 'denied') {
            throw [System.UnauthorizedAccessException]::new('Access denied.')
        }
        return $all
    }

    # In the server's own time, as the command gives it.
    static [object] Time([System.Text.Json.JsonElement] $value) {
        if ($value.ValueKind -ne 'String') { return $null }
        $utc = [System.Globalization.DateTimeStyles] 'AdjustToUniversal, AssumeUniversal'
        return [datetime]::Parse($value.GetString(), [cultureinfo]::InvariantCulture, $utc).ToLocalTime()
    }
}

function Get-LocalUser {
    [CmdletBinding()]
    param([Parameter(Position = 0)] [string[]] $Name)
    foreach ($each in [LabAccounts]::Asked().GetProperty('users').EnumerateArray()) {
        $user = [pscustomobject] @{
            Name            = $each.GetProperty('name').GetString()
            SID             = $each.GetProperty('sid').GetString()
            Enabled         = $each.GetProperty('enabled').GetBoolean()
            PasswordLastSet = [LabAccounts]::Time($each.GetProperty('password_set'))
            LastLogon       = [LabAccounts]::Time($each.GetProperty('last_logon'))
            PrincipalSource = 'Local'
            ObjectClass     = 'User'
        }
        if (-not $Name -or $user.Name -in $Name) { $user }
    }
}

# Of one group: the one that every Windows has under this SID, whatever its name.
function Get-LocalGroupMember {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $SID)
    $all = [LabAccounts]::Asked()
    if ($SID -ne 'S-1-5-32-544') {
        $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
            [System.InvalidOperationException]::new("Group $SID was not found."), 'GroupNotFound', 'ObjectNotFound', $SID))
    }
    if ($all.GetProperty('answers').GetString() -eq 'unresolved') {
        $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
            [System.InvalidOperationException]::new('Failed to compare two elements in the array.'),
            'An unspecified error occurred: error code = 1789', 'NotSpecified', $SID))
    }
    foreach ($each in $all.GetProperty('administrators').EnumerateArray()) {
        [pscustomobject] @{
            Name            = $each.GetProperty('name').GetString()
            SID             = $each.GetProperty('sid').GetString()
            PrincipalSource = $each.GetProperty('source').GetString()
            ObjectClass     = $each.GetProperty('kind').GetString()
        }
    }
}
