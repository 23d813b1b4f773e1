package query

import "strings"

// Chip is a term of a search as a page shows it, with what is left without it.
type Chip struct {
	Term
	// Rest is the search without the term, and without the OR that joined it to
	// another; empty where nothing is left.
	Rest string `json:"rest"`
}

// Chips returns the terms of a search. Errors are of type *[Error].
func Chips(text string) ([]Chip, error) {
	q, err := Parse(text)
	if err != nil {
		return nil, err
	}
	tokens, err := read(text)
	if err != nil {
		return nil, err
	}
	var list []Chip
	for i, t := range tokens {
		if t.or {
			continue
		}
		drop := map[int]bool{i: true}
		if i > 0 && tokens[i-1].or {
			drop[i-1] = true
		} else if i+1 < len(tokens) && tokens[i+1].or {
			drop[i+1] = true
		}
		list = append(list, Chip{Term: q.Terms[len(list)], Rest: without([]rune(text), tokens, drop)})
	}
	return list, nil
}

// without returns a search without some of its tokens. What stands in quotation
// marks stays as it is, and tokens that touched each other still do: so it is never
// longer than the search, which has a bound.
func without(runes []rune, tokens []token, drop map[int]bool) string {
	var b strings.Builder
	end := -1 // behind the last token that was kept; -1 for none
	for i, t := range tokens {
		if drop[i] {
			continue
		}
		if end >= 0 && end < t.At-1 {
			b.WriteByte(' ')
		}
		end = t.At - 1 + t.Length
		b.WriteString(string(runes[t.At-1 : end]))
	}
	return b.String()
}
