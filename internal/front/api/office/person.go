package office

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/cursor"
	"siegel/internal/front/api/operation"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// person is an account of the tenant.
type person struct {
	ID        string   `json:"id" minLength:"32" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"The person's id."`
	Email     string   `json:"email" maxLength:"998" example:"anna@a.example" doc:"The address by which she signs in."`
	Role      string   `json:"role" enum:"administrator,compliance,auditor,reader" doc:"What she may do."`
	State     string   `json:"state" enum:"invited,active,removed,damaged" doc:"How far the account is: invited has no password yet, damaged is not as the ledger has it."`
	Addresses []string `json:"addresses" doc:"The addresses whose mail is sealed to her."`
}

func personOf(p identity.Person) person {
	out := person{ID: p.ID.String(), Email: p.Email.String(), Role: string(p.Role), State: string(p.State), Addresses: []string{}}
	for _, a := range p.Addresses {
		out.Addresses = append(out.Addresses, a.String())
	}
	return out
}

type peopleOut struct {
	Body struct {
		Items      []person `json:"items" maxItems:"1000" doc:"The people of this page."`
		NextCursor string   `json:"next_cursor,omitempty" maxLength:"40" doc:"Where the next page begins; missing where this is the last."`
	}
}

type personOut struct {
	Body person
}

type inviteIn struct {
	Body struct {
		Email         string `json:"email" minLength:"1" maxLength:"998" example:"anna@a.example" doc:"The address by which the person will sign in, in a domain of the tenant or elsewhere."`
		Role          string `json:"role" enum:"administrator,compliance,auditor,reader" default:"reader" doc:"What she may do: reader or administrator. The roles that read the archive are requested afterwards."`
		ConfirmDomain string `json:"confirm_domain,omitempty" maxLength:"253" example:"b.example" doc:"The domain of the address, where it looks like one of the tenant's and is meant all the same."`
	}
}

// invited is a code for a person.
type invited struct {
	Location string `header:"Location" maxLength:"100" doc:"Where the person is."`
	Body     struct {
		Email string `json:"email" maxLength:"998" doc:"The address by which the person signs in."`
		Role  string `json:"role" enum:"administrator,compliance,auditor,reader" doc:"What she may do."`
		Code  string `json:"code" maxLength:"200" doc:"With it the person sets her password. It is shown this once: give it to her in a way that nobody else reads."`
	}
}

type resetOut struct {
	Body struct {
		Email string   `json:"email" maxLength:"998" doc:"The address by which the person signs in."`
		Code  string   `json:"code" maxLength:"200" doc:"With it the person sets a new password. It is shown this once: give it to her in a way that nobody else reads."`
		Ended []string `json:"ended" doc:"The addresses whose mail is sealed to her no longer."`
	}
}

type roleIn struct {
	operation.Named

	Body struct {
		Role string `json:"role" enum:"administrator,compliance,auditor,reader" doc:"What the person may do from now on."`
	}
}

// changedRole is what became of a change of a role.
type changedRole struct {
	Status int
	Body   struct {
		Request     *request `json:"request,omitempty" doc:"The request that it became, where a keeper has to decide."`
		TookArchive bool     `json:"took_archive" doc:"The person has read the archive until now and does not any more."`
		Keepers     int      `json:"keepers,omitempty" minimum:"0" doc:"Keepers that are left, where there is one less."`
	}
}

type addressIn struct {
	operation.Named

	Body struct {
		Address string `json:"address" minLength:"1" maxLength:"998" example:"sales@a.example" doc:"An address in a domain of the tenant."`
	}
}

// assigned is what became of an address for a person.
type assigned struct {
	Status int
	Body   struct {
		Request *request `json:"request,omitempty" doc:"The request that it became, where a keeper has to decide."`
	}
}

type unassignIn struct {
	operation.Named

	Address string `path:"address" maxLength:"3000" example:"sales@a.example" doc:"The address, percent-encoded."`
}

