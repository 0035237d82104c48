# The module WebAdministration: application pools over pools.json, and what writes applicationHost.config.
#
# The text of the file is edited where it has to be and stays as it is everywhere else: what is added stands on lines of its
# own, as far in as its neighbours; what is taken away goes with its line, and what is empty then is written `<name />`.
class LabElement {
    [string] $Name
    [int] $Begin
    [int] $Opened
    [int] $Closes
    [int] $End
    # By name: what stands between the quotes, and where the quoted value begins and ends.
    [System.Collections.Specialized.OrderedDictionary] $Attributes = [System.Collections.Specialized.OrderedDictionary]::new()
    [System.Collections.Generic.List[LabElement]] $Children = [System.Collections.Generic.List[LabElement]]::new()

    [string] Text([string] $attribute) {
        if (-not $this.Attributes.Contains($attribute)) { return '' }
        return [LabWeb]::Plain($this.Attributes[$attribute][0])
    }

    # The first child of this name; with a second name, that bears it.
    [LabElement] Step([string] $name, [object] $of) {
        foreach ($child in $this.Children) {
            if ($child.Name -ceq $name -and ($null -eq $of -or $child.Text('name') -ceq $of)) { return $child }
        }
        return $null
    }
}

class LabWeb {
    static [string] $Path = 'C:\Windows\System32\inetsrv\config\applicationHost.config'

    static [string] Plain([string] $text) {
        return $text.Replace('&lt;', '<').Replace('&gt;', '>').Replace('&quot;', '"').Replace('&apos;', "'").Replace('&amp;', '&')
    }

    static [string] Escaped([object] $value) {
        $text = if ($value -is [bool]) { ([string] $value).ToLowerInvariant() } else { [string] $value }
        return $text.Replace('&', '&amp;').Replace('>', '&gt;').Replace('<', '&lt;').Replace('"', '&quot;')
    }

    # The module is there where IIS is. It holds nothing: its commands are those of this file.
    static [void] Offer() {
        if (-not [LabFiles]::Real([LabWeb]::Path)) { return }
        $modules = [LabHost]::Folder + '/modules'
        [void] [System.IO.Directory]::CreateDirectory($modules + '/WebAdministration')
        [System.IO.File]::WriteAllText($modules + '/WebAdministration/WebAdministration.psm1', '')
        $env:PSModulePath = $env:PSModulePath + [System.IO.Path]::PathSeparator + $modules
    }

    # Where the configuration stands, or the error of a command that is not there.
    hidden static [string] Asked([string] $command) {
        $real = [LabFiles]::Real([LabWeb]::Path)
        if (-not $real) {
            throw [System.Management.Automation.CommandNotFoundException]::new(
                "The term '$command' is not recognized as the name of a cmdlet, function, script file, or operable program. " +
                'Check the spelling of the name, or if a path was included, verify that the path is correct and try again.')
        }
        if ([LabFiles]::IsDenied($real)) {
            throw [System.UnauthorizedAccessException]::new('Filename: redirection.config' + "`r`n" + 'Error: Cannot read configuration file due to insufficient permissions' + "`r`n")
        }
        return $real
    }

    hidden static [string] Pools() { return [LabHost]::Folder + '/pools.json' }

    # An application pool's name as it is spelt, and whether it runs.
    static [string[]] Pool([string] $command, [string] $asked) {
        [void] [LabWeb]::Asked($command)
        $all = [System.Text.Json.JsonDocument]::Parse([System.IO.File]::ReadAllText([LabWeb]::Pools())).RootElement
        foreach ($entry in $all.EnumerateObject()) {
            if ($entry.Name -ieq $asked) { return @($entry.Name, $entry.Value.GetString()) }
        }
        throw [System.Management.Automation.ItemNotFoundException]::new("Cannot find path 'IIS:\AppPools\$asked' because it does not exist.")
    }

    static [void] PutPool([string] $name, [string] $state) {
        $held = [LabServices]::Hold([LabWeb]::Pools() + '.held')
        try {
            $all = [System.Text.Json.Nodes.JsonNode]::Parse([System.IO.File]::ReadAllText([LabWeb]::Pools()))
            $all[$name] = [System.Text.Json.Nodes.JsonValue]::Create($state)
            [System.IO.File]::WriteAllText([LabWeb]::Pools() + '.new', $all.ToJsonString())
            [System.IO.File]::Move([LabWeb]::Pools() + '.new', [LabWeb]::Pools(), $true)
        }
        finally {
            $held.Dispose()
        }
    }

