package query

import (
	"slices"
	"strings"
	"unicode"

	"siegel/internal/kit/fault"
)

// parens are the parentheses of a search that are not part of a word: they stand before
// or behind one, and belong together. All others are text, and the folding of words takes
// them away.
type parens struct {
	partner map[int]int // each with the one that it belongs to, by their places from 0
	stray   []stray

	open []opened // that wait for the one that closes them
	runs []run
}

// stray is a parenthesis that belongs to none: at the edge of a word, or in its midst while
// one before the word is open.
type stray struct {
	at           int
	ends, inside bool // it closes; it is in the midst
}

// opened is a parenthesis that waits to be closed.
type opened struct {
	at       int
	operator string // that it stands behind; empty for none
}

// run are parentheses that open one behind the other.
type run struct{ at, length int }

// parentheses finds them. Errors are of type *[Error].
func parentheses(runes []rune) (*parens, error) {
	p := &parens{partner: make(map[int]int)}
	for at := 0; at < len(runes); {
		if unicode.IsSpace(runes[at]) {
			at++
			continue
		}
		if runes[at] == '"' {
			at = behind(runes, at)
			continue
		}
		end := at
		for end < len(runes) && !unicode.IsSpace(runes[end]) && runes[end] != '"' {
			end++
		}
		if err := p.word(runes, at, end); err != nil {
			return nil, err
		}
		at = end
	}
	p.settle()
	return p, nil
}

// behind returns where a phrase ends that begins at a quotation mark.
func behind(runes []rune, at int) int {
	n := slices.Index(runes[at+1:], '"')
	if n < 0 {
		return len(runes)
	}
	if at += n + 2; at < len(runes) && runes[at] == '*' {
		at++
	}
	return at
}

// word takes what stands between blanks or quotation marks.
func (p *parens) word(runes []rune, at, end int) error {
	begin := at
	for at < end && runes[at] == '(' {
		p.open = append(p.open, opened{at: at})
		at++
	}
	if at > begin {
		p.runs = append(p.runs, run{begin, at - begin})
	}
	if at+1 < end && runes[at] == '-' {
		if runes[at+1] == '(' {
			return wrong(at, 2, fault.Newf(fault.Invalid, "at position %d: a parenthesis is not left out with -; write -a -b for -(a OR b)", at+1))
		}
		at++
	}
	name, value := operator(runes, at)
	grouped := (isText(name) || isCondition(name)) && name != "" && value < end && runes[value] == '('
	tail := tailOf(runes, at, end)
	depth := p.within(runes, at, tail)
	var closing []int
	for i := tail; i < end; i++ {
		switch {
		case runes[i] != ')':
		case depth > 0:
			depth--
		default:
			closing = append(closing, i)
		}
	}
	switch {
	case depth > 0 && grouped:
		p.open = append(p.open, opened{value, name})
	case depth > 0 && len(p.open) > 0:
		p.stray = append(p.stray, stray{at: at + slices.Index(runes[at:end], '('), inside: true})
	}
	return p.shut(closing)
}

// within returns how many parentheses a word opens and does not close. Where one before
// the word is open, what closes in its midst belongs to none.
func (p *parens) within(runes []rune, at, end int) (depth int) {
	for ; at < end; at++ {
		switch {
		case runes[at] == '(':
			depth++
		case runes[at] == ')' && depth > 0:
			depth--
		case runes[at] == ')' && len(p.open) > 0:
			p.stray = append(p.stray, stray{at: at, ends: true, inside: true})
		}
	}
	return depth
}

// punctuation may stand behind a parenthesis that closes.
const punctuation = ",.;:!?"

// tailOf returns where at the end of a word nothing but parentheses that close stands, and
// what may stand behind them.
func tailOf(runes []rune, begin, end int) int {
	for end > begin && strings.ContainsRune(")"+punctuation, runes[end-1]) {
		end--
	}
	return end
}

// shut takes the parentheses that close at the end of a word. Where there are too many
// the first stay with the word.
func (p *parens) shut(closing []int) error {
	for len(closing) > len(p.open) {
		p.stray = append(p.stray, stray{at: closing[0], ends: true})
		closing = closing[1:]
	}
	for _, at := range closing {
		last := len(p.open) - 1
		o := p.open[last]
		if o.operator != "" {
			return wrong(o.at, at+1-o.at, fault.Newf(fault.Invalid, "at position %d: write %s: before each word, not before a parenthesis", o.at+1, o.operator))
		}
		p.partner[at], p.partner[o.at] = o.at, at
		p.open = p.open[:last]
	}
	return nil
}

