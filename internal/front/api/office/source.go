package office

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"siegel/internal/flow/tally"
	"siegel/internal/front/api/operation"
	"siegel/internal/identity/source"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// origin is a way in: a registered source, or a door that is always there.
type origin struct {
	ID          string     `json:"id" maxLength:"32" example:"8e03978e40d543ddbc936e2d5c4f8e5d" doc:"The source's id; the name of the door for one that is always there."`
	Name        string     `json:"name" maxLength:"100" example:"exchange" doc:"What it is called."`
	BuiltIn     bool       `json:"built_in" doc:"It is a door that is always there, and was not registered."`
	Removed     bool       `json:"removed" doc:"It was removed; what it handed in is still counted."`
	Damaged     bool       `json:"damaged" doc:"It gives nothing: it is not as the ledger has it."`
	Address     string     `json:"address,omitempty" maxLength:"998" example:"journal@a.example" doc:"The journal address that it delivers to."`
	Networks    []string   `json:"networks" doc:"The networks that it comes from, in CIDR notation; empty where it proves itself otherwise."`
	Certificate string     `json:"certificate,omitempty" maxLength:"64" doc:"SHA-256 of the public key of its client certificate, in hexadecimal digits."`
	User        string     `json:"user,omitempty" maxLength:"1000" doc:"The name that it signs in with."`
	Form        string     `json:"form,omitempty" enum:"reports,copies,copies+fields" doc:"What it hands in: journal reports that are unwrapped, messages as they are, or messages whose delivery fields name recipients."`
	Entered     *time.Time `json:"entered,omitempty" doc:"When it was registered, or given its last secret."`
	Today       counted    `json:"today" doc:"What came in today, in UTC."`
	Week        counted    `json:"week" doc:"What came in within seven days."`
	All         counted    `json:"all" doc:"What came in since counting began."`
	Last        *time.Time `json:"last,omitempty" doc:"When something came in last; missing for never."`
	Silent      bool       `json:"silent" doc:"Nothing has come in for longer than usual."`
}

// counted is what came in.
type counted struct {
	Received   int64 `json:"received" minimum:"0" doc:"Messages that were handed in: accepted, repeated and refused."`
	Accepted   int64 `json:"accepted" minimum:"0" doc:"Messages that were sealed."`
	References int64 `json:"references" minimum:"0" doc:"Repetitions of them that were recognised."`
	Refused    int64 `json:"refused" minimum:"0" doc:"What was refused."`
	Octets     int64 `json:"octets" minimum:"0" doc:"Octets of the messages."`
}

func countedOf(c tally.Counted) counted {
	return counted{Received: c.Received, Accepted: c.Accepted, References: c.References, Refused: c.Refused, Octets: c.Octets}
}

type sourcesOut struct {
	Body struct {
		Items  []origin `json:"items" maxItems:"10000" doc:"All ways in: doors that are always there first."`
		Counts compared `json:"counts" doc:"Whether what was counted is what the message log has."`
	}
}

// compared are the counts of all sources beside the message log.
type compared struct {
	Sealed int64 `json:"sealed" minimum:"0" doc:"Messages that were sealed, as all sources together have counted."`
	Log    int64 `json:"log" minimum:"0" doc:"Entries of the message log since counting began."`
	Whole  bool  `json:"whole" doc:"They are the same. Where they are not, the operator should run siegel ledger verify."`
}

type sourceOut struct {
	Body origin
}

type sourceIn struct {
	Body struct {
		Name        string   `json:"name" minLength:"1" maxLength:"100" example:"exchange" doc:"What it shall be called."`
		Address     string   `json:"address" minLength:"1" maxLength:"998" example:"journal@a.example" doc:"The journal address that it delivers to, in a domain of the tenant."`
		Networks    []string `json:"networks,omitempty" maxItems:"100" doc:"The networks that it comes from, in CIDR notation, or single addresses."`
		Certificate string   `json:"certificate,omitempty" maxLength:"32768" doc:"Its client certificate, in PEM."`
		SignIn      bool     `json:"sign_in,omitempty" doc:"It signs in with a secret (SMTP AUTH)."`
		Secret      string   `json:"secret,omitempty" maxLength:"255" doc:"The secret, of 32 characters at least; missing to have one made."`
		Form        string   `json:"form" enum:"reports,copies,copies+fields" doc:"What it hands in: journal reports that are unwrapped, messages as they are, or messages whose delivery fields name recipients."`
	}
}

type secretIn struct {
	operation.Named

	Body struct {
		Secret string `json:"secret,omitempty" maxLength:"255" doc:"The new secret, of 32 characters at least; missing to have one made."`
	}
}

// registered is a source that was registered, or given a secret.
type registered struct {
	Location string `header:"Location" maxLength:"100" doc:"Where the source is."`
	Body     struct {
		ID     string  `json:"id" minLength:"32" maxLength:"32" doc:"The source's id."`
		Name   string  `json:"name" maxLength:"100" doc:"What it is called."`
		User   string  `json:"user,omitempty" maxLength:"1000" doc:"The name that it signs in with."`
		Secret string  `json:"secret,omitempty" maxLength:"255" doc:"The secret that was made. It is shown this once."`
		Beside *beside `json:"beside,omitempty" doc:"Two sources of one address of which one is asked for less: who is the weaker needs nothing of the other. Missing where there are none."`
	}
}

type beside struct {
	Weaker   string `json:"weaker" maxLength:"100" doc:"Name of the source that is asked for less."`
	Stronger string `json:"stronger" maxLength:"100" doc:"Name of the other."`
}

