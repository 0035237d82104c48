# Judges scripts by PowerShell's own syntax tree, apart from the linter: it shares no code and no table with it.
# Standard input: one JSON object a line, {"id": ..., "text": ...}. Output: one JSON object a line, {"id", "harm", "commands"}:
# harm is what could change, reach or run something; commands are "offset name parameter..." of every command in the tree.
$language = 'System.Management.Automation.Language.'
$harmlessVerbs = 'get', 'test', 'select', 'where', 'sort', 'group', 'measure', 'compare', 'foreach', 'convertto', 'convertfrom',
    'format', 'write', 'out', 'join', 'split', 'resolve', 'convert', 'import', 'search', 'new', 'add', 'set', 'start'
# Verbs that mostly change: only these of them do not.
$harmlessOfVerb = @{
    'set' = 'set-strictmode'; 'add' = 'add-pssnapin'; 'start' = 'start-sleep'; 'new' = 'new-object', 'new-timespan'
    'import' = 'import-csv', 'import-module'; 'out' = 'out-string', 'out-null', 'out-host'; 'convert' = @('convert-path')
    'test' = 'test-path', 'test-servicehealth'; 'search' = @('search-adminauditlog')
    'write' = 'write-output', 'write-verbose', 'write-warning', 'write-error', 'write-host', 'write-debug', 'write-information'
}
$reachingNouns = '^get-(ad[a-z]|content2|credential|command|module|variable|alias|pssession|job|bits|help|clipboard|remote|vm|iscsi|dtc)'
$shortNames = @{
    '%' = 'foreach-object'; '?' = 'where-object'; 'select' = 'select-object'; 'where' = 'where-object'; 'foreach' = 'foreach-object'
    'sort' = 'sort-object'; 'group' = 'group-object'; 'measure' = 'measure-object'; 'gci' = 'get-childitem'; 'dir' = 'get-childitem'
    'ls' = 'get-childitem'; 'gc' = 'get-content'; 'cat' = 'get-content'; 'type' = 'get-content'; 'gi' = 'get-item'; 'gp' = 'get-itemproperty'
    'ps' = 'get-process'; 'gps' = 'get-process'; 'gsv' = 'get-service'; 'gwmi' = 'get-wmiobject'; 'gcim' = 'get-ciminstance'
    'ft' = 'format-table'; 'fl' = 'format-list'; 'fw' = 'format-wide'; 'sls' = 'select-string'; 'echo' = 'write-output'; 'oh' = 'out-host'
    'compare' = 'compare-object'; 'diff' = 'compare-object'; 'gm' = 'get-member'; 'gu' = 'get-unique'; 'write' = 'write-output'
    'gpv' = 'get-itempropertyvalue'; 'gdr' = 'get-psdrive'; 'rvpa' = 'resolve-path'; 'cvpa' = 'convert-path'; 'ipcsv' = 'import-csv'
}
$harmfulParameters = '^(computername|cn|cimsession|session|server|domaincontroller|credential|asjob|connectionuri|outvariable|ov|' +
    'pipelinevariable|pv|errorvariable|ev|warningvariable|informationvariable|outbuffer|wait|membername|argumentlist|comobject|' +
    'parallel|vhd|logpath|outfile|followsymlink|inputstream|confirm|whatif|dcs?)$'
$readMethods = '^(tostring|trim|trimstart|trimend|split|startswith|endswith|contains|indexof|lastindexof|indexofany|substring|pad(left|right)|' +
    'to(upper|lower)(invariant)?|to(universal|local)time|add(days|hours|minutes|seconds|milliseconds|months|years)|subtract|equals|' +
    'compareto|contains(key|value)|getenumerator|to(short|long)(date|time)string|tochararray|toarray|getvalue(names|kind)?|getsubkeynames|' +
    'getstring|getbytes|gethashcode|tofiletime(utc)?|hasflag|where|foreach|gettype|peek|normalize|getlength|getupperbound|' +
    'isindaylightsavingtime|getaddressbytes|tobytearray)$'
