package arch_test

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// Sizes beyond which every code base that we looked at began to hurt.
const (
	maxFile     = 600
	maxPackage  = 2000
	maxFunction = 80
	maxParams   = 5
)

// nondescript are names that say nothing about what is inside.
var nondescript = []string{"util", "utils", "common", "helper", "helpers", "base", "misc", "manager", "service"}

func shapeRules() []rule {
	return []rule{
		{"package comment", "a reader finds his way by what packages say of themselves", checkComments},
		{"package name", "a package that can be called this has no subject, and everything ends there", checkNames},
		{"file length", "a hand-written file over 600 lines holds more than one thing", checkFiles},
		{"package length", "a package over 2000 lines is two rooms", checkPackages},
		{"function length", "a function over 80 lines does more than one thing", checkFunctions},
		{"parameters", "more than 5 parameters (the context apart) want a struct with names", checkParams},
		{"one spelling", "Go's decoders of base64 pass over ends of lines: kit/canonical reads what must have one spelling", checkBase64},
		{"no init", "what runs before main cannot be configured, tested or left out; app calls New", checkInit},
	}
}

func checkComments(h *house) []finding {
	var bad []finding
	for _, p := range h.packages() {
		if !slices.ContainsFunc(p.files, func(f *file) bool { return f.ast.Doc.Text() != "" }) {
			bad = append(bad, finding{p.files[0].path + ":1", "package " + p.files[0].ast.Name.Name + " has no comment"})
		}
	}
	return bad
}

func checkNames(h *house) []finding {
	var bad []finding
	for _, f := range h.files {
		name := strings.TrimSuffix(f.ast.Name.Name, "_test")
		if slices.Contains(nondescript, name) || slices.Contains(nondescript, path.Base(f.pkg)) {
			bad = append(bad, finding{h.at(f.ast.Name.Pos()), fmt.Sprintf("package %s in %s", name, f.pkg)})
		}
	}
	return bad
}

func checkFiles(h *house) []finding {
	var bad []finding
	long := func(name string, lines int) {
		if lines > maxFile {
			bad = append(bad, finding{name + ":1", fmt.Sprintf("%d lines", lines)})
		}
	}
	for _, f := range h.files {
		if !f.generated {
			long(f.path, f.lines)
		}
	}
	for _, t := range h.other {
		// What is vendored for the browser comes minified.
		if !strings.Contains(t.path, ".min.") {
			long(t.path, strings.Count(t.body, "\n"))
		}
	}
	return bad
}

func checkPackages(h *house) []finding {
	var bad []finding
	for _, p := range h.packages() {
		lines := 0
		for _, f := range p.files {
			if !f.generated {
				lines += f.lines
			}
		}
		if lines > maxPackage {
			bad = append(bad, finding{p.dir, fmt.Sprintf("%d lines", lines)})
		}
	}
	return bad
}

// checkFunctions leaves tests out: a table of cases may be as long as the
// cases are many.
func checkFunctions(h *house) []finding {
	var bad []finding
	for _, f := range h.files {
		if f.test || f.generated {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			name := "a function literal"
			switch n := n.(type) {
			case *ast.FuncDecl:
				name = "func " + n.Name.Name
			case *ast.FuncLit:
			default:
				return true
			}
			lines := h.fset.Position(n.End()).Line - h.fset.Position(n.Pos()).Line + 1
			if d, ok := n.(*ast.FuncDecl); ok { // its comment does not count
				lines = h.fset.Position(d.End()).Line - h.fset.Position(d.Type.Pos()).Line + 1
			}
			if lines > maxFunction {
				bad = append(bad, finding{h.at(n.Pos()), fmt.Sprintf("%s has %d lines", name, lines)})
			}
			return true
		})
	}
	return bad
}

func checkParams(h *house) []finding {
	var bad []finding
	for _, f := range h.files {
		if f.test || f.generated {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			t, ok := n.(*ast.FuncType)
			if !ok || t.Params == nil {
				return true
			}
			count := 0
			for _, p := range t.Params.List {
				if sel, ok := p.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Context" {
					continue
				}
				count += max(1, len(p.Names))
			}
			if count > maxParams {
				bad = append(bad, finding{h.at(t.Pos()), fmt.Sprintf("%d parameters", count)})
			}
			return true
		})
	}
	return bad
}

func checkInit(h *house) []finding {
	var bad []finding
	for _, f := range h.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				bad = append(bad, finding{h.at(fn.Pos()), "func init"})
			}
		}
	}
	return bad
}

// checkBase64 finds decoders of base64 by their names. The streams of mail bodies have
// their own in proto/mime, which has to pass over more than ends of lines.
func checkBase64(h *house) []finding {
	var bad []finding
	for _, f := range h.files {
		if f.test || f.pkg == "internal/kit/canonical" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if ok && (strings.HasSuffix(s.Sel.Name, "Decode") || strings.HasPrefix(s.Sel.Name, "Decode") || s.Sel.Name == "NewDecoder") && ofBase64(s.X) {
				bad = append(bad, finding{h.at(s.Sel.Pos()), "base64 is decoded by " + s.Sel.Name})
			}
			return true
		})
	}
	return bad
}

// ofBase64 reports whether an expression begins at the package base64.
func ofBase64(x ast.Expr) bool {
	for {
		switch e := x.(type) {
		case *ast.SelectorExpr:
			x = e.X
		case *ast.CallExpr:
			x = e.Fun
		case *ast.Ident:
			return e.Name == "base64"
		default:
			return false
		}
	}
}
