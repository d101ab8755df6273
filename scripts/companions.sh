#!/usr/bin/env bash
# Runs the tests of adapters/python and adapters/node.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/again.sh

forget_failures adapters/python
tests adapters/python/tests -n 2 --dist loadfile || try_again adapters/python

cd adapters/node
node_tests() { timeout --foreground 600 node --test "$@" test/*.test.js test/real/*.test.js; }
node_tests || { echo "companions: once more, one file at a time" >&2; node_tests --test-concurrency=1; }
