// Package manual is the page that describes the REST API to people, made from the document
// that the API serves, in both languages. It needs no script and nothing from elsewhere.
package manual

import (
	"bytes"
	_ "embed" // the template
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"siegel/internal/front/api/problem"
	"siegel/internal/kit/text"
)

//go:embed manual.html
var source string

// Page is the page, made once for each language. Use it from many goroutines.
type Page struct {
	by map[text.Lang][]byte
}

// document is what of an OpenAPI document is shown.
type document struct {
	Info struct {
		Title, Description, Version string
	}
	Tags       []struct{ Name, Description string }
	Paths      map[string]map[string]operation
	Components struct {
		Schemas map[string]*schema
	}
}

type operation struct {
	OperationID string
	Summary     string
	Description string
	Tags        []string
	Parameters  []parameter
	RequestBody *content
	Responses   map[string]content
	Security    []any
}

type parameter struct {
	Name, In, Description string
	Required              bool
	Schema                *schema
}

type content struct {
	Description string
	Content     map[string]struct{ Schema *schema }
	Headers     map[string]parameter
}

type schema struct {
	Ref         string `json:"$ref"`
	Type        any
	Format      string
	Description string
	Enum        []any
	Minimum     *float64
	Maximum     *float64
	MinLength   *int
	MaxLength   *int
	MaxItems    *int
	Default     any
	Examples    []any
	Required    []string
	Properties  map[string]*schema
	Items       *schema
}

// New makes the page of a document.
func New(texts *text.Catalog, openapi []byte) (*Page, error) {
	var d document
	if err := json.Unmarshal(openapi, &d); err != nil {
		return nil, err
	}
	p := &Page{by: make(map[text.Lang][]byte)}
	for _, l := range []text.Lang{text.English, text.German} {
		w := writer{texts: texts, lang: l, schemas: d.Components.Schemas}
		t, err := template.New("manual").Funcs(template.FuncMap{"say": w.say}).Parse(source)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, w.view(d)); err != nil {
			return nil, err
		}
		p.by[l] = b.Bytes()
	}
	return p, nil
}

// Serve sends the page.
func (p *Page) Serve(w http.ResponseWriter, l text.Lang) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(l))
	_, _ = w.Write(p.by[l]) // who asked may have gone
}

// view is what the template shows.
type view struct {
	Lang     text.Lang
	About    string
	Groups   []group
	Schemas  []shape
	Problems []trouble
}

type group struct {
	Name, About string
	Operations  []action
}

type action struct {
	ID, Method, Path, Summary, About string
	Open                             bool
	Parameters, Fields               []row
	Answers                          []answer
}

// row is one line of a table of fields.
type row struct {
	Name, Place, Type, About string
	Link                     string // name of a shape; empty for none
	Needed                   bool
}

type answer struct {
	Status, About, Type, Link string
}

type shape struct {
	Name   string
	Fields []row
}

type trouble struct {
	Name, Title, About string
	Status             int
}

// writer makes the view in a language.
type writer struct {
	texts   *text.Catalog
	lang    text.Lang
	schemas map[string]*schema
}

func (w writer) say(sentence string, args ...any) string {
	if sentence == "" {
		return ""
	}
	return w.texts.Say(w.lang, sentence, args...)
}

func (w writer) view(d document) view {
	v := view{Lang: w.lang, About: w.say(d.Info.Description)}
	for _, t := range d.Tags {
		g := group{Name: t.Name, About: w.say(t.Description)}
		for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
			for _, method := range []string{"get", "post", "put", "delete"} {
				if o, ok := d.Paths[path][method]; ok && slices.Contains(o.Tags, t.Name) {
					g.Operations = append(g.Operations, w.action(strings.ToUpper(method), path, o))
				}
			}
		}
		v.Groups = append(v.Groups, g)
	}
	for _, name := range slices.Sorted(maps.Keys(w.schemas)) {
		v.Schemas = append(v.Schemas, shape{name, w.fields(w.schemas[name])})
	}
	for _, t := range problem.Types() {
		v.Problems = append(v.Problems, trouble{t.Name, w.say(t.Title), w.say(t.About), t.Status})
	}
	return v
}

