package smtp

import (
	"bufio"
	"bytes"
	"errors"

	"siegel/internal/kit/canonical"
)

// maxResponse is the longest line of a client within AUTH, CRLF included (RFC 4954
// section 4).
const maxResponse = 12288

// ErrCancelled means that a client gave AUTH up (RFC 4954 section 4).
var ErrCancelled = errors.New("smtp: authentication cancelled")

// ReadResponse reads a client's response within AUTH: a line of base64, or "*" to
// cancel, which is ErrCancelled. Other errors of the line are [ErrValue] for what is
// no base64, and those of [ReadCommand].
func ReadResponse(br *bufio.Reader) ([]byte, error) {
	line, err := readLine(br, maxResponse, ErrTooLong)
	if err != nil {
		return nil, err
	}
	if line == "*" {
		return nil, ErrCancelled
	}
	b, ok := canonical.Base64(line)
	if !ok {
		return nil, ErrValue
	}
	return b, nil
}

// ParsePlain reads the message of the mechanism PLAIN (RFC 4616 section 2). The
// secret is part of b. Who wants to act for another user is refused: the error is
// [ErrValue], as for what is no such message.
func ParsePlain(b []byte) (user string, secret []byte, err error) {
	parts := bytes.Split(b, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 {
		return "", nil, ErrValue
	}
	if len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]) {
		return "", nil, ErrValue
	}
	return string(parts[1]), parts[2], nil
}
