package page

import (
	"html"
	"html/template"
	"slices"
	"strings"

	"siegel/internal/kit/fault"
)

// Problem is why a form was refused, and at which of its fields. The zero value is none.
type Problem struct {
	Text  string
	field string // empty for the form as a whole
}

// Problem says what is wrong with a form that has these fields, by the ids that they have
// on the page.
func (f *Frame) Problem(c *Call, err error, fields ...string) Problem {
	p := Problem{Text: f.Explain(c.Lang, err)}
	if at := fault.Field(err); slices.Contains(fields, at) {
		p.field = at
	}
	return p
}

// On returns the problem as one of a field.
func (p Problem) On(field string) Problem { return Problem{p.Text, field} }

// Wrong is what the template "wrong" shows of a problem.
type Wrong struct{ ID, Text string }

// At returns what is wrong with a field, to be shown beside it; with an empty name what is
// wrong with the form as a whole.
func (p Problem) At(field string) Wrong {
	if p.field != field {
		return Wrong{}
	}
	return Wrong{strings.TrimPrefix(field+"-problem", "-"), p.Text}
}

// Attr returns the attributes of a field by which its problem is read with it and by which
// it has the focus where it is the one that is wrong; help are the ids of other texts that
// are read with it.
func (p Problem) Attr(field string, help ...string) template.HTMLAttr {
	wrong := p.At(field)
	var list []string
	if wrong.Text != "" {
		list = append(list, wrong.ID)
	}
	out := ""
	if list = append(list, help...); len(list) > 0 {
		out = `aria-describedby="` + html.EscapeString(strings.Join(list, " ")) + `"`
	}
	if wrong.Text != "" {
		out += ` aria-invalid="true" autofocus`
	}
	return template.HTMLAttr(out) //nolint:gosec // ids of ours, escaped
}
