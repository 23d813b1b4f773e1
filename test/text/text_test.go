// Package text_test reads all sources for sentences that users see and fails
// where one has no German form (requirement EX-17: both languages from the
// first day).
package text_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
)

// says are the functions whose string argument at that place is a sentence.
func says() map[string]int {
	return map[string]int{
		"fault.New": 1, "fault.Newf": 1, "fault.Because": 1, "damaged": 0,
		"say": 0, "Print": 0, "tell": 0, "Tell": 0, "Say": 0, "bar": 0,
	}
}

// words are said by variables: roles, states, kinds.
func words() []string {
	return []string{
		"administrator", "compliance", "auditor", "reader", "invited", "active", "removed", "damaged", "open", "approved", "rejected", "withdrawn", "role", "address",
		fault.Inside, "sealed", "opened", "ok", "warn", "bad", "files", "disk", "clock", "ledger", "timestamps", "swap", "memory", "environment", "tenants", "access", "sources",
		"ready", "idle", "draining", "gone", "database", "server", "objects", "configuration", "doors", "nodes", "packs", "skipped", "attachments",
		"running", "interrupted", "done", "PATH…", "[WORDS…]", "COMMAND", "[COMMAND…]", "ADDRESS", "[FILE]", "FOLDER", "MESSAGE", "NAME", "REQUEST", "ROLE", "WORDS…",
	}
}

func TestEverySentenceHasGerman(t *testing.T) {
	catalog := text.New()
	used := make(map[string]bool)
	for s, where := range sentences(t) {
		used[s] = true
		if !catalog.Has(s) {
			t.Errorf("%s: no German for\n%s", where, strings.ReplaceAll(s, "\n", `\n`))
		}
	}
	for _, w := range words() {
		used[w] = true
		if !catalog.Has(w) {
			t.Errorf("no German for\n%s", w)
		}
	}
	option := regexp.MustCompile(` --[a-z]`)
	for s, where := range sentences(t) {
		if option.MatchString(s) && !ofTheShell(where) {
			t.Errorf("%s: pages say this too, which have no options:\n%s", where, s)
		}
	}
	verbs := regexp.MustCompile(`%[-+# 0]*[0-9]*(\.[0-9]+)?[a-zA-Z%]`)
	catalog.All(func(english, german string) {
		if !used[english] {
			t.Errorf("nobody says\n%s", english)
		}
		if a, b := verbs.FindAllString(english, -1), verbs.FindAllString(german, -1); !slices.Equal(a, b) {
			t.Errorf("verbs differ: %v and %v in\n%s", a, b, english)
		}
		if option.MatchString(german) != option.MatchString(english) {
			t.Errorf("one of the two languages names an option in\n%s", english)
		}
	})
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// ofTheShell reports whether what stands at a place is said to people at a shell only.
func ofTheShell(where string) bool {
	return strings.Contains(where, "/cmd/") || strings.Contains(where, "/internal/app/") || strings.Contains(where, "/front/console/")
}

// bilingual are folders whose calls carry both languages, because the verifier
// stands alone.
func bilingual(path string) bool {
	return strings.HasSuffix(path, "cmd/siegel-verify") || strings.HasSuffix(path, "proto/bundle")
}

// sentences returns what the sources say, with the place.
func sentences(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root(t), top), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && bilingual(path) {
				return filepath.SkipDir
			}
			if err == nil && strings.HasSuffix(path, ".html") {
				return spoken(path, found)
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := sentence(n)
				if !ok {
					s, ok = described(n)
				}
				if ok && s != "" {
					found[s] = set.Position(n.Pos()).String()
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 50 {
		t.Fatalf("only %d sentences were found: the test looks in the wrong place", len(found))
	}
	return found
}

// described returns what a field's tag says of it in the description of the REST API.
func described(n ast.Node) (string, bool) {
	f, ok := n.(*ast.Field)
	if !ok || f.Tag == nil {
		return "", false
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return "", false
	}
	return reflect.StructTag(tag).Lookup("doc")
}

// spoken finds what a page's template says: {{say "…"}}.
func spoken(path string, found map[string]string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, m := range regexp.MustCompile(`say ("(?:[^"\\]|\\.)*")`).FindAllStringSubmatch(string(b), -1) {
		s, err := strconv.Unquote(m[1])
		if err != nil {
			return err
		}
		found[s] = path
	}
	return nil
}

// sentence returns what a call says, or a fault that is written out.
func sentence(n ast.Node) (string, bool) {
	if field, ok := n.(*ast.KeyValueExpr); ok {
		if name, ok := field.Key.(*ast.Ident); ok && name.Name == "Public" {
			return constant(field.Value)
		}
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return "", false
	}
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
		if x, ok := f.X.(*ast.Ident); ok && x.Name == "fault" {
			name = "fault." + name
		}
	}
	at, ok := says()[name]
	if !ok || at >= len(call.Args) {
		return "", false
	}
	s, ok := constant(call.Args[at])
	if !ok && name == "Say" && len(call.Args) > 1 { // a page's Say is told the language first
		s, ok = constant(call.Args[1])
	}
	return s, ok
}

func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, ok1 := constant(e.X)
		b, ok2 := constant(e.Y)
		return a + b, ok1 && ok2
	default:
		return "", false
	}
}
