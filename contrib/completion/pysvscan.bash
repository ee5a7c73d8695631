# bash completion for pysvscan's commands: options, and service directories of $SVDIR (/service, /etc/service).
# Read by bash-completion through the files beside it, one for each command; or source it yourself.

# Where the words of a service name are looked for: a path is completed as it is typed, any other
# word as the name of a service.
_pysvscan_services() {
    local word=$1 scan=${SVDIR:-/service} directory
    [[ -n $SVDIR || -d $scan ]] || scan=/etc$scan # Debian's
    case $word in
    */* | .*) set -- "$word"*/ "$word"*/log/ ;;
    *) set -- "$scan/$word"*/ "$scan/$word"*/log/ "$word"*/ ;;
    esac
    for directory; do
        directory=${directory%/}
        if [[ -e $directory/run || -e $directory/supervise/ok ]]; then
            COMPREPLY+=("$directory")
        elif [[ $word == */* && -d $directory ]]; then
            COMPREPLY+=("$directory/")
        fi
    done
}

# A name is put into the command line as it has to be typed. One that bash writes as $'...', with
# control characters or bytes that are none of the locale's, is not offered: after a quotation mark
# that has been typed already, that form is not quoted, and $(...) in a name would be executed.
_pysvscan_quote() {
    local name quoted names=("${COMPREPLY[@]}")
    COMPREPLY=()
    for name in "${names[@]}"; do
        printf -v quoted %q "$name"
        [[ $quoted == \$\'* ]] || COMPREPLY+=("$quoted")
    done
    [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != */ ]] || compopt -o nospace 2>/dev/null
}

_pysvscan_options() {
    case $1 in
    svc) printf -- '-%s\n' u d o p c h a i t k x q 1 2 w + = ;;
    svup) printf -- '-%s\n' l L ;;
    svstat) printf '%s\n' -l --json ;;
    svlog) printf -- '-%s\n' -since -until n f g o -conversations -pid -retain q ;;
    svscan) echo --json --stop-budget ;;
    svscanctl) printf -- '-%s\n' r a t q l ;;
    svinstance) printf -- '%s\n' -d -l -t -w --plan ;;
    esac
}

# What an option of svlog wants, or else a service, as a name where it is one.
_pysvscan_svlog() {
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    # shellcheck disable=SC2207 # no spaces
    -o) COMPREPLY=($(compgen -W "local utc tai64n json" -- "$1")) ;;
    --since | --until) COMPREPLY=($(compgen -W "now today yesterday" -- "$1")) ;;
    -n | -g | --pid | --retain) ;;
    *) _pysvscan_services "$1" ;;
    esac
}

_pysvscan_complete() {
    local command=$1 word=$2
    COMPREPLY=()
    if [[ $word == -* ]]; then
        # shellcheck disable=SC2207 # options have no spaces
        COMPREPLY=($(compgen -W "$(_pysvscan_options "$command")" -- "$word"))
        return
    fi
    case $command in
    svlog) _pysvscan_svlog "$word" ;;
    svc | svok | svstat | svup | supervise) _pysvscan_services "$word" ;;
    *) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    esac
    _pysvscan_quote
}

# What complete -F calls: $1 is the command as it was typed, $2 the word at the cursor.
_pysvscan() {
    local command=${1##*/} names
    if [[ $command == pysvscan ]]; then
        if ((COMP_CWORD == 1)); then
            names=$(pysvscan --help 2>/dev/null)
            # shellcheck disable=SC2207 # names of commands have no spaces
            COMPREPLY=($(compgen -W "${names##*run one of } --version --help" -- "$2"))
            return
        fi
        command=${COMP_WORDS[1]}
    fi
    _pysvscan_complete "$command" "$2"
}

complete -F _pysvscan pysvscan svc svinstance svlog svok svstat svup supervise svscan svscanctl
