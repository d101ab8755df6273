#!/usr/bin/env bash
# Makes an archive of the built gateway, to be unpacked into /usr/local, the list of what it is made of, and checksums of all that is
# in the folder: scripts/tarball.sh BINARY FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$1 folder=$2
name=socketio-gateway-$("$binary" --version)-linux-$(uname -m)
date=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/install.sh "$binary" /usr/local "$work/root"
mv "$work/root/usr/local" "$work/$name"
# Unpacked over an older one it must not take the configuration's place.
install -d "$work/$name/share/socketio-gateway"
mv "$work/$name/etc/socketio-gateway/gateway.yaml" "$work/$name/share/socketio-gateway/gateway.yaml"
rm -r "$work/$name/etc"
install -m 644 LICENSE "$work/$name/share/socketio-gateway/LICENSE"

mkdir -p "$folder"
tar --directory "$work" --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$date" "$name" |
    gzip -9n >"$folder/$name.tar.gz"
scripts/sbom.py "$binary" >"$folder/$name.cdx.json"
rm -f "$folder/SHA256SUMS"
checksums=$(cd "$folder" && LC_ALL=C sha256sum -- *)
echo "$checksums" >"$folder/SHA256SUMS"
echo "$folder/$name.tar.gz"
