# Completion of exrun in bash. Made by `exrun completion`; what to offer is exrun's own answer, taken as text alone.
_exrun_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" rest i raw further candidate text prefix
    local -a words=()
    rest="$line"
    # bash takes words apart at `:` and `=`: what stands without a space between is put together again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        raw="${COMP_WORDS[i]}"
        if [[ "$rest" == [[:space:]]* || $i -eq 0 ]]; then
            rest="${rest#"${rest%%[![:space:]]*}"}"
            words+=("")
        fi
        if ((i == COMP_CWORD)); then
            raw="${rest}"
        fi
        words[${#words[@]} - 1]+="$raw"
        rest="${rest#"$raw"}"
    done
    local current="${words[${#words[@]} - 1]}"
    unset "words[${#words[@]}-1]"
    COMPREPLY=()
    prefix=""
    [[ "$current" == *[:=]* ]] && prefix="${current%"${current##*[:=]}"}"
    {
        IFS= read -r further || return 0
        while IFS=$'\t' read -r candidate text; do
            COMPREPLY+=("${candidate#"$prefix"}")
        done
    } < <(command "${words[0]/#\~/$HOME}" __complete "${words[@]:1}" "+$current" 2>/dev/null </dev/null)
    case "$further" in
        files) compopt -o default -o bashdefault ;;
        folders) compopt -o dirnames ;;
    esac
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
    return 0
}
complete -F _exrun_complete exrun
