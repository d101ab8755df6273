# Sourced by a script that runs one thing beside another. After Ctrl-C the script ends, when what is in the foreground has ended.

trap 'exit 130' INT

# beside FILE WORD…: runs the words in the background, with their output in FILE; `wait $!` has their status. Once in a script, whose EXIT
# trap it takes: what still runs then is interrupted, as a process group of its own, and FILE goes.
beside() {
    local file=$1
    shift
    set -m
    "$@" >"$file" 2>&1 &
    set +m
    trap "end_beside $! '$file'" EXIT
}

end_beside() {
    if kill -INT -- "-$1" 2>/dev/null; then wait "$1" || true; fi
    rm -f "$2"
}
