#!/usr/bin/env bash
# Makes the proof page: compiles the verifier to WASM and puts it, with scripts and styles, into one
# HTML file (internal/front/web/proofpage/page.html.gz), which the server carries. Go's own cache
# makes it quick where nothing changed; the file is written only where it would be another. The same
# sources and the same Go give the same octets, on any machine.
#
#	scripts/proofpage.sh            the file in its place
#	scripts/proofpage.sh FILE.html  the page itself, to compare it or to hand it on
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build
exec 7>build/proofpage.lock
flock 7

wasm=build/proofpage/verify.wasm
out=internal/front/web/proofpage/page.html.gz
mkdir -p build/proofpage
GOOS=js GOARCH=wasm CGO_ENABLED=0 GOFLAGS= GOTOOLCHAIN="${GOTOOLCHAIN:-local}" \
	go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$wasm" ./cmd/siegel-verify/wasm
GOFLAGS= GOTOOLCHAIN="${GOTOOLCHAIN:-local}" CGO_ENABLED=0 \
	go run ./internal/front/web/proofpage/gen -wasm "$wasm" -exec "$(cd / && go env GOROOT)/lib/wasm/wasm_exec.js" -out "$out"
if [ $# -gt 0 ]; then
	gzip -dc "$out" >"$1"
fi
exec 7>&-
