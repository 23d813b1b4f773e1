// Package problem is how the REST API says that something did not work: problem details
// (RFC 9457) in the language of who asked. Each type is a place on the page that describes
// the API, and never changes its meaning.
package problem

import (
	"errors"
	"net/http"

	"siegel/internal/front"
	"siegel/internal/identity/brake"
	"siegel/internal/index/query"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/text"
)

// MediaType is that of problem details (RFC 9457 section 6.1).
const MediaType = "application/problem+json"

// Problem is the answer where something did not work. It implements what huma wants of an
// error.
type Problem struct {
	Type     string    `json:"type" format:"uri-reference" maxLength:"100" example:"/api/v1/#problem-not-found" doc:"Which kind of problem this is: programs compare it. It is an address on this server that leads to a description."`
	Title    string    `json:"title" maxLength:"200" example:"It is not there" doc:"The kind of problem in words, in the caller's language."`
	Status   int       `json:"status" minimum:"400" maximum:"599" example:"404" doc:"The status of the answer."`
	Detail   string    `json:"detail" maxLength:"4000" example:"there is no such message for you" doc:"What happened and what to do, in the caller's language."`
	Instance string    `json:"instance,omitempty" format:"uri" maxLength:"45" example:"urn:uuid:8e03978e-40d5-43dd-bc93-6e2d5c4f8e5d" doc:"By this the server's log has more of it; only where the server itself failed."`
	Position int       `json:"position,omitempty" minimum:"1" maximum:"1000" example:"7" doc:"Of a mistake in a search: the first character that is meant, from 1."`
	Length   int       `json:"length,omitempty" minimum:"1" maximum:"1000" example:"4" doc:"Of a mistake in a search: how many characters are meant."`
	Errors   []Mistake `json:"errors,omitempty" maxItems:"100" doc:"What is wrong with which field."`

	header http.Header
}

// Mistake is what is wrong with one field.
type Mistake struct {
	Location string `json:"location" maxLength:"500" example:"body.email" doc:"Where: body, query, header or path, and the names behind it."`
	Detail   string `json:"detail" maxLength:"1000" example:"this is missing" doc:"What is wrong, in the caller's language."`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (*Problem) ContentType(string) string { return MediaType }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// Root is where the API lies; the types of problems lead to its page.
const Root = "/api/v1/"

// Type is a kind of problem.
type Type struct {
	Name   string // the last part of its address
	Status int
	Title  string // English
	About  string // when it happens and what to do, English
}

// URI is the type as problem details have it.
func (t Type) URI() string { return Root + "#problem-" + t.Name }

// Error is a problem that no room knows: it is one of HTTP.
type Error struct {
	Name   string // of its type
	Allow  string // methods that there are, where the one that was asked for is none
	After  string // seconds to wait; empty for none
	Public error  // a fault with the sentence
}

// Error implements error.
func (e *Error) Error() string { return e.Public.Error() }

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.Public }

// Words has the sentences.
type Words struct {
	Texts *text.Catalog
}

// From makes the problem of an error. reference names an occurrence whose log has more;
// it is used only where the server itself failed.
func (w Words) From(l text.Lang, err error, reference func() string) *Problem {
	kind := fault.Of(err)
	t := Named(ofKind(kind))
	p := &Problem{header: make(http.Header)}
	if e, ok := errors.AsType[*Error](err); ok {
		t = Named(e.Name)
		set(p.header, "Allow", e.Allow)
		set(p.header, "Retry-After", e.After)
	}
	if e, ok := errors.AsType[*query.Error](err); ok {
		t, p.Position, p.Length = Named("query"), e.At, e.Length
	}
	if _, ok := errors.AsType[*brake.Held](err); ok {
		t = Named("locked-out")
	}
	if fault.Field(err) == "confirm-domain" {
		t, p.Errors = Named("confirm"), []Mistake{{Location: "body.confirm_domain", Detail: w.Texts.Say(l, tell("the domain itself, where it is meant"))}}
	}
	set(p.header, "Retry-After", front.RetryAfter(err))
	if t.Status == http.StatusUnauthorized {
		// RFC 9110 section 15.5.2 wants one. No scheme is registered for cookies.
		p.header.Set("WWW-Authenticate", `Cookie realm="Siegel"`)
	}
	p.Type, p.Status, p.Title, p.Detail = t.URI(), t.Status, w.Texts.Say(l, t.Title), w.explain(l, err)
	if front.Broken(kind) {
		p.Instance = "urn:uuid:" + reference()
	}
	return p
}

// set sets a header that has a value.
func set(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

// explain is what a user reads of an error.
func (w Words) explain(l text.Lang, err error) string {
	sentence, args := fault.Sentence(err)
	return w.Texts.Say(l, sentence, args...)
}

// ofKind is which type a fault of a room is.
func ofKind(k fault.Kind) string {
	switch k {
	case fault.Invalid:
		return "invalid"
	case fault.NotFound:
		return "not-found"
	case fault.Denied:
		return "denied"
	case fault.Locked:
		return "signed-out"
	case fault.Conflict:
		return "conflict"
	case fault.Busy:
		return "busy"
	case fault.Exhausted:
		return "exhausted"
	case fault.Damaged:
		return "damaged"
	case fault.Internal:
	}
	return "internal"
}
