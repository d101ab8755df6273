#!/usr/bin/env bash
# Runs end-to-end tests: those with the markers of $1 (`slow`, `not slow`); with $2, only what has it in its path or name.
# Two files at a time, and then, one after the other and alone, those that measure time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

markers=$1 only=${2:-}
found=
failed=

# run WORD…: pytest with these; that nothing is selected is no failure yet.
run() {
    local status=0
    timeout 3000 .venv/bin/python -m pytest Tests/EndToEnd -q ${only:+-k "$only"} "$@" || status=$?
    [ $status = 5 ] || found=yes
    [ $status = 0 ] || [ $status = 5 ] || failed=yes
}

run -m "$markers and not timed" -n 2 --dist loadfile
run -m "$markers and timed"
[ "$found" ] || { echo "e2e: no test has '$only' in its path or name" >&2; exit 1; }
[ ! "$failed" ]
