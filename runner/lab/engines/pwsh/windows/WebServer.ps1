# IIS on loopback: what a script asks of 127.0.0.1 is asked of the lab's own web server, at a port of this machine
# (runner/lab/engines/pwsh/loopback.py); and application pools that are recycled, over web.json.
class LabWebResponse : System.Net.WebResponse {
    [System.Net.HttpStatusCode] $StatusCode

    LabWebResponse([int] $status) { $this.StatusCode = $status }
}

# Stands in for TcpClient: 127.0.0.1 is this server itself, and nobody else is reached.
class LabTcpClient {
    [int] $ReceiveTimeout = 0
    [int] $SendTimeout = 0
    hidden [System.Net.Sockets.TcpClient] $Client

    [void] Connect([string] $address, [int] $port) {
        if ($address -ne '127.0.0.1') { throw [System.Net.Sockets.SocketException]::new(10065) }
        $this.Client = [LabTcpClient]::Real.GetConstructor([type[]] @()).Invoke(@())
        $this.Client.Connect('127.0.0.1', [int] [System.IO.File]::ReadAllText([LabHost]::Folder + '/loopback'))
        if ($this.ReceiveTimeout) { $this.Client.ReceiveTimeout = $this.ReceiveTimeout }
        $stream = $this.Client.GetStream()
        $stream.Write([byte[]] @([math]::Floor($port / 256), ($port % 256)), 0, 2)
        if ($stream.ReadByte() -ne 1) { throw [System.Net.Sockets.SocketException]::new(111) }
    }

    [System.IO.Stream] GetStream() { return $this.Client.GetStream() }

    [void] Close() { if ($null -ne $this.Client) { $this.Client.Close() } }

    static [type] $Real = [System.Net.Sockets.TcpClient]
}

class LabWebServer {
    static [psobject] Settings() {
        return [System.IO.File]::ReadAllText([LabHost]::Folder + '/web.json') | ConvertFrom-Json -AsHashtable
    }

    # The status of the answer; null where nobody answers.
    static [object] Status([string] $address) {
        if ($address -cnotmatch '^http://127\.0\.0\.1(?::([0-9]{1,5}))?(/[^#]*)$') { return $null }
        $port = if ($Matches.ContainsKey(1)) { [int] $Matches[1] } else { 80 }
        $path = $Matches[2]
        $client = [LabTcpClient]::new()
        try {
            $client.Connect('127.0.0.1', $port)
            $stream = $client.GetStream()
            $request = [System.Text.Encoding]::ASCII.GetBytes("GET $path HTTP/1.1`r`nHost: 127.0.0.1`r`nConnection: close`r`n`r`n")
            $stream.Write($request, 0, $request.Length)
            $head = [System.IO.StreamReader]::new($stream).ReadLine()
            if ($head -match '^HTTP/1\.1 ([0-9]{3}) ') { return [int] $Matches[1] }
        }
        catch { return $null }
        finally { $client.Close() }
        return $null
    }
}

$accelerators = [psobject].Assembly.GetType('System.Management.Automation.TypeAccelerators')
$accelerators::Add('System.Net.Sockets.TcpClient', [LabTcpClient])

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
    if ($status -ge 300 -and $status -lt 400 -and $MaximumRedirection -eq 0) {
        # Windows PowerShell 5.1 writes an error of its own beside the answer.
        throw [System.InvalidOperationException]::new('The maximum redirection count has been exceeded.')
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
