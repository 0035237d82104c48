#compdef exrun
# Completion of exrun in zsh. Made by `exrun completion`; what to offer is exrun's own answer, taken as text alone.
_exrun() {
    local further line
    local -a lines described
    lines=("${(@f)$(command "${(Q)words[1]/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" "+${(Q)words[CURRENT]}" 2>/dev/null </dev/null)}")
    further="$lines[1]"
    shift lines
    for line in "${lines[@]}"; do
        [[ -n "$line" ]] && described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    ((${#described})) && _describe -V exrun described
    case "$further" in
        files) _files ;;
        folders) _files -/ ;;
    esac
}
(($+functions[compdef])) || { autoload -Uz compinit && compinit -i }
compdef _exrun exrun
