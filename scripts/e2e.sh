#!/usr/bin/env bash
# Runs end-to-end tests: those with the markers of $1 (`slow`, `not slow`); with $2, only what has it in its path or name.
# Two files at a time, and then, one after the other and alone, those that measure time.
#
# A few failures may be the machine's: those tests are run again, alone, three times. One that fails again is a failure; one
# that does not is named at the end, because a fault that shows itself seldom is a fault all the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

markers=$1 only=${2:-}
most_doubtful=4
found=
failed=

# tests WORD…: pytest with these words.
tests() { timeout 3000 .venv/bin/python -m pytest -q "$@"; }

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

# The tests that have failed, one in each line.
failures() {
    .venv/bin/python -c 'import json, sys; [print(f"Tests/EndToEnd/{name}") for name in json.load(open(sys.argv[1]))]' "$failures"
}

doubtful=
failures=Tests/EndToEnd/.pytest_cache/v/cache/lastfailed
rm -f "$failures"
run -m "$markers and not timed" -n 2 --dist loadfile
run -m "$markers and timed"
[ "$found" ] || [ "$failed" ] || { echo "e2e: no test has '$only' in its path or name" >&2; exit 1; }
[ ! "$failed" ] || exit 1
[ "$doubtful" ] || exit 0

named=$(failures)
if [ "$(wc -l <<<"$named")" -gt "$most_doubtful" ]; then
    echo "e2e: too many tests have failed to run them again" >&2
    exit 1
fi
for _ in 1 2 3; do
    (IFS=$'\n' && set -f && tests -p no:cacheprovider $named) || exit 1
done
echo "e2e: these failed once, and passed three times when they ran alone:" >&2
sed 's/^/    /' <<<"$named" >&2
