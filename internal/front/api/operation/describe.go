package operation

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front"
	"siegel/internal/front/api/problem"
)

// outline is what the document says of the API as a whole.
func (d *Door) outline() *huma.OpenAPI {
	tag := func(name, about string) *huma.Tag { return &huma.Tag{Name: name, Description: about} }
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Siegel", Version: "1",
			Description: Tell("The archive for programs: everything that people can do on its pages, with the rights of who has signed in. Times are in UTC, sizes in octets. " +
				"What is not there and what is not there for you have the same answer."),
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Tags: []*huma.Tag{
			tag("sessions", Tell("Signing in and out, and what is one's own.")), tag("messages", Tell("Finding, reading and proving mail.")),
			tag("people", Tell("Who belongs to the tenant, and who may do what.")), tag("cases", Tell("Parts of the archive that somebody is given for a time.")), tag("jobs", Tell("Long work of your own: exports, and giving older mail.")),
			tag("requests", Tell("What administrators ask of keepers.")),
			tag("sources", Tell("Who hands in mail, and for which domains.")), tag("settings", Tell("What the tenant has chosen.")),
			tag("foundings", Tell("New tenants, for whom the operator has given a code.")), tag("events", Tell("Who did what.")), tag("state", Tell("How the archive is.")),
		},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"session": {Type: "apiKey", In: "cookie", Name: d.CookieName(front.CookieSession), Description: Tell("The cookie that signing in gives.")},
			},
		},
	}
}

// statusText says in a word what a status means here.
func statusText(status int) string {
	switch status {
	case http.StatusOK:
		return Tell("It was done, or here it is.")
	case http.StatusCreated:
		return Tell("It was made.")
	case http.StatusAccepted:
		return Tell("It was requested: a keeper decides.")
	case http.StatusNoContent:
		return Tell("It was done.")
	case http.StatusPartialContent:
		return Tell("Here are the octets that were asked for.")
	case http.StatusNotModified:
		return Tell("You have it already.")
	}
	return http.StatusText(status)
}

// describe says in the document what the operation's types do not: problems, tags, keys.
func (d *Door) describe(op *huma.Operation, k Kind, in, out reflect.Type) {
	header := func(name, about string) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: name, In: "header", Description: about, Schema: &huma.Schema{Type: huma.TypeString, MaxLength: Ptr(1000)},
		})
	}
	success := &huma.Response{Description: statusText(op.DefaultStatus), Headers: map[string]*huma.Param{}}
	op.Responses = map[string]*huma.Response{strconv.Itoa(op.DefaultStatus): success}
	errs := []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusUnprocessableEntity}
	if op.Method != http.MethodGet {
		errs = append(errs, http.StatusForbidden)
	}
	if _, ok := in.FieldByName("Body"); ok {
		errs = append(errs, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if !k.Open {
		op.Security = []map[string][]string{{"session": {}}}
		errs = append(errs, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	if strings.Contains(op.Path, "{") {
		errs = append(errs, http.StatusNotFound)
	}
	if k.Tagged {
		success.Headers["ETag"] = &huma.Param{Description: Tell("It changes whenever the answer does."), Schema: &huma.Schema{Type: huma.TypeString, MaxLength: Ptr(64)}}
		if op.Method == http.MethodGet {
			header("If-None-Match", Tell("An ETag that you have: where it is still the same, the answer is 304 without a body."))
			op.Responses["304"] = &huma.Response{Description: statusText(http.StatusNotModified)}
		}
	}
	if k.Pieces {
		success.Headers["ETag"] = &huma.Param{Description: Tell("It is the same for the same octets."), Schema: &huma.Schema{Type: huma.TypeString, MaxLength: Ptr(64)}}
		header("Range", Tell("Which octets are wanted, such as bytes=1048576- (RFC 9110 section 14.2); all where it is missing."))
		header("If-Range", Tell("The ETag of what you have the beginning of: where the file is another one, all of it comes."))
		header("If-None-Match", Tell("An ETag that you have: where it is still the same, the answer is 304 without a body."))
		op.Responses["304"] = &huma.Response{Description: statusText(http.StatusNotModified)}
		errs = append(errs, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable)
	}
	if k.Match {
		header("If-Match", Tell("The ETag of what you have read. Where somebody else has changed it since, nothing is done. It is needed: without it the answer is 428."))
		errs = append(errs, http.StatusPreconditionFailed, http.StatusPreconditionRequired)
	}
	if k.Once {
		about := Tell("A name of your own for this request, such as a UUID. Where it comes again within 24 hours with the same body, nothing is done twice and you get the same answer.")
		if k.Secret {
			about = Tell("A name of your own for this request, such as a UUID. Where it comes again within 24 hours, nothing is done twice. The answer has a secret and is not kept: the second time it is 409.")
		}
		header("Idempotency-Key", about)
		success.Headers["Idempotency-Replayed"] = &huma.Param{Description: Tell("The word true where this answer was given before."), Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}}}
		errs = append(errs, http.StatusConflict, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
	}
	d.problems(op, append(errs, k.Errors...))
	if f, ok := out.FieldByName("Body"); ok && f.Type.Kind() == reflect.Func {
		success.Content = map[string]*huma.MediaType{out.Field(0).Tag.Get("media"): {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	}
}

// problems lists the statuses of problems of an operation.
func (d *Door) problems(op *huma.Operation, errs []int) {
	schema := d.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem.Problem](), true, "Problem")
	for _, status := range slices.Compact(slices.Sorted(slices.Values(errs))) {
		var titles []string
		for _, t := range problem.Types() {
			if t.Status == status || t.Name == "malformed" && status == http.StatusRequestTimeout {
				titles = append(titles, t.Title)
			}
		}
		one := &huma.Response{Description: strings.Join(titles, ", or: "), Content: map[string]*huma.MediaType{problem.MediaType: {Schema: schema}}}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			one.Headers = map[string]*huma.Param{"Retry-After": {Description: Tell("After how many seconds to try again."), Schema: &huma.Schema{Type: huma.TypeString, MaxLength: Ptr(10)}}}
		}
		op.Responses[strconv.Itoa(status)] = one
	}
}

// Ptr returns where a copy of a value is.
func Ptr[T any](v T) *T { return &v }
