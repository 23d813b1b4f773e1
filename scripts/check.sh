#!/usr/bin/env bash
# Everything that is wrong without running the product. All checks run; the names of those that
# failed stand at the end. Names may be given to run some: check.sh format lint
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
export PATH="$PWD/build/bin:$PATH"
git ls-files >/dev/null # says why where this is no usable checkout: no files would mean no findings

# repo_files lists the repository's files, new ones too, that match the given patterns.
repo_files() { git ls-files -z --cached --others --exclude-standard -- "$@" | while IFS= read -r -d '' f; do
	if [ -f "$f" ]; then printf '%s\0' "$f"; fi
done; }

format() {
	local bad
	bad=$(repo_files '*.go' | xargs -0 -r gofumpt -l)
	[ -z "$bad" ] && return 0
	printf 'gofumpt -w wants these:\n%s\n' "$bad"
	return 1
}

vet() { go vet ./...; }

lint() { golangci-lint run ./...; }

arch() { go test -count=1 ./test/arch; }

# Who depends on time and on other goroutines is the mail path; who parses are kit and proto. The
# packages that spend their time in SQLite and bcrypt would take the check past its welcome.
race() {
	local dir dirs=()
	for dir in kit proto flow; do
		[ -d "internal/$dir" ] && dirs+=("./internal/$dir/...")
	done
	[ ${#dirs[@]} -gt 0 ] || return 0
	go test -race -timeout 15m "${dirs[@]}"
}

vulnerabilities() {
	local archive=$SIEGEL_SHARED/vulndb.tar.xz db=build/vulndb stamp
	if [ ! -f "$archive" ]; then
		echo "skipped: $archive is absent"
		return 0
	fi
	stamp=$(sha256sum <"$archive")
	if [ "$(cat "$db/stamp" 2>/dev/null)" != "$stamp" ]; then
		rm -rf "$db"
		mkdir -p "$db"
		tar -xJf "$archive" -C "$db"
		printf '%s\n' "$stamp" >"$db/stamp"
	fi
	govulncheck -db "file://$PWD/$db" ./...
}

# The repository stands for itself: no address of a package registry, no path of one machine, no
# name of a workplace's tools. (go.sum and the lock file carry hashes only, and are read as well.)
names() {
	local pattern bad
	pattern='(https?://|[^a-z0-9.-])(proxy|registry|deb|mirrors?)\.[a-z-]+\.(org|com|net)|npmjs\.(org|com)'
	pattern+='|(^|[^a-zA-Z0-9_./-])/(work|farm)(/|[^a-zA-Z0-9_./-]|$)|/tmp/bash_job[s]|[.]library/|farm-studi[o]|[s]ubagent'
	bad=$(repo_files | xargs -0 -r grep -nIE "$pattern" --) || true
	[ -z "$bad" ] && return 0
	printf 'These do not belong into the repository:\n%s\n' "$bad" | cut -c1-200
	return 1
}

# Every script is at least a script.
shell() {
	local f bad=0
	while IFS= read -r -d '' f; do
		bash -n "$f" || bad=1
	done < <(repo_files 'scripts/*.sh' '.ci/run')
	return $bad
}

[ $# -gt 0 ] || set -- names shell format vet arch lint race vulnerabilities
failed=()
for name in "$@"; do
	echo "check: $name"
	# Called as a plain command in a subshell of its own, so that -e holds inside.
	set +e
	(
		set -e
		"$name"
	)
	[ $? -eq 0 ] || failed+=("$name")
	set -e
done
if [ ${#failed[@]} -gt 0 ]; then
	echo "check: failed: ${failed[*]}" >&2
	exit 1
fi
echo "check: all is well"