func (w writer) action(method, path string, o operation) action {
	a := action{ID: o.OperationID, Method: method, Path: path, Summary: w.say(o.Summary), About: w.say(o.Description), Open: len(o.Security) == 0}
	for _, p := range o.Parameters {
		r := w.row(p.Name, p.Schema, p.Required)
		r.Place, r.About = p.In, w.say(p.Description)
		a.Parameters = append(a.Parameters, r)
	}
	if o.RequestBody != nil {
		for _, c := range o.RequestBody.Content {
			a.Fields = w.fields(w.resolve(c.Schema))
		}
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		one := answer{Status: status}
		var parts []string
		for sentence := range strings.SplitSeq(o.Responses[status].Description, ", or: ") {
			parts = append(parts, w.say(sentence))
		}
		one.About = strings.Join(parts, " · ")
		for kind, c := range o.Responses[status].Content {
			one.Type = kind
			if c.Schema != nil {
				one.Link = nameOf(c.Schema.Ref)
			}
		}
		a.Answers = append(a.Answers, one)
	}
	return a
}

// nameOf returns the name of the schema that a reference is of.
func nameOf(ref string) string { return strings.TrimPrefix(ref, "#/components/schemas/") }

func (w writer) resolve(s *schema) *schema {
	if s != nil && s.Ref != "" {
		return w.schemas[nameOf(s.Ref)]
	}
	return s
}

func (w writer) fields(s *schema) (rows []row) {
	if s == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		one := s.Properties[name]
		r := w.row(name, one, slices.Contains(s.Required, name))
		r.About = w.say(one.Description)
		rows = append(rows, r)
	}
	return rows
}

// row says of which type a value is, and within which bounds.
func (w writer) row(name string, s *schema, needed bool) row {
	r := row{Name: name, Needed: needed}
	if s == nil {
		return r
	}
	inner := s
	kind := typeOf(s)
	if s.Items != nil {
		inner, kind = s.Items, typeOf(s.Items)+"[]"
	}
	if inner.Ref != "" {
		r.Link = nameOf(inner.Ref)
	}
	parts := []string{kind}
	if s.Format != "" && s.Format != "int64" && s.Format != "int32" {
		parts = append(parts, s.Format)
	}
	for _, b := range []struct {
		sign  string
		value *float64
	}{{"≥", s.Minimum}, {"≤", s.Maximum}} {
		if b.value != nil {
			parts = append(parts, fmt.Sprintf("%s %g", b.sign, *b.value))
		}
	}
	if s.MinLength != nil || s.MaxLength != nil {
		parts = append(parts, span(s.MinLength, s.MaxLength))
	}
	if s.Default != nil {
		parts = append(parts, fmt.Sprintf("= %v", s.Default))
	}
	for _, v := range s.Enum {
		parts = append(parts, fmt.Sprint(v))
	}
	r.Type = strings.Join(parts, ", ")
	return r
}

// span writes the bounds of a length.
func span(from, to *int) string {
	switch {
	case from == nil:
		return fmt.Sprintf("0…%d", *to)
	case to == nil:
		return fmt.Sprintf("%d…", *from)
	}
	return fmt.Sprintf("%d…%d", *from, *to)
}

// typeOf writes a type; one that may be missing has null beside it.
func typeOf(s *schema) string {
	if s.Ref != "" {
		return nameOf(s.Ref)
	}
	if list, ok := s.Type.([]any); ok && len(list) > 0 {
		return fmt.Sprint(list[0])
	}
	if s.Type == nil {
		return "any"
	}
	return fmt.Sprint(s.Type)
}
