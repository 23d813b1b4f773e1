package jobs

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/front/api/problem"
	"siegel/internal/front/file"
)

// partIn names a part of an export. Its number is read as a text, so that what is no number
// is as absent as a number that is none.
type partIn struct {
	operation.Named

	Number string `path:"number" maxLength:"100" example:"1" doc:"number of the part, as the job lists it."`
}

type partOut struct {
	Body func(huma.Context) `media:"application/zip"`
}

// parts adds what takes the files of exports away.
func (r *room) parts() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-part", Method: http.MethodGet, Path: "/jobs/{id}/parts/{number}", Tags: []string{"jobs"}, Summary: operation.Tell("Get a part of an export of your own"),
		Description: operation.Tell("A ZIP file, once the job is done. The audit trail has each time that it was fetched, before an octet leaves. What broke off goes on from where it was, by Range."),
	}, operation.Kind{Pieces: true, Errors: []int{http.StatusConflict}}, r.part)
}

func (r *room) part(ctx context.Context, c *operation.Call, in *partIn) (*partOut, error) {
	// It is an event: a page of another site leads nobody to it.
	if site := c.R.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return nil, operation.Foreign()
	}
	id, err := in.Thing(noJob())
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(in.Number)
	if err != nil || strconv.Itoa(number) != in.Number { // there is one way to write each
		return nil, noJob()
	}
	f, err := r.Jobs.Open(ctx, c.Session, id, number)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // reading has said what there is to say
	err = file.Serve(c.W, c.R, file.Kept{Name: f.Name, Kind: "application/zip", Tag: f.Tag, Octets: f})
	if refused, ok := errors.AsType[*file.Refused](err); ok {
		name := map[int]string{http.StatusRequestedRangeNotSatisfiable: "range", http.StatusPreconditionFailed: "changed"}[refused.Status]
		return nil, &problem.Error{Name: name, Public: err}
	}
	if err != nil {
		r.Broke("a part of an export broke off", err)
	}
	return &partOut{Body: func(huma.Context) {}}, nil
}
