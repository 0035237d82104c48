# What Windows keeps of a file beside its bytes and this machine's file system does not: times, attributes, owner and access
# list, alternate streams. They stand in files.json and are read anew when somebody has changed them: what one pool
# changes, the others see. How often that was is the length of files.json.changes.
class LabMarks {
    static [string] $Sddl = 'O:BAG:SYD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)'
    static [string] $Time = '2020-01-01T00:00:00.0000000Z'

    hidden static [string] File() { return [LabHost]::Folder + '/files.json' }

    hidden static [System.Text.Json.Nodes.JsonObject] All() {
        return [System.Text.Json.Nodes.JsonNode]::Parse([System.IO.File]::ReadAllText([LabMarks]::File())).AsObject()
    }

    hidden static [string] $ReadOf = ''
    hidden static [System.Collections.Generic.Dictionary[string, System.Text.Json.Nodes.JsonNode]] $Read

    # What is said of what stands there; null where nothing is. Not to be changed.
    hidden static [object] Of([string] $path) {
        $changes = [System.IO.FileInfo]::new([LabMarks]::File() + '.changes')
        $state = [LabMarks]::File() + ' ' + $(if ($changes.Exists) { $changes.Length } else { 0 })
        if ([LabMarks]::ReadOf -cne $state) {
            $known = [System.Collections.Generic.Dictionary[string, System.Text.Json.Nodes.JsonNode]]::new(
                [System.StringComparer]::OrdinalIgnoreCase)
            foreach ($entry in [LabMarks]::All().GetEnumerator()) { [void] $known.TryAdd($entry.Key, $entry.Value) }
            [LabMarks]::Read = $known
            [LabMarks]::ReadOf = $state
        }
        $found = $null
        if ([LabMarks]::Read.TryGetValue($path, [ref] $found)) { return $found }
        return $null
    }

    # The path as it is spelt there; null where it is not.
    hidden static [object] Key([System.Text.Json.Nodes.JsonObject] $all, [string] $path) {
        foreach ($entry in $all.GetEnumerator()) {
            if ([string]::Equals($entry.Key, $path, 'OrdinalIgnoreCase')) { return $entry.Key }
        }
        return $null
    }

    # One property of what stands there; null where nothing is said of it.
    hidden static [object] Said([string] $path, [string] $property) {
        $said = [LabMarks]::Of($path)
        if ($null -eq $said -or $null -eq $said[$property]) { return $null }
        return $said[$property].ToString()
    }

    static [string] Attributes([string] $path, [bool] $folder) {
        $said = [LabMarks]::Said($path, 'attributes')
        if ($null -ne $said) { return $said }
        if ($folder) { return 'Directory' }
        return 'Archive'
    }

    static [bool] IsInUse([string] $path) { return [LabMarks]::Said($path, 'in_use') -eq 'true' }

    static [datetime] TimeOf([string] $path, [string] $property) {
        $said = [LabMarks]::Said($path, $property)
        if ($null -eq $said) { $said = [LabMarks]::Time }
        return [datetime]::Parse($said, [cultureinfo]::InvariantCulture, 'RoundtripKind')
    }

    static [string] SddlOf([string] $path) {
        $said = [LabMarks]::Said($path, 'sddl')
        if ($null -ne $said) { return $said }
        return [LabMarks]::Sddl
    }

    static [string] SignerOf([string] $path) { return [LabMarks]::Said($path, 'signer') }

    static [System.Collections.Specialized.OrderedDictionary] Streams([string] $path) {
        $found = [ordered] @{}
        $said = [LabMarks]::Of($path)
        if ($null -ne $said -and $null -ne $said['streams']) {
            foreach ($entry in $said['streams'].AsObject().GetEnumerator()) {
                $found[$entry.Key] = [long] [LabMarks]::Held($entry.Value).Length
            }
        }
        return $found
    }

    # What a stream holds: a text as UTF-8, or zeros of a size.
    hidden static [byte[]] Held([System.Text.Json.Nodes.JsonNode] $said) {
        if ($said.GetValueKind() -eq 'String') { return [System.Text.Encoding]::UTF8.GetBytes($said.ToString()) }
        return [byte[]]::new([int] $said.ToString())
    }

    # Null where there is no stream of this name.
    static [object] Stream([string] $path, [string] $name) {
        $said = [LabMarks]::Of($path)
        if ($null -eq $said -or $null -eq $said['streams']) { return $null }
        foreach ($entry in $said['streams'].AsObject().GetEnumerator()) {
            if ([string]::Equals($entry.Key, $name, 'OrdinalIgnoreCase')) {
                return [System.IO.MemoryStream]::new([LabMarks]::Held($entry.Value))
            }
        }
        return $null
    }

