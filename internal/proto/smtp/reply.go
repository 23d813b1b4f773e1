package smtp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of replies.
const (
	maxReplyOut   = 512  // octets of a line we write, CRLF included: RFC 5321 section 4.5.3.1.5
	maxReplyIn    = 1000 // octets of a line we read: servers that obey the 512 are not all
	maxReplyLines = 100
)

// ErrReply means that a server sent something that is not a reply. The
// connection is of no further use.
var ErrReply = errors.New("smtp: not a reply")

// Reply is the answer to a command.
type Reply struct {
	Code     int    // 200 to 599
	Enhanced string // code of RFC 3463 such as "5.1.2", or empty
	Text     string // for people; line feeds separate lines
}

// Append appends r to b as it goes over the wire, one line per line of text,
// and returns the extended slice. wide says whether the client asked for
// SMTPUTF8; without it characters beyond ASCII become question marks.
//
// Whatever r holds, the result is one well-formed reply: control characters
// become question marks, lines are cut at 512 octets, the text at 100 lines, an
// enhanced code that is none or of another class than the code is left out
// (RFC 2034 section 4), and a code outside 200 to 599, which is a bug, becomes
// 451 without text.
func (r Reply) Append(b []byte, wide bool) []byte {
	if r.Code < 200 || r.Code > 599 {
		r = Reply{Code: 451, Enhanced: "4.3.0", Text: "Local error"}
	}
	lines := strings.SplitN(r.Text, "\n", maxReplyLines+1)
	lines = lines[:min(len(lines), maxReplyLines)]
	for i, text := range lines {
		start := len(b)
		b = strconv.AppendInt(b, int64(r.Code), 10)
		if i < len(lines)-1 {
			b = append(b, '-')
		} else {
			b = append(b, ' ')
		}
		if isEnhanced(r.Enhanced, r.Code) {
			b = append(b, r.Enhanced...)
			b = append(b, ' ')
		}
		b = appendText(b, text, maxReplyOut-len("\r\n")-(len(b)-start), wide)
		b = append(b, "\r\n"...)
	}
	return b
}

// appendText appends text, cleaned, with at most room octets.
func appendText(b []byte, text string, room int, wide bool) []byte {
	for _, r := range text {
		if r < ' ' || r == 0x7f || r > 0x7f && (!wide || unicode.IsControl(r) || r == utf8.RuneError) {
			r = '?'
		}
		if room -= utf8.RuneLen(r); room < 0 {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// String gives the reply in one line, for logs of outgoing mail and for tests.
func (r Reply) String() string {
	s := strings.TrimSuffix(string(r.Append(nil, true)), "\r\n")
	return strings.ReplaceAll(s, "\r\n", " / ")
}

// OK says whether r is a success (a code of 200 to 299).
func (r Reply) OK() bool { return r.Code/100 == 2 }

// Temporary says whether trying again later makes sense (400 to 499).
func (r Reply) Temporary() bool { return r.Code/100 == 4 }

// isEnhanced says whether s is an enhanced status code (RFC 3463 section 2)
// that fits the reply code.
func isEnhanced(s string, code int) bool {
	class, rest, _ := strings.Cut(s, ".")
	subject, detail, ok := strings.Cut(rest, ".")
	if !ok || !isDigits(subject) || !isDigits(detail) || len(subject) > 3 || len(detail) > 3 {
		return false
	}
	return (class == "2" || class == "4" || class == "5") && int(class[0]-'0') == code/100
}

// ReadReply reads one reply of a server, strictly: every line ends in CRLF, has
// the same code and at most 1000 octets, there are at most 100 lines, and the
// text is UTF-8 without control characters other than tabs.
//
// Errors: [ErrReply]; io.EOF before the first line and io.ErrUnexpectedEOF
// inside the reply; any error of the reader below, unchanged.
func ReadReply(br *bufio.Reader) (Reply, error) {
	var r Reply
	var lines []string
	for more := true; more; {
		if len(lines) == maxReplyLines {
			return Reply{}, fmt.Errorf("%w: too many lines", ErrReply)
		}
		line, err := readLine(br, maxReplyIn, ErrTooLong)
		switch {
		case errors.Is(err, ErrTooLong), errors.Is(err, ErrEndless), errors.Is(err, ErrBareNewline):
			return Reply{}, fmt.Errorf("%w: %w", ErrReply, err)
		case errors.Is(err, io.EOF) && len(lines) > 0:
			return Reply{}, io.ErrUnexpectedEOF
		case err != nil:
			return Reply{}, err
		}
		code, text, dash, err := splitReply(line)
		if err != nil {
			return Reply{}, err
		}
		if len(lines) > 0 && code != r.Code {
			return Reply{}, fmt.Errorf("%w: code changes", ErrReply)
		}
		r.Code, more = code, dash
		lines = append(lines, text)
	}
	first, _, _ := strings.Cut(lines[0], " ")
	if isEnhanced(first, r.Code) {
		r.Enhanced = first
		for i, text := range lines {
			if code, rest, _ := strings.Cut(text, " "); code == first {
				lines[i] = rest
			}
		}
	}
	r.Text = strings.Join(lines, "\n")
	return r, nil
}

// splitReply parses one line of a reply (RFC 5321 section 4.2, Reply-line).
func splitReply(line string) (code int, text string, more bool, err error) {
	if len(line) < 3 || !isDigits(line[:3]) ||
		line[0] < '2' || line[0] > '5' || line[1] > '5' {
		return 0, "", false, fmt.Errorf("%w: no code", ErrReply)
	}
	code, _ = strconv.Atoi(line[:3]) // cannot fail: three digits
	if len(line) > 3 {
		if line[3] != ' ' && line[3] != '-' {
			return 0, "", false, fmt.Errorf("%w: no space after the code", ErrReply)
		}
		more, text = line[3] == '-', line[4:]
	}
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\t' }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, bad) {
		return 0, "", false, fmt.Errorf("%w: control character", ErrReply)
	}
	return code, text, more, nil
}

// ReplyTo returns the reply to an error of this package's readers and parsers
// of commands, and whether err is one. The texts say nothing about the system.
func ReplyTo(err error) (Reply, bool) {
	for _, row := range [...]struct {
		err   error
		reply Reply
	}{
		{ErrTooLong, Reply{500, "5.5.2", "Line too long"}},
		{ErrEndless, Reply{500, "5.5.2", "Line too long"}},
		{ErrBareNewline, Reply{500, "5.5.2", "Syntax error"}},
		{ErrUnknown, Reply{500, "5.5.1", "Command not recognized"}},
		{ErrSyntax, Reply{501, "5.5.4", "Syntax error in arguments"}},
		{ErrParam, Reply{555, "5.5.4", "Parameter not supported"}}, // RFC 5321 section 4.1.1.11
		{ErrValue, Reply{501, "5.5.4", "Bad value of a parameter"}},
		{ErrSender, Reply{501, "5.1.7", "Bad sender address"}},
		{ErrRecipient, Reply{501, "5.1.3", "Bad recipient address"}},
		{ErrNeedUTF8, Reply{553, "5.6.7", "Address needs SMTPUTF8"}}, // RFC 6531 section 3.5
		{ErrTooLarge, Reply{552, "5.3.4", "Message too large"}},
	} {
		if errors.Is(err, row.err) {
			return row.reply, true
		}
	}
	return Reply{}, false
}