func noPerson() error { return fault.New(fault.NotFound, "there is no such person") }

func (r *room) people() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"people"}}
	}
	list := op("list-people", http.MethodGet, "/people", operation.Tell("List the people of the tenant"))
	list.Description = operation.Tell("For administrators and keepers. Those who were removed are listed too.")
	operation.Register(r.Door, list, operation.Kind{}, r.listPeople)
	operation.Register(r.Door, op("get-person", http.MethodGet, "/people/{id}", operation.Tell("Read a person")), operation.Kind{Tagged: true}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*personOut, error) {
		p, err := r.person(ctx, c, *in)
		return &personOut{personOf(p)}, err
	})
	invite := op("invite", http.MethodPost, "/invitations", operation.Tell("Invite a person"))
	invite.Description, invite.DefaultStatus = operation.Tell("For administrators. The account reads nothing yet: addresses and other roles are requested afterwards."), http.StatusCreated
	operation.Register(r.Door, invite, operation.Kind{Once: true, Secret: true, Errors: []int{http.StatusConflict}}, r.invite)
	role := op("set-role", http.MethodPut, "/people/{id}/role", operation.Tell("Give a person another role"))
	role.Description = operation.Tell("For administrators. Roles that read the archive become a request (202); others count at once.")
	operation.Register(r.Door, role, operation.Kind{Match: true, Also: []int{http.StatusAccepted}, Errors: []int{http.StatusConflict}}, r.setRole)
	reset := op("reset-person", http.MethodPost, "/people/{id}/reset", operation.Tell("Reset a person who forgot the password"))
	reset.Description = operation.Tell("For administrators. The person gets a new key: what was sealed to her alone stays unreadable until a keeper gives it again, and her addresses have to be assigned anew.")
	operation.Register(r.Door, reset, operation.Kind{Once: true, Secret: true, Errors: []int{http.StatusConflict}}, r.reset)
	remove := op("remove-person", http.MethodDelete, "/people/{id}", operation.Tell("Remove a person"))
	remove.Description, remove.DefaultStatus = operation.Tell("For administrators. Her sessions end at once; what was sealed to her stays sealed."), http.StatusNoContent
	operation.Register(r.Door, remove, operation.Kind{Errors: []int{http.StatusConflict}}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*operation.Nothing, error) {
		p, err := r.standing(ctx, c, *in)
		if err != nil {
			return nil, err
		}
		return nil, r.Identity.Remove(ctx, c.Session, p.Email)
	})
	assign := op("assign-address", http.MethodPost, "/people/{id}/addresses", operation.Tell("Make the mail of an address readable for a person"))
	assign.Description, assign.DefaultStatus = operation.Tell("From now on. A keeper does it at once, for anybody but himself; an administrator's wish becomes a request (202)."), http.StatusCreated
	operation.Register(r.Door, assign, operation.Kind{Once: true, Also: []int{http.StatusAccepted}, Errors: []int{http.StatusConflict}}, r.assign)
	unassign := op("unassign-address", http.MethodDelete, "/people/{id}/addresses/{address}", operation.Tell("End that mail of an address is sealed to a person"))
	unassign.DefaultStatus = http.StatusNoContent
	operation.Register(r.Door, unassign, operation.Kind{Errors: []int{http.StatusConflict}}, r.unassign)
}

