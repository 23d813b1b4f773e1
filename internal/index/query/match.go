package query

import (
	"slices"
	"strings"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/textfold"
)

// Columns are those of the FTS5 table.
func Columns() []string {
	return []string{"subject", "sender", "recipient", "copy", "body", "attached", "filename"}
}

// places returns the columns in which an operator looks; nil for everywhere.
func places(operator string) (names []string, ok bool) {
	switch operator {
	case "":
		return nil, true
	case "subject", "body", "filename":
		return []string{operator}, true
	case "from":
		return []string{"sender"}, true
	case "to":
		return []string{"recipient"}, true
	case "cc":
		return []string{"copy"}, true
	case "attachment":
		return []string{"attached", "filename"}, true
	}
	return nil, false
}

// isText reports whether an operator looks for words.
func isText(operator string) bool {
	_, ok := places(operator)
	return ok
}

// In reports whether a term is looked for in a column. Only terms that are words
// or phrases are.
func (t Term) In(column string) bool {
	names, ok := places(t.Operator)
	return ok && (names == nil || slices.Contains(names, column))
}

// filter returns a search within columns, or everywhere.
func filter(names []string, match string) string {
	if names == nil {
		return "(" + match + ")"
	}
	return "({" + strings.Join(names, " ") + "} : " + match + ")"
}

// clauses are the words that a search asks for and leaves out.
type clauses struct {
	groups   []group
	unwanted []string
	or       *token // an OR that waits for its second term
	open     bool   // the last term may be followed by OR
}

// group is a term, or several with OR between them.
type group struct {
	match []string // alternatives
	plain bool     // none of them has an operator
	words string   // of a single term, folded
	star  bool     // it is a beginning
}

func (g group) text() string {
	if len(g.match) == 1 {
		return g.match[0]
	}
	return "(" + strings.Join(g.match, " OR ") + ")"
}

// join takes the word OR.
func (c *clauses) join(t token) error {
	if !c.open || c.or != nil {
		return errOr(t)
	}
	c.or = &t
	return nil
}

// add takes a word or phrase, and notes in it whether OR stands before it.
func (c *clauses) add(t *token) error {
	words, _ := textfold.Query(t.Text)
	if words == "" {
		return t.wrong(fault.Newf(fault.Invalid, "at position %d: there is nothing to search for in %q", t.At, t.Typed()))
	}
	m := `"` + words + `"`
	if t.Prefix {
		m += " *"
	}
	names, _ := places(t.Operator)
	m = filter(names, m)
	if t.Not {
		c.unwanted = append(c.unwanted, m)
		return c.close()
	}
	if t.Or = c.or != nil; t.Or {
		last := &c.groups[len(c.groups)-1]
		last.match = append(last.match, m)
		last.plain = last.plain && t.Operator == ""
	} else {
		c.groups = append(c.groups, group{match: []string{m}, plain: t.Operator == "", words: words, star: t.Prefix})
	}
	c.or, c.open = nil, true
	return nil
}

// close ends what an OR could go on with.
func (c *clauses) close() error {
	c.open = false
	if c.or != nil {
		return errOr(*c.or)
	}
	return nil
}

func errOr(t token) error {
	return t.wrong(fault.Newf(fault.Invalid, `at position %d: OR stands between two words that are searched for, phrases, or parts such as from:anna; sizes, dates and has: are no alternatives. Write "or" in quotation marks to search for the word`, t.At))
}

// compile says it to FTS5.
func (c *clauses) compile(q *Query) {
	if len(c.groups) == 0 {
		q.Unmatch = strings.Join(c.unwanted, " OR ")
		return
	}
	var all, plain, bound []string
	for _, g := range c.groups {
		all = append(all, g.text())
		if g.plain {
			plain = append(plain, g.text())
		} else {
			bound = append(bound, g.text())
		}
	}
	q.Match = c.without(all)
	if len(plain) == 0 {
		q.Tiers = []string{q.Match}
		return
	}
	words := strings.Join(plain, " AND ")
	better := []string{
		filter([]string{"subject"}, "("+words+")"),
		filter([]string{"subject", "sender", "recipient", "copy", "filename"}, "("+words+")"),
	}
	if p := c.phrase(); p != "" {
		better = append(better, p)
	}
	var taken []string
	for _, b := range better {
		q.Tiers = append(q.Tiers, except(c.without(append([]string{b}, bound...)), taken))
		taken = append(taken, b)
	}
	q.Tiers = append(q.Tiers, except(q.Match, taken))
}

// without returns what has all of a list and nothing that is left out.
func (c *clauses) without(list []string) string {
	return except(strings.Join(list, " AND "), c.unwanted)
}

func except(match string, unwanted []string) string {
	if len(unwanted) == 0 {
		return match
	}
	return "(" + match + ") NOT (" + strings.Join(unwanted, " OR ") + ")"
}

// phrase returns the words without operators as one phrase, where there are
// several and each is a word or phrase by itself.
func (c *clauses) phrase() string {
	var words []string
	star := ""
	for _, g := range c.groups {
		switch {
		case !g.plain:
			continue
		case len(g.match) > 1, star != "":
			return ""
		case g.star:
			star = " *"
		}
		words = append(words, g.words)
	}
	if len(words) < 2 {
		return ""
	}
	return `("` + strings.Join(words, " ") + `"` + star + ")"
}
