package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

const (
	// MaxLine is the longest command line in octets, CRLF included. RFC 5321
	// section 4.5.3.1.4 asks for 512; SMTPUTF8, long paths and parameters of
	// extensions need more.
	MaxLine = 2000

	// maxDrain is how much of an overlong command line is read and dropped
	// before the reader gives up on the connection. Clients that send a message
	// where a command belongs stay below it and get their 500; a client that
	// never ends its line does not keep us busy.
	maxDrain = 1 << 20
)

// readLine reads one line up to and including its CRLF and returns it without
// the CRLF. limit is the longest line in octets with its CRLF.
//
// A longer line is read to its end and answered with tooLong; after maxDrain
// octets without an end the error is [ErrEndless]. A CR, LF or NUL inside the
// line gives [ErrBareNewline], after the whole line has been read.
// At the end of the stream the error is io.EOF, or io.ErrUnexpectedEOF where
// part of a line had come.
func readLine(br *bufio.Reader, limit int, tooLong error) (string, error) {
	var line []byte // at most limit octets are kept
	var last byte   // last octet of the piece before, for CR and LF in two pieces
	for n := 0; n <= maxDrain; {
		piece, err := br.ReadSlice('\n')
		n += len(piece)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if n > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		if room := limit - len(line); room > 0 {
			line = append(line, piece[:min(room, len(piece))]...)
		}
		ends := err == nil && endsCRLF(last, piece)
		last = piece[len(piece)-1]
		if !ends {
			continue // a full buffer, or a bare LF, which is part of the line
		}
		if n > limit {
			return "", tooLong
		}
		line = line[:len(line)-len("\r\n")]
		if bytes.IndexByte(line, '\n') >= 0 || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
			return "", ErrBareNewline
		}
		return string(line), nil
	}
	return "", ErrEndless
}

// endsCRLF says whether piece, which ends in LF, has a CR before it. last is
// the octet before piece.
func endsCRLF(last byte, piece []byte) bool {
	if len(piece) > 1 {
		last = piece[len(piece)-2]
	}
	return last == '\r'
}
