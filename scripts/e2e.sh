#!/usr/bin/env bash
# Runs end-to-end tests: those with the markers of $1 (`slow`, `not slow`); with $2, only what has it in its path or name.
# Four files at a time, since tests wait as often as they work, and beside them three with tests that measure time, which the others give
# way to. Of the slow ones two, and afterwards, alone, those that measure time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/again.sh
. scripts/beside.sh

markers=$1 only=${2:-}
results=$(mktemp -d)

# some NAME WORD…: the tests that these words select, and in a file with this name the status.
some() {
    local name=$1 status=0
    shift
    tests -o cache_dir=".pytest_cache/$name" --dist loadfile --no-loadscope-reorder ${only:+-k "$only"} "$@" || status=$?
    echo "$status" >"$results/$name"
}

untimed() { some untimed -m "$markers and not timed" -n "$1" Tests/EndToEnd; }
timed() { some timed -m "$markers and timed" -n "$1" $(grep -rlE 'mark\.timed' Tests/EndToEnd --include='test_*.py'); }
giving_way() {
    renice -n 10 -p $BASHPID >/dev/null
    "$@"
}

# went_through NAME…: whether these tests all ran; that some failed, or that nothing is selected, is not against it.
went_through() {
    local name
    for name in "$@"; do
        case $(<"$results/$name") in 0 | 1 | 5) ;; *) return 1 ;; esac
    done
}

forget_failures Tests/EndToEnd
if [ "$markers" = slow ]; then
    untimed 2
    timed 0
else
    beside "$results/output" giving_way untimed 4
    timed 3
    went_through timed || exit 1
    wait $! || true
    cat "$results/output"
fi
went_through untimed timed || exit 1
statuses=$(cat "$results"/*timed)
rm -r "$results"
case $statuses in
*1*) try_again Tests/EndToEnd ;;
$'5\n5') echo "e2e: no test has '$only' in its path or name" >&2 && exit 1 ;;
esac
