#compdef exrun
# Completion of exrun in zsh. Made by `exrun completion`; what to offer is exrun's own answer, taken as text alone.
_exrun() {
    local further line typed word row
    local -a lines described open instead
    typed="${(Q)PREFIX}"
    lines=("${(@f)$(command "${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" "+$typed" 2>/dev/null </dev/null)}")
    further="$lines[1]"
    shift lines
    for line in "${lines[@]}"; do
        [[ -n "$line" ]] || continue
        word="${line%%$'\t'*}"
        row="${word//:/\\:}:${line#*$'\t'}"
        if [[ "$word" != "$typed"* ]]; then
            instead+=("$row")
        elif [[ "$word" == *= ]]; then
            open+=("$row")
        else
            described+=("$row")
        fi
    done
    ((${#described})) && _describe -V exrun described
    ((${#open})) && _describe -V exrun open -S ''
    # A selection of a name with a blank begins with a quote: alone it takes the place of what is typed of the name, and
    # beside others it is shown, and what is typed stays.
    if ((${#instead})); then
        _describe -V exrun instead -U
        ((${#described})) && compstate[insert]='' compstate[list]='list force'
    fi
    case "$further" in
        files) _files ;;
        folders) _files -/ ;;
    esac
}
(($+functions[compdef])) || { autoload -Uz compinit && compinit -i }
compdef _exrun exrun
