package mime

import (
	"bytes"

	"siegel/internal/proto/mime/header"
	"siegel/internal/proto/mime/transfer"
)

// entity is what a header block says about the content that follows it.
type entity struct {
	kind     Kind         // of the range that follows
	media    header.Media // Content-Type, zero without the field
	encoding transfer.Encoding
	hasType  bool // a Content-Type field was there
	hasCode  bool // a Content-Transfer-Encoding field was there
	digest   bool // a part of a multipart/digest

	content content
}

// content is how the scanner goes on after a header block.
type content uint8

const (
	leaf content = iota
	multipart
	message
)

// mediaType is the type that counts, defaults applied: RFC 2045 section 5.2,
// RFC 2046 section 5.1.5.
func (e *entity) mediaType() string {
	t := e.media.Type
	main, sub, _ := bytes.Cut([]byte(t), []byte("/"))
	switch {
	case len(main) > 0 && len(sub) > 0 && len(t) <= 255:
		return t
	case string(main) == "multipart" && len(e.boundary()) > 0:
		return "multipart/mixed"
	case !e.hasType && e.digest:
		return "message/rfc822"
	}
	return "text/plain"
}

// boundary returns the boundary parameter, or nil if no line can be compared with it.
func (e *entity) boundary() []byte {
	b := bytes.TrimRight(e.media.Raw("boundary"), " \t")
	if len(b) == 0 || len(b) > maxBoundary || bytes.IndexByte(b, '\n') >= 0 {
		return nil
	}
	return b
}

// line is what a line of a header block begins.
type line uint8

const (
	unclear line = iota
	blankLine
	folded
	fieldStart
	mboxLine
	dashes
	other
)

// maxName is the longest field name with blanks around it.
const maxName = 256

// classify tells what a header line that begins with b is. The returned
// length is that of the line break of a blank line.
func classify(b []byte, eof, first bool) (line, int) {
	i := 0
	for i < len(b) && i < 2 && b[i] == '\r' {
		i++
	}
	if i < len(b) && b[i] == '\n' {
		return blankLine, i + 1
	}
	if i == len(b) && !eof {
		return unclear, 0
	}
	i = 0
	if isSpace(b[0]) && b[0] != '\r' {
		if !first {
			return folded, 0
		}
		for i < len(b) && i < maxName && isSpace(b[i]) && b[i] != '\n' {
			i++
		}
	}
	kind := fieldForm(b[i:], eof, maxName-i)
	if kind != other {
		return kind, 0
	}
	for _, mbox := range []string{"From ", ">From "} {
		if first && bytes.HasPrefix(b, []byte(mbox)) {
			return mboxLine, 0
		}
		if first && !eof && len(b) < len(mbox) && mbox[:len(b)] == string(b) {
			return unclear, 0
		}
	}
	if b[0] == '-' {
		switch {
		case len(b) > 1 && b[1] == '-':
			return dashes, 0
		case len(b) == 1 && !eof:
			return unclear, 0
		}
	}
	return other, 0
}

// fieldForm tells whether b begins with a name and a colon, in at most limit bytes.
func fieldForm(b []byte, eof bool, limit int) line {
	i := 0
	for i < len(b) && i < limit && header.IsNameByte(b[i]) {
		i++
	}
	named := i > 0
	for i < len(b) && i < limit && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	switch {
	case i >= limit:
		return other
	case i == len(b):
		if eof {
			return other
		}
		return unclear
	case named && b[i] == ':':
		return fieldStart
	}
	return other
}

// newBlock begins a header block.
func (s *scanner) newBlock(digest bool) {
	s.entity = entity{digest: digest}
	s.first, s.begun, s.inField, s.blanks = true, false, false, false
}

