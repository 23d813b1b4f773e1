package client

import (
	"context"
	"encoding/json"
	"io"

	"siegel/internal/front/console"
	"siegel/internal/proto/frame"
)

// Letters takes the messages of an export, one after the other.
type Letters interface {
	// Begin begins a message whose octets Write takes and End ends.
	Begin(l console.Letter) error
	io.Writer
	End() error
	// Missing says that a message could not be opened.
	Missing(m console.Missing) error
}

// Export gives the command and hands the messages over. begun is called before the
// first one. It fails where the server cannot go on, and where the answer broke off.
func (c *Client) Export(ctx context.Context, r console.Export, begun func(console.ExportBegun) error, to Letters) error {
	answer, err := c.post(ctx, "export", r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // read to its end, or given up
	head := answer.Header.Get(console.ResultHeader)
	if head == "" {
		return readLines(ctx, answer.Body, nil, nil)
	}
	var e console.ExportBegun
	if err := json.Unmarshal([]byte(head), &e); err != nil {
		return err
	}
	if err := begun(e); err != nil {
		return err
	}
	frames := frame.NewReader(answer.Body)
	for {
		kind, b, err := frames.Read()
		if err != nil {
			return broken(ctx)
		}
		if kind == frame.Finish {
			return nil
		}
		if err := letter(kind, b, to); err != nil {
			return err
		}
	}
}

// with calls f with what a frame says.
func with[T any](b []byte, f func(T) error) error {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	return f(v)
}

// letter hands one frame over.
func letter(kind frame.Kind, b []byte, to Letters) error {
	switch kind {
	case frame.Message:
		return with(b, to.Begin)
	case frame.Data:
		_, err := to.Write(b)
		return err
	case frame.End:
		return to.End()
	case frame.Skip:
		return with(b, to.Missing)
	case frame.Fault:
		e := new(console.Error)
		if err := json.Unmarshal(b, e); err != nil {
			return err
		}
		return e
	default:
		return frame.ErrKind
	}
}
