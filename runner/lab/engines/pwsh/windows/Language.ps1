# What stands in for native code of Windows is not held to a session's language, as that code is not: the methods of our
# classes stay in the full language when a client locks its session. (Functions do by themselves.)
#
# PowerShell makes the block of a method when it is first called, and in the language of that moment. Here all are made
# before any client says a word.
$hidden = [System.Reflection.BindingFlags] 'NonPublic, Public, Instance, Static'
foreach ($type in @(
        [LabHost], [LabRegistryKey], [LabRegistry], [LabRegistryProvider], [LabFiles], [LabContentReader],
        [LabFileProvider], [LabMarks], [LabAccessList], [LabServices], [LabTasks], [LabFirewall], [LabNetwork],
        [LabCim], [LabWql], [LabExchange], [LabElement], [LabWeb], [LabWebServer]
    )) {
    $helpers = $type.Assembly.GetType($type.FullName + '_<staticHelpers>')
    foreach ($field in $helpers.GetFields($hidden)) {
        $method = $field.GetValue($null)
        if ($null -ne $method -and $method.GetType().Name -eq 'ScriptBlockMemberMethodWrapper') {
            # Each thread clones the block, in the language of its first call: let all have the one that is made here.
            $block = $method.GetType().GetField('_scriptBlock', $hidden).GetValue($method)
            $null = $block.Value
            $getter = $block.GetType().GetProperty('Value').GetGetMethod()
            $factory = $getter.CreateDelegate([System.Func[scriptblock]], $block)
            $shared = [System.Threading.ThreadLocal[scriptblock]]::new($factory)
            $method.GetType().GetField('_boundScriptBlock', $hidden).SetValue($method, $shared)
        }
    }
}
