#!/usr/bin/env bash
# Installs and builds what bench/run.py and bench/question.py need; says and does nothing when it is there already.
# RabbitMQ itself comes with scripts/setup.sh run. Its arguments are further Debian packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() {
    echo "bench/setup: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing=()
for package in wrk gcc libc6-dev libmicrohttpd-dev librabbitmq-dev libjansson-dev python3-venv "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' $package 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || fail "please install ${missing[*]} (no apt-get here to do it)"
    echo "bench/setup: installing ${missing[*]}" >&2
    as_root apt-get -qq update >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${missing[@]}" >&2
fi

if ! cmp -s requirements.txt .venv-bench/stamp; then
    echo "bench/setup: installing Python packages into bench/.venv-bench" >&2
    rm -rf .venv-bench
    /usr/bin/python3 -m venv .venv-bench
    .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt >&2
    cp requirements.txt .venv-bench/stamp
fi

# $1: a program; $2: its source; the rest: options and libraries.
compile() {
    if [ ! ".build/$1" -nt "$2" ]; then
        cc -O2 -std=gnu11 -Wall -Wextra -Werror -o ".build/$1" "$2" "${@:3}"
    fi
}
mkdir -p .build
compile ceiling ceiling.c -lmicrohttpd -lrabbitmq -ljansson -lpthread
compile ceiling-suspending ceiling.c -DSUSPENDING -lmicrohttpd -lrabbitmq -ljansson -lpthread
compile publisher publisher.c -lrabbitmq -lpthread
compile requester requester.c -lrabbitmq
