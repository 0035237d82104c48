# Completion of exrun in PowerShell. Made by `exrun completion`; what to offer is exrun's own answer, taken as text alone.
Register-ArgumentCompleter -Native -CommandName exrun, exrun.exe -ScriptBlock {
    param ($wordToComplete, $commandAst, $cursorPosition)
    $words = @()
    foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.EndOffset -lt $cursorPosition) {
            if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
                $words += $element.Value
            } else {
                $words += $element.Extent.Text
            }
        }
    }
    $program = $words[0]
    $finished = @($words | Select-Object -Skip 1)
    # Before 7.3 PowerShell hands a double quote to a program as it is, and the program takes it for a quote of its own.
    $asItIs = (Get-Variable PSNativeCommandArgumentPassing -ValueOnly -ErrorAction Ignore) -in $null, 'Legacy'
    $typed = $wordToComplete
    if ($typed -match '^[''"]') {
        $typed = $typed.Substring(1).TrimEnd($typed[0])
    }
    $lines = @(& $program '__complete' @finished "+$typed" 2>$null)
    foreach ($line in ($lines | Select-Object -Skip 1)) {
        $word, $text = $line -split "`t", 2
        $written = $word
        if ($word -notmatch '^[\w./:=+-]+$') {
            if ($asItIs) {
                $written = $word.Replace('"', '\"')
            }
            $written = "'$written'"
        }
        if (-not $text) {
            $text = $word
        }
        [System.Management.Automation.CompletionResult]::new($written, $word, 'ParameterValue', $text)
    }
}
