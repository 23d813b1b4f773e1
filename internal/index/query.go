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
// with a date. All terms must match. Errors have the kind Invalid and name the
// position, in characters from 1.
func parseQuery(text string) (query, error) {
	var q query
	if len(text) > maxQuery {
		return q, fault.Newf(fault.Invalid, "a search has at most %d characters", maxQuery)
	}
	var matches []string
	runes := []rune(text)
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
		if t.operator == "before" || t.operator == "after" {
			if err := q.bound(t); err != nil {
				return q, err
			}
			continue
		}
		m := t.match()
		if m == "" {
			return q, fault.Newf(fault.Invalid, "at position %d: there is nothing to search for in %q", t.at, t.text)
		}
		matches = append(matches, m)
	}
	q.match = strings.Join(matches, " AND ")
	if q.match == "" && q.after.IsZero() && q.before.IsZero() {
		return q, fault.New(fault.Invalid, "type a word to search for")
	}
	return q, nil
}

// term is one word or phrase of a search.
type term struct {
	at       int // position from 1
	operator string
	text     string
	prefix   bool
}

// readTerm reads the term that begins at *at, which is not a space.
func readTerm(runes []rune, at *int) (term, error) {
	t := term{at: *at + 1}
	start := *at
	for i := start; i < len(runes) && (unicode.IsLetter(runes[i]) || runes[i] == ':'); i++ {
		if runes[i] != ':' {
			continue
		}
		name := strings.ToLower(string(runes[start:i]))
		if _, ok := columns(name); (ok && name != "") || name == "before" || name == "after" {
			t.operator = name
			start = i + 1
		}
		break
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
	if *at < len(runes) && runes[*at] == '*' {
		t.prefix = true
		*at++
	}
	if rest, ok := strings.CutSuffix(t.text, "*"); ok {
		t.text, t.prefix = rest, true
	}
	return t, nil
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
