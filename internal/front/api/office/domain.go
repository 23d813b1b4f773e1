package office

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/operation"
	"siegel/internal/mail"
)

type domainsOut struct {
	Body struct {
		Items []domain `json:"items" maxItems:"1000" doc:"The domains of the tenant."`
	}
}

type domain struct {
	Name string `json:"name" maxLength:"253" example:"a.example" doc:"The domain; international ones in A-labels."`
}

type domainIn struct {
	Body struct {
		Domain        string `json:"domain" minLength:"1" maxLength:"253" example:"b.example" doc:"The domain whose mail the tenant shall take; international ones as they are written, or in A-labels."`
		ConfirmDomain string `json:"confirm_domain,omitempty" maxLength:"253" example:"b.example" doc:"The domain again, where it looks like one of the tenant's and is meant all the same."`
	}
}

func (r *room) domains() {
	operation.Register(r.Door, huma.Operation{
		OperationID: "list-domains", Method: http.MethodGet, Path: "/domains", Tags: []string{"sources"},
		Summary: operation.Tell("List the domains of the tenant"), Description: operation.Tell("Those that it has been founded with and those that it took later. A domain stays for good."),
	}, operation.Kind{}, func(ctx context.Context, c *operation.Call, _ *operation.None) (*domainsOut, error) {
		t, err := r.Identity.Named(ctx, c.TenantName())
		out := new(domainsOut)
		out.Body.Items = []domain{}
		for _, d := range t.Domains {
			out.Body.Items = append(out.Body.Items, domain{d.String()})
		}
		return out, err
	})
	operation.Register(r.Door, huma.Operation{
		OperationID: "request-domain", Method: http.MethodPost, Path: "/domains", Tags: []string{"sources"}, DefaultStatus: http.StatusCreated,
		Summary:     operation.Tell("Ask for a further domain"),
		Description: operation.Tell("For administrators and keepers. A keeper who is somebody else decides; when the request is approved, mail for the domain is taken."),
	}, operation.Kind{Once: true, Errors: []int{http.StatusConflict}}, func(ctx context.Context, c *operation.Call, in *domainIn) (*requestMade, error) {
		q, err := r.Identity.RequestDomain(ctx, c.Session, mail.NewDomain(in.Body.Domain), mail.NewDomain(in.Body.ConfirmDomain))
		if err != nil {
			return nil, err
		}
		return &requestMade{Location: operation.Root + "/requests/" + q.ID.String(), Body: requestOf(q)}, nil
	})
}
