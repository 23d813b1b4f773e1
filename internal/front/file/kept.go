package file

import (
	"context"
	"errors"
	"io"
	"maps"
	stdmime "mime"
	"net/http"
	"strconv"
	"time"

	"siegel/internal/kit/fault"
)

// Kept is a file that stays as it is, so that it can be had in pieces.
type Kept struct {
	Name   string // under which the client saves it
	Kind   string // media type
	Tag    string // the same for the same octets
	Octets io.ReadSeeker
}

// Refused says that a client asked for what a file is not, or does not have: nothing was
// sent.
type Refused struct {
	Status int // 412 or 416
	fault  error
}

// Error implements error.
func (e *Refused) Error() string { return e.fault.Error() }

// Unwrap returns the fault, of kind Invalid or Conflict.
func (e *Refused) Unwrap() error { return e.fault }

// Serve sends a file to a client that may be slow, or what it asks for of it: a piece (RFC
// 9110 section 14), or nothing where it has the file already (section 13.1).
//
// It fails with [Refused] before anything is sent. Every other error is one of reading the
// file, after the head was written: the answer has to be broken off.
func Serve(w http.ResponseWriter, r *http.Request, k Kept) error {
	to := &deciding{w: w, header: w.Header().Clone()}
	to.header.Set("Content-Type", k.Kind)
	to.header.Set("Content-Disposition", stdmime.FormatMediaType("attachment", map[string]string{"filename": k.Name}))
	to.header.Set("Content-Security-Policy", "sandbox")
	to.header.Set("ETag", strconv.Quote(k.Tag))
	from := &noted{ReadSeeker: k.Octets}
	http.ServeContent(to, r, "", time.Time{}, from)
	switch to.refused {
	case http.StatusRequestedRangeNotSatisfiable:
		return &Refused{to.refused, fault.New(fault.Invalid, "the file does not have the octets that were asked for")}
	case http.StatusPreconditionFailed:
		return &Refused{to.refused, fault.New(fault.Conflict, "the file is another one than the one that was asked for")}
	}
	return from.err
}

// noted remembers why reading failed: ServeContent tells nobody.
type noted struct {
	io.ReadSeeker

	err error
}

// Read implements [io.Reader].
func (n *noted) Read(b []byte) (int, error) {
	got, err := n.ReadSeeker.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		n.err = err
	}
	return got, err
}

// deciding is an answer whose head is written when it is one: what is refused is for the
// door to say. It is for one goroutine.
type deciding struct {
	w       http.ResponseWriter
	header  http.Header
	steps   io.Writer // once the head was written
	refused int
}

// Header implements [http.ResponseWriter].
func (d *deciding) Header() http.Header { return d.header }

// WriteHeader implements [http.ResponseWriter].
func (d *deciding) WriteHeader(status int) {
	if d.steps != nil || d.refused != 0 {
		return
	}
	if status == http.StatusRequestedRangeNotSatisfiable || status == http.StatusPreconditionFailed {
		d.refused = status
		if all := d.header.Get("Content-Range"); all != "" {
			d.w.Header().Set("Content-Range", all) // how long the file is: RFC 9110 section 14.4
		}
		return
	}
	maps.Copy(d.w.Header(), d.header)
	d.w.WriteHeader(status)
	d.steps = Steps(d.w)
}

// Write implements [http.ResponseWriter].
func (d *deciding) Write(b []byte) (int, error) {
	if d.WriteHeader(http.StatusOK); d.refused != 0 {
		return len(b), nil
	}
	return d.steps.Write(b)
}
