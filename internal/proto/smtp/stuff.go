package smtp

import (
	"bufio"
	"bytes"
)

// DotWriter writes one message after DATA in the form that [DataReader] reads.
// It is for one goroutine.
//
// A message that ends in CRLF, or is empty, comes back exactly; one that does
// not gets a CRLF at its end, since DATA has no form for it (BDAT has). No
// other octet is changed.
type DotWriter struct {
	w     *bufio.Writer
	begin bool // the next octet begins a line
	cr    bool // the last octet was CR
}

// NewDotWriter returns a writer of one message to w.
func NewDotWriter(w *bufio.Writer) *DotWriter {
	return &DotWriter{w: w, begin: true}
}

// Write writes octets of the message. It returns the number of octets of p
// that were taken and the error of the writer below.
func (d *DotWriter) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		span := p[n:]
		// RFC 5321 section 4.5.2: a line that begins with a period gets one more.
		if d.begin && span[0] == '.' {
			if err := d.w.WriteByte('.'); err != nil {
				return n, err
			}
		}
		if d.cr && span[0] == '\n' {
			span = span[:1] // CRLF came in two pieces
		} else if i := bytes.Index(span, []byte("\r\n.")); i >= 0 {
			span = span[:i+2]
		}
		before := d.cr
		if len(span) > 1 {
			before = span[len(span)-2] == '\r'
		}
		last := span[len(span)-1]
		d.begin, d.cr = before && last == '\n', last == '\r'
		m, err := d.w.Write(span)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Close ends the message. It does not flush the writer below.
func (d *DotWriter) Close() error {
	end := ".\r\n"
	if !d.begin {
		end = "\r\n.\r\n"
	}
	_, err := d.w.WriteString(end)
	return err
}