    static [void] Refuse([string] $place) {
        if ($place -ne 'MACHINE/WEBROOT/APPHOST') {
            throw [System.NotSupportedException]::new("The lab's WebAdministration knows MACHINE/WEBROOT/APPHOST alone, not '$place'")
        }
    }

    # Makes another text of the configuration, one pool at a time.
    static [void] Edit([string] $command, [string] $how, [object[]] $arguments) {
        $real = [LabWeb]::Asked($command)
        $held = [LabServices]::Hold([LabHost]::Folder + '/configuration.held')
        try {
            $before = [System.IO.File]::ReadAllText($real, [System.Text.UTF8Encoding]::new($false))
            $mark = [System.IO.File]::ReadAllBytes($real)
            $begins = if ($mark.Length -ge 3 -and $mark[0] -eq 0xEF -and $mark[1] -eq 0xBB -and $mark[2] -eq 0xBF) { [string] [char] 0xFEFF } else { '' }
            $after = switch ($how) {
                'add' { [LabWeb]::Add($before, $arguments[0], $arguments[1], $arguments[2], $arguments[3]) }
                'set' { [LabWeb]::Set($before, $arguments[0], $arguments[1], $arguments[2], $arguments[3]) }
                'clear' { [LabWeb]::Clear($before, $arguments[0], $arguments[1]) }
            }
            if ($after -cne $before) {
                [System.IO.File]::WriteAllText($real, $begins + $after, [System.Text.UTF8Encoding]::new($false))
            }
        }
        finally {
            $held.Dispose()
        }
    }

    static [string[]] Names([string] $command, [object] $location, [string] $way) {
        $text = [System.IO.File]::ReadAllText([LabWeb]::Asked($command))
        $cut = $way.LastIndexOf('/')
        $chain = [LabWeb]::Chain($text, $location, $way.Substring(0, $cut))
        if ($chain.Count -eq 0) { return @() }
        return @(foreach ($child in $chain[$chain.Count - 1].Children) { if ($child.Name -ceq $way.Substring($cut + 1)) { $child.Text('name') } })
    }

    hidden static [string] Add([string] $text, [object] $location, [string] $way, [System.Collections.IDictionary] $attributes, [bool] $first) {
        $text = [LabWeb]::Ensured($text, $location, $way)
        $chain = [LabWeb]::Chain($text, $location, $way)
        $collection = $chain[$chain.Count - 1]
        $kind = switch -CaseSensitive ($collection.Name) {
            'rules' { 'rule' }
            'outboundRules' { 'rule' }
            'preConditions' { 'preCondition' }
            default { 'add' }
        }
        if ($attributes.Contains('name') -and $null -ne $collection.Step($kind, [string] $attributes['name'])) {
            throw [System.Runtime.InteropServices.COMException]::new(
                "Filename: `r`nError: Cannot add duplicate collection entry of type '$kind' with unique key attribute 'name' set to '$($attributes['name'])'`r`n`r`n")
        }
        $written = '<' + $kind
        $known = 'name', 'preCondition', 'enabled', 'patternSyntax', 'stopProcessing', 'logicalGrouping', 'input', 'pattern'
        [string[]] $rest = @($attributes.Keys | Where-Object { $_ -cnotin $known })
        [array]::Sort($rest, [System.StringComparer]::Ordinal)
        foreach ($name in @($known) + $rest) {
            if ($attributes.Contains($name)) { $written += ' ' + $name + '="' + [LabWeb]::Escaped($attributes[$name]) + '"' }
        }
        $before = if ($first) { $collection.Step($kind, $null) } else { $null }
        return [LabWeb]::Inserted($text, $collection, @($written + ' />'), $before)
    }

