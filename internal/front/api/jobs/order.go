package jobs

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/archive/job"
	"siegel/internal/front/api/operation"
	"siegel/internal/mail"
)

type exportIn struct {
	Body struct {
		Q      string `json:"q,omitempty" maxLength:"1000" example:"subject:invoice" doc:"What it finds is exported, in the language of the search page; empty for all that you can read."`
		Format string `json:"format,omitempty" enum:"eml,mbox" default:"eml" doc:"Whether each message is a file, or all of a part are one."`
		Plain  bool   `json:"plain,omitempty" doc:"The parts are not encrypted. That takes a reason."`
		Reason string `json:"reason,omitempty" maxLength:"1000" example:"order 17" doc:"Why, where it is plain and where you can read mail of others. It is kept in the audit trail, sealed to who holds the archive."`
	}
}

type regrantIn struct {
	Body struct {
		Email string `json:"email" minLength:"1" maxLength:"998" example:"anna@a.example" doc:"Sign-in address of whom the older mail is given to."`
	}
}

// begun has nothing of what is sealed: what is kept of an answer for its idempotency key is
// sealed to nobody.
type begun struct {
	Location string `header:"Location" maxLength:"100" doc:"Where the job is."`
	Body     struct {
		ID    string    `json:"id" minLength:"32" maxLength:"32" doc:"The job's id."`
		Kind  string    `json:"kind" enum:"export,regrant" doc:"What it does."`
		Begun time.Time `json:"begun" doc:"When it was ordered."`
		Total int64     `json:"total" minimum:"0" doc:"Messages that are to be looked at; 0 where that is not known yet."`
	}
}

// orders adds what begins jobs.
func (r *room) orders() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "begin-export", Method: http.MethodPost, Path: "/jobs/export", Tags: []string{"jobs"}, DefaultStatus: http.StatusCreated,
		Summary:     operation.Tell("Export what a search finds"),
		Description: operation.Tell("It makes ZIP files, encrypted under a password that the job has, unless it is plain. It is sealed to you, runs while your session is open, and waits for you otherwise. You can have three jobs that have not ended."),
	}, operation.Kind{Once: true}, func(ctx context.Context, c *operation.Call, in *exportIn) (*begun, error) {
		b := in.Body
		return r.begin(ctx, c, job.Order{Kind: job.Export, Query: b.Q, Format: b.Format, Plain: b.Plain, Reason: b.Reason})
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "begin-regrant", Method: http.MethodPost, Path: "/jobs/regrant", Tags: []string{"jobs"}, DefaultStatus: http.StatusCreated,
		Summary:     operation.Tell("Give older mail to somebody"),
		Description: operation.Tell("For keepers. Mail that came before an address was hers, or before her account was reset, is sealed to her as well."),
	}, operation.Kind{Once: true, Errors: []int{http.StatusNotFound}}, func(ctx context.Context, c *operation.Call, in *regrantIn) (*begun, error) {
		return r.begin(ctx, c, job.Order{Kind: job.Regrant, Person: mail.NewAddress(in.Body.Email)})
	})
}

func (r *room) begin(ctx context.Context, c *operation.Call, o job.Order) (*begun, error) {
	j, err := r.Jobs.Start(ctx, c.Session, c.Visit, o)
	if err != nil {
		return nil, err
	}
	out := &begun{Location: operation.Root + "/jobs/" + j.ID.String()}
	out.Body.ID, out.Body.Kind, out.Body.Begun, out.Body.Total = j.ID.String(), string(j.Kind), j.Begun, j.Total
	return out, nil
}