    # One pool at a time, and no reader ever finds half a file.
    hidden static [void] Change([scriptblock] $how, [object[]] $arguments) {
        $held = [LabServices]::Hold([LabMarks]::File() + '.held')
        try {
            $all = [LabMarks]::All()
            $null = & $how $all @arguments
            [System.IO.File]::WriteAllText([LabMarks]::File() + '.new', $all.ToJsonString())
            [System.IO.File]::Move([LabMarks]::File() + '.new', [LabMarks]::File(), $true)
            [System.IO.File]::AppendAllText([LabMarks]::File() + '.changes', '.')
        }
        finally {
            $held.Dispose()
        }
    }

    static [void] Add([string] $path, [bool] $folder) {
        [LabMarks]::Change({
                param($all, $path, $folder)
                if ($null -eq [LabMarks]::Key($all, $path)) {
                    $made = [System.Text.Json.Nodes.JsonObject]::new()
                    if ($folder) { $made['folder'] = [System.Text.Json.Nodes.JsonValue]::Create($true) }
                    $all[$path] = $made
                }
            }, @($path, $folder))
    }

    static [void] Put([string] $path, [string] $property, [string] $value) {
        [LabMarks]::Change({
                param($all, $path, $property, $value)
                $key = [LabMarks]::Key($all, $path)
                if ($null -eq $key) {
                    $key = $path
                    $all[$key] = [System.Text.Json.Nodes.JsonObject]::new()
                }
                $all[$key][$property] = [System.Text.Json.Nodes.JsonValue]::Create($value)
            }, @($path, $property, $value))
    }

    static [void] Move([string] $path, [string] $destination) {
        [LabMarks]::Change({
                param($all, $path, $destination)
                $key = [LabMarks]::Key($all, $path)
                $moved = [System.Text.Json.Nodes.JsonObject]::new()
                if ($null -ne $key) {
                    $moved = $all[$key].DeepClone()
                    $null = $all.Remove($key)
                }
                $all[$destination] = $moved
            }, @($path, $destination))
    }

    static [void] Remove([string] $path) {
        [LabMarks]::Change({
                param($all, $path)
                $key = [LabMarks]::Key($all, $path)
                if ($null -ne $key) { $null = $all.Remove($key) }
            }, @($path))
    }

    static [string] OwnerIn([string] $sddl) {
        $owner = if ($sddl -match '^O:(.+?)G:') { $Matches[1] } else { '' }
        switch ($owner) {
            'BA' { return 'BUILTIN\Administrators' }
            'SY' { return 'NT AUTHORITY\SYSTEM' }
        }
        return $owner
    }
}

# Stands in for FileSecurity and DirectorySecurity, which .NET has on Windows alone.
class LabAccessList {
    [string] $Sddl = ''

    [void] SetSecurityDescriptorSddlForm([string] $form) { $this.Sddl = $form }
}

$accelerators = [psobject].Assembly.GetType('System.Management.Automation.TypeAccelerators')
foreach ($name in 'FileSecurity', 'DirectorySecurity') {
    $accelerators::Add("System.Security.AccessControl.$name", [LabAccessList])
}

function Get-Acl {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Path', ValueFromPipelineByPropertyName = $true)]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [string[]] $LiteralPath
    )
    process {
        $asked = @{}
        foreach ($name in 'Path', 'LiteralPath') { if ($PSBoundParameters.ContainsKey($name)) { $asked[$name] = $PSBoundParameters[$name] } }
        foreach ($item in @(Get-Item @asked -Force)) {
            $list = [LabMarks]::SddlOf($item.FullName)
            [pscustomobject] @{ Path = $item.FullName; Owner = [LabMarks]::OwnerIn($list); Sddl = $list }
        }
    }
}

function Set-Acl {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $LiteralPath,

        [Parameter(Mandatory = $true)]
        [object] $AclObject
    )
    process {
        $item = Get-Item -LiteralPath $LiteralPath -Force
        [LabMarks]::Put($item.FullName, 'sddl', $AclObject.Sddl)
    }
}

# Of a file: valid where the state says who signed it, and no signature at all otherwise.
function Get-AuthenticodeSignature {
    [CmdletBinding()]
    param([Parameter(Mandatory = $true)] [string] $LiteralPath)
    $item = Get-Item -LiteralPath $LiteralPath -Force -ErrorAction Stop
    $signer = [LabMarks]::SignerOf($item.FullName)
    [pscustomobject] @{
        Path              = $item.FullName
        Status            = if ($signer) { 'Valid' } else { 'NotSigned' }
        SignerCertificate = if ($signer) { [pscustomobject] @{ Subject = $signer } } else { $null }
    }
}