// headerLine decides about a line of a header block. It reads what decides it,
// or nothing if the line does not belong to the block.
func (s *scanner) headerLine(b []byte, eof bool) (int, bool) {
	m := s.delimiter(b, eof)
	if m.verdict == yes {
		s.endHeader()
		s.enter(m, b[:m.length])
		return m.length, true
	}
	if m.verdict == undecided {
		return 0, false
	}
	kind, n := classify(b, eof, s.first)
	switch kind {
	case unclear:
		return 0, false
	case blankLine:
		s.endField()
		s.beginRange(HeaderEnd)
		s.out.data(b[:n])
		s.endHeader()
		return n, true
	case dashes:
		s.endHeader()
		return 0, true
	case other:
		if s.first || s.blanks {
			s.endHeader()
			return 0, true
		}
		if s.inField && s.last == ';' {
			break // a parameter that lost its folding
		}
		s.startField()
	case folded:
	default:
		s.startField()
	}
	s.blanks = true
	// The mbox line stands before the first line, it is not it.
	s.first = s.first && kind == mboxLine
	s.state = headerRest
	return 0, true
}

// beginRange begins the range of a piece of the top header, or once that of a
// part's whole header block.
func (s *scanner) beginRange(k Kind) {
	switch {
	case s.top:
		s.out.cut(k)
	case !s.begun:
		s.out.cut(PartHeader)
	}
	s.begun = true
}

// startField begins a field.
func (s *scanner) startField() {
	s.endField()
	s.beginRange(HeaderField)
	s.inField, s.last = true, 0
	s.fieldB, s.long = s.fieldB[:0], false
}

// headerRest reads the present header line.
func (s *scanner) headerRest(b []byte) int {
	n, done := lineEnd(b)
	s.out.data(b[:n])
	if k := min(n, s.keep-len(s.fieldB)); k > 0 {
		s.fieldB = append(s.fieldB, b[:k]...)
		s.long = s.long || k < n
	} else {
		s.long = true
	}
	if text := bytes.TrimRight(b[:n], " \t\r\n"); len(text) > 0 {
		s.last, s.blanks = text[len(text)-1], false
	}
	if done {
		s.state = headerLine
	}
	return n
}

// endField ends the present field, if there is one.
func (s *scanner) endField() {
	if !s.inField {
		return
	}
	s.inField = false
	b := s.fieldB[:min(len(s.fieldB), maxStructure)]
	// Cheaper than reading the name of every field.
	if len(b) > 8 && (b[0]|0x20 == 'c' || isSpace(b[0])) {
		s.structure(header.New(bytes.Clone(b)))
	}
	s.out.field(s.fieldB, !s.long)
}

// structure takes from a field what tells the structure.
func (s *scanner) structure(f header.Field) {
	switch {
	case f.Is("Content-Type") && !s.entity.hasType:
		s.entity.hasType = true
		s.entity.media = header.ParseMedia(f.Raw)
	case f.Is("Content-Transfer-Encoding") && !s.entity.hasCode:
		s.entity.hasCode = true
		s.entity.encoding = transfer.Parse(f.Value)
	}
}

// endHeader ends a header block and begins its content.
func (s *scanner) endHeader() {
	s.endField()
	e := &s.entity
	s.state = bodyLine
	e.kind = PartBody
	if s.top {
		e.kind = Body
	}
	e.content = leaf
	boundary, t := e.boundary(), e.mediaType()
	if len(s.stack) < s.depth {
		switch {
		case len(t) > 10 && t[:10] == "multipart/" && boundary != nil:
			e.content, e.kind = multipart, Preamble
		case embedded(t) && e.encoding == transfer.Identity:
			e.content = message
		}
	}
	s.out.open(e)
	s.top = false
	switch e.content {
	case multipart:
		s.stack = append(s.stack, container{boundary: bytes.Clone(boundary), digest: t == "multipart/digest"})
		s.boundaries++
	case message:
		s.stack = append(s.stack, container{})
		s.newBlock(false)
		s.state = headerLine
		return
	}
	s.out.cut(e.kind)
}

// embedded reports whether content of that type is a message (RFC 2046
// section 5.2.1, RFC 6532 section 3.7, RFC 5537 section 4.1).
func embedded(t string) bool {
	return t == "message/rfc822" || t == "message/global" || t == "message/news"
}
