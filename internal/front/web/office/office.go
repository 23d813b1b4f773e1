// Package office has the pages where people are given access and where one sees what was
// done.
package office

import (
	"embed"
	"net/http"

	"siegel/internal/front/web/page"
	"siegel/internal/identity"
)

//go:embed templates/*.html
var templates embed.FS

// Deps are the rooms that these pages reach.
type Deps struct {
	Identity *identity.Identity
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
	mux.Handle("GET /trail", f.Signed(r.trail))
	return nil
}
