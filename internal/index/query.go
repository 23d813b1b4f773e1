package index

import (
	"strings"
	"time"
	"unicode"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/textfold"
)

// query is a parsed search.
type query struct {
	match  string    // for FTS5; empty where only dates were given
	after  time.Time // sent at or after; zero for no bound
	before time.Time // sent before; zero for no bound
}

// Bounds of a query.
const (
	maxQuery = 1000 // octets
	maxTerms = 64
)

// columns of the FTS5 table by the operator that asks for them. Each column has
// a twin for the other spelling of umlauts (package textfold).
func columns(operator string) (string, bool) {
	names := map[string]string{
		"":         "subject sender recipient body filename subject_alt sender_alt recipient_alt body_alt filename_alt",
		"subject":  "subject subject_alt",
		"from":     "sender sender_alt",
		"to":       "recipient recipient_alt",
		"body":     "body body_alt",
		"filename": "filename filename_alt",
	}
	c, ok := names[operator]
	return c, ok
}

// parseQuery reads a search as people type it: words, "phrases", prefix*,
// from: to: subject: body: filename: with a word or a phrase, before: and after:
// with a date. All terms must match; -term must not, and of terms with OR between
// them one must. Errors have the kind Invalid and name the position, in
// characters from 1.
func parseQuery(text string) (query, error) {
	var q query
	if len(text) > maxQuery {
		return q, fault.Newf(fault.Invalid, "a search has at most %d characters", maxQuery)
	}
	runes := []rune(text)
	var c clauses
	terms := 0
	for at := 0; at < len(runes); {
		if unicode.IsSpace(runes[at]) {
			at++
			continue
		}
		t, err := readTerm(runes, &at)
		if err != nil {
			return q, err
		}
		if terms++; terms > maxTerms {
			return q, fault.Newf(fault.Invalid, "a search has at most %d words", maxTerms)
		}
		switch {
		case t.operator != "" && t.text == "":
			err = fault.Newf(fault.Invalid, "at position %d: write what to search for behind %s:, without a blank between them", t.at, t.operator)
		case t.operator == "before" || t.operator == "after":
			if err = q.bound(t); err == nil {
				err = c.close()
			}
		default:
			err = c.add(t)
		}
		if err != nil {
			return q, err
		}
	}
	var err error
	if q.match, err = c.match(); err != nil {
		return q, err
	}
	if q.match == "" && q.after.IsZero() && q.before.IsZero() {
		return q, fault.New(fault.Invalid, "type a word to search for")
	}
	return q, nil
}

// clauses are what a search asks for and leaves out.
type clauses struct {
	wanted   []string // alternatives already joined
	unwanted []string
	or       int  // position of an OR that waits for its second term; 0 for none
	open     bool // the last term may be followed by OR
}

func (c *clauses) add(t term) error {
	if t.or {
		if !c.open || c.or > 0 {
			return errOr(t.at)
		}
		c.or = t.at
		return nil
	}
	m := t.match()
	switch {
	case m == "":
		return fault.Newf(fault.Invalid, "at position %d: there is nothing to search for in %q", t.at, t.typed())
	case t.not:
		c.unwanted = append(c.unwanted, m)
		return c.close()
	case c.or > 0:
		last := &c.wanted[len(c.wanted)-1]
		*last = "(" + *last + " OR " + m + ")"
	default:
		c.wanted = append(c.wanted, m)
	}
	c.or, c.open = 0, true
	return nil
}

// close ends what an OR could go on with.
func (c *clauses) close() error {
	c.open = false
	if c.or > 0 {
		return errOr(c.or)
	}
	return nil
}

func errOr(at int) error {
	return fault.Newf(fault.Invalid, `at position %d: OR stands between two words that are searched for; write "or" in quotation marks to search for the word`, at)
}

// match returns the search for FTS5. OR binds closer than the rest.
func (c *clauses) match() (string, error) {
	if err := c.close(); err != nil {
		return "", err
	}
	if len(c.wanted) == 0 {
		if len(c.unwanted) > 0 {
			return "", fault.New(fault.Invalid, "a search needs a word to search for; a word with - only leaves messages out")
		}
		return "", nil
	}
	m := strings.Join(c.wanted, " AND ")
	if len(c.unwanted) > 0 {
		m = "(" + m + ") NOT (" + strings.Join(c.unwanted, " OR ") + ")"
	}
	return m, nil
}

// term is one word or phrase of a search.
type term struct {
	at       int // position from 1
	operator string
	text     string
	prefix   bool
	not      bool // messages with it are left out
	or       bool // it is the word OR between two terms
}

// readTerm reads the term that begins at *at, which is not a space.
func readTerm(runes []rune, at *int) (term, error) {
	t := term{at: *at + 1}
	start := *at
	if runes[start] == '-' && start+1 < len(runes) && (runes[start+1] == '"' || isWord(runes[start+1])) {
		t.not = true
		start++
	}
	name, end := operator(runes, start)
	if name != "" {
		_, ok := columns(name)
		switch {
		case ok, name == "before" || name == "after":
			t.operator, start = name, end
		case !isLink(runes, end):
			return t, fault.Newf(fault.Invalid, "at position %d: there is no %s:, there are from: to: subject: body: filename: before: after:; put quotation marks around what has a colon",
				start+1, name)
		}
		if t.not && (name == "before" || name == "after") {
			return t, fault.Newf(fault.Invalid, "at position %d: a date is not left out with -; write before: for after:, and after: for before:", t.at)
		}
	}
	if start < len(runes) && runes[start] == '"' {
		end := start + 1
		for end < len(runes) && runes[end] != '"' {
			end++
		}
		if end == len(runes) {
			return t, fault.Newf(fault.Invalid, "at position %d: the quotation mark is not closed", start+1)
		}
		t.text = string(runes[start+1 : end])
		*at = end + 1
	} else {
		end := start
		for end < len(runes) && !unicode.IsSpace(runes[end]) && runes[end] != '"' {
			end++
		}
		t.text = string(runes[start:end])
		*at = end
	}
	t.or = start == t.at-1 && t.text == "OR" && runes[start] != '"'
	if *at < len(runes) && runes[*at] == '*' {
		t.prefix = true
		*at++
	}
	if rest, ok := strings.CutSuffix(t.text, "*"); ok {
		t.text, t.prefix = rest, true
	}
	return t, nil
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

// typed is the text as it was typed.
func (t term) typed() string {
	if t.prefix {
		return t.text + "*"
	}
	return t.text
}

// match returns the term for FTS5, or nothing where it folds to nothing.
func (t term) match() string {
	words, _ := textfold.Query(t.text)
	if words == "" {
		return ""
	}
	c, _ := columns(t.operator)
	m := "{" + c + `} : "` + words + `"`
	if t.prefix {
		m += " *"
	}
	return "(" + m + ")"
}

// bound takes the date of before: or after:.
func (q *query) bound(t term) error {
	for _, form := range []string{"2006-01-02", "2006-01", "2006", "02.01.2006"} {
		if d, err := time.Parse(form, t.text); err == nil {
			if t.operator == "before" {
				q.before = d
			} else {
				q.after = d
			}
			return nil
		}
	}
	return fault.Newf(fault.Invalid, "at position %d: %q is no date; write 2026-11-22, 22.11.2026, 2026-11 or 2026", t.at, t.text)
}
