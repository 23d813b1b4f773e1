package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/front/api/cursor"
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

// Paged is a page of a list.
type Paged struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many items a page has at most."`
	Cursor string `query:"cursor" maxLength:"40" doc:"next_cursor of the page before; missing for the first page."`
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
		Email string `json:"email" minLength:"1" maxLength:"998" example:"anna@a.example" doc:"The address by which the person will sign in, in a domain of the tenant or elsewhere."`
		Role  string `json:"role" enum:"administrator,compliance,auditor,reader" default:"reader" doc:"What she may do: reader or administrator. The roles that read the archive are requested afterwards."`
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
	Named

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
	Named

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
	Named

	Address string `path:"address" maxLength:"3000" example:"sales@a.example" doc:"The address, percent-encoded."`
}

func noPerson() error { return fault.New(fault.NotFound, "there is no such person") }

func (r *room) people() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"people"}}
	}
	list := op("list-people", http.MethodGet, "/people", tell("List the people of the tenant"))
	list.Description = tell("For administrators and keepers. Those who were removed are listed too.")
	register(r, list, kind{}, r.listPeople)
	register(r, op("get-person", http.MethodGet, "/people/{id}", tell("Read a person")), kind{tagged: true}, func(ctx context.Context, c *call, in *Named) (*personOut, error) {
		p, err := r.person(ctx, c, *in)
		return &personOut{personOf(p)}, err
	})
	invite := op("invite", http.MethodPost, "/invitations", tell("Invite a person"))
	invite.Description, invite.DefaultStatus = tell("For administrators. The account reads nothing yet: addresses and other roles are requested afterwards."), http.StatusCreated
	register(r, invite, kind{once: true, secret: true, errors: []int{http.StatusConflict}}, r.invite)
	role := op("set-role", http.MethodPut, "/people/{id}/role", tell("Give a person another role"))
	role.Description = tell("For administrators. Roles that read the archive become a request (202); others count at once.")
	register(r, role, kind{match: true, also: []int{http.StatusAccepted}, errors: []int{http.StatusConflict}}, r.setRole)
	reset := op("reset-person", http.MethodPost, "/people/{id}/reset", tell("Reset a person who forgot the password"))
	reset.Description = tell("For administrators. The person gets a new key: what was sealed to her alone stays unreadable until a keeper gives it again, and her addresses have to be assigned anew.")
	register(r, reset, kind{once: true, secret: true, errors: []int{http.StatusConflict}}, r.reset)
	remove := op("remove-person", http.MethodDelete, "/people/{id}", tell("Remove a person"))
	remove.Description, remove.DefaultStatus = tell("For administrators. Her sessions end at once; what was sealed to her stays sealed."), http.StatusNoContent
	register(r, remove, kind{errors: []int{http.StatusConflict}}, func(ctx context.Context, c *call, in *Named) (*nothing, error) {
		p, err := r.person(ctx, c, *in)
		if err != nil {
			return nil, err
		}
		return nil, r.Identity.Remove(ctx, c.Session, p.Email)
	})
	assign := op("assign-address", http.MethodPost, "/people/{id}/addresses", tell("Make the mail of an address readable for a person"))
	assign.Description, assign.DefaultStatus = tell("From now on. A keeper does it at once, for anybody but himself; an administrator's wish becomes a request (202)."), http.StatusCreated
	register(r, assign, kind{once: true, also: []int{http.StatusAccepted}, errors: []int{http.StatusConflict}}, r.assign)
	unassign := op("unassign-address", http.MethodDelete, "/people/{id}/addresses/{address}", tell("End that mail of an address is sealed to a person"))
	unassign.DefaultStatus = http.StatusNoContent
	register(r, unassign, kind{errors: []int{http.StatusConflict}}, r.unassign)
}

// tell marks a sentence of the document: it has a German form for its page.
func tell(sentence string) string { return sentence }

// list names a list of whoever calls.
func (c *call) list(name string, filters ...string) cursor.List {
	return cursor.List{Tenant: c.Tenant().ID(), Person: c.Person(), Name: name, Filters: filters}
}

func (r *room) listPeople(ctx context.Context, c *call, in *Paged) (*peopleOut, error) {
	all, err := r.Identity.People(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	page, next, err := cursor.Page(c.list("people"), all, in.Cursor, in.Limit, func(p identity.Person) mail.ID { return p.ID })
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
func (r *room) person(ctx context.Context, c *call, n Named) (identity.Person, error) {
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
func (r *room) standing(ctx context.Context, c *call, n Named) (identity.Person, error) {
	p, err := r.person(ctx, c, n)
	if err == nil && p.State == identity.Removed {
		err = fault.New(fault.Conflict, "this person has been removed")
	}
	return p, err
}

func (r *room) invite(ctx context.Context, c *call, in *inviteIn) (*invited, error) {
	role, err := identity.ParseRole(in.Body.Role)
	if err != nil {
		return nil, err
	}
	p, code, err := r.Identity.Invite(ctx, c.Session, mail.NewAddress(in.Body.Email), role)
	if err != nil {
		return nil, err
	}
	out := &invited{Location: root + "/people/" + p.ID.String()}
	out.Body.Email, out.Body.Role, out.Body.Code = p.Email.String(), string(p.Role), code
	return out, nil
}

func (r *room) setRole(ctx context.Context, c *call, in *roleIn) (*changedRole, error) {
	p, err := r.standing(ctx, c, in.Named)
	if err != nil {
		return nil, err
	}
	if err := c.unchanged(personOf(p)); err != nil {
		return nil, err
	}
	change, err := r.Identity.SetRole(ctx, c.Session, p.Email, identity.Role(in.Body.Role), p.Role)
	if err != nil {
		return nil, err
	}
	out := &changedRole{Status: http.StatusOK}
	out.Body.TookArchive, out.Body.Keepers = change.Took, change.Keepers
	if change.Request != nil {
		out.Status, out.Body.Request = http.StatusAccepted, ptr(requestOf(*change.Request))
	}
	return out, nil
}

func (r *room) reset(ctx context.Context, c *call, in *Named) (*resetOut, error) {
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

func (r *room) assign(ctx context.Context, c *call, in *addressIn) (*assigned, error) {
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
		out.Status, out.Body.Request = http.StatusAccepted, ptr(requestOf(*q))
	}
	return out, nil
}

func (r *room) unassign(ctx context.Context, c *call, in *unassignIn) (*nothing, error) {
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
