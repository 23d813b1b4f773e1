#!/usr/bin/env bash
# Puts together everything that the container image has, in a folder: the two programs, linked so that they
# need nothing else, the root certificates of the machine that builds, an account, an empty /data and /tmp.
#
#	scripts/image_root.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
[ $# -eq 1 ] || {
	echo "image_root.sh FOLDER" >&2
	exit 2
}
root=$1
mkdir -p "$root"
[ -z "$(ls -A "$root")" ] || {
	echo "image: $root is not empty" >&2
	exit 1
}
certificates=/etc/ssl/certs/ca-certificates.crt
[ -f "$certificates" ] || {
	echo "image: $certificates is missing; install ca-certificates" >&2
	exit 1
}
version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)

mkdir -p "$root"/{bin,data,etc/ssl/certs,run/siegel,tmp}
export GOFLAGS="$GOFLAGS,netgo,osusergo" # names are looked up without the C library
# SQLite's loader of extensions would need the C library at run time; we never load one, so its warning says nothing.
go build -trimpath -buildvcs=false -ldflags "-X main.version=$version -linkmode external -extldflags '-static -Wl,--no-warnings'" \
	-o "$root/bin/siegel" ./cmd/siegel
CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-X main.version=$version" -o "$root/bin/siegel-verify" ./cmd/siegel-verify
cp "$certificates" "$root/etc/ssl/certs/"
printf 'siegel:x:10001:10001::/data:/bin/false\n' >"$root/etc/passwd"
printf 'siegel:x:10001:\n' >"$root/etc/group"
chmod 0755 "$root" "$root"/{bin,bin/*,etc,etc/ssl,etc/ssl/certs,run}
chmod 0700 "$root/data" "$root/tmp"
chmod 0750 "$root/run/siegel"
if [ "$(id -u)" -eq 0 ]; then
	chown 10001:10001 "$root/data" "$root/tmp" "$root/run/siegel"
fi
echo "image: $root has $(du -sh "$root" | cut -f 1), version $version"
