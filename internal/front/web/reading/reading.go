// Package reading has the pages of the archive: start, search, and a message as its
// reader, a court or a mail program wants it.
package reading

import (
	"context"
	"embed"
	"io"
	"net/http"

	"siegel/internal/archive"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/index"
)

//go:embed templates/*.html
var templates embed.FS

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

// Deps are the rooms that these pages reach.
type Deps struct {
	Archive *archive.Archive
	Index   *index.Index
	State   func(ctx context.Context) []Row // how the server is
	// Prove writes the bundle of a message.
	Prove func(ctx context.Context, s *identity.Session, of archive.ProofOf, w io.Writer) error
}

// room has the pages.
type room struct {
	*page.Frame
	Deps

	pages *page.Set
}

// Mount puts the pages in their places.
func Mount(mux *http.ServeMux, f *page.Frame, d Deps) error {
	pages, err := f.Pages(templates)
	if err != nil {
		return err
	}
	r := &room{f, d, pages}
	mux.Handle("GET /{$}", f.Signed(r.start))
	mux.Handle("GET /search", f.Signed(r.search))
	mux.Handle("GET /message/{id}", f.Signed(r.message))
	mux.Handle("POST /message/{id}", f.Signed(r.message)) // with a reason
	mux.Handle("POST /message/{id}/eml", f.Signed(r.eml))
	mux.Handle("POST /message/{id}/proof", f.Signed(r.proof))
	return nil
}
