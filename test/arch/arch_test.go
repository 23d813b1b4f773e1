// Package arch_test keeps the rules of the house: who may import whom, how
// large a thing may grow, what SQL may name (docs/architecture.md). It reads
// the files themselves, since answers of the go command are cached by go test.
// Each rule stands in a table with its reason, and bad_test.go shows for each
// that it can fail.
package arch_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// module is the name of our module, the first element of our import paths.
const module = "siegel"

// rule is one rule of the house.
type rule struct {
	name  string
	why   string
	check func(*house) []finding
}

// finding is one breach of a rule.
type finding struct {
	at   string // file:line, or a folder
	text string
}

func rules() []rule {
	return slices.Concat(importRules(), shapeRules(), varRules(), sqlRules())
}

func TestHouse(t *testing.T) {
	h, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range r.check(h) {
				t.Errorf("%s: %s\n\trule %q: %s", f.at, f.text, r.name, r.why)
			}
		})
	}
	for _, f := range exemptions(h) {
		t.Logf("%s: SQL without a tenant: %s", f.at, f.text)
	}
}

// house is what the rules look at.
type house struct {
	fset  *token.FileSet
	files []*file // hand-written and generated Go, tests too, by path
	sql   []text  // *.sql
	other []text  // further hand-written files that have a length
}

// file is one Go file.
type file struct {
	path      string // from the top, with slashes
	pkg       string // its folder
	test      bool
	generated bool
	lines     int
	ast       *ast.File
}

// text is a file that is no Go.
type text struct {
	path string
	body string
}

// skipped says whether a folder has nothing of ours, or input for tests.
func skipped(p string) bool {
	name := path.Base(p)
	return p == "node_modules" || p == "build" || name == "testdata" ||
		p != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_"))
}

// load reads the tree. A Go file that does not parse is an error.
func load(root fs.FS) (*house, error) {
	h := &house{fset: token.NewFileSet()}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(p) {
				return fs.SkipDir
			}
			return nil
		}
		return h.add(root, p)
	})
	return h, err
}

func (h *house) add(root fs.FS, p string) error {
	switch path.Ext(p) {
	case ".go", ".sql", ".sh", ".css", ".js", ".mjs", ".html":
	default:
		return nil
	}
	body, err := fs.ReadFile(root, p)
	if err != nil {
		return err
	}
	if path.Ext(p) != ".go" {
		t := text{path: p, body: string(body)}
		h.other = append(h.other, t)
		if path.Ext(p) == ".sql" {
			h.sql = append(h.sql, t)
		}
		return nil
	}
	tree, err := parser.ParseFile(h.fset, p, body, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	h.files = append(h.files, &file{
		path:      p,
		pkg:       path.Dir(p),
		test:      strings.HasSuffix(p, "_test.go") || strings.HasPrefix(p, "test/"),
		generated: ast.IsGenerated(tree),
		lines:     strings.Count(string(body), "\n"),
		ast:       tree,
	})
	return nil
}

// at gives the place of a position.
func (h *house) at(p token.Pos) string {
	pos := h.fset.Position(p)
	return fmt.Sprintf("%s:%d", pos.Filename, pos.Line)
}

// packages groups the files that are no tests by folder, in order of the
// folders.
func (h *house) packages() []pkg {
	var all []pkg
	for _, f := range h.files {
		if f.test {
			continue
		}
		i := slices.IndexFunc(all, func(p pkg) bool { return p.dir == f.pkg })
		if i < 0 {
			all = append(all, pkg{dir: f.pkg})
			i = len(all) - 1
		}
		all[i].files = append(all[i].files, f)
	}
	return all
}

// pkg is a package without its tests.
type pkg struct {
	dir   string
	files []*file
}
