# Completion of exrun in fish. Made by `exrun completion`; what to offer is exrun's own answer, taken as text alone.
function __exrun_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l plain $current
    # What is typed may have a quote that is still open.
    for end in '' "'" '"'
        if set -l read (string unescape -- "$current$end")
            set plain $read
            break
        end
    end
    set -l lines (command $words[1] __complete $words[2..-1] "+$plain" 2>/dev/null </dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current"
    end
    set -l offers $lines[2..-1]
    # fish leaves out what does not begin as typed where anything does: beside a selection in quotes all have quotes.
    for offer in $offers
        if test -n "$plain" -a "x$(string sub -l (string length -- "$plain") -- "$offer")" != "x$plain"
            set offers (string replace -r '^((?:--[a-z-]+=)?(?:[a-z]+:)?)([^"\t]+)(\t|$)' '$1"$2"$3' -- $offers)
            break
        end
    end
    if set -q offers[1]
        printf '%s\n' $offers
    end
end
complete -c exrun -f -a '(__exrun_complete)'
