// Package journal reads the journal reports of Exchange and Microsoft 365
// ([MS-XJRNL], "envelope journaling"): which message is inside, and to whom it went,
// and how (docs/formats/journal.md). It reads a report once from its beginning and
// holds no more of it than its bounds.
package journal

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"siegel/internal/proto/mime/header"
	"siegel/internal/proto/mime/transfer"
)

// Bounds of a report.
const (
	MaxAround     = 4 << 20 // octets before and after the message
	MaxRecipients = 50_000
	maxHeader     = 256 << 10 // of the report
	maxPartHeader = 64 << 10
	maxAside      = 4 << 10 // before the first delimiter and after the last
	maxBoundary   = 1000
)

// Why a message is not unwrapped.
var (
	// ErrNone means that it does not claim to be a report and is none.
	ErrNone = errors.New("journal: no journal report")
	// ErrUndecodable means that it claims to be a report and cannot be read as one.
	ErrUndecodable = errors.New("journal: a journal report that cannot be decoded")
)

// Recipient is one to whom the message went.
type Recipient struct {
	Address string
	Field   string // to, cc, bcc, recipient
	How     string // expanded, forwarded, or empty
	Via     string // the address that was expanded or forwarded
}

// Mark says how the recipient got the message, as it stands behind the address in
// the envelope.
func (r Recipient) Mark() string {
	if r.How == "" {
		return r.Field
	}
	return r.Field + " " + r.How + ":" + r.Via
}

// Report is what a report says.
type Report struct {
	Sender string // reverse path; empty for the null one
	To     []Recipient
	// The message's octets in the report, as they are encoded there.
	Start, End int64
	Encoding   transfer.Encoding
}

// Scan reads a report. The error is ErrNone, ErrUndecodable, or that of r.
func Scan(r io.Reader) (*Report, error) {
	s := &scanner{br: bufio.NewReaderSize(r, 64<<10)}
	rep, err := s.scan()
	if err != nil && !errors.Is(err, errForm) {
		return nil, err
	}
	switch {
	case err == nil:
		return rep, nil
	case s.claims:
		return nil, ErrUndecodable
	default:
		return nil, ErrNone
	}
}

// errForm means that what is read has not the form of a report.
var errForm = errors.New("journal: form")

// scanner reads a report line by line.
type scanner struct {
	br     *bufio.Reader
	at     int64 // octets read
	fresh  bool  // the next piece begins a line
	claims bool  // to be a report
}

// piece is a line, or a part of one that is longer than the window.
type piece struct {
	octets []byte // valid until the next one
	start  int64
	begins bool // a line
}

// next returns the next piece. At the end of the stream the error is io.EOF.
func (s *scanner) next() (piece, error) {
	b, err := s.br.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(b) > 0 {
		err = nil
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return piece{}, err
	}
	p := piece{b, s.at, s.at == 0 || s.fresh}
	s.at += int64(len(b))
	s.fresh = len(b) > 0 && b[len(b)-1] == '\n'
	return p, nil
}

// header reads fields up to the blank line, limit octets at most.
func (s *scanner) header(limit int) ([]header.Field, error) {
	var one []byte
	var fields []header.Field
	add := func() {
		if len(one) > 0 {
			fields = append(fields, header.New(bytes.Clone(one)))
			one = one[:0]
		}
	}
	for n := 0; ; {
		p, err := s.next()
		if errors.Is(err, io.EOF) {
			add()
			return fields, errForm
		}
		if err != nil {
			return nil, err
		}
		if n += len(p.octets); n > limit {
			return fields, errForm
		}
		if p.begins && len(bytes.TrimRight(p.octets, "\r\n")) == 0 {
			add()
			return fields, nil
		}
		if p.begins && p.octets[0] != ' ' && p.octets[0] != '\t' {
			add()
		}
		one = append(one, p.octets...)
	}
}

// raw returns the value of a field, and whether it is there.
func raw(fields []header.Field, name string) ([]byte, bool) {
	for _, f := range fields {
		if f.Is(name) {
			return f.Raw, true
		}
	}
	return nil, false
}

func (s *scanner) scan() (*Report, error) {
	fields, err := s.header(maxHeader)
	for _, f := range fields {
		s.claims = s.claims || f.Is("X-MS-Journal-Report")
	}
	if err != nil {
		return nil, err
	}
	value, _ := raw(fields, "Content-Type")
	m := header.ParseMedia(value)
	boundary := m.Raw("boundary")
	if m.Type != "multipart/mixed" || len(boundary) == 0 || len(boundary) > maxBoundary {
		return nil, errForm
	}
	d := delimiter(boundary)
	switch _, last, err := s.until(d, maxAside, nil); {
	case err != nil:
		return nil, err
	case last:
		return nil, errForm
	}
	rep, err := s.text(d)
	if err != nil {
		return nil, err
	}
	if err := s.message(d, rep); err != nil {
		return nil, err
	}
	after := s.at
	for { // the epilogue
		p, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if s.at-after > maxAside || d.is(p) != 0 {
			return nil, errForm
		}
	}
	if rep.Start+s.at-rep.End > MaxAround {
		return nil, errForm
	}
	return rep, nil
}

