# Source this to make plain `go build`, `go test` and an editor's Go work in this checkout:
#
#	. scripts/env.sh
#
# It links github.com/mattn/go-sqlite3 against our own static SQLite (scripts/sqlite.sh). The archive is
# given by its path, so that a missing one is a link error and never a system SQLite, which would
# write plaintext without a word.

# bash names the sourced file in BASH_SOURCE, zsh in $0; other shells have to stand in the checkout.
SIEGEL_ROOT=$(cd "$(dirname "${BASH_SOURCE:-$0}")/.." 2>/dev/null && pwd)
[ -f "$SIEGEL_ROOT/scripts/env.sh" ] || SIEGEL_ROOT=$PWD
if [ ! -f "$SIEGEL_ROOT/scripts/env.sh" ]; then
	echo "scripts/env.sh: source it from the top of the checkout" >&2
	unset SIEGEL_ROOT
	return 1
fi
export SIEGEL_ROOT

siegel_tags="-tags=libsqlite3,sqlite_fts5"
case " ${GOFLAGS:-} " in
*" $siegel_tags "*) ;;
*) export GOFLAGS="${GOFLAGS:+$GOFLAGS }$siegel_tags" ;;
esac
unset siegel_tags

siegel_sqlite=$SIEGEL_ROOT/build/sqlite
export CGO_ENABLED=1
export CGO_CFLAGS="-O2 -g '-I$siegel_sqlite'"
# -L for the driver's own -lsqlite3: it finds the same archive, which then has nothing left to give.
export CGO_LDFLAGS="'$siegel_sqlite/libsqlite3.a' '-L$siegel_sqlite' -lm -lpthread -ldl"
unset siegel_sqlite

# The Go toolchain of this machine, not one that a go command would download.
export GOTOOLCHAIN="${GOTOOLCHAIN:-local}"

# Corpora and vectors for tests; tests that need them say that they were skipped where the folder is absent.
export SIEGEL_SHARED="${SIEGEL_SHARED:-$(dirname "$SIEGEL_ROOT")/shared}"
