package own

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/mail"
)

// me is who has signed in.
type me struct {
	Body struct {
		ID     string `json:"id" minLength:"32" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"The person's id."`
		Email  string `json:"email" maxLength:"998" example:"anna@a.example" doc:"The address by which she signs in."`
		Role   string `json:"role" enum:"administrator,compliance,auditor,reader" doc:"What she may do: administrators manage and read nothing, compliance (keepers) holds the archive and carries out requests, auditors read everything, readers read what bears an address of their own."`
		Tenant string `json:"tenant" maxLength:"100" example:"example" doc:"The name of her tenant."`
	}
}

// password is a change of one's own.
type password struct {
	Body struct {
		Current string `json:"current" minLength:"1" maxLength:"1024" doc:"The password until now."`
		New     string `json:"new" maxLength:"1024" doc:"The new one: 10 characters at least, with an upper-case letter, a lower-case letter, a digit and another sign. Where it is not good enough, the answer names the rule."`
	}
}

// accept takes an invitation.
type accept struct {
	Body struct {
		Email    string `json:"email" minLength:"1" maxLength:"998" example:"anna@a.example" doc:"The address that was invited."`
		Code     string `json:"code" minLength:"1" maxLength:"200" doc:"The code of the invitation."`
		Password string `json:"password" maxLength:"1024" doc:"The password that the person chooses, by the same rules as when it is changed."`
		Tenant   string `json:"tenant,omitempty" maxLength:"100" example:"example" doc:"The name of the tenant; needed where the address belongs to several."`
	}
}

func (r *room) me() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "get-me", Method: http.MethodGet, Path: "/me", Tags: []string{"sessions"},
		Summary: operation.Tell("Say who has signed in"),
	}, operation.Kind{Tagged: true}, func(_ context.Context, c *operation.Call, _ *operation.None) (*me, error) {
		out := new(me)
		p := c.Account()
		out.Body.ID, out.Body.Email, out.Body.Role, out.Body.Tenant = p.ID.String(), p.Email.String(), string(p.Role), c.TenantName()
		return out, nil
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "change-password", Method: http.MethodPut, Path: "/me/password", Tags: []string{"sessions"}, DefaultStatus: http.StatusNoContent,
		Summary: operation.Tell("Change your password"), Description: operation.Tell("All your other sessions end. Sealed mail stays as it is."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, in *password) (*operation.Nothing, error) {
		return nil, r.Visits.ChangePassword(ctx, r.Visitor(c.R), c.Visit, []byte(in.Body.Current), []byte(in.Body.New))
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "accept-invitation", Method: http.MethodPost, Path: "/invitations/accept", Tags: []string{"people"}, DefaultStatus: http.StatusNoContent,
		Summary: operation.Tell("Accept an invitation"), Description: operation.Tell("The code opens nothing any more afterwards. Sign in with the password then."),
	}, operation.Kind{Open: true, Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests}}, func(ctx context.Context, _ *operation.Call, in *accept) (*operation.Nothing, error) {
		b := in.Body
		return nil, r.Identity.Accept(ctx, b.Tenant, mail.NewAddress(b.Email), b.Code, []byte(b.Password))
	})
}
