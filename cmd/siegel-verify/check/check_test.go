package check_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"siegel/cmd/siegel-verify/check"
	"siegel/internal/proto/bundle"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/verifier"
)

const name = "archive.example.org"

// flip changes one bit of what is found.
func flip(b []byte, at string) []byte {
	b = bytes.Clone(b)
	b[bytes.Index(b, []byte(at))] ^= 1
	return b
}

// steps are the outcomes of an account by step.
func steps(a *check.Account) map[string]bundle.Outcome {
	m := make(map[string]bundle.Outcome)
	for _, s := range a.Steps {
		m[s.Name] = s.Outcome
	}
	return m
}

// BX-02, EV-04: what is told is what was found; the step that failed is named.
func TestTell(t *testing.T) {
	i, other := verifier.NewInstance(name, "ledger", authority.Options{}), verifier.NewInstance(name, "forger", authority.Options{})
	good := verifier.Zip(i.Bundle(verifier.Sample{}))
	roots := i.TSA.Roots()
	wrongKey := check.Bundle(bytes.NewReader(good), int64(len(good)), &other.Key, roots)
	report := func(b []byte, trust bundle.Trust) *bundle.Report { return verifier.Verify(b, trust) }
	for _, tt := range []struct {
		name    string
		report  *bundle.Report
		verdict bundle.Verdict
		step    string
		outcome bundle.Outcome
		en, de  string // in what is said
	}{
		{"verified", report(good, i.Trust()), bundle.Verified, "message", bundle.OK, "bit for bit", "Bit für Bit"},
		{"test authority", report(good, i.Trust()), bundle.Verified, "until", bundle.Warning, "test authority", "Teststelle"},
		{"neither", report(good, bundle.Trust{Stamps: stamp.Verifier{}}), bundle.Consistent, "key", bundle.Note, "a forger", "ein Fälscher"},
		{"key alone", report(good, bundle.Trust{Key: &i.Key, Stamps: stamp.Verifier{}}), bundle.Consistent, "key", bundle.OK, "missing are the root certificates", "fehlen die Wurzelzertifikate"},
		{"roots alone", report(good, bundle.Trust{Stamps: i.Trust().Stamps}), bundle.Consistent, "key", bundle.Note, "missing is the key", "fehlt der Schlüssel"},
		{"wrong key", wrongKey, bundle.Refused, "key", bundle.Failed, "another key than the one you gave", "ein anderer Schlüssel"},
		{"wrong roots", report(good, bundle.Trust{Key: &i.Key, Stamps: other.Trust().Stamps}), bundle.Refused, "until", bundle.Failed, "timestamp is not valid", "Zeitstempel gilt nicht"},
		{"message", report(flip(good, "Hello, this"), i.Trust()), bundle.Refused, "message", bundle.Failed, "not the one that was entered", "nicht das eingetragene"},
		{"damaged", report(flip(good, "siegel/v1 message"), i.Trust()), bundle.Refused, "file", bundle.Failed, "no unchanged proof bundle", "kein unverändertes Beweispaket"},
		{"a text", report([]byte("a letter\n"), i.Trust()), bundle.Refused, "file", bundle.Failed, "This is no ZIP file, and so no proof bundle.\nA proof bundle is one ZIP file", "also kein Beweispaket.\nEin Beweispaket ist eine einzige ZIP-Datei"},
		{"nothing", report(nil, i.Trust()), bundle.Refused, "file", bundle.Failed, "This file is empty, and so no proof bundle.\nA proof bundle is one ZIP file", "Diese Datei ist leer, also kein Beweispaket.\nEin Beweispaket ist eine einzige ZIP-Datei"},
		{"cut", report(good[:len(good)-100], i.Trust()), bundle.Refused, "file", bundle.Failed, "no unchanged proof bundle", "kein unverändertes Beweispaket"},
		{"no before", report(verifier.Zip(i.Bundle(verifier.Sample{NoBefore: true})), i.Trust()), bundle.Verified, "from", bundle.Note, "bit for bit", "Bit für Bit"},
		{"bare", report(verifier.Zip(i.Bundle(verifier.Sample{Bare: true})), i.Trust()), bundle.Verified, "message", bundle.Note, "not in the bundle", "liegt nicht bei"},
		{"own line", report(verifier.Zip(i.Bundle(verifier.Sample{Own: true})), i.Trust()), bundle.Verified, "envelope", bundle.OK, "bit for bit", "Bit für Bit"},
	} {
		a := check.Tell(tt.report)
		if a.Verdict != tt.verdict || steps(a)[tt.step] != tt.outcome {
			t.Errorf("%s: %v, %v", tt.name, a.Verdict, steps(a))
		}
		var en, de strings.Builder
		for _, s := range a.Said {
			en.WriteString(s.EN + "\n")
			de.WriteString(s.DE + "\n")
		}
		if !strings.Contains(en.String(), tt.en) || !strings.Contains(de.String(), tt.de) {
			t.Errorf("%s: said\n%s%s", tt.name, en.String(), de.String())
		}
		whole(t, tt.name, tt.report, a)
	}
}

