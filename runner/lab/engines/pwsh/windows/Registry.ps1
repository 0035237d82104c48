# The drive HKLM: and the path Registry::HKEY_USERS, in the engine's own terms: a provider that stands on directories made from the host's state.
#
# A key is a directory; its values are in the file %values.json there; the file %denied marks a key that nobody may
# open. The order of checks, the errors and their texts are those of Windows PowerShell's registry provider.
using namespace System.Management.Automation
using namespace System.Management.Automation.Provider
using namespace System.Collections.ObjectModel

# A key as Get-Item and Get-ChildItem give it: what scripts ask of Microsoft.Win32.RegistryKey.
class LabRegistryKey {
    [string] $Name
    [int] $SubKeyCount
    [int] $ValueCount
    [string] $View = 'Default'
    hidden [string] $Folder
    hidden [System.Collections.IDictionary] $Values

    LabRegistryKey([string] $path, [string] $folder) {
        $this.Name = $path
        $this.Folder = $folder
        $this.Values = [LabRegistry]::Values($folder)
        $this.ValueCount = $this.Values.Count
        $this.SubKeyCount = $this.GetSubKeyNames().Count
    }

    [string[]] GetSubKeyNames() { return [LabRegistry]::SubKeys($this.Folder) }

    [string[]] GetValueNames() { return [string[]] @($this.Values.Keys) }

    [object] GetValue([string] $name) { return $this.GetValue($name, $null) }

    [object] GetValue([string] $name, [object] $default) {
        if ($this.Values.Contains($name)) { return $this.Values[$name] }
        return $default
    }

    [object] GetValue([string] $name, [object] $default, [object] $options) { return $this.GetValue($name, $default) }

    [string] GetValueKind([string] $name) {
        if (-not $this.Values.Contains($name)) {
            throw [System.IO.IOException]::new('The specified registry key does not exist.')
        }
        switch ($this.Values[$name].GetType().Name) {
            'Int32' { return 'DWord' }
            'Int64' { return 'QWord' }
            'String[]' { return 'MultiString' }
            'Byte[]' { return 'Binary' }
        }
        return 'String'
    }

    [object] OpenSubKey([string] $name) {
        $path = $this.Name + '\' + $name
        $found = [LabRegistry]::Open($path)
        if ($null -eq $found) { return $null }
        return [LabRegistryKey]::new($path, $found)
    }

    [void] Close() { }

    [void] Dispose() { }

    [string] ToString() { return $this.Name }
}

class LabRegistry {
    static [string] $Hive

