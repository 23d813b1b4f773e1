package mbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Bounds of what is looked at to tell a variant, in octets.
const (
	maxHeader = 256 << 10
	maxSample = 4 << 20
)

// Why says what a variant was told by.
type Why string

// What a variant is told by.
const (
	ByName     Why = "name"     // the From_ lines are those of a Writer
	ByLength   Why = "length"   // the first entry ends where its Content-Length says
	ByUnquoted Why = "unquoted" // lines that begin with "From " stand in a body as they were
	ByDefault  Why = "default"  // nothing in the file speaks against mboxrd
)

// Detect tells which variant a file is, from its first entries. It fails with an error
// that Is [ErrNoMbox] where the file does not begin with a From_ line.
func Detect(src io.ReaderAt, size int64) (Variant, Why, error) {
	r := NewReader(src, size, 0, CL2)
	if err := r.skipEmpty(); err != nil {
		return "", "", noMbox(err)
	}
	line, err := r.peekLine()
	if err != nil {
		return "", "", noMbox(err)
	}
	if !isFrom(line) {
		return "", "", ErrNoMbox
	}
	if strings.HasPrefix(string(line), "From "+ours+" ") {
		return RD, ByName, nil
	}
	end, err := contentEnd(src, r.at+int64(len(line)), size)
	if err != nil {
		return "", "", err
	}
	unquoted, err := unquoted(src, size, end >= 0)
	switch {
	case err != nil:
		return "", "", err
	case end >= 0 && unquoted:
		return CL2, ByUnquoted, nil
	case end >= 0:
		return CL, ByLength, nil
	case unquoted:
		return O, ByUnquoted, nil
	default:
		return RD, ByDefault, nil
	}
}

func noMbox(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrNoMbox
	}
	return err
}

// unquoted reports whether a line in a message of the sample begins with "From ".
func unquoted(src io.ReaderAt, size int64, lengths bool) (bool, error) {
	v := O
	if lengths {
		v = CL2
	}
	r := NewReader(src, min(size, maxSample), 0, v)
	for {
		err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, ErrNoMbox) {
			return false, nil // the rest of the sample may be the middle of an entry
		}
		if err != nil {
			return false, err
		}
		found, err := r.bare()
		if found || err != nil {
			return found, err
		}
	}
}

// bare reads a message to its end and reports whether a line that begins with "From "
// stands in it, unquoted.
func (r *Reader) bare() (bool, error) {
	for r.open {
		r.rest = nil
		if !r.inside && r.quotes == 0 && r.at < r.end() {
			line, err := r.peekLine()
			if err != nil {
				return false, err
			}
			if bytes.HasPrefix(line, []byte(from)) && (r.limit >= 0 || !r.empty || !isFrom(line)) {
				return true, nil
			}
		}
		if err := r.fill(); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
	}
	return false, nil
}

// contentEnd returns where a message that begins at an offset ends by its
// Content-Length, or -1 where it has none that fits.
func contentEnd(src io.ReaderAt, at, size int64) (int64, error) {
	length, body, err := contentLength(src, at, size)
	if err != nil || length < 0 || length > size-body {
		return -1, err
	}
	end := body + length
	if end == size {
		return end, nil
	}
	next := make([]byte, maxFrom+2)
	n, err := src.ReadAt(next[:min(int64(len(next)), size-end)], end)
	if err != nil && !errors.Is(err, io.EOF) {
		return -1, err
	}
	next = next[:n]
	for _, s := range []string{"\r\n", "\n"} {
		if rest, ok := bytes.CutPrefix(next, []byte(s)); ok {
			next = rest
			break
		}
	}
	line, _, _ := bytes.Cut(next, []byte("\n"))
	if end+int64(n) == size && len(bytes.TrimLeft(next, "\r\n")) == 0 || isFrom(line) {
		return end, nil
	}
	return -1, nil
}

// contentLength returns the Content-Length of a message, -1 where it has none or several,
// and where its body begins.
func contentLength(src io.ReaderAt, at, size int64) (length, body int64, err error) {
	br := bufio.NewReaderSize(io.NewSectionReader(src, at, min(maxHeader, size-at)), 4<<10)
	length, body = -1, at
	whole := true // a line begins
	for {
		line, err := br.ReadSlice('\n')
		body += int64(len(line))
		if errors.Is(err, bufio.ErrBufferFull) {
			whole = false
			continue
		}
		if errors.Is(err, io.EOF) {
			return -1, body, nil
		}
		if err != nil {
			return -1, body, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if whole && text == "" {
			return length, body, nil
		}
		name, value, ok := strings.Cut(text, ":")
		if whole && ok && strings.EqualFold(name, "Content-Length") {
			if length >= 0 {
				return -1, body, nil
			}
			if length = number(strings.TrimSpace(value)); length < 0 {
				return -1, body, nil
			}
		}
		whole = true
	}
}

// number reads a number of octets; what is none is -1.
func number(s string) int64 {
	n, err := strconv.ParseUint(s, 10, 62)
	if err != nil {
		return -1
	}
	return int64(n)
}
