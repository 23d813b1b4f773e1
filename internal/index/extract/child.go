package extract

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"time"

	"siegel/internal/proto/document"
	"siegel/internal/proto/frame"
)

// maxDocument is how large a document is that the child takes, in octets.
const maxDocument = 64 << 20

// maxTime is how much time of a processor a child takes in its life, and each of its
// helpers.
const maxTime = 10 * time.Minute

// Child is how the child works.
type Child struct {
	PDF      document.Helper // nil where there is no program that reads PDF
	Confined Confined        // what [Confine] achieved
}

// Serve reads documents from in and writes their texts to out until in ends. It does not
// return in the middle of a document when in ends, it ends the process: nobody is
// there any more who would read the text.
func (c Child) Serve(in io.Reader, out io.Writer) error {
	w := frame.NewWriter(out)
	if err := send(w, frame.Begin, ready{PDF: c.PDF != nil, Offline: c.Confined.Offline, Blind: c.Confined.Blind}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	documents := make(chan task)
	over := make(chan error, 1)
	go func() { over <- receive(frame.NewReader(in), documents) }()
	for {
		select {
		case t := <-documents:
			if err := c.answer(w, t, over); err != nil {
				return err
			}
		case err := <-over:
			return err
		}
	}
}

// task is a document on its way.
type task struct {
	header
	octets []byte
	large  bool // there are more octets than are taken
}

// receive takes documents until the stream ends.
func receive(r *frame.Reader, documents chan<- task) error {
	var t task
	for {
		k, b, err := r.Read()
		if err != nil {
			return nil //nolint:nilerr // the parent has gone, or wants no more
		}
		switch k {
		case frame.Message:
			t = task{}
			if err := json.Unmarshal(b, &t.header); err != nil {
				return err
			}
		case frame.Data:
			if t.large = t.large || len(t.octets)+len(b) > maxDocument; t.large {
				t.octets = nil
			} else {
				t.octets = append(t.octets, b...)
			}
		case frame.Drop:
			t = task{}
		case frame.End:
			documents <- t
			t = task{}
		default:
			return frame.ErrKind
		}
	}
}

// answer reads a document. Where the parent goes meanwhile, the process ends.
func (c Child) answer(w *frame.Writer, t task, over <-chan error) error {
	done := make(chan document.Result, 1)
	go func() {
		if t.large {
			done <- document.Result{State: document.Large}
			return
		}
		f := document.File{Octets: t.octets, Name: t.Name, Type: t.Type}
		done <- document.Text(f, document.Limits{Text: t.Limit}, c.PDF)
	}()
	var r document.Result
	select {
	case r = <-done:
	case err := <-over:
		_ = err // whatever it is: nobody is there any more
		os.Exit(1)
	}
	if _, err := io.Copy(w.Body(), strings.NewReader(r.Text)); err != nil {
		return err
	}
	if err := send(w, frame.End, footer{State: r.State, Cut: r.Cut}); err != nil {
		return err
	}
	return w.Flush()
}