$listMethods = '^(add|addrange|insert|remove|removeat|clear|push|pop|enqueue|dequeue|append|appendline|appendformat|sort|reverse)$'
$harmlessTypes = '^(system\.)?(string|u?int(16|32|64)?|long|byte|char|bool(ean)?|double|single|float|decimal|datetime(offset)?|timespan|version|' +
    'guid|array|hashtable|ordered|ps(custom)?object|object|regex|text\.regularexpressions\.regex|switch|switchparameter|void|uri|(net\.)?ipaddress|math|environment|' +
    'io\.(path|file|directory|driveinfo|fileattributes|fileinfo|directoryinfo)|convert|bitconverter|text\.(encoding|stringbuilder)|' +
    'collections\..*|string(comparison|splitoptions)|(globalization\.)?cultureinfo|diagnostics\.fileversioninfo|' +
    'security\.principal\.windowsidentity|net\.dns|management\.managementdatetimeconverter|management\.automation\.(ps(custom)?object|switchparameter)|' +
    'dayofweek|exception|valuetype|serviceprocess\.servicecontrollerstatus)(\[.*\])?$'
$harmfulStatics = '^(set|write|delete|move|copy|create|append|open|replace(?!$)|start|exit|kill|load|invoke|encrypt|decrypt|gethostentry|gethostaddresses|' +
    'gethostbyname|resolve|failfast|expand)'
$placeCommands = 'get-childitem', 'get-item', 'get-content', 'get-itemproperty', 'get-itempropertyvalue', 'get-filehash', 'get-acl', 'test-path',
    'resolve-path', 'convert-path', 'import-csv', 'get-authenticodesignature'
$engine = '^(executioncontext|host|pscmdlet|psdefaultparametervalues|myinvocation|psmoduleautoloadingpreference)$'
$here = '^([a-z]:|hklm:|hkcu:|env:|cert:|iis:|registry::|microsoft\.powershell\.core\\registry::|\\\\\?\\[a-z]:)'

function Test-Kind($node, $name) { $node.GetType().Name -eq $name }

# Where the text of a path begins: the leftmost piece, through variables, joins and formats. Gives "here", "away" or "object".
function Get-Start($node, $root, $depth) {
    if ($depth -gt 12) { return 'object' }
    switch ($node.GetType().Name) {
        'StringConstantExpressionAst' { if ($node.Value -match $here) { return 'here' } else { return 'away' } }
        'ConstantExpressionAst' { return 'here' }
        'ExpandableStringExpressionAst' {
            if ($node.Value -match $here) { return 'here' }
            if ($node.Value -match '^\$') { return Get-Start $node.NestedExpressions[0] $root ($depth + 1) }
            return 'away'
        }
        'BinaryExpressionAst' {
            if ($node.Operator -in 'Plus', 'Format') { return Get-Start $node.Left $root ($depth + 1) }
            if ("$($node.Operator)" -match 'like|match') { return 'here' }
            return 'away'
        }
        'ParenExpressionAst' { return Get-Start $node.Pipeline $root ($depth + 1) }
        'PipelineAst' { return Get-Start $node.PipelineElements[-1] $root ($depth + 1) }
        'CommandExpressionAst' { return Get-Start $node.Expression $root ($depth + 1) }
        'ConvertExpressionAst' { return Get-Start $node.Child $root ($depth + 1) }
        'IndexExpressionAst' { return Get-Start $node.Target $root ($depth + 1) }
        'ArrayLiteralAst' {
            $found = foreach ($item in $node.Elements) { Get-Start $item $root ($depth + 1) }
            if ($found -contains 'away') { return 'away' }
            if ($found -contains 'object') { return 'object' }
            return 'here'
        }
        'CommandAst' {
            $name = "$($node.GetCommandName())".ToLower()
            if ($name -in 'join-path', 'split-path') {
                $first = @($node.CommandElements | Select-Object -Skip 1 | Where-Object { -not (Test-Kind $_ 'CommandParameterAst') })[0]
                if ($first) { return Get-Start $first $root ($depth + 1) }
            }
            return 'object'
        }
        'VariableExpressionAst' {
            $name = $node.VariablePath.UserPath
            if ($name -match '^env:') { return 'here' }
            # A condition around it that asks for a drive, or a way out before it that does.
            for ($above = $node.Parent; $above; $above = $above.Parent) {
                if ($above.GetType().Name -in 'IfStatementAst', 'BinaryExpressionAst' -and
                    $above.Extent.Text -match ('\$' + [regex]::Escape($name) + '\s+-[ci]?(like|match)\s+''(\^?(\[[A-Za-z-]+\]|[A-Za-z]):\\)')) { return 'here' }
            }
            $before = $root.Extent.Text.Substring(0, $node.Extent.StartOffset - $root.Extent.StartOffset)
            if ($before -match ('\$' + [regex]::Escape($name) + '\s+-[ci]?not(like|match)\s+''(\^?(\[[A-Za-z-]+\]|[A-Za-z]):\\)')) { return 'here' }
            $given = $root.FindAll({
                    param($one)
                    ($one.GetType().Name -eq 'AssignmentStatementAst' -and $one.Left.Extent.Text -match ('^(\[[^\]]+\]\s*)?\$' + [regex]::Escape($name) + '$'))
                }, $true)
            $found = foreach ($one in $given) {
                if ($one.Right.GetType().Name -in 'CommandExpressionAst', 'PipelineAst') { Get-Start $one.Right $root ($depth + 1) } else { 'object' }
            }
            if ($found -contains 'away') { return 'away' }
            return 'object'
        }
        'MemberExpressionAst' {
            if ("$($node.Member.Value)" -match '^(fullname|pspath|psparentpath|directoryname|providerpath|path)$') { return 'object' }
            return 'member'
        }
    }
    return 'object'
}

