package extract

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"siegel/internal/proto/document"
	"siegel/internal/proto/frame"
)

// Config says how documents are read.
type Config struct {
	// Command starts a child: a program with its arguments, which serves as [Child]
	// does. None means that no document can be read here.
	Command []string
	// Time is how long the child may take for a document, from its first octet to the
	// last word, without the time in which it waits for octets. 0 means 30 seconds.
	Time time.Duration
}

const defaultTime = 30 * time.Second

// startTime is how long a child may take until it says that it is there.
const startTime = 20 * time.Second

// maxText is the most text that is taken from a child for a document, in octets; a
// child that says more is none of ours any more.
const maxText = 16 << 20

// Able is what a reader can do here.
type Able struct {
	PDF     bool `json:"pdf"`     // a program that reads PDF is installed
	Offline bool `json:"offline"` // the child can open no connection
	Blind   bool `json:"blind"`   // the child sees no file but programs and libraries
}

// ErrNone means that no child can be started: nothing is known of any document.
var ErrNone = errors.New("extract: documents cannot be read here")

// Reader reads documents, one at a time, with a child that it starts when it needs one.
// It belongs to one goroutine at a time. Close it.
type Reader struct {
	config Config
	child  *child // nil where there is none
}

// New returns a reader.
func New(c Config) *Reader {
	if c.Time <= 0 {
		c.Time = defaultTime
	}
	return &Reader{config: c}
}

// child is a process that reads documents.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	w     *frame.Writer
	r     *frame.Reader
	able  Able
	mu    sync.Mutex
	ended bool // it was killed, or has ended; guarded by mu
}

// Able starts a child where there is none, and says what it can do. It fails with an
// error that Is [ErrNone].
func (r *Reader) Able(ctx context.Context) (Able, error) {
	if err := ctx.Err(); err != nil {
		return Able{}, err
	}
	if r.child == nil {
		c, err := r.start()
		if err != nil {
			return Able{}, err
		}
		r.child = c
	}
	return r.child.able, nil
}

func (r *Reader) start() (_ *child, err error) {
	if len(r.config.Command) == 0 {
		return nil, ErrNone
	}
	// No environment: there is nothing in it that the child needs, and perhaps secrets.
	cmd := exec.Command(r.config.Command[0], r.config.Command[1:]...) //nolint:noctx // it serves many documents, and ends with its standard input
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	c := &child{cmd: cmd, in: in, w: frame.NewWriter(in), r: frame.NewReader(out)}
	late := time.AfterFunc(startTime, c.kill)
	defer late.Stop()
	kind, b, err := c.r.Read()
	var said ready
	if err == nil && kind != frame.Begin {
		err = frame.ErrKind
	}
	if err == nil {
		err = json.Unmarshal(b, &said)
	}
	if err != nil {
		c.end()
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	c.able = Able(said)
	return c, nil
}

// kill ends the child with everything that it has started.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // it may have ended by itself
	}
}

// end kills the child and waits for it.
func (c *child) end() {
	c.kill()
	_ = c.in.Close()
	_ = c.cmd.Wait() // how it ended says nothing: it was killed
}

// Close ends the child. The reader can be used again.
func (r *Reader) Close() error {
	if r.child != nil {
		r.child.end()
		r.child = nil
	}
	return nil
}

// drop gives up a child.
func (r *Reader) drop(c *child) {
	if r.child == c {
		r.child = nil
	}
	c.end()
}

// Document begins a document, whose octets are written to what it returns. text is how
// many octets of text are wanted at most. It fails where no child can be started, with
// an error that Is [ErrNone]; nothing of what becomes of the document is an error.
func (r *Reader) Document(ctx context.Context, name, mediaType string, text int) (*Document, error) {
	if _, err := r.Able(ctx); err != nil {
		return nil, err
	}
	d := &Document{reader: r, child: r.child, left: r.config.Time}
	d.buf = bufio.NewWriterSize(passing{d}, frame.Max)
	d.stop = context.AfterFunc(ctx, d.child.kill)
	d.do(func(c *child) error {
		return send(c.w, frame.Message, header{Name: clip(name), Type: clip(mediaType), Limit: text})
	})
	return d, nil
}

// clip bounds what a sender calls a document.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 1000)], "") }

// Document is a document on its way to the child. It belongs to one goroutine.
type Document struct {
	reader *Reader
	child  *child // nil where it was given up
	left   time.Duration
	buf    *bufio.Writer // messages come line by line
	size   int64
	stop   func() bool
	result document.Result
	done   bool
}

// do lets the child work, as long as the document may take. What goes wrong costs the
// document and the child.
func (d *Document) do(f func(c *child) error) {
	if d.child == nil {
		return
	}
	begin := time.Now()
	late := time.AfterFunc(d.left, d.child.kill)
	err := f(d.child)
	late.Stop()
	d.left -= time.Since(begin)
	if err != nil {
		d.result = document.Result{State: document.Failed}
	}
	if d.child != nil && (err != nil || d.left <= 0) {
		d.reader.drop(d.child)
		d.child = nil
	}
}

// Write takes octets of the document. It never fails: who reads a message goes on with
// its other parts.
func (d *Document) Write(b []byte) (int, error) {
	if d.size += int64(len(b)); d.size > maxDocument {
		return len(b), nil
	}
	return d.buf.Write(b)
}

// passing hands octets to the child.
type passing struct{ d *Document }

func (p passing) Write(b []byte) (int, error) {
	p.d.do(func(c *child) error {
		_, err := c.w.Body().Write(b)
		return err
	})
	return len(b), nil
}

// Close ends the document: it waits until the child has read it, or was killed for it.
func (d *Document) Close() error {
	if d.done {
		return nil
	}
	d.done = true
	defer d.stop()
	if d.size > maxDocument {
		d.do(func(c *child) error { return errors.Join(c.w.Write(frame.Drop, nil), c.w.Flush()) })
		d.result = document.Result{State: document.Large}
		return nil
	}
	_ = d.buf.Flush() // what goes wrong is noted
	d.do(func(c *child) error {
		if err := errors.Join(c.w.Write(frame.End, nil), c.w.Flush()); err != nil {
			return err
		}
		return d.answer(c)
	})
	return nil
}

// answer reads what the child says of the document.
func (d *Document) answer(c *child) error {
	var text strings.Builder
	for {
		kind, b, err := c.r.Read()
		if err != nil {
			return err
		}
		switch kind {
		case frame.Data:
			if text.Len()+len(b) > maxText {
				return frame.ErrTooLong
			}
			text.Write(b)
		case frame.End:
			var f footer
			if err := json.Unmarshal(b, &f); err != nil {
				return err
			}
			d.result = document.Result{Text: strings.ToValidUTF8(text.String(), "\uFFFD"), State: f.State, Cut: f.Cut}
			return nil
		default:
			return frame.ErrKind
		}
	}
}

// Result is what became of the document; valid behind Close.
func (d *Document) Result() document.Result { return d.result }
