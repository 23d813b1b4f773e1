package words_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/front/trail"
	"siegel/internal/front/trail/words"
	"siegel/internal/identity/account"
	"siegel/internal/kit/text"
	"siegel/internal/mail"
)

// EV-09, EX-17: every kind of event that the code enters has its words, and no words are of
// a kind that nothing enters. The kinds are collected from the sources.
func TestEveryKindHasWords(t *testing.T) {
	emitted := emitted(t)
	if len(emitted) < 40 {
		t.Fatalf("only %d kinds were found: the test looks in the wrong place", len(emitted))
	}
	k := words.New()
	for code, where := range emitted {
		if !k.Has(code) {
			t.Errorf("%s: the kind %s has no words", where, code)
		}
	}
	seen := make(map[string]bool)
	for _, g := range k.Groups {
		for _, one := range g.Kinds {
			if emitted[one.Code] == "" {
				t.Errorf("nothing enters events of the kind %s", one.Code)
			}
			if seen[one.Name] {
				t.Errorf("two kinds are called %q", one.Name)
			}
			seen[one.Name] = true
		}
	}
}

// source is the code of a package.
type source struct {
	t     *testing.T
	set   *token.FileSet
	files map[string][]*ast.File // by folder
	found map[string]string      // kinds, with where they are entered
}

// emitted returns the kinds of all events that the sources enter, with the place. Where a kind
// is no text itself it is followed: to what a variable is set to in the function, and to what
// calls in the package give for a parameter. What cannot be followed fails the test.
func emitted(t *testing.T) map[string]string {
	t.Helper()
	s := &source{t: t, set: token.NewFileSet(), files: make(map[string][]*ast.File), found: make(map[string]string)}
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", "..", "..", "..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f, err := parser.ParseFile(s.set, path, b, 0)
			s.files[filepath.Dir(path)] = append(s.files[filepath.Dir(path)], f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, files := range s.files {
		for _, f := range files {
			for _, d := range f.Decls {
				ast.Inspect(d, func(n ast.Node) bool {
					if v := what(n); v != nil {
						s.follow(dir, d, v)
					}
					return true
				})
			}
		}
	}
	return s.found
}

// what returns the kind of an event that is written out: audit.Event, or archive.PageOf, from
// which an event is made.
func what(n ast.Node) ast.Expr {
	c, ok := n.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	name := ""
	switch t := c.Type.(type) {
	case *ast.Ident:
		name = t.Name
	case *ast.SelectorExpr:
		name = t.Sel.Name
	}
	if name != "Event" && name != "PageOf" {
		return nil
	}
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "What" {
				return kv.Value
			}
		}
	}
	return nil
}

// follow finds the texts that a value may have, which stands in a declaration.
func (s *source) follow(dir string, in ast.Decl, v ast.Expr) {
	s.t.Helper()
	where := s.set.Position(v.Pos()).String()
	switch v := v.(type) {
	case *ast.BasicLit:
		code, err := strconv.Unquote(v.Value)
		if err != nil {
			s.t.Fatal(where, err)
		}
		s.found[code] = where
		return
	case *ast.SelectorExpr:
		if v.Sel.Name == "What" { // of an event or a page that was written out elsewhere
			return
		}
	case *ast.Ident:
		f, ok := in.(*ast.FuncDecl)
		if ok && s.assigned(dir, f, v.Name) || ok && s.given(dir, f, v.Name) {
			return
		}
	}
	s.t.Errorf("%s: what kind of event this is cannot be followed", where)
}

// assigned follows what a variable is set to in a function.
func (s *source) assigned(dir string, f *ast.FuncDecl, name string) (some bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		for i := 0; ok && i < len(a.Lhs) && len(a.Lhs) == len(a.Rhs); i++ {
			if id, ok := a.Lhs[i].(*ast.Ident); ok && id.Name == name {
				some = true
				s.follow(dir, f, a.Rhs[i])
			}
		}
		return true
	})
	return some
}