func noSource() error { return fault.New(fault.NotFound, "there is no such source") }

func (r *room) sources() {
	op := func(id, method, path, summary, about string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Description: about, Tags: []string{"sources"}}
	}
	operation.Register(r.Door, op("list-sources", http.MethodGet, "/sources", operation.Tell("List who hands in mail"), operation.Tell("For administrators, keepers and auditors.")), operation.Kind{}, func(ctx context.Context, c *operation.Call, _ *operation.None) (*sourcesOut, error) {
		list, err := r.origins(ctx, c)
		if err != nil {
			return nil, err
		}
		w, err := r.Whole(ctx, c.Tenant().ID())
		out := new(sourcesOut)
		out.Body.Items, out.Body.Counts = list, compared{w.Sealed, w.Log, w.Holds()}
		return out, err
	})
	operation.Register(r.Door, op("get-source", http.MethodGet, "/sources/{id}", operation.Tell("Read a source"), operation.Tell("For administrators, keepers and auditors.")), operation.Kind{Tagged: true}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*sourceOut, error) {
		list, err := r.origins(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, one := range list {
			if one.ID == in.ID {
				return &sourceOut{one}, nil
			}
		}
		return nil, noSource()
	})
	add := op("register-source", http.MethodPost, "/sources", operation.Tell("Register a source"), operation.Tell("For administrators. It proves itself by its network, a certificate, a secret, or several of them: all that is given must hold."))
	add.DefaultStatus = http.StatusCreated
	operation.Register(r.Door, add, operation.Kind{Once: true, Secret: true, Errors: []int{http.StatusConflict}}, r.addSource)
	renew := op("renew-secret", http.MethodPost, "/sources/{id}/secret", operation.Tell("Give a source a new secret"), operation.Tell("For administrators. The old one counts no longer."))
	operation.Register(r.Door, renew, operation.Kind{Once: true, Secret: true, Errors: []int{http.StatusConflict}}, r.renewSource)
	remove := op("remove-source", http.MethodDelete, "/sources/{id}", operation.Tell("Remove a source"), operation.Tell("For administrators. What it hands in is refused from then on."))
	remove.DefaultStatus = http.StatusNoContent
	operation.Register(r.Door, remove, operation.Kind{Errors: []int{http.StatusConflict}}, func(ctx context.Context, c *operation.Call, in *operation.Named) (*operation.Nothing, error) {
		one, err := r.source(ctx, c, *in)
		if err != nil {
			return nil, err
		}
		return nil, r.Identity.RemoveSource(ctx, c.Session, one.Name)
	})
}

// origins lists what is registered and what is always there, with what was counted.
func (r *room) origins(ctx context.Context, c *operation.Call) ([]origin, error) {
	list, err := r.Identity.ListSources(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	states, err := r.Tally.Of(ctx, c.Tenant().ID())
	if err != nil {
		return nil, err
	}
	out := []origin{}
	for _, w := range tally.Ways(list, states) {
		o := originOf(w.Listed)
		if o.BuiltIn = w.BuiltIn; w.ID.IsZero() { // a door, or what was removed before ids were kept
			o.ID = w.Name
		}
		o.Today, o.Week, o.All, o.Last, o.Silent = countedOf(w.Today), countedOf(w.Week), countedOf(w.All), w.Last, w.Alarm
		out = append(out, o)
	}
	return out, nil
}

func originOf(l source.Listed) origin {
	o := origin{
		ID: l.ID.String(), Name: l.Name, Removed: l.Ended, Damaged: l.Damaged, Address: l.Address.String(), Networks: l.Networks,
		Certificate: l.Certificate, User: l.User, Form: string(l.Form),
	}
	if o.Networks == nil {
		o.Networks = []string{}
	}
	if !l.Entered.IsZero() {
		o.Entered = &l.Entered
	}
	return o
}

// source returns the registered source that a path names: rooms name sources by what they are called.
func (r *room) source(ctx context.Context, c *operation.Call, n operation.Named) (source.Listed, error) {
	list, err := r.Identity.ListSources(ctx, c.Session)
	if err != nil {
		return source.Listed{}, err
	}
	for _, one := range list {
		if one.ID.String() == n.ID && !one.Ended {
			return one, nil
		}
	}
	return source.Listed{}, noSource()
}

func (r *room) addSource(ctx context.Context, c *operation.Call, in *sourceIn) (*registered, error) {
	b := in.Body
	added, err := r.Identity.AddSource(ctx, c.Session, source.Registration{
		Name: b.Name, Address: mail.NewAddress(b.Address), Networks: b.Networks, Certificate: []byte(b.Certificate),
		SignIn: b.SignIn, Secret: []byte(b.Secret), Form: mail.Form(b.Form),
	})
	return registeredOf(added), err
}

func registeredOf(a source.Added) *registered {
	out := &registered{Location: operation.Root + "/sources/" + a.ID.String()}
	out.Body.ID, out.Body.Name, out.Body.User, out.Body.Secret = a.ID.String(), a.Name, a.User, a.Secret
	if a.Beside != nil {
		out.Body.Beside = &beside{a.Beside.Weaker, a.Beside.Stronger}
	}
	return out
}

func (r *room) renewSource(ctx context.Context, c *operation.Call, in *secretIn) (*registered, error) {
	one, err := r.source(ctx, c, in.Named)
	if err != nil {
		return nil, err
	}
	added, err := r.Identity.RenewSource(ctx, c.Session, one.Name, []byte(in.Body.Secret))
	return registeredOf(added), err
}
