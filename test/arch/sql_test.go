package arch_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func sqlRules() []rule {
	return []rule{
		{"own tables", "SQL names only the tables of its own package, which begin with the package's name: who needs another's rows asks the other", checkTables},
		{"tenant", "$1 is the tenant, bound by the handle: a query that does not compare or insert it sees other tenants' rows. A line '// no tenant: reason' above the query excepts it (projections, which are one holder's file)", checkTenant},
		{"placeholders", "SQLite numbers placeholders by first use and binds others wrongly without an error: $1, $2… first used in ascending order, no ? and no names", checkPlaceholders},
	}
}

// statement is one SQL statement, or the part of one, found in a file.
type statement struct {
	at     string
	room   string // the last element of the room's path
	tokens []string
	kind   string // first word, lower case
	part   bool   // a part that is put together with others when it runs
	schema bool   // from a .sql file: migrations, which work for all tenants
	exempt string // reason of a "no tenant" comment
}

var (
	// verbs are how a statement begins, in any case; English seldom does.
	verbs = regexp.MustCompile(`(?is)^\s*(select\s.*\sfrom\s|insert\s+(or\s+\w+\s+)?into\s|replace\s+into\s|update\s+(or\s+\w+\s+)?\S+\s+(as\s+\w+\s+)?set\s|delete\s+from\s|create\s+(temp\s+|temporary\s+|unique\s+|virtual\s+)*(table|index|view|trigger)\s|alter\s+table\s|drop\s+(table|index|view|trigger)\s|with\s+(recursive\s+)?\w+\s*(\([^)]*\)\s*)?as\s)`)
	// loud are words that make upper-case text SQL, parts of statements too.
	loud = regexp.MustCompile(`^\s*(SELECT|FROM|WHERE|JOIN|LEFT JOIN|INNER JOIN|AND|OR|UNION|ORDER BY|GROUP BY)\s`)
	// lexemes of SQL: strings, names with their qualifier, placeholders, signs.
	lexemes = regexp.MustCompile(`'(?:[^']|'')*'|--[^\n]*|(?s:/\*.*?\*/)|"[^"]*"|\$\d+|::|[:@]?[a-zA-Z_][\w.]*|\d+|\S`)
)

// hole stands for what a string is put together with when the program runs.
const hole = "\x00"

func tokenize(sql string) []string {
	var all []string
	for _, t := range lexemes.FindAllString(sql, -1) {
		switch {
		case strings.HasPrefix(t, "--"), strings.HasPrefix(t, "/*"):
		case strings.HasPrefix(t, "'"):
			all = append(all, "''")
		default:
			all = append(all, strings.ToLower(strings.Trim(t, `"`)))
		}
	}
	return all
}

// statements returns all SQL of the house that is not in tests.
func (h *house) statements() []statement {
	var all []statement
	for _, p := range h.packages() {
		constants := constantsOf(p)
		for _, f := range p.files {
			if !f.generated {
				all = append(all, h.statementsOf(f, constants)...)
			}
		}
	}
	for _, t := range h.sql {
		line := 1
		for sql := range strings.SplitAfterSeq(t.body, ";") {
			lead := len(sql) - len(strings.TrimLeft(sql, " \t\n"))
			s := statement{at: fmt.Sprintf("%s:%d", t.path, line+strings.Count(sql[:lead], "\n")), schema: true}
			line += strings.Count(sql, "\n")
			if s.tokens = tokenize(sql); len(s.tokens) > 0 {
				s.room, s.kind = path.Base(room(path.Dir(t.path))), s.tokens[0]
				all = append(all, s)
			}
		}
	}
	return all
}

// constantsOf returns the string constants of a package by name.
func constantsOf(p pkg) map[string]ast.Expr {
	all := make(map[string]ast.Expr)
	for _, f := range p.files {
		for _, d := range f.ast.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				continue
			}
			for _, s := range decl.Specs {
				if spec, ok := s.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
					for i, name := range spec.Names {
						all[name.Name] = spec.Values[i]
					}
				}
			}
		}
	}
	return all
}

func (h *house) statementsOf(f *file, constants map[string]ast.Expr) []statement {
	var all []statement
	exempt := h.exemptLines(f)
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BinaryExpr, *ast.BasicLit:
		default:
			return true
		}
		e, ok := n.(ast.Expr)
		sql, isString := fold(e, constants, 0)
		if !ok || !isString {
			return true
		}
		whole := verbs.MatchString(sql)
		if !whole && !loud.MatchString(sql) {
			return false
		}
		s := statement{at: h.at(n.Pos()), room: path.Base(room(f.pkg)), tokens: tokenize(sql), part: !whole}
		s.kind = s.tokens[0]
		if slices.Contains([]string{"select", "with"}, s.kind) { // without FROM it is whole all the same
			s.part = strings.Contains(sql, hole)
		}
		line := h.fset.Position(n.Pos()).Line
		s.exempt = cmp(exempt[line], exempt[line-1])
		all = append(all, s)
		return false
	})
	return all
}

func cmp(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// exemptLines returns the reasons of "no tenant" comments by the last line of
// their comment group.
func (h *house) exemptLines(f *file) map[int]string {
	lines := make(map[int]string)
	for _, g := range f.ast.Comments {
		if _, reason, ok := strings.Cut(g.Text(), "no tenant: "); ok {
			lines[h.fset.Position(g.End()).Line] = strings.Join(strings.Fields(reason), " ")
		}
	}
	return lines
}

// fold puts a constant string together; a part that is no constant becomes a
// hole. It reports false for what is no string at all.
func fold(e ast.Expr, constants map[string]ast.Expr, depth int) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.ParenExpr:
		return fold(e.X, constants, depth)
	case *ast.Ident:
		if c, ok := constants[e.Name]; ok && depth < 8 {
			return fold(c, constants, depth+1)
		}
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		x, okX := fold(e.X, constants, depth)
		y, okY := fold(e.Y, constants, depth)
		if !okX {
			x = " " + hole + " "
		}
		if !okY {
			y = " " + hole + " "
		}
		return x + y, okX || okY
	}
	return "", false
}

