package jobs

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/archive/job"
	"siegel/internal/front/api/operation"
	"siegel/internal/kit/fault"
)

// Work is a job.
type Work struct {
	ID       string     `json:"id" minLength:"32" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"The job's id."`
	Kind     string     `json:"kind" enum:"export,regrant" doc:"What it does."`
	State    string     `json:"state" enum:"waiting,running,parked,done,failed,cancelled" doc:"How it stands; waiting for its turn, parked until you have signed in."`
	Problem  string     `json:"problem,omitempty" maxLength:"20" example:"busy" doc:"The kind of what is in the way, or made it fail; missing for nothing."`
	Done     int64      `json:"done" minimum:"0" doc:"Messages that were looked at."`
	Total    int64      `json:"total" minimum:"0" doc:"Messages that are to be looked at; 0 where that is not known yet."`
	Octets   int64      `json:"octets" minimum:"0" doc:"Octets of the messages that were exported."`
	Problems int64      `json:"problems" minimum:"0" doc:"Messages that could not be opened; the manifest of their part names them."`
	Lacking  int64      `json:"lacking" minimum:"0" doc:"Messages that the search could not look at."`
	Gained   int64      `json:"gained" minimum:"0" doc:"Messages that the person can read now and could not before."`
	Begun    time.Time  `json:"begun" doc:"When it was ordered."`
	Ended    *time.Time `json:"ended,omitempty" doc:"When it ended; missing before."`
	Until    *time.Time `json:"until,omitempty" doc:"When it is deleted with all that it has made; missing before it has ended."`
	Lost     bool       `json:"lost" doc:"What was ordered is sealed to a former key of yours, and cannot be read any more."`
	Export   *exported  `json:"export,omitempty" doc:"What is exported, of an export."`
	Regrant  *given     `json:"regrant,omitempty" doc:"Whom older mail is given to, where that is the job."`
}

// exported is what an export is about.
type exported struct {
	Q        string `json:"q" doc:"The search; empty for all that you can read."`
	Format   string `json:"format" maxLength:"10" example:"eml" doc:"The format of the messages."`
	Plain    bool   `json:"plain" doc:"The parts are not encrypted."`
	Reason   string `json:"reason,omitempty" doc:"Why you ordered it; missing where you gave none."`
	Password string `json:"password,omitempty" doc:"It opens the parts; missing where they are plain, and in lists."`
	Parts    []part `json:"parts,omitempty" maxItems:"1000000" doc:"The files that were made so far; missing in lists."`
}

// part is a file of an export.
type part struct {
	Number   int   `json:"number" minimum:"1" doc:"By this it is fetched, once the job is done."`
	Size     int64 `json:"size" minimum:"0" doc:"Octets of the file."`
	Messages int64 `json:"messages" minimum:"0" doc:"Messages in it."`
	Octets   int64 `json:"octets" minimum:"0" doc:"Octets of these messages."`
	Problems int64 `json:"problems" minimum:"0" doc:"Messages that belong into it and could not be opened."`
}

// given is what giving older mail is about.
type given struct {
	Email string `json:"email" maxLength:"998" doc:"Her sign-in address."`
}

func workOf(j job.Job) Work {
	out := Work{
		ID: j.ID.String(), Kind: string(j.Kind), State: string(j.State), Problem: j.Problem, Done: j.Done, Total: j.Total, Octets: j.Octets,
		Problems: j.Problems, Lacking: j.Lacking, Gained: j.Gained, Begun: j.Begun, Lost: j.Lost,
	}
	if !j.Ended.IsZero() {
		out.Ended, out.Until = operation.Ptr(j.Ended), operation.Ptr(j.Until)
	}
	switch j.Kind {
	case job.Export:
		out.Export = &exported{Q: j.Query, Format: j.Format, Plain: j.Plain, Reason: j.Reason}
	case job.Regrant:
		out.Regrant = &given{j.Person.String()}
	}
	return out
}

type worksOut struct {
	Body struct {
		Items []Work `json:"items" maxItems:"20" doc:"Your jobs, newest first, without passwords and parts."`
	}
}

type workOut struct {
	Body Work
}

func noJob() error { return fault.New(fault.NotFound, "there is no such job") }

// works adds what is done with jobs that were begun.
func (r *room) works() {
	op := func(id, method, path, summary, about string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Description: about, Tags: []string{"jobs"}}
	}
	operation.Register(r.Door, op("list-jobs", http.MethodGet, "/jobs", operation.Tell("List your jobs"),
		operation.Tell("What they are about is sealed to you: nobody else has them in a list.")), operation.Kind{}, r.list)
	operation.Register(r.Door, op("get-job", http.MethodGet, "/jobs/{id}", operation.Tell("Read how far a job of your own is"),
		operation.Tell("With the password and the parts of an export. Ask again with If-None-Match while it runs: some seconds apart is enough.")), operation.Kind{Tagged: true}, r.one)
	cancel := op("cancel-job", http.MethodPost, "/jobs/{id}/cancel", operation.Tell("Cancel a job of your own"), operation.Tell("What it has made is taken away. What older mail was given stays given."))
	cancel.DefaultStatus = http.StatusNoContent
	operation.Register(r.Door, cancel, operation.Kind{Once: true, Errors: []int{http.StatusConflict}}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*operation.Nothing, error) {
		id, err := in.Thing(noJob())
		if err != nil {
			return nil, err
		}
		return nil, r.Jobs.Cancel(ctx, c.Session, id)
	})
	remove := op("delete-job", http.MethodDelete, "/jobs/{id}", operation.Tell("Delete a job of your own"), operation.Tell("With all that it has made, whatever its state."))
	remove.DefaultStatus = http.StatusNoContent
	operation.Register(r.Door, remove, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*operation.Nothing, error) {
		id, err := in.Thing(noJob())
		if err != nil {
			return nil, err
		}
		return nil, r.Jobs.Delete(ctx, c.Session, id)
	})
}

func (r *room) list(ctx context.Context, c *operation.Call, _ *operation.None) (*worksOut, error) {
	list, err := r.Jobs.List(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	out := new(worksOut)
	out.Body.Items = []Work{}
	for _, j := range list {
		out.Body.Items = append(out.Body.Items, workOf(j))
	}
	return out, nil
}

func (r *room) one(ctx context.Context, c *operation.Call, in *operation.Named) (*workOut, error) {
	id, err := in.Thing(noJob())
	if err != nil {
		return nil, err
	}
	j, err := r.Jobs.Get(ctx, c.Session, id)
	if err != nil {
		return nil, err
	}
	out := &workOut{workOf(j)}
	if e := out.Body.Export; e != nil {
		e.Password, e.Parts = j.Password, []part{}
		for _, p := range j.Parts {
			e.Parts = append(e.Parts, part{p.Number, p.Size, p.Messages, p.Octets, p.Problems})
		}
	}
	return out, nil
}
