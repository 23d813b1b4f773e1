package mime

import "io"

// Kind is what a range of a message is.
type Kind uint8

// The kinds of ranges, in the order in which they can first occur.
const (
	// HeaderField is one field of the message's own header, with its folding
	// and line break; an mbox "From " line and a line without the form of a
	// field are fields too.
	HeaderField Kind = iota + 1
	// HeaderEnd is the empty line behind the message's own header.
	HeaderEnd
	// Body is the body of a message that has no parts.
	Body
	// Preamble is what a multipart has before its first delimiter.
	Preamble
	// Delimiter is a delimiter line with both its line breaks (RFC 2046
	// section 5.1.1).
	Delimiter
	// PartHeader is the whole header block of a part or of an embedded
	// message, the empty line included.
	PartHeader
	// PartBody is the content of a leaf part, still encoded, without the line
	// break before the delimiter.
	PartBody
	// Epilogue is what follows the close delimiter of a multipart.
	Epilogue
	// Rest is all that follows when there are no more ranges to give.
	Rest
)

// String returns the kind's name as the ledger's documents write it.
func (k Kind) String() string {
	names := [...]string{
		"none", "field", "header-end", "body", "preamble", "delimiter",
		"part-header", "part-body", "epilogue", "rest",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Range is a range of bytes of a message: from Start up to, not including, End.
type Range struct {
	Start, End int64
	Kind       Kind
}

// Cutter cuts a message that is written to it into ranges. The ranges follow
// each other without gap or overlap, none is empty, and together they are the
// message; they depend on its bytes and the limits only, not on how the bytes
// are split into writes. An empty message has no ranges.
//
// A Cutter holds back at most 8 KiB and allocates no more for larger messages.
// It is for one message and one goroutine.
type Cutter struct {
	scan  *scanner
	limit int
	bytes func([]byte)
	emit  func(Range)

	now    Range // the range being read
	count  int   // ranges emitted
	closed bool
}

// NewCutter returns a Cutter that calls emit with each range, in order. If
// data is not nil it is called before with the range's bytes, in one or more
// pieces that are valid during the call, so that the ranges can be hashed in
// one pass. Of the limits, Depth and Ranges count.
func NewCutter(l Limits, data func([]byte), emit func(Range)) *Cutter {
	l = l.orDefaults()
	c := &Cutter{limit: l.Ranges, bytes: data, emit: emit}
	c.scan = newScanner(c, l.Depth, 0)
	return c
}

// Cut cuts what r yields, see [NewCutter]. The error is that of r; the ranges
// are then those of what could be read.
func Cut(r io.Reader, l Limits, emit func(Range)) error {
	c := NewCutter(l, nil, emit)
	err := pour(c, r)
	_ = c.Close() // never fails
	return err
}

// pour writes to w what r yields, in pieces of 64 KiB. (Left to itself, io.Copy
// lets some readers write all they have at once.)
func pour(w io.Writer, r io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 64<<10))
	return err
}

// Write takes the next bytes of the message. It never fails, but for a Cutter
// that is closed: [io.ErrClosedPipe].
func (c *Cutter) Write(p []byte) (int, error) {
	if c.closed {
		return 0, io.ErrClosedPipe
	}
	c.scan.write(p)
	return len(p), nil
}

// Close ends the message and emits the ranges that remain. It never fails, and
// a second call does nothing.
func (c *Cutter) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.scan.end()
	c.flush()
	return nil
}

// flush emits the present range.
func (c *Cutter) flush() {
	if c.now.End > c.now.Start {
		c.emit(c.now)
		c.count++
	}
	c.now.Start = c.now.End
}

// cut implements sink.
func (c *Cutter) cut(k Kind) {
	if c.now.End > c.now.Start && c.count == c.limit-1 {
		c.now.Kind = Rest // the last range takes this and all that follows
		return
	}
	c.flush()
	c.now.Kind = k
}

// data implements sink.
func (c *Cutter) data(p []byte) {
	c.now.End += int64(len(p))
	if c.bytes != nil {
		c.bytes(p)
	}
}

func (c *Cutter) field([]byte, bool) {}
func (c *Cutter) open(*entity)       {}
func (c *Cutter) shut(int)           {}
