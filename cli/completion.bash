# Completion of fiberglass and fiberglass-mkroot for bash; make install puts it where
# bash-completion looks. The suite docs compares its options with --help.

_fiberglass_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_fiberglass_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

# Files below a root, as the guest names them.
_fiberglass_guest() {
    local root=$1 file
    compopt -o nospace 2>/dev/null
    while IFS= read -r file; do
        if [ -d "$file" ]; then file+=/; else file+=' '; fi
        COMPREPLY+=("${file#"$root"}")
    done < <(compgen -f -- "$root$2")
}

_fiberglass() {
    local word=${COMP_WORDS[COMP_CWORD]} root='' value='' program='' next i
    COMPREPLY=()
    # What comes before the word: `value` is the option that waits for one. "--dump=fi" is three words.
    for ((i = 1; i < COMP_CWORD; i++)); do
        next=${COMP_WORDS[i]}
        if [ "$next" = = ]; then
            value=${COMP_WORDS[i - 1]}
            continue
        fi
        case $value,$next in
        ,-[rCemun] | ,--root | ,--workdir | ,--env | ,--mount | ,--user | ,--network | ,--dump | \
            ,--perf | ,--profile | ,--code-limit | ,--map-limit | ,--cpu | ,--host-features | ,--tier | \
            ,--code-size) value=$next ;;
        ,-*) ;;
        ,*) program=$next && break ;;
        -r,* | --root,*) root=${next/#'~'/$HOME} value='' ;;
        *) value='' ;;
        esac
    done
    if [ "$word" = = ]; then
        value=${COMP_WORDS[COMP_CWORD - 1]} word=''
    fi
    case $value,$word in
    -r,* | --root,* | -m,* | --mount,*) _fiberglass_files -d "$word" ;;
    -C,* | --workdir,*) _fiberglass_guest "$root" "$word" ;;
    -n,* | --network,*) _fiberglass_words 'none host' "$word" ;;
    --cpu,* | --host-features,*) _fiberglass_words 'max i686 pentium3 v1 v2 v3 core2 nehalem haswell' "$word" ;;
    --tier,*) _fiberglass_words 'auto native threaded' "$word" ;;
    --dump,*) _fiberglass_words 'fibers blocks gadgets native' "$word" ;;
    --perf,*) _fiberglass_words 'map jitdump' "$word" ;;
    --strace,* | --profile,*) _fiberglass_files -f "$word" ;;
    -*,*) ;;
    ,-*)
        [ -n "$program" ] || _fiberglass_words '-r --root -C --workdir -e --env --clear-env -m --mount
            -u --user -n --network --cpu --host-features --tier --code-size --strace --dump --perf --gdb --trace --stats
            --no-native-opt --code-limit --map-limit --check-memory --profile -h --help --version' "$word"
        ;;
    *) if [ -n "$root" ]; then _fiberglass_guest "$root" "$word"; else _fiberglass_files -f "$word"; fi ;;
    esac
}

_fiberglass_mkroot() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]},$word in
    --profile,*) _fiberglass_words 'essential small default full' "$word" ;;
    --arch,* | --add-arch,*) _fiberglass_words 'i386 amd64' "$word" ;;
    --with,*) ;;
    --configure,*) mapfile -t COMPREPLY < <(compgen -c -- "$word") ;;
    *,-*)
        _fiberglass_words '-h --help --profile --with --arch --add-arch --cache --configure --docs
            --force --update --check --quiet' "$word"
        ;;
    *) _fiberglass_files -d "$word" ;;
    esac
}

complete -F _fiberglass fiberglass
complete -F _fiberglass_mkroot fiberglass-mkroot
