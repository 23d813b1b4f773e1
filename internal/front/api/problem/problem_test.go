package problem_test

import (
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front"
	"siegel/internal/front/api/problem"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
)

// EX-18: every kind of fault has a type, whose status is that of the other doors for HTTP.
func TestKinds(t *testing.T) {
	w := problem.Words{Texts: text.New()}
	for _, k := range fault.Kinds() {
		p := w.From(text.English, fault.New(k, "x"), func() string { return "reference" })
		if p.Status != front.Status(k) || p.Detail != "x" || (p.Instance != "") != front.Broken(k) || (k != fault.Internal) != (p.Type != "/api/v1/#problem-internal") {
			t.Errorf("%s: %+v", k, p)
		}
		if after := p.GetHeaders().Get("Retry-After"); (after != "") != (k == fault.Busy) {
			t.Errorf("%s: after %q", k, after)
		}
	}
}

// Types have names and sentences of their own, in both languages.
func TestTypes(t *testing.T) {
	texts := text.New()
	seen := make(map[string]bool)
	for _, one := range problem.Types() {
		if seen[one.Name] || one.Status < 400 || !texts.Has(one.Title) || !texts.Has(one.About) {
			t.Errorf("%+v", one)
		}
		seen[one.Name] = true
	}
	if problem.Named("nonsense").Name != "internal" {
		t.Error("a name that is none has a type")
	}
}

// What the library finds wrong is said in our words, and what was sent does not come back.
func TestMistakes(t *testing.T) {
	w := problem.Words{Texts: text.New()}
	for found, want := range map[string]string{
		"expected length >= 3":                           "das ist zu kurz: mindestens 3",
		"expected array length <= 3":                     "das ist zu lang: höchstens 3",
		"expected number >= 5":                           "das ist zu klein: mindestens 5",
		"expected number <= 43200":                       "das ist zu groß: höchstens 43200",
		`expected value to be one of "a, b"`:             "das ist keines von a, b",
		"expected required property x to be present":     "das Feld x fehlt",
		"expected boolean":                               "das muss true oder false sein",
		"expected integer":                               "das muss eine Zahl sein",
		"expected string":                                "das muss Text sein",
		"expected array":                                 "das muss eine Liste sein",
		"expected object":                                "das muss ein Objekt sein",
		"required query parameter is missing":            "das fehlt",
		"unexpected property":                            "diesen Namen kennt hier niemand",
		"expected string to be RFC 3339 date-time":       "das ist keine Zeit wie 2026-11-30T09:00:00Z",
		"expected string to be RFC 3339 date":            "das ist kein Tag wie 2026-11-30",
		"something of a later release, with \"a value\"": "das hat nicht die beschriebene Form",
	} {
		p := w.Refused(text.German, &huma.ErrorModel{Status: 422, Detail: "x", Errors: []*huma.ErrorDetail{{Message: found, Location: "body.x", Value: "secret"}}})
		if p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Detail != want || p.Errors[0].Location != "body.x" {
			t.Errorf("%s: %+v", found, p.Errors)
		}
	}
	for status, name := range map[int]string{400: "malformed", 408: "malformed", 413: "too-large", 415: "media-type", 500: "internal"} {
		p := w.Refused(text.English, &huma.ErrorModel{Status: status, Detail: "secret", Errors: []*huma.ErrorDetail{{Message: "secret"}}})
		if p.Status != status || !strings.HasSuffix(p.Type, "-"+name) || strings.Contains(p.Detail, "secret") || p.Errors != nil {
			t.Errorf("%d: %+v", status, p)
		}
	}
}
