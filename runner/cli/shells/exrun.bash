# Completion of exrun in bash. Made by `exrun completion`; what to offer is exrun's own answer, taken as text alone.

# Reads a word as it is typed, running nothing. Into the caller's variables: `plain` is the word without its quotes,
# `quote` the one that is still open, `fixed` what of the word stands before the part that bash replaces.
_exrun_read() {
    local raw="$1" c i before
    plain="" quote="" fixed=""
    for ((i = 0; i < ${#raw}; i++)); do
        c="${raw:i:1}"
        if [[ "$c" == "$quote" ]]; then
            quote="" fixed="$before"
        elif [[ "$c" == \\ && "$quote" != \' ]]; then
            ((i++))
            [[ -n "$quote" && "${raw:i:1}" != [\"\\\$\`] ]] && plain+="$c"
            plain+="${raw:i:1}"
        elif [[ -n "$quote" ]]; then
            plain+="$c"
        elif [[ "$c" == [\"\'] ]]; then
            quote="$c" before="$fixed" fixed="$plain"
        else
            plain+="$c"
            [[ "$COMP_WORDBREAKS" == *"$c"* ]] && fixed="$plain"
        fi
    done
}

# How a word is typed where `quote` is open: blanks and double quotes are all that bash would take for its own in it.
_exrun_write() {
    written="$1"
    if [[ -z "$quote" ]]; then
        written="${written// /\\ }"
    fi
    if [[ "$quote" != \' ]]; then
        written="${written//\"/\\\"}"
    fi
    # bash closes the quote by itself, but for where a word ends in one.
    [[ "$quote" == \" && "$written" == *\" ]] && written+="$quote"
    return 0
}

_exrun_complete() {
    local line="${COMP_LINE:0:COMP_POINT}" rest i raw further candidate text plain quote fixed written
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
    for ((i = 0; i < ${#words[@]}; i++)); do
        _exrun_read "${words[i]}"
        words[i]="$plain"
    done
    unset "words[${#words[@]}-1]"
    COMPREPLY=()
    {
        IFS= read -r further || return 0
        while IFS=$'\t' read -r candidate text; do
            _exrun_write "${candidate#"$fixed"}"
            COMPREPLY+=("$written")
        done
    } < <(command "${words[0]/#\~/$HOME}" __complete "${words[@]:1}" "+$plain" 2>/dev/null </dev/null)
    case "$further" in
        files) compopt -o default -o bashdefault ;;
        folders) compopt -o dirnames ;;
    esac
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
    return 0
}
complete -F _exrun_complete exrun
