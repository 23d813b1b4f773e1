package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
)

// The build brings htmx (scripts/deps.sh), whose code is not in the repository.
//
//go:embed static/siegel.css static/siegel.js static/seal.svg static/htmx.min.js
var statics embed.FS

// Static serves what pages look like and what makes them quick. Its names have no folder.
func (f *Frame) Static(w http.ResponseWriter, r *http.Request) {
	b, err := statics.ReadFile("static/" + r.PathValue("file"))
	if err != nil {
		f.Open(f.Nothing).ServeHTTP(w, r)
		return
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8"}
	sum := sha256.Sum256(b)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "public, max-age=3600")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", kinds[path.Ext(r.PathValue("file"))])
	_, _ = w.Write(b) // who asked may have gone
}
