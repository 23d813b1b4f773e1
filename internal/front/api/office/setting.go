package office

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
)

// settings is what the tenant has chosen.
type settings struct {
	SessionIdleMinutes int `json:"session_idle_minutes" minimum:"5" maximum:"43200" example:"1440" doc:"How long a session may rest before it ends, in minutes: from 5 minutes to 30 days. 24 hours where nothing was chosen."`
}

type settingsOut struct {
	Body settings
}

type settingsIn struct {
	Body settings
}

func (r *room) settings() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-settings", Method: http.MethodGet, Path: "/settings", Tags: []string{"settings"},
		Summary: operation.Tell("Read the tenant's settings"), Description: operation.Tell("For administrators, keepers and auditors."),
	}, operation.Kind{Tagged: true}, func(ctx context.Context, c *operation.Call, _ *operation.None) (*settingsOut, error) {
		now, err := r.chosen(ctx, c)
		return &settingsOut{now}, err
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "put-settings", Method: http.MethodPut, Path: "/settings", Tags: []string{"settings"},
		Summary: operation.Tell("Change the tenant's settings"), Description: operation.Tell("For administrators. The audit trail has what they were and what they are."),
	}, operation.Kind{Tagged: true, Match: true}, func(ctx context.Context, c *operation.Call, in *settingsIn) (*settingsOut, error) {
		was, err := r.chosen(ctx, c)
		if err != nil {
			return nil, err
		}
		if c.Account().Role == identity.Administrator { // others are told that they may not, whatever they have read
			if err := c.Unchanged(was); err != nil {
				return nil, err
			}
		}
		minutes := func(s settings) time.Duration { return time.Duration(s.SessionIdleMinutes) * time.Minute }
		if err := r.Visits.SetIdle(ctx, c.Session, minutes(in.Body), minutes(was)); err != nil {
			return nil, operation.Late(err)
		}
		return &settingsOut{in.Body}, nil
	})
}

// chosen returns what the tenant has chosen, for those who see how it is run.
func (r *room) chosen(ctx context.Context, c *operation.Call) (settings, error) {
	if c.Account().Role == identity.Reader {
		return settings{}, fault.New(fault.Denied, "readers do not see how the tenant is set up; ask an administrator")
	}
	idle, err := r.Visits.Idle(ctx, c.Tenant().ID())
	return settings{SessionIdleMinutes: int(idle / time.Minute)}, err
}
