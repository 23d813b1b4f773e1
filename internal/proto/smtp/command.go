package smtp

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"siegel/internal/kit/canonical"
)

// Errors of commands. [ReplyTo] knows the reply to each of them; all but
// [ErrEndless] leave the connection in step.
var (
	ErrTooLong     = errors.New("smtp: command line too long")
	ErrEndless     = errors.New("smtp: command line without an end")
	ErrBareNewline = errors.New("smtp: bare CR, bare LF or NUL in a line")
	ErrUnknown     = errors.New("smtp: unknown command")
	ErrSyntax      = errors.New("smtp: bad arguments of a command")
	ErrParam       = errors.New("smtp: unknown parameter")
	ErrValue       = errors.New("smtp: bad value of a parameter")
	ErrSender      = errors.New("smtp: bad reverse path")
	ErrRecipient   = errors.New("smtp: bad forward path")
	ErrNeedUTF8    = errors.New("smtp: address needs SMTPUTF8")
)

// Verb is the name of a command, in capitals.
type Verb string

// The commands that [ParseCommand] knows.
const (
	Lhlo     Verb = "LHLO" // RFC 2033 section 4.1
	Ehlo     Verb = "EHLO"
	Helo     Verb = "HELO"
	Mail     Verb = "MAIL"
	Rcpt     Verb = "RCPT"
	Data     Verb = "DATA"
	Bdat     Verb = "BDAT" // RFC 3030 section 2
	Rset     Verb = "RSET"
	Noop     Verb = "NOOP"
	Quit     Verb = "QUIT"
	Vrfy     Verb = "VRFY"
	Help     Verb = "HELP"
	StartTLS Verb = "STARTTLS" // RFC 3207 section 4
	Auth     Verb = "AUTH"     // RFC 4954 section 4
)

// Command is one command line.
type Command struct {
	Verb Verb
	// Arg is what follows the verb, without the space before it and without
	// white space at its end. That of AUTH holds a secret: never log it.
	Arg string
}

// ReadCommand reads and parses one command line of at most [MaxLine] octets.
//
// Errors: those of [ParseCommand]; [ErrTooLong] and [ErrBareNewline] after the
// line has been read to its end, so that the next call reads the next command;
// [ErrEndless] when the line has no end in reach, where the connection must be
// closed; io.EOF between lines and io.ErrUnexpectedEOF inside one; any error of
// the reader below, unchanged.
func ReadCommand(br *bufio.Reader) (Command, error) {
	line, err := readLine(br, MaxLine, ErrTooLong)
	if err != nil {
		return Command{}, err
	}
	return ParseCommand(line)
}

// ParseCommand splits a line without its CRLF into verb and argument. The verb
// may be in any case.
//
// White space at the end is dropped (RFC 5321 section 4.1.1). Commands that
// take no argument refuse one with [ErrSyntax] and those that need one refuse
// to be without; a verb that is not in the list above gives [ErrUnknown], and
// then the returned Command still holds the word in capitals, at most 16
// octets of it.
func ParseCommand(line string) (Command, error) {
	line = strings.TrimRight(line, " \t")
	word, arg, _ := strings.Cut(line, " ")
	c := Command{Verb: Verb(upper(word)), Arg: strings.TrimLeft(arg, " ")}
	switch c.Verb {
	case Data, Rset, Quit, StartTLS:
		if c.Arg != "" {
			return c, ErrSyntax
		}
	case Lhlo, Ehlo, Helo, Mail, Rcpt, Bdat, Vrfy, Auth:
		if c.Arg == "" {
			return c, ErrSyntax
		}
	case Noop, Help:
	default:
		return Command{Verb: c.Verb[:min(16, len(c.Verb))]}, ErrUnknown
	}
	return c, nil
}

// upper is strings.ToUpper for ASCII alone: with Unicode rules a command could
// be written with letters that are none, such as the long s.
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - ('a' - 'A')
		}
	}
	return string(b)
}

