# The drives C:, D:, ... as the state has them: a provider whose paths are Windows paths and whose files are real ones.
#
# Names are compared without regard to case. What it writes are .NET's own FileInfo and DirectoryInfo; what those say of
# their path is put right in Windows.types.ps1xml.
using namespace System.Management.Automation
using namespace System.Management.Automation.Provider
using namespace System.Collections.ObjectModel

class LabFiles {
    static [string] $Drives

    # Names that Windows takes for devices, and ends of names that it takes away: past these only \\?\ leads.
    static [string] $Unusual = '\\(?:(?:con|prn|aux|nul|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.[^\\]*)?|[^\\]*[^\\. ][. ]+)(?:\\|$)'

    static [string] Normal([string] $path) {
        $normal = $path.Replace('/', '\')
        if ($normal.StartsWith('\\?\', 'Ordinal')) { $normal = $normal.Substring(4) }
        if ($normal -match '^[A-Za-z]:$') { return $normal + '\' }
        if ($normal.Length -gt 3) { $normal = $normal.TrimEnd('\') }
        return $normal
    }

    # The real path of what stands there, null where nothing does.
    static [string] Real([string] $path) { return [LabFiles]::Walk($path, $false) }

    # The real path of what stands or would stand there; null where even the folder is missing.
    static [string] Target([string] $path) { return [LabFiles]::Walk($path, $true) }

    hidden static [string] Walk([string] $path, [bool] $lastMayBeMissing) {
        $normal = [LabFiles]::Normal($path)
        if (-not $path.StartsWith('\\?\', 'Ordinal') -and $normal -match [LabFiles]::Unusual) { return $null }
        if ($normal -notmatch '^([A-Za-z]):(\\|$)') { return $null }
        $real = [LabFiles]::Drives + '/' + $Matches[1].ToUpperInvariant()
        if (-not [System.IO.Directory]::Exists($real)) { return $null }
        $names = [LabFiles]::Names($normal.Substring(2))
        for ($index = 0; $index -lt $names.Count; $index++) {
            $found = [LabFiles]::Child($real, $names[$index])
            if ($null -eq $found) {
                if ($lastMayBeMissing -and $index -eq $names.Count - 1) { return $real + '/' + $names[$index] }
                return $null
            }
            $real = $found
        }
        return $real
    }

    # The names in a path, '.' and '..' followed.
    hidden static [System.Collections.Generic.List[string]] Names([string] $path) {
        $names = [System.Collections.Generic.List[string]]::new()
        foreach ($name in $path.Split('\', [System.StringSplitOptions]::RemoveEmptyEntries)) {
            if ($name -eq '.') { continue }
            if ($name -eq '..') {
                if ($names.Count -gt 0) { $names.RemoveAt($names.Count - 1) }
                continue
            }
            $names.Add($name)
        }
        return $names
    }

    hidden static [object] Child([string] $folder, [string] $name) {
        $exact = "$folder/$name"
        if ([System.IO.File]::Exists($exact) -or [System.IO.Directory]::Exists($exact)) { return $exact }
        if (-not [System.IO.Directory]::Exists($folder)) { return $null }
        foreach ($candidate in [System.IO.Directory]::EnumerateFileSystemEntries($folder)) {
            if ([string]::Equals([System.IO.Path]::GetFileName($candidate), $name, 'OrdinalIgnoreCase')) { return $candidate }
        }
        return $null
    }

    # The Windows path of a real one below the drives.
    static [string] Windows([string] $real) {
        $below = $real.Substring([LabFiles]::Drives.Length + 1).Replace('/', '\')
        return [LabFiles]::Normal($below.Substring(0, 1) + ':' + $below.Substring(1))
    }

    # What a file object shows as its path: a Windows path for a file below the drives, any other as it is.
    static [string] Shown([string] $real) {
        if ($real.StartsWith([LabFiles]::Drives + '/', 'Ordinal')) { return [LabFiles]::Windows($real) }
        return $real
    }

    static [bool] IsDenied([string] $real) { return [LabHost]::Denied.Contains([LabFiles]::Windows($real)) }

    # VersionInfo as Windows reads it from the file's resources; a file without any has empty properties.
    static [psobject] Version([string] $path) {
        $text = $null
        [void] [LabHost]::Versions.TryGetValue($path, [ref] $text)
        $parts = 0, 0, 0, 0
        if ($text) {
            $numbers = $text.Split('.')
            for ($index = 0; $index -lt 4 -and $index -lt $numbers.Count; $index++) {
                $number = 0
                [void] [int]::TryParse($numbers[$index], [ref] $number)
                $parts[$index] = $number
            }
        }
        $shown = [pscustomobject] @{
            FileVersion        = $text
            FileName           = $path
            FileMajorPart      = $parts[0]
            FileMinorPart      = $parts[1]
            FileBuildPart      = $parts[2]
            FilePrivatePart    = $parts[3]
            ProductVersion     = $text
            ProductMajorPart   = $parts[0]
            ProductMinorPart   = $parts[1]
            ProductBuildPart   = $parts[2]
            ProductPrivatePart = $parts[3]
            FileVersionRaw     = [version]::new($parts[0], $parts[1], $parts[2], $parts[3])
            ProductVersionRaw  = [version]::new($parts[0], $parts[1], $parts[2], $parts[3])
        }
        $shown.psobject.TypeNames.Insert(0, 'System.Diagnostics.FileVersionInfo')
        return $shown
    }
}

# Reads text or bytes for Get-Content. Without a byte-order mark Windows PowerShell takes a file for ANSI, not for UTF-8.
class LabContentReader : IContentReader {
    hidden [System.IO.Stream] $Stream
    hidden [System.IO.StreamReader] $Reader
    hidden [bool] $Raw
    hidden [string] $Delimiter

    LabContentReader([System.IO.Stream] $stream, [string] $encoding, [bool] $raw, [string] $delimiter) {
        $this.Stream = $stream
        $this.Raw = $raw
        $this.Delimiter = $delimiter
        if ($encoding -ine 'Byte') {
            $this.Reader = [System.IO.StreamReader]::new($this.Stream, [LabContentReader]::Encoding($encoding), $true)
        }
    }

    static [System.Text.Encoding] Encoding([string] $name) {
        switch ($name) {
            'UTF8' { return [System.Text.UTF8Encoding]::new($true) }
            'Unicode' { return [System.Text.UnicodeEncoding]::new($false, $true) }
            'BigEndianUnicode' { return [System.Text.UnicodeEncoding]::new($true, $true) }
            'UTF32' { return [System.Text.UTF32Encoding]::new($false, $true) }
            'UTF7' { return [System.Text.ASCIIEncoding]::new() }
            'Ascii' { return [System.Text.ASCIIEncoding]::new() }
            'Oem' { return [System.Text.CodePagesEncodingProvider]::Instance.GetEncoding(437) }
        }
        return [System.Text.CodePagesEncodingProvider]::Instance.GetEncoding(1252)
    }

    [System.Collections.IList] Read([long] $count) {
        $items = [System.Collections.Generic.List[object]]::new()
        while ($count -le 0 -or $items.Count -lt $count) {
            $item = $this.Next()
            if ($null -eq $item) { break }
            $items.Add($item)
        }
        return $items
    }

    hidden [object] Next() {
        if ($null -eq $this.Reader) {
            if ($this.Raw) {
                $left = [byte[]]::new($this.Stream.Length - $this.Stream.Position)
                if ($left.Length -eq 0) { return $null }
                $this.Stream.ReadExactly($left, 0, $left.Length)
                # A method's value is not taken apart as a function's is: a comma here would be one array more.
                return $left
            }
            $byte = $this.Stream.ReadByte()
            if ($byte -lt 0) { return $null }
            return [byte] $byte
        }
        if ($this.Raw) {
            if ($this.Reader.EndOfStream) { return $null }
            return $this.Reader.ReadToEnd()
        }
        if (-not $this.Delimiter) { return $this.Reader.ReadLine() }
        $text = [System.Text.StringBuilder]::new()
        while (-not $this.Reader.EndOfStream) {
            [void] $text.Append([char] $this.Reader.Read())
            $soFar = $text.ToString()
            if ($soFar.EndsWith($this.Delimiter, 'Ordinal')) { return $soFar.Substring(0, $soFar.Length - $this.Delimiter.Length) }
        }
        if ($text.Length -eq 0) { return $null }
        return $text.ToString()
    }

    [void] Seek([long] $offset, [System.IO.SeekOrigin] $origin) {
        [void] $this.Stream.Seek($offset, $origin)
        if ($this.Reader) { $this.Reader.DiscardBufferedData() }
    }

    [void] Close() { $this.Stream.Dispose() }

    [void] Dispose() { $this.Stream.Dispose() }
}

[CmdletProvider('FileSystem', [ProviderCapabilities]::Filter)]
class LabFileProvider : NavigationCmdletProvider, IPropertyCmdletProvider, IContentCmdletProvider {
    hidden [void] Report([System.Exception] $error, [string] $identifier, [ErrorCategory] $category, [string] $path) {
        $this.WriteError([ErrorRecord]::new($error, $identifier, $category, $path))
    }

    hidden [void] ReportMissing([string] $path) {
        $missing = [System.IO.FileNotFoundException]::new("Could not find item $path.")
        $this.Report($missing, 'ItemDoesNotExist', 'ObjectNotFound', $path)
    }

    hidden [void] WriteEntry([string] $real) {
        $path = [LabFiles]::Windows($real)
        $folder = [System.IO.Directory]::Exists($real)
        $item = if ($folder) { [System.IO.DirectoryInfo]::new($real) } else { [System.IO.FileInfo]::new($real) }
        $shown = [psobject]::new($item)
        if (-not $folder) { $shown.psobject.Members.Add([psnoteproperty]::new('VersionInfo', [LabFiles]::Version($path)), $true) }
        $this.WriteItemObject($shown, $path, $folder)
    }

    [bool] IsValidPath([string] $path) { return [LabFiles]::Normal($path) -match '^[A-Za-z]:\\[^<>:"|?*]*$' }

    # Windows cannot tell whether there is a file whose attributes it may not read (FileSystemProvider.ItemExists).
    [bool] ItemExists([string] $path) {
        $real = [LabFiles]::Real($path)
        if (-not $real) { return $false }
        if ([LabFiles]::IsDenied($real)) {
            $denied = [System.UnauthorizedAccessException]::new('Access is denied')
            $this.Report($denied, 'ItemExistsUnauthorizedAccessError', 'PermissionDenied', [LabFiles]::Normal($path))
            return $false
        }
        return $true
    }

    [bool] IsItemContainer([string] $path) {
        $real = [LabFiles]::Real($path)
        return $real -and [System.IO.Directory]::Exists($real)
    }

    [bool] HasChildItems([string] $path) {
        $real = [LabFiles]::Real($path)
        return $real -and [System.IO.Directory]::Exists($real) -and
            [System.IO.Directory]::GetFileSystemEntries($real).Count -gt 0
    }

    [void] GetItem([string] $path) {
        $real = [LabFiles]::Real($path)
        if (-not $real) { $this.ReportMissing($path) }
        else { $this.WriteEntry($real) }
    }

    [void] GetChildItems([string] $path, [bool] $recurse) { $this.GetChildItems($path, $recurse, [uint32]::MaxValue) }

    [void] GetChildItems([string] $path, [bool] $recurse, [uint32] $depth) {
        $real = [LabFiles]::Real($path)
        if (-not $real) {
            $this.ReportMissing($path)
            return
        }
        if (-not [System.IO.Directory]::Exists($real)) {
            $this.WriteEntry($real)
            return
        }
        $this.List($real, $recurse, $depth)
    }

    # Folders first, then files, each by name; what is below comes after the whole folder.
    hidden [void] List([string] $folder, [bool] $recurse, [uint32] $depth) {
        foreach ($entry in $this.Entries($folder)) {
            if ($this.Stopping) { return }
            if ($this.IsWanted($entry)) { $this.WriteEntry($entry) }
        }
        if (-not $recurse -or $depth -eq 0) { return }
        foreach ($child in $this.Sorted([System.IO.Directory]::GetDirectories($folder))) {
            $this.List($child, $true, $depth - 1)
        }
    }

    hidden [string[]] Entries([string] $folder) {
        return $this.Sorted([System.IO.Directory]::GetDirectories($folder)) + $this.Sorted([System.IO.Directory]::GetFiles($folder))
    }

    hidden [string[]] Sorted([string[]] $paths) {
        [array]::Sort($paths, [System.StringComparer]::OrdinalIgnoreCase)
        return $paths
    }

    hidden [bool] IsWanted([string] $entry) {
        if ($this.Filter -and -not [WildcardPattern]::Get($this.Filter, 'IgnoreCase').IsMatch([System.IO.Path]::GetFileName($entry))) {
            return $false
        }
        return $true
    }

    hidden [bool] IsAsked([string] $switch) {
        $asked = $this.DynamicParameters -as [RuntimeDefinedParameterDictionary]
        return $null -ne $asked -and $asked.ContainsKey($switch) -and $asked[$switch].IsSet -and [bool] $asked[$switch].Value
    }

    [void] GetChildNames([string] $path, [ReturnContainers] $containers) {
        $real = [LabFiles]::Real($path)
        if (-not $real -or -not [System.IO.Directory]::Exists($real)) { return }
        foreach ($entry in $this.Entries($real)) {
            $folder = [System.IO.Directory]::Exists($entry)
            if ($this.IsWanted($entry) -or ($folder -and $containers -eq 'ReturnAllContainers')) {
                $this.WriteItemObject([System.IO.Path]::GetFileName($entry), [LabFiles]::Windows($entry), $folder)
            }
        }
    }

    [void] GetProperty([string] $path, [Collection[string]] $names) {
        $real = [LabFiles]::Real($path)
        if (-not $real) {
            $this.ReportMissing($path)
            return
        }
        $item = if ([System.IO.Directory]::Exists($real)) { [System.IO.DirectoryInfo]::new($real) } else { [System.IO.FileInfo]::new($real) }
        $shown = [psobject]::new($item)
        $normal = [LabFiles]::Windows($real)
        if ($item -is [System.IO.FileInfo]) {
            $shown.psobject.Members.Add([psnoteproperty]::new('VersionInfo', [LabFiles]::Version($normal)), $true)
        }
        if ($null -eq $names -or $names.Count -eq 0) {
            $this.WritePropertyObject($shown, $normal)
            return
        }
        $picked = [psobject]::new()
        foreach ($name in $names) {
            $property = $shown.psobject.Properties[$name]
            if ($property) {
                $picked.psobject.Properties.Add([psnoteproperty]::new($property.Name, $property.Value))
                continue
            }
            $missing = [PSArgumentException]::new("Property $name does not exist at path $normal.")
            $this.Report($missing, 'GetPropertyError', 'InvalidArgument', $name)
        }
        $this.WritePropertyObject($picked, $normal)
    }

    [object] GetPropertyDynamicParameters([string] $path, [Collection[string]] $names) { return $null }

    [void] SetProperty([string] $path, [psobject] $value) {
        $real = [LabFiles]::Real($path)
        if (-not $real) {
            $this.ReportMissing($path)
            return
        }
        $marks = @{ CreationTimeUtc = 'created'; LastWriteTimeUtc = 'modified'; Attributes = 'attributes' }
        foreach ($property in $value.psobject.Properties) {
            if (-not $marks.ContainsKey($property.Name)) {
                $this.ReportReadOnly($path)
                return
            }
            $text = [string] $property.Value
            if ($property.Name -ne 'Attributes') {
                $text = [datetime]::Parse($text, [cultureinfo]::InvariantCulture, 'RoundtripKind').ToUniversalTime().ToString('o')
            }
            [LabMarks]::Put([LabFiles]::Windows($real), $marks[$property.Name], $text)
        }
    }

    [object] SetPropertyDynamicParameters([string] $path, [psobject] $value) { return $null }

    [void] ClearProperty([string] $path, [Collection[string]] $names) { $this.ReportReadOnly($path) }

    [object] ClearPropertyDynamicParameters([string] $path, [Collection[string]] $names) { return $null }

    [object] GetContentReaderDynamicParameters([string] $path) {
        $asked = [RuntimeDefinedParameterDictionary]::new()
        $types = @{ Encoding = [object]; Delimiter = [string]; Raw = [switch]; Wait = [switch]; Stream = [string] }
        foreach ($name in 'Encoding', 'Delimiter', 'Raw', 'Wait', 'Stream') {
            $attributes = [Collection[System.Attribute]]::new()
            $attributes.Add([ParameterAttribute]::new())
            $asked.Add($name, [RuntimeDefinedParameter]::new($name, $types[$name], $attributes))
        }
        return $asked
    }

    [IContentReader] GetContentReader([string] $path) {
        $real = [LabFiles]::Real($path)
        if (-not $real) { throw [System.IO.FileNotFoundException]::new("Could not find file '$path'.") }
        if ([LabFiles]::IsDenied($real) -or [System.IO.Directory]::Exists($real)) {
            $denied = [System.UnauthorizedAccessException]::new("Access to the path '$([LabFiles]::Windows($real))' is denied.")
            $this.Report($denied, 'GetContentReaderUnauthorizedAccessError', 'PermissionDenied', $path)
            return $null
        }
        $asked = $this.DynamicParameters -as [RuntimeDefinedParameterDictionary]
        $encoding = if ($asked -and $asked['Encoding'].IsSet) { [string] $asked['Encoding'].Value } else { '' }
        $delimiter = if ($asked -and $asked['Delimiter'].IsSet) { [string] $asked['Delimiter'].Value } else { '' }
        if ($asked -and $asked['Stream'].IsSet) {
            $name = [string] $asked['Stream'].Value
            $stream = [LabMarks]::Stream([LabFiles]::Windows($real), $name)
            if ($null -eq $stream) {
                throw [System.IO.FileNotFoundException]::new("Could not open the alternate data stream '$name' of the file '$path'.")
            }
        }
        else {
            $stream = [System.IO.FileStream]::new($real, 'Open', 'Read', 'ReadWrite, Delete')
        }
        return [LabContentReader]::new($stream, $encoding, $this.IsAsked('Raw'), $delimiter)
    }

    [IContentWriter] GetContentWriter([string] $path) {
        $this.ReportReadOnly($path)
        return $null
    }

    [object] GetContentWriterDynamicParameters([string] $path) { return $null }

    [void] ClearContent([string] $path) { $this.ReportReadOnly($path) }

    hidden [bool] Refuses([string] $path, [string] $identifier) {
        if (-not [LabFiles]::Real($path)) { return $false }
        $there = [System.IO.IOException]::new("An item with the specified name $path already exists.")
        $this.Report($there, $identifier, 'WriteError', $path)
        return $true
    }

    [object] ClearContentDynamicParameters([string] $path) { return $null }

    # Folders alone; those above it are made as well.
    [void] NewItem([string] $path, [string] $type, [object] $value) {
        $normal = [LabFiles]::Normal($path)
        $real = [LabFiles]::Drives + '/' + $normal.Substring(0, 1).ToUpperInvariant()
        if ($type -ne 'Directory' -or -not [System.IO.Directory]::Exists($real)) {
            $this.ReportReadOnly($path)
            return
        }
        if ($this.Refuses($path, 'DirectoryExist')) { return }
        foreach ($name in [LabFiles]::Names($normal.Substring(2))) {
            $found = [LabFiles]::Child($real, $name)
            if ($null -ne $found) {
                $real = $found
                continue
            }
            $real = "$real/$name"
            [void] [System.IO.Directory]::CreateDirectory($real)
            [LabMarks]::Add([LabFiles]::Windows($real), $true)
        }
        $this.WriteEntry($real)
    }

    [void] RemoveItem([string] $path, [bool] $recurse) { $this.ReportReadOnly($path) }

    [void] RenameItem([string] $path, [string] $name) { $this.ReportReadOnly($path) }

    [void] MoveItem([string] $path, [string] $destination) {
        $real = [LabFiles]::Real($path)
        $target = [LabFiles]::Target($destination)
        if (-not $real) {
            $this.ReportMissing($path)
            return
        }
        if (-not $target -or [System.IO.Directory]::Exists($real) -or [LabFiles]::IsDenied($real)) {
            $this.ReportReadOnly($path)
            return
        }
        if ([LabFiles]::Real($destination)) {
            $there = [System.IO.IOException]::new('Cannot create a file when that file already exists.')
            $this.Report($there, 'MoveFileInfoItemIOError', 'WriteError', $path)
            return
        }
        $from = [LabFiles]::Windows($real)
        if ([LabMarks]::IsInUse($from)) {
            $used = [System.IO.IOException]::new('The process cannot access the file because it is being used by another process.')
            $this.Report($used, 'MoveFileInfoItemIOError', 'WriteError', $path)
            return
        }
        [System.IO.File]::Move($real, $target)
        [LabMarks]::Move($from, [LabFiles]::Windows($target))
    }

    [void] CopyItem([string] $path, [string] $destination, [bool] $recurse) { $this.ReportReadOnly($path) }

    hidden [void] ReportReadOnly([string] $path) {
        $refused = [System.UnauthorizedAccessException]::new('The files of the lab''s Windows shim cannot be changed.')
        $this.Report($refused, 'LabFilesReadOnly', 'PermissionDenied', $path)
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
        $normal = [LabFiles]::Normal($path)
        # Above a drive's root is nothing; a path above itself would keep the engine looking for ever.
        if ($normal.Length -le 3 -or $normal -ieq [LabFiles]::Normal($root)) { return '' }
        $cut = $normal.LastIndexOf('\')
        if ($cut -lt 0) { return '' }
        $parent = $normal.Substring(0, [Math]::Max($cut, 1))
        if ($parent -ieq $root) { return $parent }
        return [LabFiles]::Normal($parent)
    }

    [string] GetChildName([string] $path) {
        $normal = [LabFiles]::Normal($path)
        if ($normal.Length -le 3 -and $normal.EndsWith(':\')) { return $normal }
        return $normal.Substring($normal.LastIndexOf('\') + 1)
    }

    [string] NormalizeRelativePath([string] $path, [string] $base) {
        $normal = [LabFiles]::Normal($path)
        $from = [LabFiles]::Normal($base)
        if ($from -and $normal -ieq $from) { return '' }
        $prefix = $from.TrimEnd('\') + '\'
        if ($from -and $normal.StartsWith($prefix, 'OrdinalIgnoreCase')) { $normal = $normal.Substring($prefix.Length) }
        return [string]::Join('\', [LabFiles]::Names($normal))
    }

    [Collection[PSDriveInfo]] InitializeDefaultDrives() {
        $drives = [Collection[PSDriveInfo]]::new()
        foreach ($drive in $this.Sorted([System.IO.Directory]::GetDirectories([LabFiles]::Drives))) {
            $letter = [System.IO.Path]::GetFileName($drive)
            # Shown as C:\ (Windows.types.ps1xml): with the backslash the engine could not tell the root's own path.
            $drives.Add([PSDriveInfo]::new($letter, $this.ProviderInfo, $letter + ':', '', $null))
        }
        return $drives
    }
}

# Get-ChildItem with the parameters that the provider of the file system adds: the engine asks no provider of ours for
# them (it looks for a method that is not public, and those of PowerShell's classes all are).
function Get-ChildItem {
    [CmdletBinding(DefaultParameterSetName = 'Items')]
    param(
        [Parameter(Position = 0, ParameterSetName = 'Items', ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralItems', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [string[]] $LiteralPath,

        [Parameter(Position = 1)]
        [string] $Filter,

        [string[]] $Include,

        [string[]] $Exclude,

        [Alias('s')]
        [switch] $Recurse,

        [uint32] $Depth,

        [switch] $Force,

        [switch] $Name,

        [Alias('ad', 'd')]
        [switch] $Directory,

        [Alias('af')]
        [switch] $File,

        [Alias('ah', 'h')]
        [switch] $Hidden,

        [Alias('ar')]
        [switch] $ReadOnly,

        [Alias('as')]
        [switch] $System
    )
    process {
        $passed = @{}
        foreach ($bound in $PSBoundParameters.GetEnumerator()) {
            if ($bound.Key -notin 'Directory', 'File', 'Hidden', 'ReadOnly', 'System') { $passed[$bound.Key] = $bound.Value }
        }
        # No file of the state is hidden, read-only or the system's.
        if ($Hidden -or $ReadOnly -or $System) { return }
        if (-not $Directory -and -not $File) {
            Microsoft.PowerShell.Management\Get-ChildItem @passed
            return
        }
        Microsoft.PowerShell.Management\Get-ChildItem @passed | Microsoft.PowerShell.Core\Where-Object -FilterScript {
            $_.PSIsContainer -eq [bool] $Directory
        }
    }
}

# Get-Item with -Stream, for the same reason.
function Get-Item {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Path', ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [string[]] $LiteralPath,

        [string] $Filter,

        [string[]] $Include,

        [string[]] $Exclude,

        [switch] $Force,

        [string[]] $Stream
    )
    process {
        $passed = @{}
        foreach ($bound in $PSBoundParameters.GetEnumerator()) { if ($bound.Key -ne 'Stream') { $passed[$bound.Key] = $bound.Value } }
        if ($LiteralPath -and $LiteralPath[0].StartsWith('\\?\', 'Ordinal')) {
            foreach ($each in $LiteralPath) {
                $real = [LabFiles]::Real($each)
                if (-not $real) { throw [System.IO.FileNotFoundException]::new("Could not find item $each.") }
                if ([LabFiles]::IsDenied($real)) { throw [System.UnauthorizedAccessException]::new('Access is denied') }
                $item = if ([System.IO.Directory]::Exists($real)) { [System.IO.DirectoryInfo]::new($real) } else { [System.IO.FileInfo]::new($real) }
                if (-not $Stream) {
                    $item
                    continue
                }
                [pscustomobject] @{ FileName = $each; Stream = ':$DATA'; Length = [long] $item.Length }
                $named = [LabMarks]::Streams([LabFiles]::Windows($real))
                foreach ($name in $named.Keys) { [pscustomobject] @{ FileName = $each; Stream = $name; Length = $named[$name] } }
            }
            return
        }
        if (-not $Stream) {
            Microsoft.PowerShell.Management\Get-Item @passed
            return
        }
        foreach ($item in @(Microsoft.PowerShell.Management\Get-Item @passed)) {
            $lengths = [ordered] @{ ':$DATA' = [long] $item.Length }
            $named = [LabMarks]::Streams($item.FullName)
            foreach ($name in $named.Keys) { $lengths[$name] = $named[$name] }
            foreach ($name in $lengths.Keys) {
                if (@($Stream | Microsoft.PowerShell.Core\Where-Object -FilterScript { $name -like $_ }).Count -gt 0) {
                    [pscustomobject] @{ FileName = $item.FullName; Stream = $name; Length = $lengths[$name] }
                }
            }
        }
    }
}

# Test-Path and Get-Content of a path past Windows' own rules for names (\\?\C:\...): the engine takes such a path to the
# provider FileSystem by its name, which two have.
function Test-Path {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Path', ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)]
        [AllowNull()]
        [AllowEmptyCollection()]
        [AllowEmptyString()]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [AllowNull()]
        [AllowEmptyCollection()]
        [AllowEmptyString()]
        [string[]] $LiteralPath,

        [string] $Filter,

        [string[]] $Include,

        [string[]] $Exclude,

        [Microsoft.PowerShell.Commands.TestPathType] $PathType,

        [switch] $IsValid,

        [datetime] $OlderThan,

        [datetime] $NewerThan
    )
    process {
        if ($null -eq $LiteralPath -or -not ([string] $LiteralPath[0]).StartsWith('\\?\', 'Ordinal')) {
            Microsoft.PowerShell.Management\Test-Path @PSBoundParameters
            return
        }
        foreach ($each in $LiteralPath) {
            $real = [LabFiles]::Real($each)
            $folder = $real -and [System.IO.Directory]::Exists($real)
            [bool] ($real -and ($PathType -ne 'Container' -or $folder) -and ($PathType -ne 'Leaf' -or -not $folder))
        }
    }
}

function Get-Content {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Path', ValueFromPipelineByPropertyName = $true)]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [string[]] $LiteralPath,

        [long] $ReadCount,

        [Alias('First', 'Head')]
        [long] $TotalCount,

        [Alias('Last')]
        [int] $Tail,

        [string] $Filter,

        [string[]] $Include,

        [string[]] $Exclude,

        [switch] $Force,

        [object] $Encoding,

        [string] $Delimiter,

        [switch] $Raw,

        [switch] $Wait,

        [string] $Stream
    )
    process {
        if ($null -eq $LiteralPath -or -not $LiteralPath[0].StartsWith('\\?\', 'Ordinal')) {
            Microsoft.PowerShell.Management\Get-Content @PSBoundParameters
            return
        }
        foreach ($each in $LiteralPath) {
            $real = [LabFiles]::Real($each)
            if (-not $real) { throw [System.IO.FileNotFoundException]::new("Could not find file '$each'.") }
            if ([LabFiles]::IsDenied($real)) { throw [System.UnauthorizedAccessException]::new('Access is denied') }
            if ($Stream) { $opened = [LabMarks]::Stream([LabFiles]::Windows($real), $Stream) }
            else { $opened = [System.IO.FileStream]::new($real, 'Open', 'Read', 'ReadWrite, Delete') }
            $reader = [LabContentReader]::new($opened, [string] $Encoding, [bool] $Raw, $Delimiter)
            try {
                $most = if ($TotalCount) { $TotalCount } else { 0 }
                $reader.Read($most)
            }
            finally {
                $reader.Close()
            }
        }
    }
}

# Get-ItemPropertyValue and Move-Item of such a path, for the same reason.
function Get-ItemPropertyValue {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Path', ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [string[]] $LiteralPath,

        [Parameter(Mandatory = $true, Position = 1)]
        [string[]] $Name
    )
    process {
        if ($null -eq $LiteralPath -or -not $LiteralPath[0].StartsWith('\\?\', 'Ordinal')) {
            Microsoft.PowerShell.Management\Get-ItemPropertyValue @PSBoundParameters
            return
        }
        foreach ($each in $LiteralPath) {
            $item = Get-Item -LiteralPath $each -Force
            foreach ($property in $Name) { $item.$property }
        }
    }
}

function Move-Item {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $LiteralPath,

        [Parameter(Mandatory = $true)]
        [string] $Destination,

        [switch] $Force
    )
    process {
        if (-not "$LiteralPath|$Destination".Contains('\\?\')) {
            Microsoft.PowerShell.Management\Move-Item @PSBoundParameters
            return
        }
        # Whatever stands before it: a destination is not given the name of a device (FileSystemProvider.MoveItem).
        $leaf = $Destination.Substring($Destination.LastIndexOf('\') + 1)
        if ($leaf -match '^(?:con|prn|aux|nul|clock\$|(?:com|lpt)[0-9])(?:\.[^.]*)?$') {
            throw [System.ArgumentException]::new("Cannot process the path '$Destination' because it represents a reserved device name.")
        }
        $real = [LabFiles]::Real($LiteralPath)
        $target = [LabFiles]::Target($Destination)
        if (-not $real -or -not $target) { throw [System.IO.FileNotFoundException]::new("Could not find item $LiteralPath.") }
        if ([LabFiles]::IsDenied($real)) { throw [System.UnauthorizedAccessException]::new('Access is denied') }
        if ([LabFiles]::Real($Destination)) { throw [System.IO.IOException]::new('Cannot create a file when that file already exists.') }
        $from = [LabFiles]::Windows($real)
        if ([LabMarks]::IsInUse($from)) {
            throw [System.IO.IOException]::new('The process cannot access the file because it is being used by another process.')
        }
        [System.IO.File]::Move($real, $target)
        [LabMarks]::Move($from, [LabFiles]::Windows($target))
    }
}

# Set-Content as Windows PowerShell 5.1 writes: UTF8 has a byte-order mark, lines end in CR and LF.
function Set-Content {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $LiteralPath,

        [Parameter(Mandatory = $true)]
        [AllowEmptyString()]
        [string[]] $Value,

        [string] $Encoding = 'Default'
    )
    process {
        $real = [LabFiles]::Target($LiteralPath)
        if (-not $real) {
            $missing = [System.IO.DirectoryNotFoundException]::new("Could not find a part of the path '$LiteralPath'.")
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                    $missing, 'GetContentWriterDirectoryNotFoundError', 'ObjectNotFound', $LiteralPath))
        }
        $text = [string]::Join('', @(foreach ($line in $Value) { $line + "`r`n" }))
        $bytes = [LabContentReader]::Encoding($Encoding).GetBytes($text)
        if ($Encoding -eq 'UTF8') { $bytes = [byte[]] @(0xEF, 0xBB, 0xBF) + $bytes }
        $full = [LabHost]::State.GetProperty('disk_full').GetBoolean()
        if ($full) { $bytes = [byte[]] @() }
        [System.IO.File]::WriteAllBytes($real, $bytes)
        [LabMarks]::Add([LabFiles]::Windows($real), $false)
        if ($full) {
            $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new(
                    [System.IO.IOException]::new('There is not enough space on the disk.'), 'GetContentWriterIOError',
                    'WriteError', $LiteralPath))
        }
    }
}

# Remove-Item of a file or an empty folder: the engine's own looks for the provider FileSystem by its name, which two have.
function Remove-Item {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Path', ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [string[]] $LiteralPath,

        [switch] $Force,

        [switch] $Recurse
    )
    process {
        if ($PSCmdlet.ParameterSetName -eq 'Path' -or $Recurse -or @($LiteralPath -notmatch '^[A-Za-z]:\\').Count -gt 0) {
            Microsoft.PowerShell.Management\Remove-Item @PSBoundParameters
            return
        }
        foreach ($item in @(Get-Item -LiteralPath $LiteralPath -Force)) {
            try {
                if ([LabFiles]::IsDenied($item.psbase.FullName)) { throw [System.UnauthorizedAccessException]::new('Access is denied') }
                $item.psbase.Delete()
                [LabMarks]::Remove($item.FullName)
            }
            catch {
                $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new(
                        $_.Exception, 'RemoveFileSystemItemUnAuthorizedAccess', 'PermissionDenied', $item.FullName))
            }
        }
    }
}

# Get-FileHash opens files of the engine's own file system only.
function Get-FileHash {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Path')]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralPath', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [string[]] $LiteralPath,

        [Parameter(Mandatory = $true, ParameterSetName = 'Stream')]
        [System.IO.Stream] $InputStream,

        [ValidateSet('SHA1', 'SHA256', 'SHA384', 'SHA512', 'MD5')]
        [string] $Algorithm = 'SHA256'
    )
    process {
        if ($InputStream) {
            Microsoft.PowerShell.Utility\Get-FileHash -InputStream $InputStream -Algorithm $Algorithm
            return
        }
        $passed = @{}
        foreach ($name in 'Path', 'LiteralPath') { if ($PSBoundParameters.ContainsKey($name)) { $passed[$name] = $PSBoundParameters[$name] } }
        foreach ($item in @(Get-Item @passed)) {
            if ($item -isnot [System.IO.FileInfo]) { continue }
            $stream = [System.IO.File]::OpenRead($item.psbase.FullName)
            try {
                $hash = Microsoft.PowerShell.Utility\Get-FileHash -InputStream $stream -Algorithm $Algorithm
            }
            finally {
                $stream.Dispose()
            }
            $hash.Path = $item.FullName
            $hash
        }
    }
}

# Select-String opens files of the engine's own file system only. One line after the other, as UTF-8.
function Select-String {
    [CmdletBinding(DefaultParameterSetName = 'LiteralFile')]
    param(
        [Parameter(Mandatory = $true, ParameterSetName = 'Object', ValueFromPipeline = $true)]
        [AllowNull()]
        [AllowEmptyString()]
        [psobject] $InputObject,

        [Parameter(Mandatory = $true, Position = 0)]
        [string[]] $Pattern,

        [Parameter(Mandatory = $true, Position = 1, ParameterSetName = 'File')]
        [string[]] $Path,

        [Parameter(Mandatory = $true, ParameterSetName = 'LiteralFile', ValueFromPipelineByPropertyName = $true)]
        [Alias('PSPath')]
        [string[]] $LiteralPath,

        [switch] $SimpleMatch,

        [switch] $CaseSensitive,

        [switch] $Quiet,

        [switch] $List,

        [switch] $NotMatch,

        [switch] $AllMatches
    )
    process {
        $passed = @{ Pattern = $Pattern }
        foreach ($name in 'SimpleMatch', 'CaseSensitive', 'Quiet', 'List', 'NotMatch', 'AllMatches') {
            if ($PSBoundParameters.ContainsKey($name)) { $passed[$name] = $PSBoundParameters[$name] }
        }
        if ($PSCmdlet.ParameterSetName -eq 'Object') {
            $InputObject | Microsoft.PowerShell.Utility\Select-String @passed
            return
        }
        $asked = if ($PSCmdlet.ParameterSetName -eq 'File') { @{ Path = $Path } } else { @{ LiteralPath = $LiteralPath } }
        foreach ($item in @(Get-Item @asked -Force)) {
            if ($item -isnot [System.IO.FileInfo]) { continue }
            if ([LabFiles]::IsDenied($item.psbase.FullName)) { throw [System.UnauthorizedAccessException]::new('Access is denied') }
            $shown = $item.FullName
            [System.IO.File]::ReadLines($item.psbase.FullName) |
                Microsoft.PowerShell.Utility\Select-String @passed |
                Microsoft.PowerShell.Core\ForEach-Object -Process {
                    if ($_ -isnot [bool]) { $_.Path = $shown }
                    $_
                }
        }
    }
}

# For Windows.types.ps1xml: a function, which unlike a property's block keeps the full language in a locked session.
function LabShown([string] $Real) { [LabFiles]::Shown($Real) }

# The same of what Windows keeps beside a file's bytes; of a file of this machine what it says itself.
function LabMarked([string] $Real, [string] $Name, [object] $Own) {
    $path = [LabFiles]::Shown($Real)
    if ($path -eq $Real) { return $Own }
    switch ($Name) {
        'Attributes' { return [LabMarks]::Attributes($path, [System.IO.Directory]::Exists($Real)) }
        'CreationTimeUtc' { return [LabMarks]::TimeOf($path, 'created') }
        'CreationTime' { return [LabMarks]::TimeOf($path, 'created').ToLocalTime() }
        'LastWriteTimeUtc' { return [LabMarks]::TimeOf($path, 'modified') }
        'LastWriteTime' { return [LabMarks]::TimeOf($path, 'modified').ToLocalTime() }
    }
}

[LabFiles]::Drives = [LabHost]::Folder + '/drives'
[LabHost]::AddProvider([LabFileProvider], 'Microsoft.PowerShell.Management')
Set-Location -LiteralPath 'C:\Users\Administrator\Documents'
