#!/usr/bin/env bash
# Builds the tools of `make check`, `make test` and `make bench` into build/bin, each pinned by its own modfile
# under tools/, so that their modules stay out of ours. Names may be given: tools.sh gofumpt.
# A tool is built again only when its modfile or the Go toolchain changes.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build/bin
exec 9>build/tools.lock
flock 9

# The tools need neither our tags nor C.
export GOFLAGS= CGO_ENABLED=0 GOTOOLCHAIN="${GOTOOLCHAIN:-local}"

if [ $# -eq 0 ]; then
	set -- $(cd tools && ls -- *.mod | sed 's/\.mod$//')
fi
for name in "$@"; do
	mod=tools/$name.mod
	package=$(awk '$1 == "tool" { print $2 }' "$mod")
	version=$(awk -v p="$package" '{ m = $1 == "require" ? $2 : $1; v = $1 == "require" ? $3 : $2 }
		v ~ /^v/ && index(p "/", m "/") == 1 { print v }' "$mod" | tail -n 1)
	stamp=$({ cat "$mod" "tools/$name.sum"; go version; } | sha256sum | cut -d ' ' -f 1)
	if [ -x "build/bin/$name" ] && [ "$(cat "build/bin/.$name.stamp" 2>/dev/null)" = "$stamp" ]; then
		echo "tools: $name $version is up to date"
		continue
	fi
	echo "tools: building $name $version"
	go build -modfile="$mod" -trimpath -buildvcs=false -o "build/bin/$name" "$package"
	printf '%s\n' "$stamp" >"build/bin/.$name.stamp"
done
