package app

import (
	"io/fs"

	"siegel/internal/archive"
	"siegel/internal/audit"
	"siegel/internal/flow/commit"
	"siegel/internal/flow/ingest"
	"siegel/internal/flow/tally"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/seal"
)

// table is the migrations of one room.
type table struct {
	pkg   string
	files fs.FS
}

// tables lists the rooms that keep rows, from the lowest floor up.
func tables() []table {
	return []table{
		{"ledger", ledger.Migrations()},
		{"seal", seal.Migrations()},
		{"audit", audit.Migrations()},
		{"identity", identity.Migrations()},
		{"commit", commit.Migrations()},
		{"ingest", ingest.Migrations()},
		{"tally", tally.Migrations()},
		{"archive", archive.Migrations()},
		{"index", index.Migrations()},
	}
}
