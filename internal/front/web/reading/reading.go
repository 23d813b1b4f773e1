// Package reading has the pages of the archive: start, search, and a message as its
// reader, a court or a mail program wants it.
package reading

import (
	"context"
	"embed"
	"io"
	"net/http"
	"time"

	"siegel/internal/archive"
	"siegel/internal/archive/casefile"
	record "siegel/internal/front/history"
	"siegel/internal/front/state"
	"siegel/internal/front/trail"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/index/saved"
)

//go:embed templates/*.html
var templates embed.FS

// patience is how long a page waits for mail that is not in the index yet; how much is
// missing is said.
const patience = 10 * time.Second

// Deps are the rooms that these pages reach.
type Deps struct {
	Archive *archive.Archive
	Index   *index.Index
	Saved   *saved.Room
	Cases   *casefile.Room
	State   state.Deps
	History record.Deps
	Now     func() time.Time
	// Prove writes the bundle of a message.
	Prove func(ctx context.Context, s *identity.Session, of archive.ProofOf, w io.Writer) error
}

// room has the pages.
type room struct {
	*page.Frame
	Deps

	pages *page.Set
	kinds *trail.Kinds
}

// Mount puts the pages in their places.
func Mount(mux *http.ServeMux, f *page.Frame, d Deps) error {
	pages, err := f.Pages(templates)
	if err != nil {
		return err
	}
	r := &room{f, d, pages, trail.New()}
	mux.Handle("GET /{$}", f.Signed(r.start))
	mux.Handle("GET /search", f.Signed(r.search))
	mux.Handle("POST /search/saved", f.Signed(r.keep))
	mux.Handle("POST /search/saved/{id}/delete", f.Signed(r.forget))
	mux.Handle("GET /message/{id}", f.Signed(r.message))
	mux.Handle("POST /message/{id}", f.Signed(r.message)) // with a reason
	mux.Handle("POST /message/{id}/eml", f.Signed(r.eml))
	mux.Handle("POST /message/{id}/part", f.Signed(r.part))
	mux.Handle("POST /message/{id}/sheet", f.Signed(r.sheet))
	mux.Handle("GET /message/{id}/history", f.Signed(r.history))
	mux.Handle("POST /message/{id}/source", f.Signed(r.source))
	mux.Handle("POST /message/{id}/proof", f.Signed(r.proof))
	return nil
}