    # The directory of a key, null where there is none. Names are compared without regard to case, as Windows does.
    # A denied key throws; a key below it does not, for Windows does not check the way to a key, only the key.
    static [string] Open([string] $path) {
        $names = $path.Split('\', [System.StringSplitOptions]::RemoveEmptyEntries)
        if ($names.Count -eq 0) { return $null }
        # Users' hives stand beside the one of the server (directory.py).
        $folder = if ($names[0] -ieq 'HKEY_LOCAL_MACHINE') { [LabRegistry]::Hive }
        elseif ($names[0] -ieq 'HKEY_USERS') { [System.IO.Path]::GetDirectoryName([LabRegistry]::Hive) + '/users' }
        else { return $null }
        for ($index = 1; $index -lt $names.Count; $index++) {
            $found = [LabRegistry]::Child($folder, [LabRegistry]::Encode($names[$index]))
            if ($null -eq $found) { return $null }
            $folder = $found
        }
        if ([System.IO.File]::Exists("$folder/%denied")) {
            throw [System.Security.SecurityException]::new('Requested registry access is not allowed.')
        }
        return $folder
    }

    # An encoded name has no separator, no percent sign of its own and is neither . nor .. (directory.py writes them).
    static [string] Encode([string] $name) {
        $text = $name.Replace('%', '%25').Replace('/', '%2F')
        if ($text -eq '.' -or $text -eq '..') { $text = $text.Replace('.', '%2E') }
        return $text
    }

    static [string] Decode([string] $name) { return [uri]::UnescapeDataString($name) }

    static [object] Child([string] $folder, [string] $name) {
        $exact = "$folder/$name"
        if ([System.IO.Directory]::Exists($exact)) { return $exact }
        foreach ($candidate in [System.IO.Directory]::EnumerateDirectories($folder)) {
            if ([string]::Equals([System.IO.Path]::GetFileName($candidate), $name, 'OrdinalIgnoreCase')) { return $candidate }
        }
        return $null
    }

    static [string[]] SubKeys([string] $folder) {
        [string[]] $names = foreach ($child in [System.IO.Directory]::GetDirectories($folder)) {
            [LabRegistry]::Decode([System.IO.Path]::GetFileName($child))
        }
        if ($null -eq $names) { return [string[]]::new(0) }
        [array]::Sort($names, [System.StringComparer]::OrdinalIgnoreCase)
        return $names
    }

    # Name to value, in the order of the state: text (REG_SZ), whole numbers (REG_DWORD, REG_QWORD), lists (REG_MULTI_SZ),
    # and objects that say their type (REG_BINARY, REG_QWORD).
    static [System.Collections.IDictionary] Values([string] $folder) {
        $values = [System.Collections.Specialized.OrderedDictionary]::new([System.StringComparer]::OrdinalIgnoreCase)
        $file = "$folder/%values.json"
        if (-not [System.IO.File]::Exists($file)) { return [LabRegistry]::WithService($folder, $values) }
        $document = [System.Text.Json.JsonDocument]::Parse([System.IO.File]::ReadAllText($file))
        try {
            foreach ($property in $document.RootElement.EnumerateObject()) {
                $name = if ($property.Name -eq '(default)') { '' } else { $property.Name }
                $values[$name] = [LabRegistry]::Value($property.Value)
            }
        }
        finally {
            $document.Dispose()
        }
        return [LabRegistry]::WithService($folder, $values)
    }

    # The name of the service whose key this is, null where it is none.
    static [string] Service([string] $folder) {
        $above = [LabRegistry]::Hive + '/SYSTEM/CurrentControlSet/Services'
        if (-not [string]::Equals([System.IO.Path]::GetDirectoryName($folder), $above, 'OrdinalIgnoreCase')) { return $null }
        return [LabRegistry]::Decode([System.IO.Path]::GetFileName($folder))
    }

    # With what the service control manager keeps there, as it is now.
    static [System.Collections.IDictionary] WithService([string] $folder, [System.Collections.IDictionary] $values) {
        $name = [LabRegistry]::Service($folder)
        if ($name) { [LabServices]::Kept($name, $values) }
        return $values
    }

    static [object] Value([System.Text.Json.JsonElement] $element) {
        if ($element.ValueKind -eq 'String') { return $element.GetString() }
        if ($element.ValueKind -eq 'Array') {
            return [string[]] @(foreach ($item in $element.EnumerateArray()) { $item.GetString() })
        }
        if ($element.ValueKind -eq 'Object') {
            $bytes = [System.Text.Json.JsonElement]::new()
            if ($element.TryGetProperty('binary', [ref] $bytes)) {
                return [System.Convert]::FromHexString($bytes.GetString().Replace(' ', ''))
            }
            return $element.GetProperty('qword').GetInt64()
        }
        $number = $element.GetInt64()
        if ($number -ge [int]::MinValue -and $number -le [int]::MaxValue) { return [int] $number }
        # A REG_DWORD above 2^31 is shown as the negative number of the same bits.
        if ($number -gt 0 -and $number -le [uint32]::MaxValue) { return [int] ($number - 4294967296) }
        return $number
    }
}

[CmdletProvider('Registry', [ProviderCapabilities]::ShouldProcess)]
class LabRegistryProvider : NavigationCmdletProvider, IPropertyCmdletProvider, IDynamicPropertyCmdletProvider {
    # A directory, or null after having written why there is none (RegistryProvider.GetRegkeyForPathWriteIfError).
    hidden [string] OpenOrReport([string] $path) {
        try {
            $folder = [LabRegistry]::Open($path)
        }
        catch [System.Security.SecurityException] {
            $this.ReportDenied($_.Exception, $path)
            return $null
        }
        if (-not $folder) {
            $missing = [System.ArgumentException]::new('The registry key at the specified path does not exist.')
            $this.WriteError([ErrorRecord]::new($missing, 'System.ArgumentException', 'InvalidArgument', $path))
            return $null
        }
        return $folder
    }

