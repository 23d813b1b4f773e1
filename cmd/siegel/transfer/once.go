package transfer

import (
	"errors"
	"fmt"
	"io"

	"siegel/internal/proto/mbox"
)

// once is a taker that hears in later rounds only of messages of a Maildir that
// are refused: what else is refused was so in the first round.
type once struct{ taker }

func (o once) refuse(m message, why string, args ...any) error {
	if m.spot.Round > 0 && m.home == nil {
		return nil
	}
	return o.taker.refuse(m, why, args...)
}

// entry is an entry of an mbox. Where that cannot be read to the end of the entry, the
// entry is refused and with it what would have followed.
type entry struct {
	*mbox.Reader
	broken bool
}

// errRest says that the rest of a file cannot be read.
var errRest = errors.New("the rest of the file cannot be read")

func (e *entry) Read(b []byte) (int, error) {
	n, err := e.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		e.broken, err = true, fmt.Errorf("%w: %w", errRest, err)
	}
	return n, err
}

// behind is the offset at which the file goes on.
func (e *entry) behind() int64 {
	if e.broken {
		return done
	}
	return e.Offset()
}