// settle ends the search: of parentheses that open one behind the other, those that
// nothing closes are the last, and stay with the word behind them.
func (p *parens) settle() {
	for _, o := range p.open {
		if o.operator != "" {
			p.stray = append(p.stray, stray{at: o.at})
		}
	}
	for _, r := range p.runs {
		var closing []int
		for at := r.at; at < r.at+r.length; at++ {
			if c, ok := p.partner[at]; ok {
				closing = append(closing, c)
				delete(p.partner, at)
			}
		}
		for i := range r.length {
			if i >= len(closing) {
				p.stray = append(p.stray, stray{at: r.at + i})
				continue
			}
			p.partner[r.at+i], p.partner[closing[i]] = closing[i], r.at+i
		}
	}
}

// token returns the parenthesis at a place, and false where there is none that counts.
func (p *parens) token(runes []rune, at int) (t token, ok bool) {
	partner, ok := p.partner[at]
	if !ok {
		return t, false
	}
	t.At, t.Length, t.kind = at+1, 1, opening
	if partner < at {
		t.kind = closing
		for end := at + 1; end < len(runes) && strings.ContainsRune(punctuation, runes[end]); end++ {
			t.Length++
		}
	}
	return t, true
}

// pair is a parenthesis that opens and the one that closes it, by their numbers among the
// tokens.
type pair struct {
	open, end int
	alike     bool // an OR is in it or beside it: it holds alternatives
}

// pairs returns the parentheses of a search, outer ones before those in them.
func pairs(list []token) (found []pair) {
	var open []int // numbers of found
	for i, t := range list {
		switch t.kind {
		case opening:
			open = append(open, len(found))
			found = append(found, pair{open: i})
		case closing:
			found[open[len(open)-1]].end = i
			open = open[:len(open)-1]
		case term, or:
		}
	}
	isOr := func(t token) bool { return t.kind == or }
	for i, p := range found {
		beside := p.open > 0 && isOr(list[p.open-1]) || p.end+1 < len(list) && isOr(list[p.end+1])
		found[i].alike = beside || slices.ContainsFunc(list[p.open:p.end], isOr)
	}
	return found
}

// check refuses parentheses that would mean more than OR does without them.
func (p *parens) check(list []token) error {
	for _, s := range p.stray {
		if err := s.check(list); err != nil {
			return err
		}
	}
	for _, p := range pairs(list) {
		if err := p.check(list); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a parenthesis that belongs to none where it could have been meant to hold
// alternatives.
func (s stray) check(list []token) error {
	own := 0 // the token that it is in
	for i, t := range list {
		if t.At-1 <= s.at {
			own = i
		}
	}
	from, to := own-1, own+1
	if s.ends {
		for from = 0; to < len(list) && list[to].kind == closing; to++ {
		}
		to = min(to+1, len(list))
	} else {
		for to = len(list); from >= 0 && list[from].kind == opening; from-- {
		}
		from = max(from, 0)
	}
	if slices.ContainsFunc(list[from:to], func(t token) bool { return t.kind == or }) {
		return wrong(s.at, 1, s.fault())
	}
	return nil
}

func (s stray) fault() error {
	switch {
	case s.ends && s.inside:
		return fault.Newf(fault.Invalid, "at position %d: put a blank behind the parenthesis, or quotation marks around what is text", s.at+1)
	case s.inside:
		return fault.Newf(fault.Invalid, "at position %d: put a blank before the parenthesis, or quotation marks around what is text", s.at+1)
	case s.ends:
		return fault.Newf(fault.Invalid, "at position %d: the parenthesis was not opened; put quotation marks around what is text", s.at+1)
	default:
		return fault.Newf(fault.Invalid, "at position %d: the parenthesis is not closed; put quotation marks around what is text", s.at+1)
	}
}

// check refuses a pair that is beside an OR or around one, and holds anything but terms
// with OR between them; and one that holds nothing.
func (p pair) check(list []token) error {
	open, end := list[p.open], list[p.end]
	within := list[p.open+1 : p.end]
	if len(within) == 0 {
		return wrong(open.At-1, end.At+1-open.At, fault.Newf(fault.Invalid, "at position %d: there is nothing to search for in %q", open.At, "()"))
	}
	if !p.alike {
		return nil
	}
	for i, t := range within {
		switch {
		case t.kind == opening:
			return wrong(t.At-1, 1, fault.Newf(fault.Invalid, "at position %d: a parenthesis does not stand inside of another", t.At))
		case t.doubt != nil:
			return t.doubt
		case t.kind == or && (i%2 == 0 || i == len(within)-1):
			return errOr(t)
		case t.kind == term && i%2 == 1:
			return wrong(open.At-1, end.At+1-open.At, fault.Newf(fault.Invalid, "at position %d: with OR, parentheses hold only words that all have OR between them, as in (offer OR invoice) 2026", open.At))
		}
	}
	return nil
}

// wrong returns an error of what is at a place, counted from 0.
func wrong(at, length int, f error) error { return &Error{At: at + 1, Length: length, fault: f} }
