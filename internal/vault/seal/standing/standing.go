// Package standing says whether a row of the database is what the ledger has of
// it. A row that is not gives nothing to anybody, whoever wrote it.
package standing

import (
	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/proto/entry"
)

// Row is a row that an entry of the log vouches for.
type Row struct {
	What        fault.Word // for errors
	Kind, Field string
	Text, Salt  []byte // of the entry, of the field
	Value       []byte // of the field, made from the row
	Sealed      entry.Hash
	Leaf        int64
}

// Check verifies that the row is what its entry commits to.
func (r Row) Check() error {
	e, err := entry.Parse(r.Text)
	if err != nil || e.Kind != r.Kind || len(r.Salt) != entry.SaltSize {
		return fault.Newf(fault.Damaged, "%s has no entry in the ledger", r.What)
	}
	if err := e.Check(r.Field, entry.Opening{Salt: entry.Hash(r.Salt), Value: r.Value}); err != nil {
		return &fault.Error{Kind: fault.Damaged, Public: "%s is not the one in the ledger", Args: []any{r.What}, Cause: err}
	}
	return nil
}

// Data is the leaf data of the row's entry.
func (r Row) Data() entry.Hash { return entry.LeafData(r.Text, r.Sealed) }

// Is reports whether the row's entry is the one at p.
func (r Row) Is(p flow.Entered) bool { return p.Index == r.Leaf && p.Data == r.Data() }

// Stands reports whether the row is what stands at p, which is the newest entry
// of its id: false where it says something else, or another id's entry vouches
// for it.
func (r Row) Stands(p flow.Entered) bool { return r.Check() == nil && r.Is(p) }

// Stray reports whether nothing of the row's kind stands at p: it was never
// entered, or has ended. Otherwise a row that does not stand was changed.
func (r Row) Stray(p flow.Entered) bool { return p.Kind != r.Kind }

// Absent is the error of a row whose entry does not stand in the log. Errors of
// other kinds than Damaged stay as they are.
func (r Row) Absent(err error) error {
	if err != nil && fault.Of(err) != fault.Damaged {
		return err
	}
	return &fault.Error{Kind: fault.Damaged, Public: "%s is not in the ledger", Args: []any{r.What}, Cause: err}
}
