#!/usr/bin/env bash
# Runs the unit tests, which are built: in two processes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/beside.sh

# The modules whose tests run in parallel. In the others clients and brokers run by the clock: beside each other they miss their seconds,
# so they run one after the other, and the parallel ones give way to them.
in_parallel='^(GatewayTests|HashingTests|JSONTests|RoutesTests|SettingTypesTests|YAMLTests)\.'
output=$(mktemp)

# Nothing is built here, so no lock is needed.
tests() { timeout --foreground 600 nice -n "$1" swift test --ignore-lock --quiet --skip-build "${@:2}"; }

beside "$output" tests 10 --filter "$in_parallel"
status=0
tests 0 --no-parallel --skip "$in_parallel" || status=$?
again=
wait $! || again=yes
cat "$output"
[ "$status" = 0 ] || exit "$status"
if [ "$again" ]; then
    echo "unit: once more, one test after the other" >&2
    tests 0 --no-parallel --filter "$in_parallel"
fi