func (r *room) listPeople(ctx context.Context, c *operation.Call, in *operation.Paged) (*peopleOut, error) {
	all, err := r.Identity.People(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	page, next, err := cursor.Page(c.List("people"), all, in.Cursor, in.Limit, func(p identity.Person) mail.ID { return p.ID })
	if err != nil {
		return nil, err
	}
	out := new(peopleOut)
	out.Body.Items, out.Body.NextCursor = []person{}, next
	for _, p := range page {
		out.Body.Items = append(out.Body.Items, personOf(p))
	}
	return out, nil
}

// person returns the person that a path names, for who may list them.
func (r *room) person(ctx context.Context, c *operation.Call, n operation.Named) (identity.Person, error) {
	all, err := r.Identity.People(ctx, c.Session)
	if err != nil {
		return identity.Person{}, err
	}
	for _, p := range all {
		if p.ID.String() == n.ID {
			return p, nil
		}
	}
	return identity.Person{}, noPerson()
}

// standing returns the person that a path names, where she has not been removed: rooms name people by
// their addresses, which may be another's by now.
func (r *room) standing(ctx context.Context, c *operation.Call, n operation.Named) (identity.Person, error) {
	p, err := r.person(ctx, c, n)
	if err == nil && p.State == identity.Removed {
		err = fault.New(fault.Conflict, "this person has been removed")
	}
	return p, err
}

func (r *room) invite(ctx context.Context, c *operation.Call, in *inviteIn) (*invited, error) {
	role, err := identity.ParseRole(in.Body.Role)
	if err != nil {
		return nil, err
	}
	p, code, err := r.Identity.Invite(ctx, c.Session, mail.NewAddress(in.Body.Email), role, mail.NewDomain(in.Body.ConfirmDomain))
	if err != nil {
		return nil, err
	}
	out := &invited{Location: operation.Root + "/people/" + p.ID.String()}
	out.Body.Email, out.Body.Role, out.Body.Code = p.Email.String(), string(p.Role), code
	return out, nil
}

func (r *room) setRole(ctx context.Context, c *operation.Call, in *roleIn) (*changedRole, error) {
	p, err := r.standing(ctx, c, in.Named)
	if err != nil {
		return nil, err
	}
	if err := c.Unchanged(personOf(p)); err != nil {
		return nil, err
	}
	change, err := r.Identity.SetRole(ctx, c.Session, p.Email, identity.Role(in.Body.Role), p.Role)
	if err != nil {
		return nil, err
	}
	out := &changedRole{Status: http.StatusOK}
	out.Body.TookArchive, out.Body.Keepers = change.Took, change.Keepers
	if change.Request != nil {
		out.Status, out.Body.Request = http.StatusAccepted, operation.Ptr(requestOf(*change.Request))
	}
	return out, nil
}

func (r *room) reset(ctx context.Context, c *operation.Call, in *operation.Named) (*resetOut, error) {
	p, err := r.standing(ctx, c, *in)
	if err != nil {
		return nil, err
	}
	done, err := r.Identity.Reset(ctx, c.Session, p.Email)
	if err != nil {
		return nil, err
	}
	out := new(resetOut)
	out.Body.Email, out.Body.Code, out.Body.Ended = p.Email.String(), done.Code, []string{}
	for _, a := range done.Ended {
		out.Body.Ended = append(out.Body.Ended, a.String())
	}
	return out, nil
}

func (r *room) assign(ctx context.Context, c *operation.Call, in *addressIn) (*assigned, error) {
	p, err := r.standing(ctx, c, in.Named)
	if err != nil {
		return nil, err
	}
	q, err := r.Identity.AddAddress(ctx, c.Session, p.Email, mail.NewAddress(in.Body.Address))
	if err != nil {
		return nil, err
	}
	out := &assigned{Status: http.StatusCreated}
	if q != nil {
		out.Status, out.Body.Request = http.StatusAccepted, operation.Ptr(requestOf(*q))
	}
	return out, nil
}

func (r *room) unassign(ctx context.Context, c *operation.Call, in *unassignIn) (*operation.Nothing, error) {
	p, err := r.standing(ctx, c, in.Named)
	if err != nil {
		return nil, err
	}
	address, err := url.PathUnescape(in.Address)
	if err != nil {
		address = in.Address // it is decoded already
	}
	return nil, r.Identity.RemoveAddress(ctx, c.Session, p.Email, mail.NewAddress(address))
}
