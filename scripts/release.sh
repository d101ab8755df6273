#!/usr/bin/env bash
# Makes and checks all that is shipped of the last commit, with the built gateway: scripts/release.sh BINARY FOLDER
#
# What there was in FOLDER is gone then. PHP and Go take their packages from a tag: here they are only checked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$1 folder=$2
version=$(scripts/version.py)
tools=$PWD/.cache/packaging/bin
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export PYTHONDONTWRITEBYTECODE= # with it, building warns
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "release: $*" >&2
    exit 1
}

# quietly WORD…: the command; what it says is shown only if it fails or warns.
quietly() {
    if ! "$@" >"$work/log" 2>&1 || grep -qiw -e warn -e warning "$work/log"; then
        cat "$work/log" >&2
        fail "this failed: $*"
    fi
}

[ "$("$binary" --version)" = "$version" ] || fail "$binary is $("$binary" --version), not $version"
rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# What is built there leaves its traces, and none of an earlier time is in it.
mkdir "$work/sources"
git archive HEAD | tar --extract --directory "$work/sources"

deb=$(scripts/deb.sh "$binary" "$folder")
lintian --allow-root --fail-on=error,warning "$deb" || fail "lintian found something in $deb"

for package in adapters/python emitters/python; do
    quietly "$tools/python" -W error -m build --no-isolation --outdir "$folder" "$work/sources/$package"
done
quietly "$tools/twine" check --strict "$folder"/socketio_gateway_*

for package in adapters/node emitters/node; do
    (cd "$work/sources/$package" && quietly npm pack --dry-run --offline)
    (cd "$work/sources/$package" && quietly npm pack --offline --silent --pack-destination "$folder")
done

# RubyGems warns that there is no homepage.
(cd "$work/sources/emitters/ruby" && gem build --silent --output "$folder/socketio-gateway-emitter-$version.gem" ./*.gemspec 2>/dev/null)

quietly php -l "$work/sources/emitters/php/Gateway.php"
quietly php -r '$composer = json_decode(file_get_contents($argv[1]), true, flags: JSON_THROW_ON_ERROR); exit(isset($composer["version"]) ? 1 : 0);' \
    "$work/sources/emitters/php/composer.json"

(cd "$work/sources/emitters/go" && export GOPROXY=off GOTOOLCHAIN=local &&
    quietly test -z "$(gofmt -l .)" && quietly go vet ./... && quietly go build ./...)

scripts/tarball.sh "$binary" "$folder" >/dev/null # and the checksums of all

echo "socketio-gateway $version, in $folder:"
(cd "$folder" && ls -lh --time-style=+ | awk 'NR > 1 { printf "  %-70s %6s\n", $NF, $5 }')
echo "PHP and Go take theirs from the tags v$version and emitters/go/v$version."
