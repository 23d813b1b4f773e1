#!/usr/bin/env bash
# Compiles SQLite with encryption (SQLite3 Multiple Ciphers) from the amalgamation that npm installed
# into build/sqlite/libsqlite3.a, with its headers beside. Does nothing where neither source nor
# flags nor compiler changed. Several runs at once are safe: they wait for one another.
set -euo pipefail
cd "$(dirname "$0")/.."

mc_version="SQLite3 Multiple Ciphers 2.3.5"
sqlite_version="3.53.2"

source_dir=node_modules/better-sqlite3-multiple-ciphers/deps/sqlite3
out=build/sqlite
cc=${CC:-gcc}

flags=(
	-O3
	-DSQLITE_ENABLE_FTS5
	-DSQLITE_TEMP_STORE=2 # temporary tables stay in memory: plaintext is never on disk
	-DSQLITE_USE_URI=1    # the key comes in the URI
	-DSQLITE_THREADSAFE=1
	-DSQLITE_ENABLE_UNLOCK_NOTIFY
	-DSQLITE_DEFAULT_WAL_SYNCHRONOUS=2
)
case "$("$cc" -dumpmachine)" in
x86_64-*) flags+=(-msse4.2 -maes) ;;
esac

if [ ! -f "$source_dir/sqlite3.c" ]; then
	echo "sqlite: $source_dir/sqlite3.c is missing: run 'make deps' first" >&2
	exit 1
fi
for want in "\"$mc_version\"" "\"$sqlite_version\""; do
	if ! grep -qF "$want" "$source_dir/sqlite3.h" && ! grep -qF "$want" "$source_dir/sqlite3.c"; then
		echo "sqlite: the amalgamation in $source_dir is not $want" >&2
		exit 1
	fi
done

mkdir -p build
exec 9>build/sqlite.lock
flock 9

stamp=$({
	sha256sum <"$source_dir/sqlite3.c"
	sha256sum <"$source_dir/sqlite3.h"
	"$cc" --version | head -n 1
	printf '%s\n' "${flags[@]}"
} | sha256sum | cut -d ' ' -f 1)

if [ -f "$out/libsqlite3.a" ] && [ -f "$out/sqlite3.h" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
	echo "sqlite: $out/libsqlite3.a is up to date ($mc_version, SQLite $sqlite_version)"
	exit 0
fi

echo "sqlite: compiling $mc_version, SQLite $sqlite_version (about a minute)"
work=$(mktemp -d build/sqlite.XXXXXX)
trap 'rm -rf "$work"' EXIT
# -w: the warnings of somebody else's source are not for whoever builds this.
"$cc" "${flags[@]}" -w -c "$source_dir/sqlite3.c" -o "$work/sqlite3.o"
ar rcsD "$work/libsqlite3.a" "$work/sqlite3.o"
cp "$source_dir/sqlite3.h" "$source_dir/sqlite3ext.h" "$work/"

# What was built says what it is before anybody links it.
cat >"$work/probe.c" <<'C'
#include <stdio.h>
#include "sqlite3.h"
extern const char *sqlite3mc_version(void);
int main(void) { return printf("%s %s\n", sqlite3mc_version(), sqlite3_libversion()) < 0; }
C
"$cc" -I"$work" "$work/probe.c" "$work/libsqlite3.a" -lm -lpthread -ldl -o "$work/probe"
got=$("$work/probe")
if [ "$got" != "$mc_version $sqlite_version" ]; then
	echo "sqlite: the compiled archive says '$got', wanted '$mc_version $sqlite_version'" >&2
	exit 1
fi

mkdir -p "$out"
rm -f "$out/stamp"
mv "$work/sqlite3.h" "$work/sqlite3ext.h" "$out/"
mv "$work/libsqlite3.a" "$out/"
printf '%s\n' "$stamp" >"$out/stamp"
echo "sqlite: built $out/libsqlite3.a ($got)"
