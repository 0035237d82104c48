# IIS on loopback: what it would answer to a request, worked out of applicationHost.config and the files as they are at that
# moment (runner/lab/web.py says how; the two answer the same), and application pools that are recycled, over web.json.
class LabWebResponse : System.Net.WebResponse {
    [System.Net.HttpStatusCode] $StatusCode

    LabWebResponse([int] $status) { $this.StatusCode = $status }
}

class LabWebServer {
    static [string] $Configuration = 'C:\Windows\System32\inetsrv\config\applicationHost.config'

    static [psobject] Settings() {
        return [System.IO.File]::ReadAllText([LabHost]::Folder + '/web.json') | ConvertFrom-Json -AsHashtable
    }

    # The root of the configuration; null where there is none that can be read.
    static [System.Xml.XmlElement] Host() {
        $real = [LabFiles]::Real([LabWebServer]::Configuration)
        if (-not $real -or -not [System.IO.File]::Exists($real)) { return $null }
        $document = [System.Xml.XmlDocument]::new()
        try { $document.LoadXml([System.IO.File]::ReadAllText($real)) } catch { return $null }
        return $document.DocumentElement
    }

    static [bool] IsStopped([string] $pool) {
        $pools = [System.IO.File]::ReadAllText([LabHost]::Folder + '/pools.json') | ConvertFrom-Json -AsHashtable
        foreach ($name in $pools.Keys) { if ($name -ieq $pool) { return $pools[$name] -eq 'Stopped' } }
        return $false
    }

    # The status of the answer; null where nobody answers.
    static [object] Status([string] $address) {
        if ($address.Split('?')[0] -cnotmatch '^http://127\.0\.0\.1(?::([0-9]{1,5}))?(/[^?#]*)$') { return $null }
        $port = if ($Matches.ContainsKey(1)) { $Matches[1] } else { '80' }
        $path = [uri]::UnescapeDataString($Matches[2])
        $settings = [LabWebServer]::Settings()
        $root = [LabWebServer]::Host()
        if ($null -eq $root -or -not $settings.answers) { return $null }
        $site = $null
        foreach ($each in $root.SelectNodes('/configuration/system.applicationHost/sites/site')) {
            foreach ($binding in $each.SelectNodes('bindings/binding')) {
                $bound = $binding.GetAttribute('bindingInformation')
                if ($binding.GetAttribute('protocol') -eq 'http' -and $bound -in "*:${port}:", ":${port}:", "127.0.0.1:${port}:") {
                    if ($null -eq $site) { $site = $each }
                }
            }
        }
        if ($null -eq $site) { return $null }
        $longest = -1
        $place = $null
        $pool = ''
        foreach ($folder in $site.SelectNodes('application/virtualDirectory')) {
            $parts = @($folder.ParentNode.GetAttribute('path').Trim('/'), $folder.GetAttribute('path').Trim('/')) -ne ''
            $address = ('/' + ($parts -join '/')).TrimEnd('/')
            if ($path -ne $address -and -not $path.StartsWith($address + '/', 'OrdinalIgnoreCase')) { continue }
            if ($address.Length -gt $longest) {
                $longest = $address.Length
                $pool = $folder.ParentNode.GetAttribute('applicationPool')
                $physical = $folder.GetAttribute('physicalPath')
                foreach ($name in 'SystemDrive', 'SystemRoot', 'windir', 'ProgramFiles', 'ProgramData') {
                    $value = if ($name -eq 'windir') { $env:SystemRoot } else { [Environment]::GetEnvironmentVariable($name) }
                    $physical = $physical -replace "%$name%", $value.Replace('$', '$$')
                }
                $place = $physical.Replace('/', '\').TrimEnd('\') + '\' + $path.Substring($address.Length).Replace('/', '\').Trim('\')
            }
        }
        if ([LabWebServer]::IsStopped($pool)) { return 503 }
        foreach ($page in $settings.pages.Keys) { if ($page -ieq $path) { return [int] $settings.pages[$page] } }
        if ($null -eq $place) { return 404 }
        $real = [LabFiles]::Real($place)
        if (-not $real) { return 404 }
        if ([System.IO.Directory]::Exists($real)) { return 403 }
        return 200
    }
}

function Invoke-WebRequest {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, Position = 0)]
        [string] $Uri,

        [switch] $UseBasicParsing,

        [int] $MaximumRedirection = 5,

        [int] $TimeoutSec = 0
    )
    $status = [LabWebServer]::Status($Uri)
    if ($null -eq $status) {
        throw [System.Net.WebException]::new('Unable to connect to the remote server', [System.Net.WebExceptionStatus]::ConnectFailure)
    }
    if ($status -ge 400) {
        throw [System.Net.WebException]::new(
            "The remote server returned an error: ($status).", $null, [System.Net.WebExceptionStatus]::ProtocolError,
            [LabWebResponse]::new($status))
    }
    [pscustomobject] @{ StatusCode = $status; Content = '' }
}

function Restart-WebAppPool {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, Position = 0)]
        [string] $Name
    )
    $known, $state = [LabWeb]::Pool('Restart-WebAppPool', $Name)
    if ($state -eq 'Stopped') {
        throw [System.InvalidOperationException]::new('You have to start stopped object before restarting it.')
    }
    $settings = [LabWebServer]::Settings()
    $settings.recycled[$known] = 1 + [int] $settings.recycled[$known]
    foreach ($page in @($settings.pages_after_recycling.Keys)) { $settings.pages[$page] = $settings.pages_after_recycling[$page] }
    $file = [LabHost]::Folder + '/web.json'
    [System.IO.File]::WriteAllText($file + '.new', (ConvertTo-Json -InputObject $settings -Depth 4))
    [System.IO.File]::Move($file + '.new', $file, $true)
}
