package query

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"siegel/internal/kit/fault"
)

// Query is a parsed search.
type Query struct {
	Terms []Term // in the order in which they were typed

	// Match is what FTS5 is asked, empty where no words are searched for; what
	// matches Unmatch is left out, where there is no Match to say so.
	Match, Unmatch string
	// Tiers are the parts of Match, best first: they have no message in common and
	// together find what Match finds. At least one where there is a Match.
	Tiers []string

	Since, Until time.Time // sent at or after, and before; zero for no bound
	Except       []Period  // not sent within
	Least, Below int64     // octets: at least, and less than
	Attachment   bool      // has an attachment
	Bare         bool      // has none
}

// Period is a time from its beginning until before its end.
type Period struct{ Since, Until time.Time }

// Term is one word, phrase or condition of a search.
type Term struct {
	Operator string `json:"operator"` // in lower case; empty for a word that is looked for everywhere
	Text     string `json:"text"`     // without quotation marks and star
	Phrase   bool   `json:"phrase"`   // it stood in quotation marks
	Prefix   bool   `json:"prefix"`   // the beginning of a word
	Not      bool   `json:"not"`      // messages with it are left out
	Or       bool   `json:"or"`       // OR stands before it
	At       int    `json:"at"`       // position of its first character, from 1
	Length   int    `json:"length"`   // in characters
}

// Bounds of a query.
const (
	MaxQuery = 1000 // characters
	MaxTerms = 64
)

// Error says what is wrong with a search and where. It is a fault of kind
// Invalid, whose sentence names the position too.
type Error struct {
	At     int // position of the first character that is meant, from 1; 0 where the whole is
	Length int // how many characters are meant; 0 where the whole is
	fault  error
}

// Error implements error.
func (e *Error) Error() string { return e.fault.Error() }

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.fault }

func (t token) wrong(f error) error { return &Error{At: t.At, Length: t.Length, fault: f} }

// Parse reads a search. Errors are of type *[Error].
func Parse(text string) (*Query, error) {
	tokens, err := read(text)
	if err != nil {
		return nil, err
	}
	q := &Query{Below: math.MaxInt64}
	var c clauses
	for _, t := range tokens {
		switch {
		case t.or:
			err = c.join(t)
		case t.Text == "" && t.Operator != "":
			err = t.wrong(fault.Newf(fault.Invalid, "at position %d: write what to search for behind %s:, without a blank between them", t.At, t.Operator))
		case isText(t.Operator):
			err = c.add(&t)
		default:
			if err = q.restrict(t); err == nil {
				err = c.close()
			}
		}
		if err != nil {
			return nil, err
		}
		if !t.or {
			q.Terms = append(q.Terms, t.Term)
		}
	}
	if err := c.close(); err != nil {
		return nil, err
	}
	if len(q.Terms) == 0 {
		return nil, &Error{fault: fault.New(fault.Invalid, "type a word to search for")}
	}
	c.compile(q)
	return q, nil
}

// read cuts a search into its terms.
func read(text string) (list []token, err error) {
	if utf8.RuneCountInString(text) > MaxQuery {
		return nil, &Error{fault: fault.Newf(fault.Invalid, "a search has at most %d characters", MaxQuery)}
	}
	runes := []rune(text)
	terms := 0
	for at := 0; at < len(runes); {
		if unicode.IsSpace(runes[at]) {
			at++
			continue
		}
		t, err := readToken(runes, &at)
		if err != nil {
			return nil, err
		}
		if terms++; terms > MaxTerms {
			return nil, t.wrong(fault.Newf(fault.Invalid, "a search has at most %d words", MaxTerms))
		}
		list = append(list, t)
	}
	return list, nil
}

// token is a term, or the word OR between two.
type token struct {
	Term
	or bool
}

// readToken reads what begins at *at, which is not a space.
func readToken(runes []rune, at *int) (t token, err error) {
	begin := *at
	defer func() {
		if t.At == 0 {
			t.At, t.Length = begin+1, *at-begin
		}
	}()
	start := begin
	if runes[start] == '-' && start+1 < len(runes) && (runes[start+1] == '"' || isWord(runes[start+1])) {
		t.Not = true
		start++
	}
	bare := start
	if name, end := operator(runes, start); name != "" {
		switch {
		case isText(name) || isCondition(name):
			t.Operator, start = name, end
		case !isLink(runes, end):
			return t, unknown(name, start, end-start)
		}
	}
	if start < len(runes) && runes[start] == '"' {
		end := start + 1
		for end < len(runes) && runes[end] != '"' {
			end++
		}
		if end == len(runes) {
			*at = end
			return t, &Error{
				At: start + 1, Length: end - start,
				fault: fault.Newf(fault.Invalid, "at position %d: the quotation mark is not closed", start+1),
			}
		}
		t.Text, t.Phrase = string(runes[start+1:end]), true
		*at = end + 1
	} else {
		end := start
		for end < len(runes) && !unicode.IsSpace(runes[end]) && runes[end] != '"' {
			end++
		}
		t.Text = string(runes[start:end])
		*at = end
	}
	t.or = begin == bare && start == bare && t.Text == "OR" && !t.Phrase
	if *at < len(runes) && runes[*at] == '*' {
		t.Prefix = true
		*at++
	}
	if rest, ok := strings.CutSuffix(t.Text, "*"); ok {
		t.Text, t.Prefix = rest, true
	}
	return t, nil
}

// unknown refuses an operator that there is not, or not yet.
func unknown(name string, start, length int) error {
	e := &Error{At: start + 1, Length: length}
	switch name {
	case "tag":
		e.fault = fault.Newf(fault.Invalid, "at position %d: tag: cannot be searched for yet, since messages have no tags yet", e.At)
	case "in":
		e.fault = fault.Newf(fault.Invalid, "at position %d: in: cannot be searched for yet, since there are no folders yet", e.At)
	default:
		e.fault = fault.Newf(fault.Invalid, "at position %d: there is no %s:, there are from: to: cc: subject: body: attachment: filename: before: after: on: larger: smaller: has:; put quotation marks around what has a colon",
			e.At, name)
	}
	return e
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// operator returns the letters before a colon in lower case and where it ends;
// nothing where no colon follows letters.
func operator(runes []rune, start int) (name string, end int) {
	for i := start; i < len(runes); i++ {
		if runes[i] == ':' {
			return strings.ToLower(string(runes[start:i])), i + 1
		}
		if !unicode.IsLetter(runes[i]) {
			break
		}
	}
	return "", 0
}

// isLink reports whether what stands behind a colon is that of a link.
func isLink(runes []rune, at int) bool {
	return at+1 < len(runes) && runes[at] == '/' && runes[at+1] == '/'
}

// Typed is the text as it was typed, without quotation marks.
func (t Term) Typed() string {
	if t.Prefix {
		return t.Text + "*"
	}
	return t.Text
}
