// Package proofpage is the page with which anybody checks a proof bundle in a
// browser (requirements BX-02 and EV-04): one HTML file with the verifier inside,
// public, without a session. It uploads nothing and cannot: its policy forbids every
// connection, also in a copy that was saved.
//
// scripts/proofpage.sh makes the page before the house is built (ADR 9); this package
// carries it and hands it out.
package proofpage

import (
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// packed is the page as gen made it. Where the file is missing: make deps.
//
//go:embed page.html.gz
var packed string

// FileName is what a browser calls the copy that it saves.
const FileName = "siegel-proof.html"

// ErrPage is returned for a page that was not made by gen.
var ErrPage = errors.New("proofpage: the page is damaged: make deps builds it again")

// Page hands out the page. Use it from many goroutines.
type Page struct {
	plain  string
	tag    string // of the plain page, without quotes
	policy string
}

// New unpacks the page. The error is [ErrPage].
func New() (*Page, error) {
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		return nil, errors.Join(ErrPage, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, errors.Join(ErrPage, err)
	}
	p := &Page{plain: string(b)}
	sum := sha256.Sum256(b)
	p.tag = hex.EncodeToString(sum[:16])
	const begin, end = `<meta http-equiv="Content-Security-Policy" content="`, `">`
	_, rest, found := strings.Cut(p.plain, begin)
	policy, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		return nil, ErrPage
	}
	// What a meta element cannot say.
	p.policy = policy + "; frame-ancestors 'none'"
	return p, nil
}

// ServeHTTP implements [http.Handler] for GET and HEAD: below a path that ends in
// .html it is a file to save, below any other the page. It replaces the policy of
// the pages around it by its own.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // asks each time, and gets it only where it is another
	h.Set("Vary", "Accept-Encoding")
	if strings.HasSuffix(r.URL.Path, ".html") {
		h.Set("Content-Disposition", `attachment; filename="`+FileName+`"`)
	}
	octets, tag := p.plain, p.tag
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		octets, tag = packed, p.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(octets))
}

// takesGzip reads an Accept-Encoding (RFC 9110 section 12.5.3). Who weighs gzip
// with anything but nothing takes it.
func takesGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(coding, " ", "")), ";")
		if name == "gzip" || name == "x-gzip" {
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}
