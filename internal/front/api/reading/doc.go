// Package reading has the operations of the archive: search, messages, and how it is.
package reading

import (
	"context"
	"io"

	"siegel/internal/archive"
	"siegel/internal/archive/casefile"
	"siegel/internal/front/api/operation"
	"siegel/internal/front/history"
	"siegel/internal/front/state"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/index/saved"
	"siegel/internal/kit/fault"
)

// Deps are the rooms that these operations reach.
type Deps struct {
	Archive *archive.Archive
	Index   *index.Index
	Saved   *saved.Room
	Cases   *casefile.Room
	State   state.Deps
	History history.Deps
	// Prove writes the bundle of a message.
	Prove func(context.Context, *identity.Session, archive.ProofOf, io.Writer) error
}

type room struct {
	*operation.Door
	Deps
}

// Mount adds the operations.
func Mount(door *operation.Door, d Deps) {
	r := &room{door, d}
	r.messages()
	r.histories()
	r.savedSearches()
	r.state()
}

// reads fails where a person reads no mail, in the words of the pages.
func reads(c *operation.Call) error {
	if c.Account().Role == identity.Administrator {
		return fault.New(fault.Denied, "the role administrator reads nothing, so there is nothing to search")
	}
	return nil
}