// given follows what the calls in the package give for a parameter of a function.
func (s *source) given(dir string, f *ast.FuncDecl, name string) (some bool) {
	at, n := -1, 0
	for _, p := range f.Type.Params.List {
		for _, id := range p.Names {
			if id.Name == name {
				at = n
			}
			n++
		}
	}
	if at < 0 {
		return false
	}
	for _, file := range s.files[dir] {
		for _, d := range file.Decls {
			ast.Inspect(d, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok && len(c.Args) > at && called(c) == f.Name.Name {
					some = true
					s.follow(dir, d, c.Args[at])
				}
				return true
			})
		}
	}
	return some
}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	default:
		return ""
	}
}

// EX-17: an event is a sentence in the reader's language, with addresses for ids as far as
// who reads knows them.
func TestOf(t *testing.T) {
	k, texts := words.New(), text.New()
	anna, ben, stranger := mail.NewID(), mail.NewID(), mail.NewID()
	names := account.Names{anna: "anna@a.example", ben: "ben@a.example"}
	of := func(e audit.Event) trail.Event {
		return trail.Event{Entry: audit.Entry{Event: e}, WhoEmail: names.Of(e.Who), ObjectEmail: names.Of(e.Object)}
	}
	for _, tt := range []struct {
		event  audit.Event
		de, en string
	}{
		{audit.Event{What: "message.open", Who: anna.String(), Object: stranger.String()}, "anna@a.example hat eine Nachricht geöffnet", "anna@a.example opened a message"},
		{audit.Event{What: "person.role", Who: anna.String(), Object: ben.String(), Old: "reader", New: "auditor"}, "anna@a.example hat die Rolle von ben@a.example geändert", "anna@a.example changed the role of ben@a.example"},
		{
			audit.Event{What: "sign-in", Who: ben.String(), New: "refused", Detail: map[string]any{"times": 3.0}},
			"Anmeldung abgewiesen, von ben@a.example: 3‑mal", "Signing in was refused, of ben@a.example: 3 times",
		},
		{
			audit.Event{What: "sign-in", Who: ben.String(), New: "refused", Detail: map[string]any{"times": 10.0, "held": 5.0}},
			"Anmeldung abgewiesen, von ben@a.example: 10‑mal, davon 5‑mal, ohne auf die Eingabe zu sehen, weil zu viele gescheitert waren",
			"Signing in was refused, of ben@a.example: 10 times, 5 of them without looking at what was typed, since too many had failed",
		},
		{audit.Event{What: "sign-in", Who: ben.String(), New: "ok"}, "ben@a.example hat sich angemeldet", "ben@a.example signed in"},
		{audit.Event{What: "tenant.create", Who: audit.Operator}, "Der Betreiber des Servers hat den Mandanten gegründet", "The operator of the server founded the tenant"},
		{audit.Event{What: "job.expire", Who: "server"}, "Der Server hat einen Auftrag gelöscht, dessen Zeit um war", "The server deleted a job whose time was over"},
		{
			audit.Event{What: "setting", Who: anna.String(), Object: "session.idle-minutes", Old: "1", New: "2"},
			"anna@a.example hat eine Einstellung geändert: Minuten, nach denen eine ungenutzte Sitzung endet", "anna@a.example changed a setting: minutes after which a session that nobody uses ends",
		},
		{audit.Event{What: "case.end", Who: anna.String(), Object: stranger.String()}, "anna@a.example hat einen Fall für " + stranger.String() + " beendet", "anna@a.example ended a case for " + stranger.String()},
		{audit.Event{What: "of.tomorrow", Who: stranger.String()}, stranger.String() + ": ein Ereignis der Art of.tomorrow", stranger.String() + ": an event of the kind of.tomorrow"},
	} {
		got := k.Of(of(tt.event))
		for l, want := range map[text.Lang]string{text.German: tt.de, text.English: tt.en} {
			if said := texts.Say(l, got.Said.Text, got.Said.Args...); said != want {
				t.Errorf("%q, want %q", said, want)
			}
		}
	}
	until := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	if got := k.Of(of(audit.Event{What: "case.open", New: until.Format(time.RFC3339)})); !got.Until.Equal(until) || got.New != "" {
		t.Errorf("%+v", got)
	}
	if got := k.Of(of(audit.Event{What: "person.role", Old: "reader"})); !got.Words || got.Old != "reader" {
		t.Errorf("%+v", got)
	}
	if k.Name("of.tomorrow") != "of.tomorrow" || k.Name("search") != "Searched" {
		t.Error(k.Name("of.tomorrow"), k.Name("search"))
	}
}