    hidden static [string] Set([string] $text, [object] $location, [string] $way, [string] $attribute, [object] $value) {
        $text = [LabWeb]::Ensured($text, $location, $way)
        $chain = [LabWeb]::Chain($text, $location, $way)
        $element = $chain[$chain.Count - 1]
        $plain = [LabWeb]::Escaped($value)
        if ($element.Attributes.Contains($attribute)) {
            $found = $element.Attributes[$attribute]
            $quote = if ($plain.Contains("'")) { '"' } else { [string] $text[$found[1]] }
            return $text.Substring(0, $found[1]) + $quote + $plain + $quote + $text.Substring($found[2])
        }
        $at = $element.Begin + 1 + $element.Name.Length
        foreach ($found in $element.Attributes.Values) { if ($found[2] -gt $at) { $at = $found[2] } }
        return $text.Substring(0, $at) + ' ' + $attribute + '="' + $plain + '"' + $text.Substring($at)
    }

    hidden static [string] Clear([string] $text, [object] $location, [string] $way) {
        $cut = $way.LastIndexOf('/@')
        $chain = [LabWeb]::Chain($text, $location, $(if ($cut -ge 0) { $way.Substring(0, $cut) } else { $way }))
        if ($chain.Count -eq 0) { return $text }
        $last = $chain.Count - 1
        if ($cut -ge 0) {
            $attribute = $way.Substring($cut + 2)
            if (-not $chain[$last].Attributes.Contains($attribute)) { return $text }
            $found = $chain[$last].Attributes[$attribute]
            $begin = $text.LastIndexOf($attribute, $found[1], [System.StringComparison]::Ordinal)
            return $text.Substring(0, $begin).TrimEnd() + $text.Substring($found[2])
        }
        $top = $last
        if (-not $way.EndsWith(']')) {
            while ($top -gt 1 -and [LabWeb]::IsAll($text, $chain[$top - 1], $chain[$top])) {
                if (@($chain[$top - 1].Attributes.Keys | Where-Object { $_ -cne 'path' }).Count -gt 0) { break }
                $top--
            }
        }
        $over = $chain[$top - 1]
        $gone = $chain[$top]
        if ([LabWeb]::IsAll($text, $over, $gone)) {
            return $text.Substring(0, $over.Opened - 1).TrimEnd() + ' />' + $text.Substring($over.End)
        }
        return $text.Substring(0, $gone.Begin).TrimEnd() + $text.Substring($gone.End)
    }

    # Whether an element has nothing in it but this one.
    hidden static [bool] IsAll([string] $text, [LabElement] $over, [LabElement] $one) {
        $held = $text.Substring($over.Opened, $one.Begin - $over.Opened) + $text.Substring($one.End, $over.Closes - $one.End)
        return $held.Trim() -eq ''
    }

    hidden static [LabElement] Read([string] $text) {
        $tokens = [regex]::new('<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<[^>"'']*(?:(?:"[^"]*"|''[^'']*'')[^>"'']*)*>', 'Singleline')
        $names = [regex]::new('\G[^\s/>]+')
        $pairs = [regex]::new('\s+([^\s="''<>/]+)\s*=\s*("[^"]*"|''[^'']*'')')
        $broken = 'Configuration file is not well-formed XML'
        $around = [System.Collections.Generic.List[LabElement]]::new()
        $around.Add([LabElement]::new())
        foreach ($token in $tokens.Matches($text)) {
            $tag = $token.Value
            if ($tag.StartsWith('<!') -or $tag.StartsWith('<?')) { continue }
            $top = $around[$around.Count - 1]
            if ($tag.StartsWith('</')) {
                if ($around.Count -lt 2 -or $top.Name -cne $tag.Substring(2, $tag.Length - 3).Trim()) { throw [System.IO.InvalidDataException]::new($broken) }
                $top.Closes = $token.Index
                $top.End = $token.Index + $token.Length
                $around.RemoveAt($around.Count - 1)
                continue
            }
            $name = $names.Match($tag, 1)
            if (-not $name.Success) { throw [System.IO.InvalidDataException]::new($broken) }
            $element = [LabElement]::new()
            $element.Name = $name.Value
            $element.Begin = $token.Index
            $element.Opened = $element.Closes = $element.End = $token.Index + $token.Length
            foreach ($pair in $pairs.Matches($tag, $name.Index + $name.Length)) {
                $quoted = $pair.Groups[2]
                $at = $token.Index + $quoted.Index
                $element.Attributes[$pair.Groups[1].Value] = @($quoted.Value.Substring(1, $quoted.Length - 2), $at, ($at + $quoted.Length))
            }
            $top.Children.Add($element)
            if (-not $tag.EndsWith('/>')) { $around.Add($element) }
        }
        if ($around.Count -gt 1 -or $around[0].Children.Count -ne 1) { throw [System.IO.InvalidDataException]::new($broken) }
        return $around[0].Children[0]
    }