function Get-Harm($tree) {
    $functions = @{}
    foreach ($node in $tree.FindAll({ param($n) $n.GetType().Name -eq 'FunctionDefinitionAst' }, $true)) { $functions[$node.Name.ToLower()] = $node }
    foreach ($node in $tree.FindAll({ $true }, $true)) {
        $kind = $node.GetType().Name
        $text = $node.Extent.Text
        switch ($kind) {
            { $_ -in 'UsingStatementAst', 'TypeDefinitionAst', 'TrapStatementAst', 'DataStatementAst', 'ConfigurationDefinitionAst', 'DynamicKeywordStatementAst',
                'FileRedirectionAst', 'MergingRedirectionAst', 'UsingExpressionAst', 'TernaryExpressionAst', 'PipelineChainAst' } { "$kind $text" }
            'FunctionDefinitionAst' {
                if ($node.IsFilter -or $node.IsWorkflow -or $node.Name -notmatch '^[A-Za-z]+-[A-Za-z0-9-]+$') { "function $($node.Name)" }
                if ($shortNames.ContainsKey($node.Name.ToLower())) { "function $($node.Name)" }
                if ($node.Name -match '^(remove|set|new|stop|start|add|clear|invoke|disable|enable)-') { "function $($node.Name)" }
                if (-not (Test-Kind $node.Parent 'NamedBlockAst') -or $node.Parent.Parent -ne $tree) { "nested function $($node.Name)" }
                if ($node.Name -match '^(get-(item|content|childitem|service)|write-output|where-object|foreach-object)$') { "function shadows $($node.Name)" }
            }
            'ScriptBlockAst' {
                if ($node.CleanBlock -or $node.DynamicParamBlock -or $node.ScriptRequirements) { "block $kind" }
            }
            'SwitchStatementAst' { if ("$($node.Flags)" -match 'File|Parallel') { "switch $($node.Flags)" } }
            'ForEachStatementAst' { if ("$($node.Flags)" -match 'Parallel') { 'foreach -parallel' } }
            'PipelineAst' { if ($node.Background) { "background $text" } }
            'AttributeAst' {
                if ($node.TypeName.Name -notmatch '^(System\.)?(Management\.Automation\.)?(parameter|cmdletbinding|validate(notnull(orempty)?|set|range|length|pattern|count)|allow(null|emptystring|emptycollection)|outputtype|alias|obsolete|supportswildcards|psdefaultvalue|(Diagnostics\.CodeAnalysis\.)?(suppressmessage|excludefromcodecoverage))(attribute)?$') { "attribute $text" }
                foreach ($argument in @($node.PositionalArguments) + @($node.NamedArguments.Argument)) {
                    if ($argument -and $argument.GetType().Name -in 'ScriptBlockExpressionAst', 'SubExpressionAst') { "attribute $text" }
                }
            }
            { $_ -in 'TypeExpressionAst', 'TypeConstraintAst' } {
                $catch = (Test-Kind $node.Parent 'CatchClauseAst')
                if (-not $catch -and "$($node.TypeName.FullName)" -notmatch $harmlessTypes) { "type $text" }
            }
            'ConvertExpressionAst' {
                if ("$($node.Type.TypeName.FullName)" -match 'io\.|dns|windowsidentity|fileversion') { "conversion $text" }
            }
            'VariableExpressionAst' {
                if ($node.Splatted) { "splat $text" }
                if ($node.VariablePath.UserPath -match $engine) { "engine $text" }
                if ($node.VariablePath.DriveName -and $node.VariablePath.DriveName -ne 'env') { "drive $text" }
                if ($node.VariablePath.UserPath -match '^(global|script|private|using|local):') { "scope $text" }
            }
            'AssignmentStatementAst' {
                $left = $node.Left
                while ($left.GetType().Name -in 'ConvertExpressionAst', 'AttributedExpressionAst') { $left = $left.Child }
                if (Test-Kind $left 'VariableExpressionAst') {
                    if ($left.VariablePath.DriveName) { "assigns $text" }
                    if ($left.VariablePath.UserPath -match 'preference$' -and $left.VariablePath.UserPath -notmatch '^(erroraction|progress)preference$') { "assigns $text" }
                    if ($left.VariablePath.UserPath -match '^log(command|engine|provider)') { "assigns $text" }
                }
                elseif ($left.GetType().Name -in 'MemberExpressionAst', 'IndexExpressionAst') {
                    $base = if ($left.GetType().Name -eq 'IndexExpressionAst') { $left.Target } else { $left.Expression }
                    if (-not (Test-Made $base $tree)) { "assigns $text" }
                }
                elseif ((Test-Kind $left 'ArrayLiteralAst')) {
                    foreach ($item in $left.Elements) { if (-not (Test-Kind $item 'VariableExpressionAst') -or $item.VariablePath.DriveName) { "assigns $text" } }
                }
                else { "assigns $text" }
            }
            'UnaryExpressionAst' {
                if ("$($node.TokenKind)" -match 'PlusPlus|MinusMinus') {
                    if (-not (Test-Kind $node.Child 'VariableExpressionAst')) { "changes $text" }
                }
            }
            'InvokeMemberExpressionAst' {
                if (-not (Test-Kind $node.Member 'StringConstantExpressionAst')) { "dynamic $text"; break }
                $name = "$($node.Member.Value)".ToLower()
                if ($node.Static) {
                    if (-not (Test-Kind $node.Expression 'TypeExpressionAst')) { "dynamic $text" }
                    if ($name -match $harmfulStatics) { "static $text" }
                    if ($name -eq 'new' -and "$($node.Expression.TypeName.FullName)" -notmatch 'collections\.|stringbuilder') { "static $text" }
                    if ("$($node.Expression.TypeName.FullName)" -match 'io\.(file|directory)$|fileversioninfo' -and $node.Arguments) {
                        if ((Get-Start $node.Arguments[0] $tree 0) -in 'away', 'member') { "path $text" }
                    }
                }
                elseif ($name -match $listMethods) {
                    if (-not (Test-Made $node.Expression $tree) -and -not ($name -in 'remove', 'insert' -and (Test-Text $node.Expression))) { "method $text" }
                }
                elseif ($name -eq 'replace') {
                    if ($node.Arguments.Count -gt 2 -or -not (Test-Text $node.Expression)) { if ($node.Expression.Extent.Text -notmatch '^[$"''(]') { "method $text" } }
                    if ($node.Expression.Extent.Text -match '^\$_$') { "method $text" }
                }
                elseif ($name -notmatch $readMethods) { "method $text" }
                foreach ($argument in $node.Arguments) {
                    if ($name -in 'where', 'foreach' -and -not (Test-Kind $argument 'ScriptBlockExpressionAst')) { "member by name $text" }
                }
                if ($name -eq 'gettype' -and $node.Arguments) { "reflection $text" }
            }
            'MemberExpressionAst' {
                if (-not (Test-Kind $node.Member 'StringConstantExpressionAst')) { "dynamic $text"; break }
                if ("$($node.Member.Value)" -match '^(psobject|psbase|psadapted|psextended|methods|scriptblock|mycommand|sessionstate|invokecommand|module|exportedcommands|exportedfunctions|ast|runspace)$') { "engine $text" }
                if ($node.Static -and -not (Test-Kind $node.Expression 'TypeExpressionAst')) { "dynamic $text" }
            }
            'ScriptBlockExpressionAst' {
                $above = $node.Parent
                if ((Test-Kind $above 'CommandParameterAst')) { $above = $above.Parent }
                $fine = $false
                if ((Test-Kind $above 'CommandAst')) {
                    $name = "$($above.GetCommandName())".ToLower()
                    if ($shortNames.ContainsKey($name)) { $name = $shortNames[$name] }
                    $fine = $name -match '^(where|foreach|sort|group|select|measure|format|compare)-' -and -not $functions.ContainsKey($name)
                }
                elseif ((Test-Kind $above 'SwitchStatementAst')) { $fine = $true }
                elseif ((Test-Kind $above 'ArrayLiteralAst')) { $fine = $above.Parent.GetType().Name -in 'CommandAst', 'CommandParameterAst' }
                elseif ((Test-Kind $above 'InvokeMemberExpressionAst')) { $fine = "$($above.Member.Value)" -in 'where', 'foreach' }
                elseif ((Test-Kind $above 'CommandExpressionAst')) {
                    # The value of a key in a table: fine below a command that calculates.
                    for ($up = $above; $up -and -not (Test-Kind $up 'CommandAst'); $up = $up.Parent) { }
                    if ($up) {
                        $name = "$($up.GetCommandName())".ToLower()
                        if ($shortNames.ContainsKey($name)) { $name = $shortNames[$name] }
                        $fine = $name -match '^(sort|group|select|measure|format|compare)-'
                    }
                    elseif ($text) { $fine = Test-Calculated $above $tree }
                }
                if (-not $fine) { "block $text" }
            }
            'BinaryExpressionAst' {
                if ("$($node.Operator)" -in 'As', 'Is', 'IsNot' -and -not (Test-Kind $node.Right 'TypeExpressionAst')) { "dynamic type $text" }
            }
            'CommandAst' {
                if ("$($node.InvocationOperator)" -ne 'Unknown') { "invocation $text"; break }
                $first = $node.CommandElements[0]
                if (-not (Test-Kind $first 'StringConstantExpressionAst') -or "$($first.StringConstantType)" -ne 'BareWord') { "name $text"; break }
                $name = $first.Value.ToLower()
                if ($name -ne $first.Extent.Text.ToLower()) { "name is written otherwise: $text" }
                if ($shortNames.ContainsKey($name)) { $name = $shortNames[$name] }
                $own = $functions.ContainsKey($name)
                if (-not $own) {
                    $verb = ($name -split '-')[0]
                    if ($name -notmatch '^[a-z]+-[a-z0-9]+$' -or $verb -notin $harmlessVerbs) { "command $name" }
                    elseif ($harmlessOfVerb.ContainsKey($verb) -and $name -notin $harmlessOfVerb[$verb]) { "command $name" }
                    elseif ($name -match $reachingNouns) { "command $name" }
                }
                elseif (-not @($tree.EndBlock.Statements | Where-Object { (Test-Kind $_ 'FunctionDefinitionAst') -and $_.Name -eq $name })) { "nested function $name" }
                $waiting = ''
                $positional = 0
                $named = @($node.CommandElements | Where-Object { (Test-Kind $_ 'CommandParameterAst') -and $_.ParameterName -in 'path', 'literalpath', 'filepath' }).Count
                foreach ($element in $node.CommandElements | Select-Object -Skip 1) {
                    if ((Test-Kind $element 'CommandParameterAst')) {
                        if (-not $own -and $element.ParameterName -match $harmfulParameters) { "parameter -$($element.ParameterName) of $name" }
                        $waiting = if ($element.Argument) { '' } else { $element.ParameterName.ToLower() }
                        $value = $element.Argument
                        $of = $element.ParameterName.ToLower()
                    }
                    else {
                        $value = $element
                        $of = $waiting
                        if (-not $waiting) { $positional++; $of = "positional$positional" }
                        $waiting = ''
                    }
                    if ($own -or -not $value) { continue }
                    if ($name -eq 'foreach-object' -and $of -match '^(positional|process|begin|end)' -and -not (Test-Kind $value 'ScriptBlockExpressionAst')) { "member by name $text" }
                    if ($name -eq 'where-object' -and $of -eq 'filterscript' -and -not (Test-Kind $value 'ScriptBlockExpressionAst')) { "block by value $text" }
                    $isPath = $of -in 'path', 'literalpath', 'filepath' -and $name -in ($placeCommands + 'select-string', 'get-winevent')
                    if ($isPath -or ($of -eq 'positional1' -and $name -in $placeCommands -and -not $named)) {
                        $start = Get-Start $value $tree 0
                        if ($start -in 'away', 'member') { "path ($start) $text" }
                    }
                    if ($value.Extent.Text -match '^[''"]?(\\\\|//)[A-Za-z0-9?.$]' -and $of -notin 'pattern', 'filter' -and $name -in ($placeCommands + 'get-winevent', 'get-counter', 'get-ciminstance', 'get-wmiobject', 'get-webconfiguration')) {
                        if ($value.Extent.Text -notmatch '^[''"]?\\\\\?\\[a-z]:' -and $name -ne 'select-string') { "away $text" }
                    }
                    if ($name -in 'get-ciminstance', 'get-wmiobject' -and ($of -in 'classname', 'class' -or ($of -eq 'positional1' -and $node.Extent.Text -notmatch '\s-class(name)?\b'))) {
                        if ("$($value.Value)" -notmatch '^(win32_|msft_|ms[a-z]+_|__|commandline|activescript|logfile|nteventlog|smtp|antivirus|firewall|site$|app|virtual|worker)' -or
                            "$($value.Value)" -match '^win32_(product|software|pingstatus|useraccount|group|account|ntdomain|networkconnection|property|patch)') { "class $text" }
                    }
                    if ($name -match '^(select|sort|group|measure|compare)-object$' -and $of -match 'property$' -and
                        $value.Extent.Text -match 'scriptblock|mycommand|psobject|sessionstate') { "engine $text" }
                    if ($name -eq 'new-object' -and $of -in 'positional1', 'typename' -and "$($value.Value)" -notmatch '^(system\.)?(management\.automation\.)?(ps(custom)?object|object|collections\..*|text\.stringbuilder)$') { "object $text" }
                    if ($name -eq 'get-winevent' -and $of -eq 'filterhashtable') {
                        if (-not (Test-Kind $value 'HashtableAst') -or @($value.KeyValuePairs | Where-Object { $_.Item1.Value -match '^path$' })) { "filter $text" }
                    }
                    if ($name -in 'import-module', 'add-pssnapin' -and "$($value.Value)" -match '[\\/:]|^$' -and $of -match 'positional|name') { "loads $text" }
                }
                $chain = $node.Parent
                if ((Test-Kind $chain 'PipelineAst') -and $chain.PipelineElements[0] -ne $node) {
                    $source = $chain.PipelineElements[0]
                    $made = (Test-Kind $source 'CommandExpressionAst') -and $source.Extent.Text -match '^(@\{|\[(pscustomobject|ordered|psobject)\])'
                    $next = [array]::IndexOf(@($chain.PipelineElements), $node) -eq 1
                    if ($made -and $next -and $name -match '^get-' -and $name -notin 'get-unique', 'get-member', 'get-random') { "made object into $name" }
                    if ((Test-Kind $source 'CommandExpressionAst') -and $next -and $name -in $placeCommands) {
                        if ((Get-Start $source $tree 0) -in 'away', 'member') { "path by pipe $($chain.Extent.Text)" }
                    }
                }
            }
        }
    }
}

