#!/usr/bin/env bash
# Builds the smallest Debian 12 that may be asked to run Siegel, clones this checkout into it, and
# runs there what a new user runs: the demo once, then the tests. Needs root, debootstrap and git.
#
#	scripts/minimal_root.sh                           make build, the demo, make test
#	scripts/minimal_root.sh 'make deps build-sqlite'  one command instead
#
# The environment decides the rest:
#	SIEGEL_WORKTREE=1   take the files as they lie here, not the last commit
#	SIEGEL_KEEP=1       leave the root where it is, for a look around
#	SIEGEL_ROOTFS=DIR   use this root; a finished one is taken as it is
#
# Debian comes from where this machine gets it; proxies, the registries that Go and npm are set to
# ask, and the certificates that this machine trusts are handed on.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
shared=${SIEGEL_SHARED:-$repo/../shared}
packages=(gcc libc6-dev make git nodejs npm ca-certificates)

say() { printf '\nminimal: %s\n' "$*"; }
die() {
	printf 'minimal: %s\n' "$*" >&2
	exit 1
}

[ "$(id -u)" -eq 0 ] || die "needs root (chroot, mounts)"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
[ -d "$shared" ] || die "the folder with corpora and vectors is absent: $shared"
goroot=$(cd / && go env GOROOT)
registry=$(cd / && npm config get registry 2>/dev/null) || registry=""

root=${SIEGEL_ROOTFS:-$(mktemp -d "${TMPDIR:-/tmp}/siegel-root.XXXXXX")}
mkdir -p "$root"
chmod 755 "$root" # apt downloads as a user of its own
mounts=()
cleanup() {
	local i
	for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
		umount "${mounts[i]}" || umount --lazy "${mounts[i]}" || true
	done
	if [ -n "${SIEGEL_KEEP:-}${SIEGEL_ROOTFS:-}" ]; then
		say "the root stays: $root"
	# Nothing of the host may be mounted in what is removed now.
	elif grep -qF " $root/" /proc/mounts; then
		say "something is still mounted below $root: left as it is"
	else
		rm -rf --one-file-system "$root"
	fi
}
trap cleanup EXIT

mount_in() { # source, path inside, options
	mkdir -p "$root$2"
	mount --bind ${3:+-o "$3"} "$1" "$root$2"
	mounts+=("$root$2")
}

# inside runs a shell command in the root, with nothing of our environment but what it needs.
inside() {
	local name handed=()
	for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SOURCE_DATE_EPOCH; do
		[ -z "${!name:-}" ] || handed+=("$name=${!name}")
	done
	chroot "$root" /usr/bin/env -i \
		HOME=/root USER=root LANG=C.UTF-8 TERM=dumb TMPDIR=/tmp \
		PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
		NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
		npm_config_cafile=/etc/ssl/certs/ca-certificates.crt \
		${registry:+npm_config_registry="$registry"} \
		GOPROXY="$(cd / && go env GOPROXY)" GOSUMDB="$(cd / && go env GOSUMDB)" GOTOOLCHAIN=local \
		SIEGEL_SHARED=/srv/shared \
		"${handed[@]}" \
		/bin/bash -c "$1" </dev/null
}

# debian_source prints the address of this machine's Debian archive.
debian_source() {
	local file
	for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
		[ -f "$file" ] || continue
		awk '$1 == "URIs:" { print $2; exit } $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }' "$file" |
			grep . && return 0
	done
	die "no Debian archive in /etc/apt"
}

if [ -f "$root/.siegel-ready" ]; then
	say "using the finished root $root"
else
	source=$(debian_source)
	say "installing Debian 12 (minbase) into $root"
	debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$source" >"$root.log" 2>&1 || {
		tail -n 30 "$root.log" >&2
		die "debootstrap failed, all of it is in $root.log"
	}
	rm -f "$root.log"
fi

say "handing on: apt's settings, names, certificates"
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
if [ -f /etc/apt/sources.list.d/debian.sources ]; then
	cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
	: >"$root/etc/apt/sources.list"
fi
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

say "mounting proc, dev, Go ($(cd / && go env GOVERSION)) and the shared folder"
mkdir -p "$root/proc"
mount -t proc proc "$root/proc"
mounts+=("$root/proc")
mount_in /dev /dev
mount_in /dev/shm /dev/shm
[ ! -d /dev/pts ] || mount_in /dev/pts /dev/pts
mount_in "$goroot" /usr/local/go ro
mount_in "$shared" /srv/shared ro

if [ ! -f "$root/.siegel-ready" ]; then
	# debootstrap does not resolve npm's alternatives, apt does.
	say "installing ${packages[*]}"
	inside "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages[*]} >/dev/null"
	touch "$root/.siegel-ready"
fi
# Again: the package ca-certificates wrote its own.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

rm -rf "$root/srv/siegel"
if [ -n "${SIEGEL_WORKTREE:-}" ]; then
	say "copying the files as they lie here"
	mkdir -p "$root/srv/siegel"
	git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf - | tar -xf - -C "$root/srv/siegel"
else
	say "cloning $(git log -1 --format='%h %s')"
	git clone --quiet --no-hardlinks "$repo" "$root/srv/siegel"
fi

if [ $# -eq 0 ]; then
	set -- 'make build' 'make demo DEMO=--once' 'make test'
fi
say "Node $(inside 'node --version'), npm $(inside 'npm --version'), $(inside 'go version'), $(inside 'gcc --version | head -n 1')"
for command in "$@"; do
	say "running: $command"
	begin=$SECONDS
	inside "cd /srv/siegel && $command" || die "failed after $((SECONDS - begin)) s: $command"
	say "done after $((SECONDS - begin)) s: $command"
done
say "all is well"
