# Judges scripts by PowerShell's own syntax tree, apart from the linter: it shares no code and no table with it.
# Standard input: one JSON object a line, {"id": ..., "text": ...}. Output: one JSON object a line, {"id", "harm", "tree"}:
# harm is what could change, reach or run something, as far as names and forms show it; tree is the whole of PowerShell's tree, in rows of
# which the last is the script. Where values come from is followed over that tree, in origins.py.
$language = 'System.Management.Automation.Language.'
$harmlessVerbs = 'get', 'test', 'select', 'where', 'sort', 'group', 'measure', 'compare', 'foreach', 'convertto', 'convertfrom',
    'format', 'write', 'out', 'join', 'split', 'resolve', 'convert', 'import', 'search', 'new', 'add', 'set', 'start'
# Verbs that mostly change: only these of them do not.
$harmlessOfVerb = @{
    'set' = 'set-strictmode'; 'add' = 'add-pssnapin'; 'start' = 'start-sleep'; 'new' = 'new-object', 'new-timespan'
    'import' = 'import-csv', 'import-module'; 'out' = 'out-string', 'out-null', 'out-host'; 'convert' = @('convert-path')
    'test' = 'test-path', 'test-servicehealth', 'test-netconnection'; 'search' = @('search-adminauditlog')
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
$harmfulParameters = '^(computername|cn|cimsession|session|domaincontroller|credential|asjob|connectionuri|outvariable|ov|' +
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
$heldFiles = '\[.*\b(fileinfo|directoryinfo|driveinfo)\b'  # a collection converts a text that is put into it
$harmfulStatics = '^(set|write|delete|move|copy|create|append|open|replace(?!$)|start|exit|kill|load|invoke|encrypt|decrypt|gethostentry|gethostaddresses|' +
    'gethostbyname|resolve|failfast|expand)'
$placeCommands = 'get-childitem', 'get-item', 'get-content', 'get-itemproperty', 'get-itempropertyvalue', 'get-filehash', 'get-acl', 'test-path',
    'resolve-path', 'convert-path', 'import-csv', 'get-authenticodesignature'
$engine = '^(executioncontext|host|pscmdlet|psdefaultparametervalues|myinvocation|psmoduleautoloadingpreference)$'
$here = '^([a-z]:|hklm:|hkcu:|env:|cert:|iis:|registry::|microsoft\.powershell\.core\\registry::|\\\\\?\\[a-z]:)'

function Test-Kind($node, $name) { $node.GetType().Name -eq $name }

# What each kind of node hands on, besides its place: single values, nodes, and lists of nodes.
$handed = @{
    ScriptBlockAst = 'ParamBlock', 'BeginBlock', 'ProcessBlock', 'EndBlock'; ParamBlockAst = @('Parameters'); NamedBlockAst = @('Statements')
    ParameterAst = 'Name', 'Attributes', 'DefaultValue'; FunctionDefinitionAst = 'Name', 'Parameters', 'Body'; StatementBlockAst = @('Statements')
    IfStatementAst = 'Clauses', 'ElseClause'; SwitchStatementAst = 'Condition', 'Clauses', 'Default'; ForEachStatementAst = 'Variable', 'Condition', 'Body'
    ForStatementAst = 'Initializer', 'Condition', 'Iterator', 'Body'; WhileStatementAst = 'Condition', 'Body'; DoWhileStatementAst = 'Condition', 'Body'
    DoUntilStatementAst = 'Condition', 'Body'; TryStatementAst = 'Body', 'CatchClauses', 'Finally'; CatchClauseAst = @('Body')
    ReturnStatementAst = @('Pipeline'); ThrowStatementAst = @('Pipeline'); ExitStatementAst = @('Pipeline'); BreakStatementAst = @(); ContinueStatementAst = @()
    AssignmentStatementAst = 'Left', 'Operator', 'Right'; PipelineAst = @('PipelineElements'); CommandAst = @('CommandElements')
    CommandExpressionAst = @('Expression'); CommandParameterAst = 'ParameterName', 'Argument'; BinaryExpressionAst = 'Operator', 'Left', 'Right'
    UnaryExpressionAst = 'TokenKind', 'Child'; ConvertExpressionAst = 'Type', 'Child'; AttributedExpressionAst = @('Child')
    MemberExpressionAst = 'Static', 'Expression', 'Member'; InvokeMemberExpressionAst = 'Static', 'Expression', 'Member', 'Arguments'
    IndexExpressionAst = 'Target', 'Index'; ArrayExpressionAst = @('SubExpression'); SubExpressionAst = @('SubExpression'); ArrayLiteralAst = @('Elements')
    ParenExpressionAst = @('Pipeline'); HashtableAst = @('KeyValuePairs'); StringConstantExpressionAst = 'Value', 'StringConstantType'
    ExpandableStringExpressionAst = 'Value', 'NestedExpressions'; ConstantExpressionAst = @(); ScriptBlockExpressionAst = @('ScriptBlock')
    VariableExpressionAst = @('VariablePath'); TypeExpressionAst = @('TypeName'); TypeConstraintAst = @('TypeName'); AttributeAst = @('TypeName')
}

# Puts a node and all below it into $rows as tables: kind, start, end (in UTF-16 units), and what $handed names; a node below is the number
# of its row, so that depth costs nothing. Gives the number of the node itself.
function Export-Node($node, $rows) {
    $kind = $node.GetType().Name
    $row = @{ kind = $kind.Substring(0, $kind.Length - 3); start = $node.Extent.StartOffset; end = $node.Extent.EndOffset }
    foreach ($name in $handed[$kind]) {
        $value = $node.$name
        if ($null -eq $value) { continue }
        if ($value -is [System.Management.Automation.Language.Ast]) { $row[$name] = Export-Node $value $rows }
        elseif ($value -is [string] -or $value -is [bool]) { $row[$name] = $value }
        elseif ($name -eq 'VariablePath') { $row[$name] = $value.UserPath }
        elseif ($name -eq 'TypeName') { $row[$name] = $value.FullName }
        elseif ($value -is [System.Collections.IEnumerable]) {
            $row[$name] = @(foreach ($item in $value) {
                    if ($item -is [System.Management.Automation.Language.Ast]) { Export-Node $item $rows }
                    else { , @((Export-Node $item.Item1 $rows), (Export-Node $item.Item2 $rows)) }
                })
        }
        else { $row[$name] = "$value" }
    }
    [void]$rows.Add($row)
    $rows.Count - 1
}

# What a change may run besides, with all the parameters that it may be given: each writes the one place that it is told.
$changing = @{
    'set-service' = 'name', 'startuptype'; 'start-service' = @('name'); 'stop-service' = @('name'); 'restart-service' = @('name'); 'restart-computer' = @('force'); 'set-exchangeserver' = 'identity', 'mitigationsblocked'
    'set-activesyncvirtualdirectory' = 'identity', 'internalurl', 'externalurl'
    'set-ecpvirtualdirectory' = 'identity', 'internalurl', 'externalurl'
    'set-mapivirtualdirectory' = 'identity', 'internalurl', 'externalurl'
    'set-oabvirtualdirectory' = 'identity', 'internalurl', 'externalurl'
    'set-owavirtualdirectory' = 'identity', 'internalurl', 'externalurl'
    'set-powershellvirtualdirectory' = 'identity', 'internalurl', 'externalurl'
    'set-webservicesvirtualdirectory' = 'identity', 'internalurl', 'externalurl'
    'add-webconfigurationproperty' = 'pspath', 'location', 'filter', 'name', 'value', 'atindex'; 'set-webconfigurationproperty' = 'pspath', 'location', 'filter', 'name', 'value'
    'clear-webconfiguration' = 'pspath', 'location', 'filter'; 'start-webapppool' = @('name'); 'stop-webapppool' = @('name')
    'new-item' = 'path', 'itemtype', 'force'; 'move-item' = 'literalpath', 'destination', 'force'; 'copy-item' = 'literalpath', 'destination', 'force'
    'remove-item' = 'literalpath', 'force'; 'set-itemproperty' = 'literalpath', 'name', 'value', 'type'; 'remove-itemproperty' = 'literalpath', 'name'
    'set-content' = 'literalpath', 'value', 'encoding'
    'set-acl' = 'literalpath', 'aclobject'
    'set-netfirewallprofile' = 'name', 'enabled', 'defaultinboundaction', 'defaultoutboundaction'
    'enable-netfirewallrule' = @('name'); 'disable-netfirewallrule' = @('name'); 'remove-netfirewallrule' = @('name')
    'new-netfirewallrule' = 'name', 'displayname', 'group', 'direction', 'action', 'protocol', 'localport', 'remoteport', 'icmptype', 'remoteaddress', 'profile'
    'start-process' = 'filepath', 'argumentlist', 'nonewwindow', 'wait', 'passthru'
    'restart-webapppool' = @('name'); 'invoke-webrequest' = 'uri', 'usebasicparsing', 'maximumredirection', 'timeoutsec'
}
$accessLists = '^system\.security\.accesscontrol\.(file|directory)security$'

function Get-Harm($tree, $changes) {
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
                if ("$($node.TypeName.FullName)" -match $heldFiles) { "type $text" }
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
                elseif ($left.GetType().Name -in 'MemberExpressionAst', 'IndexExpressionAst') { }
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
                }
                elseif ($changes -and $name -eq 'setsecuritydescriptorsddlform') { }
                elseif ($name -ne 'replace' -and $name -notmatch $listMethods -and $name -notmatch $readMethods) { "method $text" }
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
                if ($changes -and $changing.ContainsKey($name)) {
                    if ($own) { "function shadows $name" }
                    if ($node.Parent.PipelineElements[0] -ne $node) { "piped into $text" }
                    foreach ($element in $node.CommandElements) {
                        if ((Test-Kind $element 'CommandParameterAst') -and $element.ParameterName -notin $changing[$name] -and $element.ParameterName -ne 'erroraction') { "parameter -$($element.ParameterName) of $name" }
                    }
                }
                elseif (-not $own) {
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
                        if (-not $own -and $name -ne 'start-process' -and $element.ParameterName -match $harmfulParameters -and ($name -ne 'test-netconnection' -or $element.ParameterName -ne 'computername')) { "parameter -$($element.ParameterName) of $name" }
                        if ($name -match '^get-webconfiguration' -and $element.ParameterName -eq 'recurse') { "the folders of sites $text" }
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
                    if ($name -eq 'test-netconnection' -and $of -match '^positional|computername' -and $value.Extent.Text -notmatch '^([''"]?)127\.0\.0\.1\1$') { "reaches $text" }
                    if ($name -eq 'start-process' -and $of -match '^positional|filepath' -and $value.Extent.Text -ine '"$env:SystemRoot\System32\netsh.exe"') { "program $text" }
                    if ($name -eq 'start-process' -and $of -eq 'argumentlist' -and (Test-Kind $value 'StringConstantExpressionAst') -and $value.Value -cnotmatch '^advfirewall export "[A-Z]:\\[^"]+"$') { "program $text" }
                    if ($name -eq 'foreach-object' -and $of -match '^(positional|process|begin|end)' -and -not (Test-Kind $value 'ScriptBlockExpressionAst')) { "member by name $text" }
                    if ($name -eq 'where-object' -and $of -eq 'filterscript' -and -not (Test-Kind $value 'ScriptBlockExpressionAst')) { "block by value $text" }
                    if ($value.Extent.Text -match '^[''"]?(\\\\|//)[A-Za-z0-9?.$]' -and $of -notin 'pattern', 'filter' -and $name -in ($placeCommands + 'get-winevent', 'get-counter', 'get-ciminstance', 'get-wmiobject', 'get-webconfiguration')) {
                        if ($value.Extent.Text -notmatch '^[''"]?\\\\\?\\[a-z]:' -and $name -ne 'select-string') { "away $text" }
                    }
                    if ($name -in 'get-ciminstance', 'get-wmiobject' -and ($of -in 'classname', 'class' -or ($of -eq 'positional1' -and $node.Extent.Text -notmatch '\s-class(name)?\b'))) {
                        if ("$($value.Value)" -notmatch '^(win32_|msft_|ms[a-z]+_|__|commandline|activescript|logfile|nteventlog|smtp|antivirus|firewall|site$|app|virtual|worker)' -or
                            "$($value.Value)" -match '^win32_(product|software|pingstatus|useraccount|group|account|ntdomain|networkconnection|property|patch)') { "class $text" }
                    }
                    if ($name -match '^(select|sort|group|measure|compare)-object$' -and $of -match 'property$' -and
                        $value.Extent.Text -match 'scriptblock|mycommand|(?<![\[.])psobject|sessionstate') { "engine $text" }
                    if ($name -eq 'new-object' -and $of -in 'positional1', 'typename' -and -not ($changes -and "$($value.Value)" -match $accessLists) -and "$($value.Value)" -notmatch '^(system\.)?(management\.automation\.)?(ps(custom)?object|object|collections\..*|text\.stringbuilder)$') { "object $text" }
                    if ($name -eq 'new-object' -and "$($value.Value)" -match $heldFiles) { "type $text" }
                    if ($name -eq 'get-wmiobject' -and $of -in 'property', 'positional2') {
                        $fields = Get-Given $value $tree
                        if (Test-Kind $fields 'ArrayLiteralAst') { $fields = $fields.Elements }
                        if (@($fields | Where-Object { "$($_.Value)" -notmatch '^(\w+|\*)$' })) { "a query of its own $text" }
                    }
                    if ($name -match '^get-webconfiguration' -and ($of -eq 'pspath' -and "$($value.Value)" -notmatch '^(iis:\\|machine(/webroot(/apphost)?)?)$')) { "the folder of a site $text" }
                    if ($name -eq 'get-childitem' -and "$($value.Value)" -match '^iis:\\' -and ("$($value.Value)" -match '^iis:\\sites\\.' -or $text -match '\s-(depth|recurse)\b')) { "the folder of a site $text" }
                    if ($name -in 'get-serverhealth', 'get-healthreport', 'get-servercomponentstate' -and $of -in 'identity', 'positional1' -and (Get-Given $value $tree).Extent.Text -notmatch '^["'']?(\$env:computername|\.|localhost)["'']?$') { "another server $text" }
                    if ($name -eq 'get-winevent' -and $of -eq 'filterhashtable') {
                        if (-not (Test-Kind $value 'HashtableAst') -or @($value.KeyValuePairs | Where-Object { $_.Item1.Value -match '^path$' })) { "filter $text" }
                    }
                    if ($name -in 'import-module', 'add-pssnapin' -and "$($value.Value)" -match '[\\/:]|^$' -and $of -match 'positional|name') { "loads $text" }
                }
            }
        }
    }
}

