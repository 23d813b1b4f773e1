package arch_test

import (
	"fmt"
	"slices"
	"strings"
)

// checkTenant reads every whole query: $1 is there, is compared with or
// inserted as the column tenant and nothing else, and every table that is
// named has its tenant compared.
func checkTenant(h *house) []finding {
	var bad []finding
	for _, s := range h.statements() {
		if s.schema || s.part || s.exempt != "" || !slices.Contains([]string{"select", "with", "insert", "replace", "update", "delete"}, s.kind) {
			continue
		}
		tables := len(s.tables())
		if tables == 0 {
			continue
		}
		if why := s.tenantProblem(tables); why != "" {
			bad = append(bad, finding{s.at, why})
		}
	}
	return bad
}

func (s statement) tenantProblem(tables int) string {
	inserted, why := s.insertedTenant()
	if why != "" {
		return why
	}
	compared, first := 0, 0
	setting := false // between SET and WHERE = assigns
	for i, t := range s.tokens {
		switch {
		case t == "set":
			setting = true
		case t == "where" || t == "from":
			setting = false
		case t == "=" && !setting && (tenantColumn(s.word(i-1)) || tenantColumn(s.word(i+1))):
			compared++
		case t == "using" && s.word(i+1) == "(" && slices.Contains(s.group(i+1), "tenant"):
			compared++
		case t == "$1":
			first++
			before, after := s.word(i-1) == "=" && tenantColumn(s.word(i-2)), s.word(i+1) == "=" && tenantColumn(s.word(i+2))
			if !before && !after && !slices.Contains(inserted, i) {
				return "$1 is the tenant and is used as something else: only tenant = $1, or the value of the column tenant"
			}
		}
	}
	if first == 0 {
		return "the tenant, $1, is missing"
	}
	if len(inserted) > 0 {
		compared++
	}
	if compared < tables {
		return fmt.Sprintf("%d tables are named, %d have their tenant compared", tables, compared)
	}
	return ""
}

func tenantColumn(t string) bool { return t == "tenant" || strings.HasSuffix(t, ".tenant") }

// insertedTenant returns the places where an INSERT gives $1 to the column
// tenant; it says what is wrong where it does not.
func (s statement) insertedTenant() (places []int, why string) {
	into := slices.Index(s.tokens, "into")
	if into < 0 {
		return nil, ""
	}
	i := into + 2
	if s.word(i) == "as" {
		i += 2
	}
	if s.word(i) != "(" {
		return nil, "INSERT without its columns: write them out"
	}
	columns := s.items(i)
	column := slices.IndexFunc(columns, func(c []int) bool { return len(c) == 1 && s.tokens[c[0]] == "tenant" })
	if column < 0 {
		return nil, "INSERT without the column tenant"
	}
	i += s.size(i)
	switch s.word(i) {
	case "select":
		values := s.itemsUntil(i+1, "from")
		if column < len(values) && len(values[column]) == 1 {
			at := values[column][0]
			if s.tokens[at] == "$1" {
				return []int{at}, ""
			}
			if tenantColumn(s.tokens[at]) { // copied from rows whose tenant is compared
				return []int{-1}, ""
			}
		}
		return nil, "INSERT … SELECT does not give $1 to the column tenant"
	case "values":
		for i++; s.word(i) == "("; i += s.size(i) + 1 {
			values := s.items(i)
			if column >= len(values) || len(values[column]) != 1 || s.tokens[values[column][0]] != "$1" {
				return nil, "INSERT does not give $1 to the column tenant"
			}
			places = append(places, values[column][0])
			if s.word(i+s.size(i)) != "," {
				break
			}
		}
		return places, ""
	}
	return nil, "INSERT without VALUES or SELECT"
}

// size returns the number of tokens of the parenthesis that opens at i.
func (s statement) size(i int) int {
	depth := 0
	for n, t := range s.tokens[i:] {
		switch t {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return n + 1
			}
		}
	}
	return len(s.tokens) - i
}

// group returns the tokens of the parenthesis that opens at i.
func (s statement) group(i int) []string { return s.tokens[i : i+s.size(i)] }

// items returns the places of the tokens between the commas of a parenthesis.
func (s statement) items(i int) [][]int {
	return split(s.tokens, i+1, i+s.size(i)-1)
}

// itemsUntil does the same for a list that ends before a word.
func (s statement) itemsUntil(i int, word string) [][]int {
	end := slices.Index(s.tokens[i:], word)
	if end < 0 {
		return split(s.tokens, i, len(s.tokens))
	}
	return split(s.tokens, i, i+end)
}

func split(tokens []string, begin, end int) [][]int {
	all := [][]int{nil}
	depth := 0
	for i := begin; i < end; i++ {
		switch tokens[i] {
		case "(":
			depth++
		case ")":
			depth--
		case ",":
			if depth == 0 {
				all = append(all, nil)
				continue
			}
		}
		all[len(all)-1] = append(all[len(all)-1], i)
	}
	return all
}