func checkTables(h *house) []finding {
	var bad []finding
	for _, s := range h.statements() {
		for _, t := range s.tables() {
			switch {
			case t == hole || t == "%":
				bad = append(bad, finding{s.at, "the name of a table is put in when the program runs: write it out"})
			case s.room == "db" && (strings.HasPrefix(t, "sqlite_") || strings.HasPrefix(t, "pg_")):
			case !strings.HasPrefix(t, s.room+"_"):
				bad = append(bad, finding{s.at, fmt.Sprintf("SQL of %s names the table %q: its own begin with %s_", s.room, t, s.room)})
			}
		}
	}
	return bad
}

// tables returns the tables that a statement names, each time it does, without
// those that it defines for itself (WITH).
func (s statement) tables() []string {
	var all, own []string
	var inside []string // the word before each open parenthesis
	for i, t := range s.tokens {
		switch t {
		case "(":
			inside = append(inside, s.word(i-1))
		case ")":
			inside = inside[:max(0, len(inside)-1)]
		case "as":
			if name := s.defined(i); name != "" {
				own = append(own, name)
			}
		case "from":
			if s.word(i-1) != "distinct" && (len(inside) == 0 || !slices.Contains(functionsWithFrom, inside[len(inside)-1])) {
				all = append(all, s.list(i+1)...)
			}
		default:
			if name := s.named(i); name != "" {
				all = append(all, name)
			}
		}
	}
	return slices.DeleteFunc(all, func(t string) bool { return slices.Contains(own, t) })
}

// functionsWithFrom have a FROM among their arguments.
var functionsWithFrom = []string{"extract", "substring", "trim", "overlay", "position"}

func (s statement) word(i int) string {
	if i < 0 || i >= len(s.tokens) {
		return ""
	}
	return s.tokens[i]
}

// named returns the table that the keyword at i speaks of, or "".
func (s statement) named(i int) string {
	next := i + 1
	switch s.word(i) {
	case "join":
		if s.word(next) == "(" || s.word(next) == "lateral" {
			return ""
		}
	case "into", "references":
	case "update":
		if slices.Contains([]string{"for", "do", "on", "key", "after", "before"}, s.word(i-1)) {
			return ""
		}
		if s.word(next) == "or" {
			next += 2
		}
	case "table":
		for slices.Contains([]string{"if", "not", "exists"}, s.word(next)) {
			next++
		}
	case "on": // CREATE INDEX name ON table
		if s.kind != "create" || !slices.Contains(s.tokens[:i], "index") && !slices.Contains(s.tokens[:i], "trigger") {
			return ""
		}
	case "to": // ALTER TABLE name RENAME TO name
		if s.word(i-1) != "rename" {
			return ""
		}
	default:
		return ""
	}
	return strings.TrimPrefix(s.word(next), "main.")
}

// defined returns the name of the WITH query whose AS stands at i, or "".
func (s statement) defined(i int) string {
	if s.tokens[0] != "with" {
		return ""
	}
	next := i + 1
	for slices.Contains([]string{"not", "materialized"}, s.word(next)) {
		next++
	}
	if s.word(next) != "(" || !slices.Contains([]string{"select", "values", "insert", "update", "delete", "with"}, s.word(next+1)) {
		return ""
	}
	before := i - 1
	if s.word(before) == ")" { // name (columns) AS
		for before >= 0 && s.word(before) != "(" {
			before--
		}
		before--
	}
	return s.word(before)
}

// list returns the tables of a FROM that begins at i: a, b AS x, (SELECT …) c.
func (s statement) list(i int) []string {
	var all []string
	for i < len(s.tokens) {
		if s.word(i) == "lateral" || s.word(i) == "only" {
			i++
		}
		if s.word(i) == "(" || s.word(i+1) == "(" { // a query of its own, or a function that gives rows
			for depth := 0; i < len(s.tokens); i++ {
				if s.word(i) == "(" {
					depth++
				} else if s.word(i) == ")" {
					if depth--; depth == 0 {
						break
					}
				}
			}
		} else {
			all = append(all, strings.TrimPrefix(s.word(i), "main."))
		}
		i++
		if s.word(i) == "as" {
			i++
		}
		if s.word(i) != "," && s.word(i+1) == "," {
			i++
		}
		if s.word(i) != "," {
			return all
		}
		i++
	}
	return all
}

// exemptions lists the queries that have no tenant for a reason.
func exemptions(h *house) []finding {
	var all []finding
	for _, s := range h.statements() {
		if s.exempt != "" {
			all = append(all, finding{s.at, s.exempt})
		}
	}
	return all
}

func checkPlaceholders(h *house) []finding {
	var bad []finding
	for _, s := range h.statements() {
		highest := 0
		for _, t := range s.tokens {
			if t == "?" || len(t) > 1 && (t[0] == ':' && t != "::" || t[0] == '@') {
				bad = append(bad, finding{s.at, fmt.Sprintf("placeholder %s: write $1, $2…", t)})
			}
			n, err := strconv.Atoi(strings.TrimPrefix(t, "$"))
			if err != nil || t[0] != '$' || n <= highest {
				continue
			}
			if n != highest+1 && !s.part {
				bad = append(bad, finding{s.at, fmt.Sprintf("$%d is used before $%d (an UPDATE begins with SET tenant = $1, …)", n, highest+1)})
			}
			highest = n
		}
	}
	return bad
}
