// Package reading has the operations of the archive: search, messages, and how it is.
package reading

import (
	"context"
	"io"

	"siegel/internal/archive"
	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
)

// Deps are the rooms that these operations reach.
type Deps struct {
	Archive *archive.Archive
	Index   *index.Index
	// State says how the server is.
	State func(context.Context) []Row
	// Prove writes the bundle of a message.
	Prove func(context.Context, *identity.Session, archive.ProofOf, io.Writer) error
}

// Row is one line of how the server is.
type Row struct {
	Name, State  string // state: ok, warn, bad
	What, Remedy Sentence
}

// Sentence is a text that waits for its language.
type Sentence struct {
	Text string
	Args []any
}

type room struct {
	*operation.Door
	Deps
}

// Mount adds the operations.
func Mount(door *operation.Door, d Deps) {
	r := &room{door, d}
	r.messages()
	r.state()
}

// reads fails where a person reads no mail, in the words of the pages.
func reads(c *operation.Call) error {
	if c.Account().Role == identity.Administrator {
		return fault.New(fault.Denied, "the role administrator reads nothing, so there is nothing to search")
	}
	return nil
}
