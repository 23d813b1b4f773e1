package problem

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
)

// Refused makes the problem of a request that does not have the form that the document
// describes. What was sent does not come back: it may be a password.
func (w Words) Refused(l text.Lang, e *huma.ErrorModel) *Problem {
	name := map[int]string{400: "malformed", 408: "malformed", 413: "too-large", 415: "media-type", 422: "invalid"}[e.Status]
	t := Named(name)
	p := &Problem{Type: t.URI(), Status: t.Status, Title: w.Texts.Say(l, t.Title), Detail: w.Texts.Say(l, t.About)}
	if e.Status == 408 { // the body came too slowly
		p.Status = e.Status
	}
	if name != "invalid" {
		return p
	}
	for _, d := range e.Errors[:min(len(e.Errors), 100)] {
		sentence, args := fault.Sentence(mistake(d.Message))
		p.Errors = append(p.Errors, Mistake{Location: cut(d.Location), Detail: w.Texts.Say(l, sentence, args...)})
	}
	return p
}

// cut bounds a location: names in it may be the caller's.
func cut(s string) string {
	r := []rune(strings.ToValidUTF8(s, "�"))
	return string(r[:min(len(r), 200)])
}

var (
	least  = regexp.MustCompile(`^expected (?:length|array length|number) >= ([0-9.]+)$`)
	most   = regexp.MustCompile(`^expected (?:length|array length|number) <= ([0-9.]+)$`)
	choice = regexp.MustCompile(`^expected value to be one of "(.*)"$`)
	lacks  = regexp.MustCompile(`^expected required property (\S+) to be present$`)
	kind   = regexp.MustCompile(`^expected (boolean|number|integer|string|array|object)$`)
)

// mistake says in our words what the library found wrong with a field.
func mistake(found string) error {
	number := func(s string) int {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0
		}
		return int(n)
	}
	if m := least.FindStringSubmatch(found); m != nil {
		if strings.Contains(found, "length") {
			return fault.Newf(fault.Invalid, "this is too short: %d at least", number(m[1]))
		}
		return fault.Newf(fault.Invalid, "this is too small: %d at least", number(m[1]))
	}
	if m := most.FindStringSubmatch(found); m != nil {
		if strings.Contains(found, "length") {
			return fault.Newf(fault.Invalid, "this is too long: %d at most", number(m[1]))
		}
		return fault.Newf(fault.Invalid, "this is too large: %d at most", number(m[1]))
	}
	if m := choice.FindStringSubmatch(found); m != nil {
		return fault.Newf(fault.Invalid, "this is none of %s", m[1])
	}
	if m := lacks.FindStringSubmatch(found); m != nil {
		return fault.Newf(fault.Invalid, "the field %s is missing", m[1])
	}
	if m := kind.FindStringSubmatch(found); m != nil {
		return typed(m[1])
	}
	switch {
	case strings.HasSuffix(found, "parameter is missing"):
		return fault.New(fault.Invalid, "this is missing")
	case found == "unexpected property", found == "unknown query parameter":
		return fault.New(fault.Invalid, "nobody knows this name here")
	case strings.Contains(found, "RFC 3339 date-time"):
		return fault.New(fault.Invalid, "this is no time such as 2026-11-30T09:00:00Z")
	case strings.Contains(found, "RFC 3339 date"):
		return fault.New(fault.Invalid, "this is no day such as 2026-11-30")
	}
	return fault.New(fault.Invalid, "this has not the form that is described")
}

// typed says that a value is of another type.
func typed(want string) error {
	switch want {
	case "boolean":
		return fault.New(fault.Invalid, "this has to be true or false")
	case "number", "integer":
		return fault.New(fault.Invalid, "this has to be a number")
	case "array":
		return fault.New(fault.Invalid, "this has to be a list")
	case "object":
		return fault.New(fault.Invalid, "this has to be an object")
	}
	return fault.New(fault.Invalid, "this has to be text")
}