# What a value is: for a variable that is assigned once in the script, and nowhere else written, what it is given.
function Get-Given($node, $tree) {
    if (-not (Test-Kind $node 'VariableExpressionAst')) { return $node }
    $name = $node.VariablePath.UserPath
    $writes = @($tree.FindAll({
                param($n)
                $written = switch ($n.GetType().Name) {
                    'AssignmentStatementAst' { $n.Left }
                    'ForEachStatementAst' { $n.Variable }
                    'ParameterAst' { $n.Name }
                }
                $written -and $written.Extent.Text -match "\`$$name\b"
            }, $true))
    if ($writes.Count -ne 1 -or -not (Test-Kind $writes[0] 'AssignmentStatementAst') -or "$($writes[0].Operator)" -ne 'Equals') { return $node }
    if ($writes[0].Left.Extent.Text -ne "`$$name" -or -not (Test-Kind $writes[0].Right 'CommandExpressionAst')) { return $node }
    $writes[0].Right.Expression
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
    $rows = [System.Collections.ArrayList]::new()
    if (-not $harm) {
        $harm = @(Get-Harm $tree $case.changes)
        [void](Export-Node $tree $rows)
    }
    [Console]::Out.WriteLine((ConvertTo-Json -InputObject @{ id = $case.id; harm = $harm; tree = $rows } -Compress -Depth 6))
}
