// Package importing is the command's side of an import: it sends what it has, message
// after message, and hears what becomes of it. It is part of the console.
package importing

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"siegel/internal/front/console"
	"siegel/internal/proto/frame"
)

// Import is an import in progress, seen by the command. Its methods belong to one
// goroutine.
type Import struct {
	Begun console.Begun

	buffer []byte
	pipe   *io.PipeWriter
	frames *frame.Writer
	body   io.ReadCloser
	lines  *bufio.Reader
	ended  chan struct{}    // closed when the answer has ended
	result console.Imported // valid then, as err
	err    error
	cancel context.CancelFunc
}

// Begin begins an import. tell hears what became of the items, in the order in which
// they are sent, from another goroutine; the last has been told when Finish or Break
// returns. Call one of them.
func Begin(ctx context.Context, c *console.Client, r console.Import, tell func(console.Outcome)) (_ *Import, err error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if len(b) > frame.Max {
		return nil, &console.Error{Kind: "invalid", Text: "the command is too long"}
	}
	ctx, cancel := context.WithCancel(ctx)
	body, pipe := io.Pipe()
	i := &Import{buffer: make([]byte, frame.Max), pipe: pipe, frames: frame.NewWriter(pipe), ended: make(chan struct{}), cancel: cancel}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://console/v1/import", body)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Accept-Language", string(c.Lang()))
	first := make(chan error, 1)
	go func() { first <- errors.Join(i.frames.Write(frame.Begin, b), i.frames.Flush()) }()
	answer, err := watching(c, pipe).Do(req)
	if err != nil {
		_ = body.CloseWithError(err)
		cancel()
		<-first //nolint:errcheck // why nothing could be sent is err
		if errors.Is(err, console.ErrBroken) || errors.Is(err, io.EOF) {
			err = console.ErrBroken
		}
		return nil, err
	}
	i.body, i.lines = answer.Body, bufio.NewReader(answer.Body)
	if err := i.begin(answer, <-first); err != nil {
		_ = pipe.CloseWithError(err)
		_ = answer.Body.Close()
		cancel()
		return nil, err
	}
	go i.listen(tell)
	return i, nil
}

// watching returns a client that closes a request's body when its connection is lost.
// Without that nobody would learn of it: HTTP's client waits for the body to end before it
// tells that there is no answer, and the body waits for the answer.
func watching(c *console.Client, body *io.PipeWriter) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := c.Connect(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return watched{conn, func() { _ = body.CloseWithError(console.ErrBroken) }}, nil
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// watched is a connection that says when it is lost.
type watched struct {
	net.Conn
	lost func()
}

func (w watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil {
		w.lost()
	}
	return n, err
}

func (i *Import) begin(answer *http.Response, sent error) error {
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server does not know the command %s: it may be older", "import")
	}
	l, err := i.line()
	switch {
	case err != nil:
		return err
	case l.Error != nil:
		return l.Error
	case l.Begun == nil || sent != nil:
		return errors.Join(console.ErrBroken, sent)
	}
	i.Begun = *l.Begun
	return nil
}

func (i *Import) line() (l console.ImportLine, err error) {
	b, err := i.lines.ReadBytes('\n')
	if err != nil {
		return l, console.ErrBroken
	}
	return l, json.Unmarshal(b, &l)
}

// listen reads the answer until its end. Who sends then learns of it.
func (i *Import) listen(tell func(console.Outcome)) {
	defer close(i.ended)
	for {
		l, err := i.line()
		switch {
		case err != nil:
			i.err = err
		case l.Error != nil:
			i.err = l.Error
		case l.Outcome != nil:
			tell(*l.Outcome)
			continue
		case l.End != nil:
			i.result = *l.End
		default:
			i.err = console.ErrBroken
		}
		_ = i.pipe.CloseWithError(errEnded)
		return
	}
}

// errEnded says that the server takes nothing more.
var errEnded = errors.New("importing: the import has ended")

// Unreadable is an error of what a message is read from; the import goes on.
type Unreadable struct{ Err error }

// Error implements error.
func (u *Unreadable) Error() string { return u.Err.Error() }

// Unwrap returns the error.
func (u *Unreadable) Unwrap() error { return u.Err }

// Send sends a message and returns when its octets have been handed over. cursor is
// asked afterwards for where the command goes on behind it. The error is an [*Unreadable] where the message
// could not be read to its end: it counts as refused, and its outcome says so.
// Otherwise the import has ended, and Finish or Break says why.
func (i *Import) Send(message io.Reader, cursor func() []byte) error {
	if err := i.frames.Write(frame.Message, nil); err != nil {
		return err
	}
	for {
		n, err := message.Read(i.buffer)
		if n > 0 {
			if err := i.frames.Write(frame.Data, i.buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return i.frames.Write(frame.End, cursor())
		}
		if err != nil {
			if err := i.frames.Write(frame.Drop, cursor()); err != nil {
				return err
			}
			return &Unreadable{err}
		}
	}
}

// Skip sends that something is no message; the command knows why, and goes on behind
// cursor.
func (i *Import) Skip(cursor []byte) error { return i.frames.Write(frame.Skip, cursor) }

// Finish says that everything was sent and waits until it is settled.
func (i *Import) Finish() (console.Imported, error) {
	err := errors.Join(i.frames.Write(frame.Finish, nil), i.frames.Flush())
	if err == nil {
		err = i.pipe.Close()
	}
	return i.end(err)
}

// Break ends the import before everything was sent and waits until what was sent is
// settled. It returns why the import had ended, if it had.
func (i *Import) Break() error {
	_ = i.frames.Flush() // whoever reads knows that this was not all
	_ = i.pipe.Close()
	_, err := i.end(nil)
	return err
}

func (i *Import) end(err error) (console.Imported, error) {
	<-i.ended
	i.cancel()
	_ = i.body.Close() // it was read to its end, or is given up
	if i.err != nil || errors.Is(err, errEnded) {
		err = nil // what the server said counts
	}
	return i.result, errors.Join(i.err, err)
}