    # The steps of a way: of each its name, and the name that it bears or null.
    hidden static [object[]] Steps([string] $way) {
        $found = [System.Collections.Generic.List[object]]::new()
        foreach ($step in [regex]::Matches($way, "([A-Za-z.]+)(?:\[@name='([^']*)'\])?")) {
            $of = if ($step.Groups[2].Success) { $step.Groups[2].Value } else { $null }
            $found.Add(@($step.Groups[1].Value, $of))
        }
        return $found.ToArray()
    }

    # The elements on a way from the root, as far as they are there, and the steps that are left.
    hidden static [object[]] Deepest([string] $text, [object] $location, [string] $way) {
        $root = [LabWeb]::Read($text)
        $steps = [System.Collections.Generic.List[object]] [LabWeb]::Steps($way)
        $begins = [System.Collections.Generic.List[object]]::new()
        if ($null -eq $location) { $begins.Add($null) }
        else {
            foreach ($each in $root.Children) {
                if ($each.Name -ceq 'location' -and $each.Attributes.Count -eq 1 -and $each.Attributes.Contains('path') -and $each.Text('path') -ieq $location) { $begins.Add($each) }
            }
        }
        $best = [System.Collections.Generic.List[LabElement]]::new()
        $best.Add($root)
        $left = [System.Collections.Generic.List[object]]::new()
        $left.Add(@('location', $location))
        $left.AddRange($steps)
        foreach ($begin in $begins) {
            $chain = [System.Collections.Generic.List[LabElement]]::new()
            $chain.Add($root)
            if ($null -ne $begin) { $chain.Add($begin) }
            $rest = [System.Collections.Generic.List[object]]::new($steps)
            while ($rest.Count -gt 0) {
                $next = $chain[$chain.Count - 1].Step($rest[0][0], $rest[0][1])
                if ($null -eq $next) { break }
                $chain.Add($next)
                $rest.RemoveAt(0)
            }
            if ($rest.Count -lt $left.Count) {
                $best = $chain
                $left = $rest
            }
        }
        return @($best, $left)
    }

    hidden static [System.Collections.Generic.List[LabElement]] Chain([string] $text, [object] $location, [string] $way) {
        $found = [LabWeb]::Deepest($text, $location, $way)
        if ($found[1].Count -gt 0) { return [System.Collections.Generic.List[LabElement]]::new() }
        return $found[0]
    }

    # With all of a way there: sections, and elements without a name, are made.
    hidden static [string] Ensured([string] $text, [object] $location, [string] $way) {
        $found = [LabWeb]::Deepest($text, $location, $way)
        $left = $found[1]
        if ($left.Count -eq 0) { return $text }
        $lines = [System.Collections.Generic.List[string]]::new()
        for ($depth = 0; $depth -lt $left.Count; $depth++) {
            $of = ''
            if ($left[$depth][0] -ceq 'location') { $of = ' path="' + [LabWeb]::Escaped($left[$depth][1]) + '"' }
            elseif ($null -ne $left[$depth][1]) {
                throw [System.Management.Automation.ItemNotFoundException]::new("The configuration section '$way' cannot be read because it is missing")
            }
            $end = if ($depth + 1 -eq $left.Count) { ' />' } else { '>' }
            $lines.Add('    ' * $depth + '<' + $left[$depth][0] + $of + $end)
        }
        for ($depth = $left.Count - 2; $depth -ge 0; $depth--) { $lines.Add('    ' * $depth + '</' + $left[$depth][0] + '>') }
        return [LabWeb]::Inserted($text, $found[0][$found[0].Count - 1], $lines.ToArray(), $null)
    }

