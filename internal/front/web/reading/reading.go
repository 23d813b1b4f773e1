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
	"siegel/internal/front/trail/words"
	"siegel/internal/front/web/page"
	"siegel/internal/identity"
	"siegel/internal/index"
	"siegel/internal/index/saved"
	"siegel/internal/mail"
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
	// Provable says whether that can be done by now, as [archive.Notary] does.
	Provable func(ctx context.Context, s *identity.Session, id mail.ID) error
}

// room has the pages.
type room struct {
	*page.Frame
	Deps

	pages *page.Set
	kinds *words.Kinds
}

// Mount puts the pages in their places.
func Mount(mux *http.ServeMux, f *page.Frame, d Deps) error {
	pages, err := f.Pages(templates)
	if err != nil {
		return err
	}
	r := &room{f, d, pages, words.New()}
	f.Gives(func(ctx context.Context, s *identity.Session) (bool, error) {
		list, err := d.Cases.Mine(ctx, s)
		return len(list) > 0, err
	})
	mux.Handle("GET /{$}", f.Signed(r.start))
	for pattern, h := range map[string]page.Handler{
		"GET /search":                    r.search,
		"POST /search/saved":             r.keep,
		"POST /search/saved/{id}/delete": r.forget,
		"GET /message/{id}":              r.message,
		"POST /message/{id}":             r.message, // with a reason
		"POST /message/{id}/eml":         r.eml,
		"POST /message/{id}/part":        r.part,
		"POST /message/{id}/sheet":       r.sheet,
		"GET /message/{id}/history":      r.history,
		"POST /message/{id}/source":      r.source,
		"POST /message/{id}/proof":       r.proof,
	} {
		mux.Handle(pattern, f.For(h, identity.Keeper, identity.Auditor, identity.Reader))
	}
	return nil
}