    hidden [void] ReportDenied([System.Exception] $denied, [string] $path) {
        $this.WriteError([ErrorRecord]::new($denied, $denied.GetType().FullName, 'PermissionDenied', $path))
    }

    hidden [string] Normal([string] $path) {
        return $path.Replace('/', '\').TrimEnd('\')
    }

    hidden [void] WriteKey([string] $path, [string] $folder) {
        $key = [LabRegistryKey]::new($path, $folder)
        $shown = [psobject]::new($key)
        $shown.psobject.TypeNames.Clear()
        foreach ($name in 'Microsoft.Win32.RegistryKey', 'System.MarshalByRefObject', 'System.Object') {
            $shown.psobject.TypeNames.Add($name)
        }
        $names = [string[]] @(foreach ($name in $key.GetValueNames()) { if ($name) { $name } else { '(default)' } })
        $shown.psobject.Properties.Add([psnoteproperty]::new('Property', $names))
        $this.WriteItemObject($shown, $path, $true)
    }

    [bool] IsValidPath([string] $path) { return $true }

    [bool] ItemExists([string] $path) {
        $normal = $this.Normal($path)
        try {
            return $normal -eq '' -or [bool] [LabRegistry]::Open($normal)
        }
        catch [System.Security.SecurityException] {
            $this.ReportDenied($_.Exception, $normal)
            return $false
        }
    }

    [bool] IsItemContainer([string] $path) { return $this.ItemExists($path) }

    [bool] HasChildItems([string] $path) {
        $folder = $this.OpenOrReport($this.Normal($path))
        return $folder -and [LabRegistry]::SubKeys($folder).Count -gt 0
    }

    [void] GetItem([string] $path) {
        $normal = $this.Normal($path)
        $folder = $this.OpenOrReport($normal)
        if ($folder) { $this.WriteKey($normal, $folder) }
    }

    [void] GetChildItems([string] $path, [bool] $recurse) { $this.GetChildItems($path, $recurse, [uint32]::MaxValue) }

    [void] GetChildItems([string] $path, [bool] $recurse, [uint32] $depth) {
        $normal = $this.Normal($path)
        if ($normal -eq '') {
            $this.GetItem('HKEY_LOCAL_MACHINE')
            if ($recurse -and $depth -gt 0) { $this.GetChildItems('HKEY_LOCAL_MACHINE', $true, $depth - 1) }
            return
        }
        $folder = $this.OpenOrReport($normal)
        if (-not $folder) { return }
        foreach ($name in [LabRegistry]::SubKeys($folder)) {
            if ($this.Stopping) { return }
            $child = "$normal\$name"
            try {
                $this.WriteKey($child, [LabRegistry]::Open($child))
            }
            catch [System.Security.SecurityException] {
                $this.ReportDenied($_.Exception, $child)
            }
            if ($recurse -and $depth -gt 0) { $this.GetChildItems($child, $true, $depth - 1) }
        }
    }

    [void] GetChildNames([string] $path, [ReturnContainers] $containers) {
        $normal = $this.Normal($path)
        if ($normal -eq '') {
            $this.WriteItemObject('HKEY_LOCAL_MACHINE', 'HKEY_LOCAL_MACHINE', $true)
            return
        }
        $folder = $this.OpenOrReport($normal)
        if (-not $folder) { return }
        foreach ($name in [LabRegistry]::SubKeys($folder)) {
            $this.WriteItemObject($name, "$normal\$name", $true)
        }
    }

    [void] GetProperty([string] $path, [Collection[string]] $names) {
        $normal = $this.Normal($path)
        $folder = $this.OpenOrReport($normal)
        if (-not $folder) { return }
        $values = [LabRegistry]::Values($folder)
        $wanted = [System.Collections.Generic.List[string]]::new()
        if ($null -eq $names -or $names.Count -eq 0) {
            foreach ($name in $values.Keys) { $wanted.Add($name) }
        }
        else {
            foreach ($asked in $names) {
                $pattern = [WildcardPattern]::Get($asked, 'IgnoreCase')
                $found = $false
                foreach ($name in $values.Keys) {
                    $label = if ($name -eq '') { '(default)' } else { $name }
                    if ($pattern.IsMatch($label)) {
                        $found = $true
                        $wanted.Add($name)
                    }
                }
                if (-not $found -and -not [WildcardPattern]::ContainsWildcardCharacters($asked)) {
                    $missing = [PSArgumentException]::new("Property $asked does not exist at path $normal.")
                    $identifier = 'System.Management.Automation.PSArgumentException'
                    $this.WriteError([ErrorRecord]::new($missing, $identifier, 'InvalidArgument', $asked))
                }
            }
        }
        # A key without values gives nothing at all, not an empty object.
        if ($wanted.Count -eq 0) { return }
        $result = [psobject]::new()
        foreach ($name in $wanted) {
            $label = if ($name -eq '') { '(default)' } else { $name }
            $result.psobject.Properties.Add([psnoteproperty]::new($label, $values[$name]))
        }
        $this.WritePropertyObject($result, $normal)
    }

    [object] GetPropertyDynamicParameters([string] $path, [Collection[string]] $names) { return $null }

    # Of the registry of a simulated server a script can write whether a service starts later than the others.
    [void] SetProperty([string] $path, [psobject] $value) {
        $normal = $this.Normal($path)
        $folder = $this.OpenOrReport($normal)
        if (-not $folder) { return }
        foreach ($property in $value.psobject.Properties) {
            $number = $property.Value -as [int]
            if (-not $this.IsDelay($folder, $property.Name) -or $null -eq $number) { $this.ReportReadOnly($path); return }
            [LabServices]::PutDelay([LabRegistry]::Service($folder), [System.Text.Json.Nodes.JsonValue]::Create($number))
        }
    }

    [object] SetPropertyDynamicParameters([string] $path, [psobject] $value) { return $null }

    [void] RemoveProperty([string] $path, [string] $name) {
        $normal = $this.Normal($path)
        $folder = $this.OpenOrReport($normal)
        if (-not $folder) { return }
        if (-not [LabRegistry]::Values($folder).Contains($name)) {
            $missing = [PSArgumentException]::new("Property $name does not exist at path $normal.")
            $this.WriteError([ErrorRecord]::new($missing, $missing.GetType().FullName, 'InvalidArgument', $name))
            return
        }
        if (-not $this.IsDelay($folder, $name)) { $this.ReportReadOnly($path); return }
        [LabServices]::PutDelay([LabRegistry]::Service($folder), $null)
    }

    hidden [bool] IsDelay([string] $folder, [string] $name) {
        return $name -ieq 'DelayedAutostart' -and [LabServices]::IsThere([LabRegistry]::Service($folder))
    }

    [object] RemovePropertyDynamicParameters([string] $path, [string] $name) { return $null }

    [void] NewProperty([string] $path, [string] $name, [string] $type, [object] $value) { $this.ReportReadOnly($path) }

    [object] NewPropertyDynamicParameters([string] $path, [string] $name, [string] $type, [object] $value) { return $null }

    [void] RenameProperty([string] $path, [string] $from, [string] $to) { $this.ReportReadOnly($path) }

    [object] RenamePropertyDynamicParameters([string] $path, [string] $from, [string] $to) { return $null }

    [void] CopyProperty([string] $from, [string] $name, [string] $to, [string] $as) { $this.ReportReadOnly($from) }

    [object] CopyPropertyDynamicParameters([string] $from, [string] $name, [string] $to, [string] $as) { return $null }

    [void] MoveProperty([string] $from, [string] $name, [string] $to, [string] $as) { $this.ReportReadOnly($from) }

    [object] MovePropertyDynamicParameters([string] $from, [string] $name, [string] $to, [string] $as) { return $null }

    [void] ClearProperty([string] $path, [Collection[string]] $names) { $this.ReportReadOnly($path) }

    [object] ClearPropertyDynamicParameters([string] $path, [Collection[string]] $names) { return $null }

    [void] NewItem([string] $path, [string] $type, [object] $value) { $this.ReportReadOnly($path) }

    [void] RemoveItem([string] $path, [bool] $recurse) { $this.ReportReadOnly($path) }

    hidden [void] ReportReadOnly([string] $path) {
        $refused = [System.Security.SecurityException]::new('The registry of the lab''s Windows shim cannot be changed.')
        $this.WriteError([ErrorRecord]::new($refused, 'LabRegistryReadOnly', 'PermissionDenied', $path))
    }

    # Paths are joined and taken apart with a backslash, whatever system the lab runs on.
    [string] MakePath([string] $parent, [string] $child) {
        $above = $parent.Replace('/', '\')
        $below = $child.Replace('/', '\')
        if ($above -eq '') { return $below }
        # The engine takes a trailing separator of its own, and no other, for "the drive itself".
        if ($below -eq '') { return $above.TrimEnd('\') + '/' }
        return $above.TrimEnd('\') + '\' + $below.TrimStart('\')
    }

    [string] GetParentPath([string] $path, [string] $root) {
        $normal = $this.Normal($path)
        if ($root -and $normal -ieq $this.Normal($root)) { return '' }
        $cut = $normal.LastIndexOf('\')
        if ($cut -lt 0) { return '' }
        return $normal.Substring(0, $cut)
    }

    [string] GetChildName([string] $path) {
        $normal = $this.Normal($path)
        return $normal.Substring($normal.LastIndexOf('\') + 1)
    }

    [string] NormalizeRelativePath([string] $path, [string] $base) {
        $normal = $this.Normal($path)
        $from = $this.Normal($base)
        if ($from -and $normal -ieq $from) { return '' }
        if ($from -and $normal.StartsWith($from + '\', 'OrdinalIgnoreCase')) { $normal = $normal.Substring($from.Length + 1) }
        $kept = [System.Collections.Generic.List[string]]::new()
        foreach ($name in $normal.Split('\', [System.StringSplitOptions]::RemoveEmptyEntries)) {
            if ($name -eq '.') { continue }
            if ($name -eq '..') {
                if ($kept.Count -gt 0) { $kept.RemoveAt($kept.Count - 1) }
                continue
            }
            $kept.Add($name)
        }
        return [string]::Join('\', $kept)
    }

    [Collection[PSDriveInfo]] InitializeDefaultDrives() {
        $drives = [Collection[PSDriveInfo]]::new()
        $about = 'The configuration settings for the local computer'
        $drives.Add([PSDriveInfo]::new('HKLM', $this.ProviderInfo, 'HKEY_LOCAL_MACHINE', $about, $null))
        return $drives
    }
}

[LabRegistry]::Hive = [LabHost]::Folder + '/registry'
[LabHost]::AddProvider([LabRegistryProvider], 'Microsoft.PowerShell.Core')