# Whether a variable is only ever given tables and lists that the script makes.
function Test-Made($node, $tree) {
    if (-not (Test-Kind $node 'VariableExpressionAst')) { return $false }
    $name = $node.VariablePath.UserPath
    $given = @($tree.FindAll({ param($n) $n.GetType().Name -eq 'AssignmentStatementAst' -and $n.Left.Extent.Text -match ('^(\[[^\]]+\]+\s*)?\$\{?' + [regex]::Escape($name) + '\}?$') }, $true))
    if (-not $given) { return $false }
    $loops = $tree.FindAll({ param($n) $n.GetType().Name -eq 'ForEachStatementAst' -and $n.Variable.VariablePath.UserPath -eq $name }, $true)
    $declared = $tree.FindAll({ param($n) $n.GetType().Name -eq 'ParameterAst' -and $n.Name.VariablePath.UserPath -eq $name }, $true)
    if (@($loops) -or @($declared)) { return $false }
    foreach ($one in $given) {
        if ($one.Right.Extent.Text -notmatch '^(@\{|@\(|\[(ordered|hashtable|pscustomobject|psobject)\]\s*@\{|\[[A-Za-z.\[\], ]+\]::new\(|New-Object\s|\[(System\.)?Collections\.[A-Za-z.\[\], ]+\]\s*@|.+,)' -and
            "$($one.Operator)" -eq 'Equals') { return $false }
    }
    return $true
}

