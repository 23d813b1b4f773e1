#!/usr/bin/env bash
# Brings what a level of work needs and says each thing it does; what is there already stays as it is.
#
#	deps.sh demo    compiler, git, Node; npm packages from the lock file; our SQLite; the proof page
#	deps.sh test    openssl, python3, strace, swaks, systemd-analyze, 7-Zip, pdftotext; Postfix, PostgreSQL and an S3-compatible store, which the tests run on loopback
#	deps.sh check   the linters of tools/, built into build/bin
#	deps.sh bench   Dovecot, to compare with; PostgreSQL, an S3-compatible store; benchstat
#
# Root is needed for missing Debian packages only: as an ordinary user it asks sudo, or says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

say() { printf 'deps: %s\n' "$*"; }
die() {
	printf 'deps: %s\n' "$*" >&2
	exit 1
}
have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

# need_debian installs the Debian packages of its arguments, all in one go.
need_debian() {
	[ $# -gt 0 ] || return 0
	local as_root=()
	have apt-get || die "please install what Debian calls: $* (this machine has no apt-get)"
	if [ "$(id -u)" -ne 0 ]; then
		have sudo || die "please run as root: apt-get install --no-install-recommends $*"
		as_root=(sudo)
		[ -t 0 ] || as_root=(sudo -n)
	fi
	say "installing Debian packages: $*"
	"${as_root[@]}" apt-get update -qq || say "apt-get update failed, trying with the lists that are here"
	case " $* " in *" postfix "*) # for tests only: without a configuration it does not start by itself
		printf 'postfix postfix/main_mailer_type select No configuration\n' | "${as_root[@]}" debconf-set-selections ;;
	esac
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "$@" >/dev/null </dev/null
}

go_toolchain() {
	local want got
	want=$(awk '$1 == "go" { print $2 }' go.mod)
	have go || die "Go $want or newer is missing: https://go.dev/doc/install"
	got=$(cd / && go env GOVERSION)
	got=${got#go}
	got=${got%% *}
	if [ "$(printf '%s\n%s\n' "$want" "$got" | sort -V | head -n 1)" != "$want" ]; then
		die "Go $got is too old, $want or newer is needed: https://go.dev/doc/install"
	fi
	say "Go $got is here"
}

npm_packages() {
	local stamp
	mkdir -p build
	exec 8>build/npm.lock
	flock 8
	stamp=$(cat package.json package-lock.json .npmrc | sha256sum | cut -d ' ' -f 1)
	if [ "$(cat node_modules/.siegel-stamp 2>/dev/null)" = "$stamp" ]; then
		say "npm packages are as the lock file says"
	else
		say "installing npm packages from the lock file (no scripts run)"
		npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null
		printf '%s\n' "$stamp" >node_modules/.siegel-stamp
	fi
	# The pages carry htmx inside the binary; its code is not in the repository.
	cmp -s node_modules/htmx.org/dist/htmx.min.js internal/front/web/page/static/htmx.min.js ||
		cp node_modules/htmx.org/dist/htmx.min.js internal/front/web/page/static/
	exec 8>&-
}

demo() {
	local missing=()
	have gcc || missing+=(gcc)
	[ -f /usr/include/stdio.h ] || missing+=(libc6-dev)
	have make || missing+=(make)
	have git || missing+=(git)
	have node || missing+=(nodejs)
	have npm || missing+=(npm)
	need_debian "${missing[@]}"
	say "gcc, make, git, node $(node --version), npm $(npm --version 2>/dev/null) are here"
	go_toolchain
	npm_packages
	scripts/sqlite.sh
	scripts/proofpage.sh
}

test_level() {
	local missing=() tool
	for tool in openssl python3 strace swaks; do
		have "$tool" || missing+=("$tool")
	done
	have chromium || missing+=(chromium)       # looks at the pages
	have systemd-analyze || missing+=(systemd) # judges the unit of deploy/
	have pdftotext || missing+=(poppler-utils) # reads PDF attachments
	have 7zz || have 7z || missing+=(7zip)     # opens the encrypted ZIP files of exports
	if have postfix; then
		say "Postfix is here"
	elif have sendmail; then
		say "another mail server is here, Postfix would take its place: the tests of test/interop will be skipped"
	else
		missing+=(postfix)
	fi
	compgen -G '/usr/lib/*/sasl2/libplain.so*' >/dev/null || missing+=(libsasl2-modules) # Postfix signs in with it
	need_debian "${missing[@]}"
	postgresql
	say "openssl, python3, strace, swaks, systemd-analyze, 7-Zip, pdftotext, Chromium and PostgreSQL are here"
	scripts/tools.sh versitygw # an S3-compatible store
}

# postgresql brings the server's programs. Debian would start a server of its own with them; the
# tests start theirs.
postgresql() {
	have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
	need_debian postgresql-common
	local conf=/etc/postgresql-common/createcluster.conf as_root=()
	[ "$(id -u)" -eq 0 ] || as_root=(sudo)
	"${as_root[@]}" sed -i 's/^#*create_main_cluster = .*/create_main_cluster = false/' "$conf"
	need_debian postgresql-15
}

check() {
	go_toolchain
	scripts/tools.sh gofumpt golangci-lint govulncheck
}

bench() {
	local missing=()
	have dovecot || missing+=(dovecot-core)
	[ -x /usr/lib/dovecot/lmtp ] || missing+=(dovecot-lmtpd)
	need_debian "${missing[@]}"
	postgresql
	say "Dovecot and PostgreSQL are here"
	scripts/tools.sh benchstat versitygw
}

[ $# -gt 0 ] || set -- demo
for level in "$@"; do
	case $level in
	demo) demo ;;
	test) test_level ;;
	check) check ;;
	bench) bench ;;
	*) die "unknown level '$level': demo, test, check or bench" ;;
	esac
done
