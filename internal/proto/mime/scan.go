package mime

import "bytes"

// sink is told what the scanner finds. The calls are a function of the bytes
// scanned alone, except that data may come in other pieces.
type sink interface {
	// cut says that what data brings next belongs to a new range.
	cut(k Kind)
	// data brings the next bytes of the message; together they are all of it.
	data(p []byte)
	// field brings one field of the header block being read, complete with
	// folding, or its first bytes if it is longer than the scanner keeps.
	// The bytes are valid during the call only.
	field(b []byte, whole bool)
	// open says that a header block has ended and its content follows.
	open(e *entity)
	// shut says that all containers but the outermost n have ended.
	shut(n int)
}

// container is a multipart or an embedded message that is being read.
type container struct {
	boundary []byte // nil for an embedded message
	digest   bool   // parts are messages by default (RFC 2046 section 5.1.5)
}

type state uint8

const (
	headerLine state = iota // at the beginning of a line in a header block
	headerRest              // inside a line of a header block
	bodyLine                // at the beginning of a body
	bodyRest                // inside a body
	delimRest               // in a delimiter line, behind what makes it one
	closeRest               // the same in a close delimiter
)

// scanner finds structure in bytes that are pushed into it. What cannot be
// decided yet is held back, never more than maxHold bytes.
type scanner struct {
	out   sink
	depth int // how long stack may become
	keep  int // how many bytes of a field are kept

	state      state
	hold       []byte // bytes seen and not yet decided
	stack      []container
	boundaries int  // how many of stack have one
	top        bool // in the header block of the message itself

	// The header block being read.
	entity  entity
	first   bool // no line was read yet, but for an mbox line
	begun   bool // its range was begun
	blanks  bool // the last line had nothing but white space
	inField bool
	fieldB  []byte // beginning of the present field
	long    bool   // fieldB is not all of it
	last    byte   // last character of the present field that is no white space
}

// maxHold is the longest undecided beginning of a line: line break, two
// hyphens, boundary, two hyphens and what follows them, or a field name.
const maxHold = maxBoundary + 16

func newScanner(out sink, depth, keep int) *scanner {
	return &scanner{out: out, depth: depth, keep: max(keep, maxStructure), top: true, first: true}
}

// write scans the next bytes of the message.
func (s *scanner) write(p []byte) {
	for len(s.hold) > 0 && len(p) > 0 {
		k, before := min(len(p), maxHold), len(s.hold)
		s.hold = append(s.hold, p[:k]...)
		n := s.step(s.hold, false)
		if n >= before {
			p = p[n-before:] // all that was held is decided: go on without copying
			s.hold = s.hold[:0]
			continue
		}
		p = p[k:]
		s.hold = append(s.hold[:0], s.hold[n:]...)
	}
	if len(p) > 0 {
		n := s.step(p, false)
		s.hold = append(s.hold[:0], p[n:]...)
	}
}

// end scans what was held back, as the end of the message.
func (s *scanner) end() {
	s.step(s.hold, true)
	s.hold = s.hold[:0]
	// A message that ends in a header block has an empty body; if that is an
	// embedded message, this one has an empty header too.
	for s.state == headerLine || s.state == headerRest || s.state == delimRest {
		s.endHeader()
	}
	s.out.shut(0)
}

// step scans b as far as it can be decided and returns how far that is. With
// eof it scans all of it.
func (s *scanner) step(b []byte, eof bool) int {
	i := 0
	for i < len(b) {
		var n int
		decided := true
		switch s.state {
		case headerLine:
			n, decided = s.headerLine(b[i:], eof)
		case headerRest:
			n = s.headerRest(b[i:])
		case bodyLine:
			n, decided = s.bodyLine(b[i:], eof)
		case bodyRest:
			n = s.bodyRest(b[i:], eof)
			decided = n > 0
		case delimRest, closeRest:
			n = s.delimRest(b[i:])
		}
		i += n
		if !decided {
			break
		}
	}
	return i
}

// lineEnd returns how much of b belongs to the present line, line break
// included, and whether the line ends there.
func lineEnd(b []byte) (int, bool) {
	if j := bytes.IndexByte(b, '\n'); j >= 0 {
		return j + 1, true
	}
	return len(b), false
}

