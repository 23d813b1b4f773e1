#!/usr/bin/env bash
# Runs every fuzz target of the repository, one after another, FUZZTIME each. FUZZTOTAL (seconds)
# bounds the whole: with many targets each gets an equal, shorter share. An input that breaks
# something is written by Go to the package's testdata/fuzz: mend the code and commit the input.
# Nothing is made smaller: Go would spend up to a minute on each input that reaches new code, and
# a target then runs ten inputs instead of a million. FUZZMINIMIZE=60s makes a failing one small.
# Arguments choose targets by a part of their "folder name", e.g. fuzz.sh proto/smtp
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

seconds() { # 60, 60s, 2m or 1h in seconds
	case $1 in
	*h) echo $((${1%h} * 3600)) ;;
	*m) echo $((${1%m} * 60)) ;;
	*) echo "${1%s}" ;;
	esac
}
ended() { # whether it failed by nothing but the end of its time, which Go's engine now and then calls a failure
	grep -qE '^ +context deadline exceeded$' <<<"$1" && ! grep -qE 'Failing input|panic|hung|_test\.go:' <<<"$1"
}
each=$(seconds "${FUZZTIME:-60s}")
total=$(seconds "${FUZZTOTAL:-3600}")
begin=$SECONDS

git rev-parse --git-dir >/dev/null # says why where this is no usable checkout
targets=$(git ls-files -z --cached --others --exclude-standard -- '*_test.go' |
	{ xargs -0 -r grep -HoE '^func Fuzz[A-Z][A-Za-z0-9_]*' || true; } |
	sed -E 's|^(.*)/[^/]*:func (Fuzz.*)$|\1 \2|' | sort -u)
for part in "$@"; do
	targets=$(grep -F -- "$part" <<<"$targets") || true
done
count=$(grep -c . <<<"$targets" || true)
if [ "$count" -eq 0 ]; then
	echo "fuzz: there is no fuzz target${*:+ that matches $*}"
	exit 0
fi

# A target costs about 15 seconds of building before its time starts to count.
share=$((total / count - 15))
[ "$share" -ge 5 ] || share=5
[ "$each" -le "$share" ] || each=$share
echo "fuzz: $count targets, ${each}s each"

failed=()
while read -r dir name; do
	if [ $((SECONDS - begin)) -ge "$total" ]; then
		echo "fuzz: $total seconds are over, the rest is left for the next run" >&2
		failed+=("(out of time)")
		break
	fi
	echo "fuzz: $name in $dir"
	# The last lines say what happened; the rest is progress.
	if ! out=$(go test -run='^$' -fuzz="^$name\$" -fuzztime="${each}s" -fuzzminimizetime="${FUZZMINIMIZE:-0s}" -timeout 0 "./$dir" 2>&1 </dev/null) && ! ended "$out"; then
		printf '%s\n' "$out" | tail -n 40
		failed+=("$name")
	else
		printf '%s\n' "$out" | grep -E '^fuzz: elapsed' | tail -n 1 || true
	fi
done <<<"$targets"

if [ ${#failed[@]} -gt 0 ]; then
	echo "fuzz: failed: ${failed[*]}" >&2
	exit 1
fi
echo "fuzz: $count targets held for ${each}s each"
