# What the state says of the server that is neither a key nor a file's bytes. The engine writes host.json (directory.py).
class LabHost {
    static [string] $Folder
    static [System.Text.Json.JsonElement] $State
    # By lower-case Windows path: the version of a file, and whether it is closed.
    static [System.Collections.Generic.Dictionary[string, string]] $Versions
    static [System.Collections.Generic.HashSet[string]] $Denied

    static [void] Load([string] $folder) {
        [LabHost]::Folder = $folder
        $text = [System.IO.File]::ReadAllText("$folder/host.json")
        [LabHost]::State = [System.Text.Json.JsonDocument]::Parse($text).RootElement
        [LabHost]::Versions = [System.Collections.Generic.Dictionary[string, string]]::new([System.StringComparer]::OrdinalIgnoreCase)
        [LabHost]::Denied = [System.Collections.Generic.HashSet[string]]::new([System.StringComparer]::OrdinalIgnoreCase)
        foreach ($file in [LabHost]::State.GetProperty('files').EnumerateObject()) {
            $version = $file.Value.GetProperty('version').GetString()
            if ($null -ne $version) { [LabHost]::Versions[$file.Name] = $version }
            if ($file.Value.GetProperty('denied').GetBoolean()) { [void] [LabHost]::Denied.Add($file.Name) }
        }
    }

    static [string] Text([string] $name) { return [LabHost]::State.GetProperty($name).GetString() }

    # An engine's provider of our own, under the module name that the provider of Windows bears.
    static [void] NameModule([System.Management.Automation.PSModuleInfo] $module, [string] $name) {
        $rename = [System.Management.Automation.PSModuleInfo].GetMethod('SetName', [System.Reflection.BindingFlags] 'NonPublic, Instance')
        if ($rename) { [void] $rename.Invoke($module, @($name)) }
    }
}

[LabHost]::Load([System.IO.Path]::GetDirectoryName($PSScriptRoot))
