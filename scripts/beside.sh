# Sourced by the scripts that run two things at a time.

# beside FILE WORD…: runs the words in the background, with their output in FILE; `wait $!` has their status. They end with the script,
# after Ctrl-C as well: as a process group of their own, all of which is told.
beside() {
    local file=$1
    shift
    set -m
    "$@" >"$file" 2>&1 &
    set +m
    trap "kill -- -$! 2>/dev/null" EXIT
}