// bodyLine looks for a delimiter where no line break comes before it.
func (s *scanner) bodyLine(b []byte, eof bool) (int, bool) {
	m := s.delimiter(b, eof)
	switch m.verdict {
	case undecided:
		return 0, false
	case yes:
		s.enter(m, b[:m.length])
		return m.length, true
	default:
		s.state = bodyRest
		return 0, true
	}
}

// bodyRest reads body up to a delimiter, or up to what may become one. It
// returns 0 if only that is left.
func (s *scanner) bodyRest(b []byte, eof bool) int {
	if s.boundaries == 0 {
		s.out.data(b)
		return len(b)
	}
	for i := 0; ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			n := len(b)
			if !eof && b[n-1] == '\r' { // perhaps half a line break
				n--
			}
			s.emit(b[:n])
			return n
		}
		j += i
		i = j + 1
		if i < len(b) && b[i] != '-' {
			continue // nearly all lines
		}
		m := s.delimiter(b[i:], eof)
		if m.verdict == no {
			if i == len(b) {
				s.emit(b)
				return i
			}
			continue
		}
		if j > 0 && b[j-1] == '\r' {
			j--
		}
		s.emit(b[:j])
		if m.verdict == undecided {
			return j
		}
		s.enter(m, b[j:i+m.length])
		return i + m.length
	}
}

func (s *scanner) emit(b []byte) {
	if len(b) > 0 {
		s.out.data(b)
	}
}

type verdict uint8

const (
	no verdict = iota
	yes
	undecided
)

// match is what the beginning of a line is.
type match struct {
	verdict verdict
	level   int  // of the multipart on the stack
	closing bool // it is the close delimiter
	length  int  // of what makes it a delimiter
}

// delimiter tells whether a line that begins with b is a delimiter of one of
// the open multiparts.
func (s *scanner) delimiter(b []byte, eof bool) match {
	switch {
	case s.boundaries == 0:
		return match{}
	case len(b) < 2:
		if eof || len(b) == 1 && b[0] != '-' {
			return match{}
		}
		return match{verdict: undecided}
	case b[0] != '-' || b[1] != '-':
		return match{}
	}
	rest := b[2:]
	for level := len(s.stack) - 1; level >= 0; level-- {
		boundary := s.stack[level].boundary
		if boundary == nil {
			continue
		}
		if len(rest) < len(boundary) {
			if !eof && bytes.HasPrefix(boundary, rest) {
				return match{verdict: undecided}
			}
			continue
		}
		if !bytes.HasPrefix(rest, boundary) {
			continue
		}
		m := match{level: level, length: 2 + len(boundary)}
		m.verdict, m.closing = afterBoundary(rest[len(boundary):], eof)
		if m.closing {
			m.length += 2
		}
		if m.verdict != no {
			return m
		}
	}
	return match{}
}

// afterBoundary judges what follows a boundary on its line.
func afterBoundary(b []byte, eof bool) (v verdict, closing bool) {
	ends := func(i int) verdict {
		switch {
		case i < len(b) && isSpace(b[i]), i == len(b) && eof:
			return yes
		case i == len(b):
			return undecided
		}
		return no
	}
	if v := ends(0); v != no {
		return v, false
	}
	if b[0] != '-' {
		return no, false
	}
	if len(b) == 1 {
		if eof {
			return no, false
		}
		return undecided, false
	}
	if b[1] != '-' {
		return no, false
	}
	v = ends(2)
	return v, v == yes
}

// enter acts on a delimiter: line holds the line break before it and what
// makes it one.
func (s *scanner) enter(m match, line []byte) {
	keep := m.level + 1
	if m.closing {
		keep = m.level
	}
	s.leave(keep)
	s.out.cut(Delimiter)
	s.out.data(line)
	s.state = closeRest
	if !m.closing {
		s.state = delimRest
		s.newBlock(s.stack[m.level].digest)
	}
}

// leave closes all containers but the outermost n.
func (s *scanner) leave(n int) {
	for i := n; i < len(s.stack); i++ {
		if s.stack[i].boundary != nil {
			s.boundaries--
		}
	}
	s.stack = s.stack[:n]
	s.out.shut(n)
}

// delimRest reads the rest of a delimiter line.
func (s *scanner) delimRest(b []byte) int {
	n, done := lineEnd(b)
	s.out.data(b[:n])
	switch {
	case done && s.state == closeRest:
		s.state = bodyLine
		s.out.cut(Epilogue)
	case done:
		s.state = headerLine
	}
	return n
}

// isSpace reports whether c is a blank, a tab or part of a line break.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
