#!/usr/bin/env bash
# Runs end-to-end tests: those with the markers of $1 (`slow`, `not slow`); with $2, only what has it in its path or name.
# Three files at a time, since tests wait as often as they work, and so do, afterwards, those that measure time. Of the slow ones two, and
# those that measure time alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/again.sh

markers=$1 only=${2:-}
workers=3 timed_workers=3
[ "$markers" != slow ] || workers=2 timed_workers=0
found=
failed=
doubtful=

# run WORD…: the tests that these words select; that nothing is selected is no failure yet.
run() {
    local status=0
    tests Tests/EndToEnd ${only:+-k "$only"} "$@" || status=$?
    case $status in
    0) found=yes ;;
    1) found=yes doubtful=yes ;;
    5) ;;
    *) failed=yes ;;
    esac
}

forget_failures Tests/EndToEnd
run -m "$markers and not timed" -n "$workers" --dist loadfile --no-loadscope-reorder
run -m "$markers and timed" -n "$timed_workers" --dist loadfile --no-loadscope-reorder
[ "$found" ] || [ "$failed" ] || { echo "e2e: no test has '$only' in its path or name" >&2; exit 1; }
[ ! "$failed" ] || exit 1
[ ! "$doubtful" ] || try_again Tests/EndToEnd
