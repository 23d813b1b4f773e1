package query

import "strings"

// Chip is a term of a search as a page shows it, with what is left without it.
type Chip struct {
	Term
	// Rest is the search without the term, without the OR that joined it to another
	// and without parentheses that hold nothing more; empty where nothing is left.
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
		if t.kind == term {
			list = append(list, Chip{Term: q.Terms[len(list)], Rest: without([]rune(text), tokens, dropped(tokens, i))})
		}
	}
	return list, nil
}

// dropped returns what goes with a term: the OR that joined it to another, and parentheses
// that hold nothing more, or of several alternatives only one.
func dropped(tokens []token, i int) map[int]bool {
	drop := map[int]bool{i: true}
	is := func(at int, k kind) bool { return at >= 0 && at < len(tokens) && tokens[at].kind == k }
	before, after := i-1, i+1
	if !is(before, or) && !is(after, or) { // it is alone in its parentheses, or no alternative
		for is(before, opening) {
			before--
		}
		for is(after, closing) {
			after++
		}
	}
	if is(before, or) {
		drop[before] = true
	} else if is(after, or) {
		drop[after] = true
	}
	for _, p := range pairs(tokens) {
		kept := 0
		for at := p.open; at < p.end; at++ {
			if is(at, term) && !drop[at] {
				kept++
			}
		}
		if kept == 0 || kept == 1 && p.alike {
			drop[p.open], drop[p.end] = true, true
		}
	}
	return drop
}

// without returns a search without some of its tokens. What stands in quotation
// marks stays as it is, and tokens that touched each other still do: so it is never
// longer than the search, which has a bound.
func without(runes []rune, tokens []token, drop map[int]bool) string {
	var b strings.Builder
	last := -1 // that was kept; -1 for none
	written := func(t token) string { return string(runes[t.At-1 : t.At-1+t.Length]) }
	for i, t := range tokens {
		if drop[i] {
			continue
		}
		if last >= 0 && tokens[last].At+tokens[last].Length < t.At && !hugs(tokens[last], t, written) {
			b.WriteByte(' ')
		}
		last = i
		b.WriteString(written(t))
	}
	return b.String()
}

// hugs reports whether a parenthesis comes to stand beside a term without a blank. Where the
// term has parentheses of its own, the blank tells them apart.
func hugs(left, right token, written func(token) string) bool {
	switch {
	case left.kind == opening && right.kind == term:
		return !strings.ContainsAny(written(right), "()")
	case left.kind == term && right.kind == closing:
		return !strings.ContainsAny(written(left), "()")
	}
	return false
}