function Test-Text($node) {
    $node.GetType().Name -in 'StringConstantExpressionAst', 'ExpandableStringExpressionAst', 'ParenExpressionAst', 'VariableExpressionAst', 'MemberExpressionAst',
        'InvokeMemberExpressionAst', 'ConvertExpressionAst', 'SubExpressionAst', 'IndexExpressionAst'
}

# Whether a table with a block stands in a variable that only a calculating command takes.
function Test-Calculated($node, $tree) {
    for ($up = $node; $up -and -not (Test-Kind $up 'AssignmentStatementAst'); $up = $up.Parent) { }
    if (-not $up) { return $false }
    $name = [regex]::Escape($up.Left.Extent.Text)
    @($tree.FindAll({ param($n) $n.GetType().Name -eq 'CommandAst' -and $n.Extent.Text -match "^(select|sort|group|format|ft|fl|measure)\S*\s.*$name" }, $true)).Count -gt 0
}

while ($null -ne ($line = [Console]::In.ReadLine())) {
    $case = $line | ConvertFrom-Json
    $errors = $null
    $tree = [System.Management.Automation.Language.Parser]::ParseInput($case.text, [ref]$null, [ref]$errors)
    $harm = @(foreach ($problem in $errors) { "does not parse: $($problem.Message)" })
    if (-not $harm) { $harm = @(Get-Harm $tree) }
    $commands = @(foreach ($node in $tree.FindAll({ param($n) $n.GetType().Name -eq 'CommandAst' }, $true)) {
            $names = @(foreach ($element in $node.CommandElements) { if ($element.GetType().Name -eq 'CommandParameterAst') { '-' + $element.ParameterName.ToLower() } })
            ((@("$($node.Extent.StartOffset)", "$($node.GetCommandName())") + $names) -join ' ')
        })
    $members = @(foreach ($node in $tree.FindAll({ param($n) $n.GetType().Name -eq 'InvokeMemberExpressionAst' }, $true)) { "$($node.Member.Extent.Text)" })
    [Console]::Out.WriteLine((ConvertTo-Json -InputObject @{ id = $case.id; harm = $harm; commands = $commands; methods = $members } -Compress -Depth 4))
}
