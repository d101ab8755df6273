#!/usr/bin/env bash
# Runs end-to-end tests: those with the markers of $1 (`slow`, `not slow`); with $2, only what has it in its path or name.
# Several files at a time, since tests wait as often as they work. Those that measure time run beside the others, which give way; slow ones
# that measure time run afterwards, alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/again.sh
. scripts/beside.sh

markers=$1 only=${2:-}

# some NAME WORKERS WORD…: the tests that the words select, so many files at a time.
some() {
    local name=$1 workers=$2
    shift 2
    tests -o cache_dir=".pytest_cache/$name" -n "$workers" --dist loadfile --no-loadscope-reorder ${only:+-k "$only"} "$@"
}

untimed() { some untimed "$1" -m "$markers and not timed" Tests/EndToEnd; }

# To collect from the files with this word alone takes a fraction; that no other has such a test, conftest.py checks.
timed() { some timed "$1" -m "$markers and timed" $(grep -rl 'mark\.timed' Tests/EndToEnd --include='test_*.py'); }

giving_way() {
    renice -n 10 -p $BASHPID >/dev/null 2>&1 || true
    "$@"
}

forget_failures Tests/EndToEnd
first=0 second=0
if [ "$markers" = slow ]; then
    untimed 2 || first=$?
    timed 0 || second=$?
else
    output=$(mktemp)
    beside "$output" giving_way untimed 4
    timed 3 || second=$?
    wait $! || first=$?
    cat "$output"
fi

# pytest: 1, some have failed; 5, none was selected.
for status in $first $second; do
    case $status in 0 | 1 | 5) ;; *) exit 1 ;; esac
done
case "$first $second" in
*1*) try_again Tests/EndToEnd ;;
"5 5") echo "e2e: no test has '$only' in its path or name" >&2 && exit 1 ;;
esac