// ParseHello returns the name that a client gives in LHLO, EHLO or HELO.
//
// Any single word of at most 255 printable ASCII characters is taken, since a
// server must not refuse mail because the name is odd (RFC 5321 section
// 4.1.4); anything else gives [ErrSyntax]. The name is the client's claim and
// proves nothing.
func ParseHello(arg string) (string, error) {
	if arg == "" || len(arg) > maxDomain {
		return "", ErrSyntax
	}
	for i := range len(arg) {
		if arg[i] <= ' ' || arg[i] > '~' {
			return "", ErrSyntax
		}
	}
	return arg, nil
}

// MailFrom is the argument of MAIL.
type MailFrom struct {
	Sender Address // zero for the null reverse path <>
	Size   int64   // octets the client announces (RFC 1870); 0 if it does not
	Body8  bool    // BODY=8BITMIME (RFC 6152)
	UTF8   bool    // SMTPUTF8 (RFC 6531)
	Ret    string  // RET of RFC 3461 section 4.3 in capitals, or empty
	EnvID  string  // ENVID of RFC 3461 section 4.4 as sent, or empty
}

// ParseMail parses the argument of MAIL: "FROM:<path>" and parameters.
//
// A space after the colon is tolerated, as many clients send one. AUTH (RFC
// 4954 section 5) is read and ignored; RET and ENVID are returned without a
// look at their meaning. Errors: [ErrSyntax] where FROM: is missing,
// [ErrSender] for a bad path, [ErrNeedUTF8] for characters beyond ASCII
// without SMTPUTF8, [ErrParam] for a parameter we do not know (BODY=BINARYMIME
// is one), [ErrValue] for a bad value or a parameter given twice.
func ParseMail(arg string) (MailFrom, error) {
	var m MailFrom
	rest, err := keyword(arg, "FROM:")
	if err != nil {
		return m, err
	}
	if m.Sender, rest, err = parsePath(rest, true); err != nil {
		return m, fmt.Errorf("%w: %w", ErrSender, err)
	}
	params, err := parseParams(rest)
	if err != nil {
		return m, err
	}
	for _, p := range params {
		if err := m.set(p); err != nil {
			return m, err
		}
	}
	if !m.UTF8 && !(m.Sender.IsASCII() && isASCII(rest)) {
		return m, ErrNeedUTF8
	}
	return m, nil
}

// set takes over one parameter of MAIL.
func (m *MailFrom) set(p param) error {
	switch p.name {
	case "SIZE":
		// RFC 1870 section 3: up to 20 digits. What does not fit an int64 is
		// over every limit all the same.
		if len(p.value) > 20 || !isDigits(p.value) {
			return ErrValue
		}
		n, err := strconv.ParseInt(p.value, 10, 64)
		if err != nil {
			n = 1<<63 - 1
		}
		m.Size = n
	case "BODY":
		switch upper(p.value) {
		case "7BIT":
		case "8BITMIME":
			m.Body8 = true
		case "BINARYMIME":
			return ErrParam // RFC 3030 section 3: only where it was offered
		default:
			return ErrValue
		}
	case "SMTPUTF8":
		if p.given {
			return ErrValue
		}
		m.UTF8 = true
	case "AUTH":
		if p.value == "" {
			return ErrValue
		}
	case "RET":
		m.Ret = upper(p.value)
	case "ENVID":
		m.EnvID = p.value
	default:
		return ErrParam
	}
	return nil
}

// RcptTo is the argument of RCPT.
type RcptTo struct {
	// Recipient is a mailbox. Its Domain is empty for <Postmaster> alone
	// (RFC 5321 section 4.1.1.3).
	Recipient Address
	Notify    string // NOTIFY of RFC 3461 section 4.1 in capitals, or empty
	ORcpt     string // ORCPT of RFC 3461 section 4.2 as sent, or empty
}

