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

    # As WMI gives it: in the server's own time.
    static [datetime] BootTime() {
        $utc = [System.Globalization.DateTimeStyles] 'AdjustToUniversal, AssumeUniversal'
        return [datetime]::Parse([LabHost]::Text('boot_time'), [cultureinfo]::InvariantCulture, $utc).ToLocalTime()
    }

    # Registers a provider of ours under the name of the module that has it on Windows. PowerShell offers no way to say
    # that name, and leaves a second provider of one name (the drives' beside the engine's own) out of the list in which
    # it looks up the paths that it has put out itself.
    static [void] AddProvider([type] $provider, [string] $module) {
        $hidden = [System.Reflection.BindingFlags] 'NonPublic, Instance'
        $loaded = Import-Module -Assembly $provider.Assembly -Global -PassThru
        [void] [System.Management.Automation.PSModuleInfo].GetMethod('SetName', $hidden).Invoke($loaded, @($module))
        $intrinsics = $global:ExecutionContext
        $context = $intrinsics.GetType().GetField('_context', $hidden).GetValue($intrinsics)
        $session = $context.GetType().GetProperty('EngineSessionState', $hidden).GetValue($context)
        $lists = $session.GetType().GetProperty('Providers', $hidden).GetValue($session)
        foreach ($drive in Get-PSDrive) {
            $known = $drive.Provider
            if ($known.ImplementingType -eq $provider -and -not $lists[$known.Name].Contains($known)) {
                $lists[$known.Name].Add($known)
                return
            }
        }
    }
}

[LabHost]::Load([System.IO.Path]::GetDirectoryName($PSScriptRoot))