// whole fails where a line of the report is in no step or in two, a text is missing or
// formatted wrongly, or a refused bundle has a step that looks as if all were well.
func whole(t *testing.T, name string, r *bundle.Report, a *check.Account) {
	t.Helper()
	lines := 0
	texts := append(slices.Clone(a.Said), a.Word)
	texts = append(texts, a.Open...)
	for _, s := range a.Steps {
		lines += len(s.Lines)
		texts = append(texts, s.Title, s.Meaning)
	}
	if unreached := slices.ContainsFunc(a.Steps, func(s check.Step) bool { return s.Outcome == check.Unreached }); r.Foreign && (unreached || len(a.Steps) != 1) {
		t.Errorf("%s: steps of what is no bundle: %+v", name, a.Steps)
	}
	if lines != len(r.Lines) {
		t.Errorf("%s: %d lines are told, the report has %d", name, lines, len(r.Lines))
	}
	for _, s := range texts {
		if s.EN == "" || s.DE == "" || strings.Contains(s.EN+s.DE, "%!") || strings.ContainsAny(s.EN+s.DE, "{}") {
			t.Errorf("%s: %q, %q", name, s.EN, s.DE)
		}
	}
	failed := 0
	for _, s := range a.Steps {
		if s.Outcome == bundle.Failed {
			failed++
		}
	}
	if want := map[bool]int{true: 1}[r.Verdict == bundle.Refused]; failed != want {
		t.Errorf("%s: %d steps failed, want %d", name, failed, want)
	}
}

// Every check that proto/bundle knows is told: a new one without its place would be
// missing on the page.
func TestEveryCheckIsTold(t *testing.T) {
	told := []string{"container", "manifest", "spelling", "message", "openings", "envelope", "entry", "signature", "inclusion", "anchor", "key", "stamp", "roots", "authority", "before", "window"}
	var found []string
	dir := filepath.Join("..", "..", "..", "internal", "proto", "bundle")
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			if fun, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"say", "ok", "failed"}, fun.Sel.Name) {
				if lit, ok := call.Args[0].(*ast.BasicLit); ok {
					word, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					found = append(found, word)
				}
			}
			return true
		})
	}
	slices.Sort(found)
	found = slices.Compact(found)
	slices.Sort(told)
	if !slices.Equal(found, told) {
		t.Errorf("the checks are\n%v, told are\n%v", found, told)
	}
	// And each of these has one step: what fails there makes that step fail.
	for _, c := range told {
		if c == "roots" || c == "authority" || c == "window" {
			continue // never fail
		}
		a := check.Tell(&bundle.Report{Lines: []bundle.Line{{Check: c, Outcome: bundle.Failed, EN: "x", DE: "x"}}})
		whole(t, c, &bundle.Report{Lines: []bundle.Line{{}}}, a)
	}
}

func TestKeyAndRoots(t *testing.T) {
	i := verifier.NewInstance(name, "ledger", authority.Options{})
	pem, err := i.Key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	if k, err := check.Key(check.Named("f"), []byte(i.Key.String()+"\n")); err != nil || k.String() != i.Key.String() {
		t.Error(k, err)
	}
	if r, err := check.Roots(check.Named("f"), stamp.Encode(i.TSA.Roots())); err != nil || len(r) != 1 {
		t.Error(r, err)
	}
	for want, read := range map[string]func() error{
		"f is a PEM file": func() error { _, err := check.Key(check.Named("f"), pem); return err },
		"f is no public key of a ledger": func() error {
			_, err := check.Key(check.Named("f"), []byte("x"))
			return err
		},
		"f has no certificates": func() error { _, err := check.Roots(check.Named("f"), []byte(i.Key.String())); return err },
	} {
		if err := read(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