    # With an element more, before another one or behind all of them.
    hidden static [string] Inserted([string] $text, [LabElement] $into, [string[]] $lines, [LabElement] $before) {
        $neighbour = $before
        if ($null -eq $neighbour -and $into.Children.Count -gt 0) { $neighbour = $into.Children[$into.Children.Count - 1] }
        if ($null -ne $neighbour) {
            $begins = $text.Substring(0, $neighbour.Begin).TrimEnd().Length
            $space = $text.Substring($begins, $neighbour.Begin - $begins)
            $written = [string]::Join($space, $lines)
            if ($null -ne $before) { return $text.Substring(0, $neighbour.Begin) + $written + $space + $text.Substring($neighbour.Begin) }
            return $text.Substring(0, $neighbour.End) + $space + $written + $text.Substring($neighbour.End)
        }
        $end = if ($text.Contains("`r`n")) { "`r`n" } else { "`n" }
        $line = $text.Substring(0, $into.Begin)
        $line = $line.Substring($line.LastIndexOf([char] "`n") + 1)
        $own = if ($line.Trim() -ne '') { '' } else { $line }
        $space = $end + $own + '    '
        $written = [string]::Join($space, $lines)
        $held = $text.Substring($into.Opened, $into.Closes - $into.Opened).TrimEnd()
        if ($held -ne '') {
            $at = $into.Opened + $held.Length
            return $text.Substring(0, $at) + $space + $written + $text.Substring($at)
        }
        $opening = $text.Substring($into.Begin, $into.Opened - $into.Begin - 1)
        if ($opening.EndsWith('/')) { $opening = $opening.Substring(0, $opening.Length - 1) }
        return $text.Substring(0, $into.Begin) + $opening.TrimEnd() + '>' + $space + $written + $end + $own + '</' + $into.Name + '>' + $text.Substring($into.End)
    }
}

[LabWeb]::Offer()

function Get-WebAppPoolState {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, Position = 0)]
        [string] $Name
    )
    [pscustomobject] @{ Value = [LabWeb]::Pool('Get-WebAppPoolState', $Name)[1] }
}

function Start-WebAppPool {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, Position = 0)]
        [string] $Name
    )
    $found = [LabWeb]::Pool('Start-WebAppPool', $Name)
    [LabWeb]::PutPool($found[0], 'Started')
}

function Stop-WebAppPool {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true, Position = 0)]
        [string] $Name
    )
    $found = [LabWeb]::Pool('Stop-WebAppPool', $Name)
    if ($found[1] -eq 'Stopped') {
        throw [System.InvalidOperationException]::new('The object on which Stop-WebAppPool was called is not started.')
    }
    [LabWeb]::PutPool($found[0], 'Stopped')
}

function Add-WebConfigurationProperty {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $PSPath,

        [string] $Location,

        [Parameter(Mandatory = $true)]
        [string] $Filter,

        [Parameter(Mandatory = $true)]
        [string] $Name,

        [Parameter(Mandatory = $true)]
        [hashtable] $Value,

        [int] $AtIndex = -1
    )
    [LabWeb]::Refuse($PSPath)
    $at = if ($PSBoundParameters.ContainsKey('Location')) { $Location } else { $null }
    [LabWeb]::Edit('Add-WebConfigurationProperty', 'add', @($at, $Filter, $Value, ($AtIndex -eq 0)))
}

function Set-WebConfigurationProperty {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $PSPath,

        [string] $Location,

        [Parameter(Mandatory = $true)]
        [string] $Filter,

        [Parameter(Mandatory = $true)]
        [string] $Name,

        [Parameter(Mandatory = $true)]
        [object] $Value
    )
    [LabWeb]::Refuse($PSPath)
    $at = if ($PSBoundParameters.ContainsKey('Location')) { $Location } else { $null }
    [LabWeb]::Edit('Set-WebConfigurationProperty', 'set', @($at, $Filter, $Name, $Value))
}

function Clear-WebConfiguration {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $PSPath,

        [string] $Location,

        [Parameter(Mandatory = $true)]
        [string] $Filter
    )
    [LabWeb]::Refuse($PSPath)
    $at = if ($PSBoundParameters.ContainsKey('Location')) { $Location } else { $null }
    [LabWeb]::Edit('Clear-WebConfiguration', 'clear', @($at, $Filter))
}

# The elements at the end of a filter, of this location alone.
function Get-WebConfiguration {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory = $true)]
        [string] $PSPath,

        [string] $Location,

        [Parameter(Mandatory = $true)]
        [string] $Filter
    )
    [LabWeb]::Refuse($PSPath)
    $at = if ($PSBoundParameters.ContainsKey('Location')) { $Location } else { $null }
    foreach ($each in [LabWeb]::Names('Get-WebConfiguration', $at, $Filter)) { [pscustomobject] @{ name = $each } }
}
