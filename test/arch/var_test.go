package arch_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// immutable are the calls whose result nobody can change.
var immutable = []string{
	"errors.New", "fmt.Errorf", "regexp.MustCompile",
	"netip.MustParseAddr", "netip.MustParsePrefix",
	"strings.NewReplacer", "base64.NewEncoding", "base32.NewEncoding",
	"sync.OnceValue", "sync.OnceValues", "sync.OnceFunc",
}

func varRules() []rule {
	return []rule{{
		"no mutable package variables",
		"what a package can change behind its callers' back makes tests depend on one another: allowed are error sentinels, compiled expressions, embedded files, guards (var _ I = …), and unexported tables that nobody assigns",
		checkVars,
	}}
}

func checkVars(h *house) []finding {
	var bad []finding
	for _, p := range h.packages() {
		tables := make(map[string]token.Pos)
		for _, f := range p.files {
			for _, v := range packageVars(f.ast) {
				why, table := judge(v)
				if why != "" {
					bad = append(bad, finding{h.at(v.name.Pos()), fmt.Sprintf("var %s %s", v.name.Name, why)})
				}
				if table {
					tables[v.name.Name] = v.name.Pos()
				}
			}
		}
		for _, f := range p.files {
			for _, c := range changes(f.ast) {
				if _, ok := tables[c.Name]; ok {
					bad = append(bad, finding{h.at(c.Pos()), fmt.Sprintf("the package variable %s is changed here", c.Name)})
				}
			}
		}
	}
	return bad
}

// packageVar is one name of a package-level var.
type packageVar struct {
	name     *ast.Ident
	value    ast.Expr // nil where there is none
	embedded bool     // has a go:embed directive
}

func packageVars(f *ast.File) []packageVar {
	var all []packageVar
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.VAR {
			continue
		}
		for _, s := range decl.Specs {
			spec, ok := s.(*ast.ValueSpec)
			if !ok {
				continue
			}
			for i, name := range spec.Names {
				v := packageVar{name: name, embedded: embeds(decl.Doc) || embeds(spec.Doc)}
				if i < len(spec.Values) {
					v.value = spec.Values[i]
				}
				all = append(all, v)
			}
		}
	}
	return all
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// judge says what is wrong with a variable, "" if nothing, and whether it is a
// table that is all right as long as nobody assigns to it.
func judge(v packageVar) (why string, table bool) {
	name := v.name.Name
	if name == "_" || v.embedded {
		return "", false
	}
	switch e := v.value.(type) {
	case nil:
		return "has no value, so somebody will give it one", false
	case *ast.CallExpr:
		if slices.Contains(immutable, selector(e.Fun)) {
			return "", true
		}
		if _, ok := e.Fun.(*ast.ArrayType); ok && !v.name.IsExported() { // []byte("…")
			return "", true
		}
		return "is computed at start: make it a field or a function (var_test.go lists the calls that are allowed)", false
	case *ast.SelectorExpr: // another package's sentinel under our name
		if strings.HasPrefix(name, "Err") && strings.HasPrefix(e.Sel.Name, "Err") {
			return "", true
		}
		return "is a copy that somebody may exchange", false
	case *ast.CompositeLit:
		if t := selector(e.Type); strings.HasPrefix(t, "sync.") || strings.HasPrefix(t, "atomic.") {
			return "is there to be changed", false
		}
		if v.name.IsExported() {
			return "is a table that others can change: do not export it, or return it from a function", false
		}
		return "", true
	case *ast.BasicLit:
		if v.name.IsExported() {
			return "can be changed by others: make it a constant", false
		}
		return "", true
	default:
		return "is no table and no sentinel", false
	}
}

// selector returns pkg.Name of an expression, or "".
func selector(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

// changes returns the identifiers that are assigned to, in whole or in part,
// or whose address is taken, without those that a function declares itself.
func changes(f *ast.File) []*ast.Ident {
	var all []*ast.Ident
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		local := declared(fn)
		ast.Inspect(fn, func(n ast.Node) bool {
			for _, e := range changed(n) {
				if id := stem(e); id != nil && !local[id.Name] {
					all = append(all, id)
				}
			}
			return true
		})
	}
	return all
}

// changed returns the expressions that a node changes.
func changed(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, id.Name) {
			return n.Args[:1]
		}
	}
	return nil
}

// stem returns x of x, x.f, x[i], *x and (x).
func stem(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// declared returns the names that a function declares anywhere inside.
func declared(fn *ast.FuncDecl) map[string]bool {
	names := make(map[string]bool)
	add := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok {
			names[id.Name] = true
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					add(e)
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key)
				add(n.Value)
			}
		}
		return true
	})
	return names
}
