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
	Has, Lacks   Trait     // of attachments
}

// Trait is what is asked of a message's attachments; several are joined by |.
type Trait uint8

// The traits.
const (
	Attached   Trait = 1 << iota // it has one
	Unreadable                   // one of them could not be read: no search finds its text
	Waiting                      // one of them waits to be read
)

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
		case t.kind == opening || t.kind == closing: // which are as they may be, and say what OR says
			continue
		case t.kind == or:
			err = c.join(t)
		case t.Text == "" && t.Operator != "":
			err = t.wrong(noValue(t.At, t.Operator))
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
		if t.kind == term {
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
	p, err := parentheses(runes)
	if err != nil {
		return nil, err
	}
	terms := 0
	for at := 0; at < len(runes); {
		if unicode.IsSpace(runes[at]) {
			at++
			continue
		}
		t, ok := p.token(runes, at)
		if ok {
			at += t.Length
			list = append(list, t)
			continue
		}
		r := reader{runes: runes, parens: p, first: len(list) > 0 && list[len(list)-1].kind == opening}
		if t, err = r.token(&at); err != nil {
			return nil, err
		}
		if terms++; terms > MaxTerms {
			return nil, t.wrong(fault.Newf(fault.Invalid, "a search has at most %d words", MaxTerms))
		}
		list = append(list, t)
	}
	return list, p.check(list)
}

// token is a term, the word OR between two, or a parenthesis.
type token struct {
	Term
	kind kind
	// doubt is why what looks like an operator is none, which is said where it cannot
	// be text; nil for none.
	doubt error
}

type kind uint8

const (
	term kind = iota
	or
	opening
	closing
)

// reader reads a term.
type reader struct {
	runes  []rune
	parens *parens
	first  bool // it stands first in parentheses
}

// ends reports whether a word ends at a place.
func (r reader) ends(at int) bool {
	if at == len(r.runes) || unicode.IsSpace(r.runes[at]) || r.runes[at] == '"' {
		return true
	}
	_, ok := r.parens.partner[at]
	return ok
}

// token reads what begins at *at, which is neither a space nor a parenthesis that counts.
func (r reader) token(at *int) (t token, err error) {
	runes, begin := r.runes, *at
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
	if t.Operator, start, t.doubt = r.operator(start); t.doubt != nil && !r.first {
		return t, t.doubt
	}
	if start < len(runes) && runes[start] == '"' {
		end := start + 1
		for end < len(runes) && runes[end] != '"' {
			end++
		}
		if end == len(runes) {
			*at = end
			return t, wrong(start, end-start, fault.Newf(fault.Invalid, "at position %d: the quotation mark is not closed", start+1))
		}
		t.Text, t.Phrase = string(runes[start+1:end]), true
		*at = end + 1
	} else {
		end := start
		for !r.ends(end) {
			end++
		}
		t.Text = string(runes[start:end])
		*at = end
	}
	if begin == bare && start == bare && (t.Text == "OR" || t.Text == "ODER") && !t.Phrase {
		t.kind = or
	}
	if *at < len(runes) && runes[*at] == '*' {
		t.Prefix = true
		*at++
	}
	if rest, ok := strings.CutSuffix(t.Text, "*"); ok {
		t.Text, t.Prefix = rest, true
	}
	return t, nil
}

// operator returns the operator that begins at a place, and where its value begins. Of
// what looks like one and is none it says why: first in parentheses it is text, as in a
// subject "Offer (Re: yours)".
func (r reader) operator(start int) (name string, value int, err error) {
	name, end := operator(r.runes, start)
	switch {
	case name == "":
	case isText(name) || isCondition(name):
		if r.first && r.ends(end) && (end == len(r.runes) || r.runes[end] != '"') {
			return "", start, wrong(start, end-start, noValue(start+1, name))
		}
		return name, end, nil
	case !isLink(r.runes, end):
		return "", start, unknown(name, start, end-start)
	}
	return "", start, nil
}

func noValue(at int, operator string) error {
	return fault.Newf(fault.Invalid, "at position %d: write what to search for behind %s:, without a blank between them", at, operator)
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
