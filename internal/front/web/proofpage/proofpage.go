// Package proofpage is the page with which anybody checks a proof bundle in a
// browser (requirements BX-02 and EV-04): public, without a session. It uploads nothing
// and cannot. There are two forms of it: one HTML file with the verifier inside, to be
// saved, whose policy forbids every connection; and the same page with the verifier
// beside it, which is quickly there, takes the verifier when a visitor begins, and then
// shuts itself by the policy of the first.
//
// scripts/proofpage.sh makes the file before the house is built (ADR 9); this package
// carries it, takes it apart and hands it out.
package proofpage

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
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

// VerifierName is the last part of the path of the verifier beside the page.
const VerifierName = "verifier.js"

// ErrPage is returned for a page that was not made by gen.
var ErrPage = errors.New("proofpage: the page is damaged: make deps builds it again")

// Page hands out the page. Use it from many goroutines.
type Page struct {
	whole    answer // the file to be saved
	light    answer // the same without the verifier
	verifier answer // a script that puts the verifier into the page
}

// answer is something to hand out.
type answer struct {
	kind          string // media type
	policy        string
	plain, packed string
	tag           string // of the plain octets, without quotes
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
	return apart(string(b))
}

// Where the page has what is taken apart.
const (
	policyBegin, policyEnd = `<meta http-equiv="Content-Security-Policy" content="`, `">`
	wasmBegin, wasmEnd     = `<template id="wasm">`, `</template>`
)

// apart makes the two forms of a page.
func apart(whole string) (*Page, error) {
	head, rest, found := strings.Cut(whole, policyBegin)
	policy, body, closed := strings.Cut(rest, policyEnd)
	before, rest, inside := strings.Cut(body, wasmBegin)
	wasm, after, ended := strings.Cut(rest, wasmEnd)
	if !found || !closed || !inside || !ended || strings.Count(policy, "script-src ") != 1 || strings.ContainsAny(wasm, `'\<`+"\n") {
		return nil, ErrPage
	}
	script := `document.getElementById('wasm').content.append('` + wasm + "');\n"
	sum := sha256.Sum256([]byte(script))
	open := strings.Replace(policy, "script-src ", "script-src 'self' ", 1)
	light := head + policyBegin + open + policyEnd + before +
		strings.TrimSuffix(wasmBegin, ">") + ` data-src="` + VerifierName + `" data-sum="sha256-` + base64.StdEncoding.EncodeToString(sum[:]) + `">` + wasmEnd + after
	const framed = "; frame-ancestors 'none'" // what a meta element cannot say
	p := &Page{
		whole: answer{kind: "text/html; charset=utf-8", policy: policy + framed, plain: whole, packed: packed},
		light: answer{kind: "text/html; charset=utf-8", policy: open + framed, plain: light, packed: pack(light, gzip.BestCompression)},
		// Base64 of what is packed already: all that can be won is won by codes alone.
		verifier: answer{kind: "text/javascript; charset=utf-8", policy: policy + framed, plain: script, packed: pack(script, gzip.HuffmanOnly)},
	}
	for _, a := range []*answer{&p.whole, &p.light, &p.verifier} {
		sum := sha256.Sum256([]byte(a.plain))
		a.tag = hex.EncodeToString(sum[:16])
	}
	return p, nil
}

func pack(s string, level int) string {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err == nil {
		_, err = io.WriteString(w, s)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // memory takes everything, and the level is one
	}
	return b.String()
}

// ServeHTTP implements [http.Handler] for GET and HEAD: below a path that ends in
// .html it is the file to save, below one that ends in [VerifierName] the verifier, below
// any other the page. It replaces the policy of the pages around it by its own.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h, a := w.Header(), p.light
	switch {
	case strings.HasSuffix(r.URL.Path, ".html"):
		a = p.whole
		h.Set("Content-Disposition", `attachment; filename="`+FileName+`"`)
	case strings.HasSuffix(r.URL.Path, "/"+VerifierName):
		a = p.verifier
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Security-Policy", a.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // asks each time, and gets it only where it is another
	h.Set("Vary", "Accept-Encoding")
	octets, tag := a.plain, a.tag
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		octets, tag = a.packed, a.tag+"-gzip"
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
