#!/usr/bin/env bash
# Runs end-to-end tests: those with the markers of $1 (`slow`, `not slow`); with $2, only what has it in its path or name.
# Four files at a time, since tests wait as often as they work, and then three, of those that measure time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/again.sh

markers=$1 only=${2:-}
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
run -m "$markers and not timed" -n 4 --dist loadfile --no-loadscope-reorder
run -m "$markers and timed" -n 3 --dist loadfile --no-loadscope-reorder
[ "$found" ] || [ "$failed" ] || { echo "e2e: no test has '$only' in its path or name" >&2; exit 1; }
[ ! "$failed" ] || exit 1
[ ! "$doubtful" ] || try_again Tests/EndToEnd
