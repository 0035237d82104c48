# Restart-Computer of this server. The engine is told of it once the script has ended (directory.py): the script itself goes
# on, as on Windows, until the server goes down.
function Restart-Computer {
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'Medium')]
    param(
        [switch] $Force
    )
    if ($PSCmdlet.ShouldProcess('localhost')) {
        [System.IO.File]::WriteAllText([LabHost]::Folder + '/restart', '')
    }
}
