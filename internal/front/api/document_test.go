package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"siegel/test/contract"
)

// fetch gets something of the server without signing in.
func (s *site) fetch(path, lang string) answer {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+path, nil)
	s.ok(err)
	r.Header.Set("Accept-Language", lang)
	res, err := http.DefaultClient.Do(r)
	s.ok(err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	s.ok(err)
	return answer{Response: res, text: string(b)}
}

// EX-18: the document is OpenAPI 3.1; it says of every operation, parameter and field what
// it is, lists every problem, and what it refers to is there.
func TestDocument(t *testing.T) {
	s := newSite(t)
	got := s.fetch("/api/v1/openapi.json", "en")
	text := got.text
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %v", got.StatusCode, got.Header)
	}
	type described struct {
		Ref         string `json:"$ref"`
		Description string
	}
	var d struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Parameters  []struct{ Name, Description string }
			Responses   map[string]struct {
				Content map[string]json.RawMessage
			}
			Security []map[string][]string
		}
		Components struct {
			Schemas map[string]struct {
				Properties           map[string]described
				AdditionalProperties any
			}
		}
	}
	s.ok(json.Unmarshal([]byte(text), &d))
	contract.Validate(t, s.url)
	s.manual()
	if d.OpenAPI != "3.1.0" || len(d.Paths) < 30 {
		t.Errorf("%s, %d paths", d.OpenAPI, len(d.Paths))
	}
	for _, ref := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if _, ok := d.Components.Schemas[ref[1]]; !ok {
			t.Errorf("%s is not described", ref[1])
		}
	}
	ids := make(map[string]bool)
	for path, methods := range d.Paths {
		for method, o := range methods {
			at := method + " " + path
			if o.OperationID == "" || ids[o.OperationID] || o.Summary == "" {
				t.Errorf("%s has no name of its own", at)
			}
			ids[o.OperationID] = true
			for _, p := range o.Parameters {
				if p.Description == "" {
					t.Errorf("%s: nobody says what %s is", at, p.Name)
				}
			}
			open := at == "post /sessions" || at == "post /invitations/accept"
			if (len(o.Security) == 0) != open {
				t.Errorf("%s: who has to have signed in: %v", at, o.Security)
			}
			for status, r := range o.Responses {
				if _, ok := r.Content["application/problem+json"]; status >= "400" && !ok {
					t.Errorf("%s: %s is no problem", at, status)
				}
			}
			if _, ok := o.Responses["500"]; !ok {
				t.Errorf("%s never fails", at)
			}
		}
	}
	for name, schema := range d.Components.Schemas {
		if closed, ok := schema.AdditionalProperties.(bool); !ok || closed || name == "ErrorModel" {
			t.Errorf("%s: %v", name, schema.AdditionalProperties)
		}
		for field, p := range schema.Properties {
			if p.Description == "" && p.Ref == "" {
				t.Errorf("nobody says what %s of %s is", field, name)
			}
		}
	}
}

// manual looks at the page of the document (EX-17, EX-18): it is in both languages, needs no script and nothing
// from elsewhere, and every type of problem leads to a place on it.
func (s *site) manual() {
	s.Helper()
	t := s.T
	for lang, says := range map[string]string{"en": "Read a message of your own", "de": "Eine eigene Nachricht lesen"} {
		got := s.fetch("/api/v1/", lang)
		text := got.text
		if got.StatusCode != http.StatusOK || !strings.Contains(text, `lang="`+lang+`"`) || !strings.Contains(text, says) || !strings.Contains(text, `id="problem-not-found"`) {
			t.Errorf("%s: %d %.300s", lang, got.StatusCode, text)
		}
		if strings.Contains(text, "<script") || regexp.MustCompile(`(href|src)="(https?:)?//`).MatchString(text) {
			t.Errorf("%s: it has a script, or something from elsewhere", lang)
		}
		ids := make(map[string]bool)
		for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(text, -1) {
			if ids[m[1]] {
				t.Errorf("%s: %s is there twice", lang, m[1])
			}
			ids[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(text, -1) {
			if !ids[m[1]] {
				t.Errorf("%s: %s leads nowhere", lang, m[1])
			}
		}
		if lang == "de" {
			for _, english := range []string{"The ", " the ", "Where "} {
				if i := strings.Index(text, english); i >= 0 {
					t.Errorf("English in German: %.80s", text[max(0, i-20):])
				}
			}
		}
	}
}
