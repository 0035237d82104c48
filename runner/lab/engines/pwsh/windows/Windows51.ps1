# Windows PowerShell 5.1 where PowerShell 7 would show: its version, and the commands that it lacks.

# The table is the engine's own and shared by its runspaces; what 5.1 has no row for goes.
$PSVersionTable['PSVersion'] = [version] ('5.1.' + [LabHost]::Text('os_version').Split('.')[-1] + '.1')
$PSVersionTable['PSEdition'] = 'Desktop'
$PSVersionTable['BuildVersion'] = [version] ([LabHost]::Text('os_version') + '.1')
$PSVersionTable['CLRVersion'] = [version] '4.0.30319.42000'
foreach ($name in 'GitCommitId', 'OS', 'Platform') { $PSVersionTable.Remove($name) }

# Commands that came after 5.1: here too they are not recognised.
foreach ($name in @(
        'ConvertFrom-CliXml', 'ConvertFrom-Markdown', 'ConvertTo-CliXml', 'Get-Error', 'Get-MarkdownOption', 'Get-PSSubsystem',
        'Get-Uptime', 'Join-String', 'Remove-Alias', 'Remove-Service', 'Set-MarkdownOption', 'Show-Markdown',
        'Start-ThreadJob', 'Switch-Process', 'Test-Json'
    )) {
    Set-Item -LiteralPath "Function:\global:$name" -Value {
        [CmdletBinding()]
        param(
            [Parameter(ValueFromPipeline = $true)]
            [object] $InputObject,

            [Parameter(ValueFromRemainingArguments = $true)]
            [object[]] $Rest
        )
        begin {
            $name = $MyInvocation.MyCommand.Name
            $unknown = [System.Management.Automation.CommandNotFoundException]::new(
                "The term '$name' is not recognized as the name of a cmdlet, function, script file, or operable program. " +
                'Check the spelling of the name, or if a path was included, verify that the path is correct and try again.')
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                $unknown, 'CommandNotFoundException', 'ObjectNotFound', $name))
        }
    }
}
