# Everything one does with this checkout. `make` alone lists it.
#
# The work is in scripts/, one file per thing; scripts/env.sh has the Go and C settings that
# a plain `go build` needs as well (`. scripts/env.sh`).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

# Overridable: make demo DEMO=--once, make test PKG=./internal/flow/..., make fuzz FUZZTIME=10s.
DEMO ?=
PKG ?= ./...
BENCH ?= .
# Rooms with tables, and whole servers: their tests run on SQLite and files, and once more on PostgreSQL and S3,
# where the crash test kills less often (KILLS=all for as often).
ON_DATABASE = ./internal/vault/ledger/... ./internal/vault/seal ./internal/audit ./internal/flow/commit ./internal/flow/ingest ./internal/flow/tally ./internal/archive/... ./internal/index/saved ./internal/index \
	./internal/identity/... ./internal/app ./internal/front/web ./internal/front/api ./test/crash ./test/transfer ./test/browser
export FUZZTIME ?= 60s
export FUZZTOTAL ?= 3600

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO_BUILD = go build -trimpath -buildvcs=false -ldflags "-X main.version=$(VERSION)"

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps deps-test deps-check deps-bench
deps: ## what demo and build need: compiler, Node, npm packages, SQLite, the proof page
	@scripts/deps.sh demo
deps-test: ## what the tests need beyond that: openssl, python3, strace, Postfix, swaks, Chromium, PostgreSQL, an S3 store
	@scripts/deps.sh test
deps-check: ## the linters, built into build/bin
	@scripts/deps.sh check
deps-bench: ## what the benchmarks need: Dovecot to compare with, PostgreSQL, an S3 store
	@scripts/deps.sh bench

.PHONY: build-sqlite
build-sqlite: ## only the static SQLite with encryption, into build/sqlite
	@scripts/sqlite.sh

.PHONY: build-proofpage
build-proofpage: ## only the page that checks proofs in a browser, into build/proof.html
	@scripts/proofpage.sh build/proof.html

.PHONY: build
build: deps ## siegel and siegel-verify, into build/bin
	@mkdir -p build/bin
	@. scripts/env.sh && $(GO_BUILD) -o build/bin/siegel ./cmd/siegel
	@. scripts/env.sh && CGO_ENABLED=0 $(GO_BUILD) -o build/bin/siegel-verify ./cmd/siegel-verify
	@echo "build: build/bin/siegel and build/bin/siegel-verify, version $(VERSION)"

.PHONY: demo
demo: build ## build, then run a Siegel filled with examples (DEMO=--once ends by itself)
	@build/bin/siegel demo $(DEMO)

.PHONY: test
test: deps deps-test ## all tests, about 20 minutes on two cores (PKG=./internal/flow/... for some)
	@. scripts/env.sh && go test -timeout 15m $(PKG)
	@. scripts/env.sh && SIEGEL_TEST_DATABASE=postgres go test -timeout 15m $(if $(KILLS),,-short) $(if $(filter ./...,$(PKG)),$(ON_DATABASE),$(PKG))

.PHONY: pictures
pictures: deps deps-test ## the pictures of README and docs, as the browser's test sees the pages
	@. scripts/env.sh && mkdir -p docs/pictures && SIEGEL_TOUR=$(CURDIR)/docs/pictures go test -count=1 -run TestJourney ./test/browser

.PHONY: check
check: deps deps-check ## formatting, linters, house rules, races in the pure packages, known vulnerabilities
	@scripts/check.sh

.PHONY: fuzz
fuzz: deps ## every fuzz target in turn, FUZZTIME (60s) each, FUZZTOTAL (3600) seconds in all
	@scripts/fuzz.sh

.PHONY: bench
bench: build deps-bench ## the benchmarks, into build/bench.txt (BENCH=name for some)
	@. scripts/env.sh && go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m $(PKG) | tee build/bench.txt

.PHONY: clean
clean: ## remove what was built (not the npm packages)
	rm -rf build internal/front/web/proofpage/page.html.gz