// delimiter is the line between parts, without its end (RFC 2046 section 5.1.1).
type delimiter []byte

// is tells what a piece is: 0 no delimiter, 1 one between parts, 2 the last one.
func (d delimiter) is(p piece) int {
	if !p.begins || len(p.octets) < 2+len(d) || p.octets[0] != '-' || p.octets[1] != '-' || !bytes.HasPrefix(p.octets[2:], d) {
		return 0
	}
	rest, last := bytes.CutPrefix(p.octets[2+len(d):], []byte("--"))
	switch {
	case len(bytes.Trim(rest, " \t\r\n")) > 0:
		return 0 // another boundary begins like this one
	case last:
		return 2
	default:
		return 1
	}
}

// until reads to the next delimiter. It hands what comes before, without the line
// break that belongs to the delimiter, to keep, and returns where that ended and
// whether the delimiter is the last one. A negative limit is none.
func (s *scanner) until(d delimiter, limit int64, keep func([]byte)) (end int64, last bool, err error) {
	var held []byte // a line break, or the beginning of one, that may belong to the delimiter
	for n := int64(0); ; {
		p, err := s.next()
		if errors.Is(err, io.EOF) {
			return 0, false, errForm // truncated
		}
		if err != nil {
			return 0, false, err
		}
		if kind := d.is(p); kind != 0 {
			return p.start - int64(len(held)), kind == 2, nil
		}
		if n += int64(len(p.octets)); limit >= 0 && n > limit {
			return 0, false, errForm
		}
		if string(held) == "\r" && string(p.octets) == "\n" {
			held = append(held, '\n') // the window ended between the two
			continue
		}
		body := bytes.TrimSuffix(p.octets, []byte("\n"))
		body = bytes.TrimSuffix(body, []byte("\r"))
		if keep != nil {
			keep(held)
			keep(body)
		}
		held = append(held[:0], p.octets[len(body):]...)
	}
}

// text reads the part that tells the envelope.
func (s *scanner) text(d delimiter) (*Report, error) {
	fields, err := s.header(maxPartHeader)
	if err != nil {
		return nil, err
	}
	if value, given := raw(fields, "Content-Type"); given && header.ParseMedia(value).Type != "text/plain" {
		return nil, errForm
	}
	encoding, _ := raw(fields, "Content-Transfer-Encoding")
	decode := transfer.NewDecoder(transfer.Parse(string(encoding)))
	var body []byte
	_, last, err := s.until(d, MaxAround, func(b []byte) {
		if decode == nil {
			body = append(body, b...)
		} else {
			body = decode.Decode(body, b)
		}
	})
	if err != nil {
		return nil, err
	}
	if last {
		return nil, errForm // there is no message
	}
	if decode != nil {
		body = decode.End(body)
	}
	return parse(body)
}

// message passes over the part with the message.
func (s *scanner) message(d delimiter, rep *Report) error {
	fields, err := s.header(maxPartHeader)
	if err != nil {
		return err
	}
	value, _ := raw(fields, "Content-Type")
	if header.ParseMedia(value).Type != "message/rfc822" {
		return errForm
	}
	encoding, _ := raw(fields, "Content-Transfer-Encoding")
	rep.Encoding = transfer.Parse(string(encoding))
	if rep.Encoding != transfer.Identity && rep.Encoding != transfer.Base64 && rep.Encoding != transfer.QuotedPrintable {
		return errForm
	}
	rep.Start = s.at
	end, last, err := s.until(d, -1, nil)
	if err != nil {
		return err
	}
	rep.End = end
	if !last || rep.End <= rep.Start {
		return errForm // another part behind the message, or nothing in it
	}
	return nil
}

// parse reads the lines that tell the envelope.
func parse(body []byte) (*Report, error) {
	rep, senders := &Report{}, 0
	for len(body) > 0 {
		var line string
		line, body = cutLine(body)
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch field := strings.ToLower(strings.TrimSpace(name)); field {
		case "sender":
			senders++
			var err error
			if rep.Sender, err = address(value); err != nil {
				return nil, err
			}
		case "to", "cc", "bcc", "recipient":
			to, err := recipient(field, value)
			if err != nil {
				return nil, err
			}
			if rep.To = append(rep.To, to); len(rep.To) > MaxRecipients {
				return nil, errForm
			}
		}
	}
	if senders != 1 || len(rep.To) == 0 {
		return nil, errForm
	}
	return rep, nil
}

// cutLine cuts one line off, with those that go on with it.
func cutLine(body []byte) (line string, rest []byte) {
	var whole []byte
	for {
		one, rest, more := bytes.Cut(body, []byte("\n"))
		whole = append(whole, bytes.TrimRight(one, "\r")...)
		if !more || len(rest) == 0 || (rest[0] != ' ' && rest[0] != '\t') {
			return string(whole), rest
		}
		body = rest
	}
}
