#!/usr/bin/env bash
# Makes the Debian package of the built gateway, for the Debian that this runs on: scripts/deb.sh BINARY FOLDER
#
# The program says its version; DEBFULLNAME and DEBEMAIL are the maintainer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=$1 folder=$2
# As in the Dockerfile: not one from before the fixes of CVE-2026-59986 and CVE-2026-61547.
librabbitmq=0.11.0-1+deb12u3
# The first that reads packed relocations (Package.swift), of which dpkg-shlibdeps knows nothing.
glibc=2.36
version=$("$binary" --version)
maintainer="${DEBFULLNAME:-The socketio-gateway maintainers} <${DEBEMAIL:-maintainers@socketio-gateway.invalid}>"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/debian/socketio-gateway # where dpkg-shlibdeps looks for it
mkdir -p "$tree/DEBIAN"
scripts/install.sh "$binary" /usr "$tree"
# What must be root's alone is made by postinst.
rmdir "$tree/etc/socketio-gateway/secrets"

documents=$tree/usr/share/doc/socketio-gateway
install -d "$documents"
install -m 644 deploy/debian/copyright "$documents/copyright"
gzip -9nc CHANGELOG.md >"$documents/NEWS.gz"
{
    printf 'socketio-gateway (%s) unstable; urgency=medium\n\n  * What is new is in NEWS.gz.\n\n' "$version"
    printf ' -- %s  %s\n' "$maintainer" "$(date -uRd "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$documents/changelog.gz"

# dpkg-shlibdeps wants a source package around the program.
printf 'Source: socketio-gateway\n\nPackage: socketio-gateway\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/socketio-gateway" | sed 's/^shlibs:Depends=//')
depends=$(sed -E "s/librabbitmq4( \([^)]*\))?/librabbitmq4 (>= $librabbitmq)/; s/libc6( \([^)]*\))?/libc6 (>= $glibc)/" \
    <<<"$libraries")

cat >"$tree/DEBIAN/control" <<END
Package: socketio-gateway
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f1)
Depends: $depends, init-system-helpers (>= 1.51)
Recommends: ca-certificates
Section: net
Priority: optional
Description: HTTP service that emits Socket.IO events through RabbitMQ
 It stands beside Socket.IO servers that share RabbitMQ, and turns a POST of
 JSON into the message that their adapter expects. It says what became of it:
 the broker's confirm, and whether there was anybody to give the event to.
 .
 The service is not started before it is set up in /etc/socketio-gateway.
END
echo /etc/socketio-gateway/gateway.yaml >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "deploy/debian/$script" "$tree/DEBIAN/$script"; done
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
find "$tree" -type d -exec chmod 755 {} +

mkdir -p "$folder"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$folder/socketio-gateway_${version}_$(dpkg --print-architecture).deb" >/dev/null
echo "$folder/socketio-gateway_${version}_$(dpkg --print-architecture).deb"
