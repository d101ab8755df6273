#!/usr/bin/env bash
# Runs the unit tests, which are built: in two processes, each of which runs one test after the other. More beside each other, and those
# with clients and brokers that run by the clock miss their seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/beside.sh

# Of the tests' modules those without a broker, which take about half of the time.
without_loop='^(GatewayTests|HashingTests|JSONTests|RoutesTests|SettingTypesTests|YAMLTests)\.'
output=$(mktemp)

# Nothing is built here, so no lock is needed.
tests() { timeout --foreground 600 swift test --ignore-lock --quiet --skip-build --no-parallel "$@"; }

beside "$output" tests --filter "$without_loop"
status=0
tests --skip "$without_loop" || status=$?
wait $! || status=$?
cat "$output"
exit "$status"
