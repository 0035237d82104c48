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
    $lines = @(& $program '__complete' @finished "+$wordToComplete" 2>$null)
    foreach ($line in ($lines | Select-Object -Skip 1)) {
        $word, $text = $line -split "`t", 2
        $written = $word
        if ($word -notmatch '^[\w./:=+-]+$') {
            $written = "'$word'"
        }
        if (-not $text) {
            $text = $word
        }
        [System.Management.Automation.CompletionResult]::new($written, $word, 'ParameterValue', $text)
    }
}