// ParseRcpt parses the argument of RCPT: "TO:<path>" and parameters. wide says
// whether MAIL had SMTPUTF8. Errors are those of [ParseMail], with
// [ErrRecipient] for a bad path.
func ParseRcpt(arg string, wide bool) (RcptTo, error) {
	var r RcptTo
	rest, err := keyword(arg, "TO:")
	if err != nil {
		return r, err
	}
	if r.Recipient, rest, err = parsePath(rest, false); err != nil {
		return r, fmt.Errorf("%w: %w", ErrRecipient, err)
	}
	params, err := parseParams(rest)
	if err != nil {
		return r, err
	}
	for _, p := range params {
		switch p.name {
		case "NOTIFY":
			r.Notify = upper(p.value)
		case "ORCPT":
			r.ORcpt = p.value
		default:
			return r, ErrParam
		}
	}
	if !wide && !(r.Recipient.IsASCII() && isASCII(rest)) {
		return r, ErrNeedUTF8
	}
	return r, nil
}

// Chunk is the argument of BDAT.
type Chunk struct {
	Size int64 // octets that follow the command, at least 0
	Last bool  // whether the message is complete with them
}

// ParseBdat parses the argument of BDAT (RFC 3030 section 2).
//
// After [ErrSyntax] the connection must be closed: octets of the message may
// follow, nobody knows how many, and they must not be taken for commands.
func ParseBdat(arg string) (Chunk, error) {
	size, last, more := strings.Cut(arg, " ")
	if len(size) > 20 || !isDigits(size) {
		return Chunk{}, ErrSyntax
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return Chunk{}, ErrSyntax
	}
	if more && upper(strings.TrimLeft(last, " ")) != "LAST" {
		return Chunk{}, ErrSyntax
	}
	return Chunk{Size: n, Last: more}, nil
}

// AuthStart is the argument of AUTH. It holds a secret: never log it.
type AuthStart struct {
	Mechanism string // in capitals, 1 to 20 characters
	Initial   []byte // decoded initial response
	Given     bool   // whether there is an initial response; it may be empty
}

// ParseAuth parses the argument of AUTH (RFC 4954 section 4). The error is
// [ErrSyntax] for a bad mechanism and [ErrValue] for bad base64.
func ParseAuth(arg string) (AuthStart, error) {
	mech, initial, given := strings.Cut(arg, " ")
	a := AuthStart{Mechanism: upper(mech), Given: given}
	if len(mech) < 1 || len(mech) > 20 {
		return AuthStart{}, ErrSyntax
	}
	for i := range len(a.Mechanism) {
		if c := a.Mechanism[i]; !isAlnum(c) && c != '-' && c != '_' {
			return AuthStart{}, ErrSyntax
		}
	}
	if !given || initial == "=" { // a single equals sign is an empty response
		return a, nil
	}
	b, ok := canonical.Base64(initial)
	if !ok || len(b) == 0 {
		return AuthStart{}, ErrValue
	}
	a.Initial = b
	return a, nil
}

// keyword removes the word (with its colon) from the front of arg, in any
// case, and spaces after it.
func keyword(arg, word string) (string, error) {
	if len(arg) < len(word) || upper(arg[:len(word)]) != word {
		return "", ErrSyntax
	}
	return strings.TrimLeft(arg[len(word):], " "), nil
}

// param is one parameter of MAIL or RCPT.
type param struct {
	name  string // in capitals
	value string
	given bool // whether there was an equals sign
}

// parseParams splits what follows a path (RFC 5321 section 4.1.2,
// Mail-parameters). A name given twice is an ErrValue.
func parseParams(s string) ([]param, error) {
	var all []param
	if s != "" && s[0] != ' ' {
		return nil, ErrSyntax // text right after the closing bracket
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' }) {
		name, value, given := strings.Cut(word, "=")
		p := param{name: upper(name), value: value, given: given}
		if name == "" || given && value == "" {
			return nil, ErrSyntax
		}
		for i := range len(name) {
			if !isAlnum(name[i]) && (i == 0 || name[i] != '-') {
				return nil, ErrSyntax
			}
		}
		// esmtp-value is any text without space, equals sign and control
		// characters; ORCPT of xtext and AUTH hold equals signs in the wild.
		for i := range len(value) {
			if value[i] <= ' ' || value[i] == 0x7f {
				return nil, ErrSyntax
			}
		}
		if !utf8.ValidString(value) {
			return nil, ErrSyntax
		}
		for _, q := range all {
			if q.name == p.name {
				return nil, ErrValue
			}
		}
		all = append(all, p)
	}
	return all, nil
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
