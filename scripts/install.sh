#!/usr/bin/env bash
# Installs the built gateway: the program, its manual page and completions, a systemd unit, and a configuration file with every
# setting at its default. What is there of the configuration already stays.
#
#   scripts/install.sh BINARY PREFIX [DESTDIR]
#
# PREFIX is where it will be (/usr/local); DESTDIR is put before all paths while a package is made. With /usr the configuration is
# in /etc, otherwise in PREFIX/etc.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$1 prefix=${2%/} root=${3:-}
[[ $prefix == /* ]] || { echo "install: PREFIX must be an absolute path" >&2; exit 1; }
etc=$prefix/etc units=$prefix/lib/systemd/system zsh=$prefix/share/zsh/site-functions
if [ "$prefix" = /usr ]; then etc=/etc units=/lib/systemd/system zsh=/usr/share/zsh/vendor-completions; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# put MODE FILE TARGET
put() { install -D -m "$1" "$2" "$3"; }

strip -o "$work/program" "$binary"
put 755 "$work/program" "$root$prefix/bin/socketio-gateway"

scripts/manual.py "$binary" >"$work/manual"
gzip -9n "$work/manual"
put 644 "$work/manual.gz" "$root$prefix/share/man/man1/socketio-gateway.1.gz"

for shell in bash zsh fish; do "$binary" --generate-completion-script $shell >"$work/$shell"; done
sed -i '1{/^#!/d}' "$work/bash" # it is read, not run
put 644 "$work/bash" "$root$prefix/share/bash-completion/completions/socketio-gateway"
put 644 "$work/zsh" "$root$zsh/_socketio-gateway"
put 644 "$work/fish" "$root$prefix/share/fish/vendor_completions.d/socketio-gateway.fish"

sed "s|@BINDIR@|$prefix/bin|; s|@SYSCONFDIR@|$etc|" deploy/systemd/socketio-gateway.service >"$work/unit"
put 644 "$work/unit" "$root$units/socketio-gateway.service"

if [ ! -e "$root$etc/socketio-gateway/gateway.yaml" ]; then
    {
        "$binary" config reference --yaml
        cat deploy/systemd/secrets.yaml
    } >"$work/gateway.yaml"
    put 644 "$work/gateway.yaml" "$root$etc/socketio-gateway/gateway.yaml"
fi
install -d -m 700 "$root$etc/socketio-gateway/secrets"
