package console

import (
	"context"
	"strings"

	"siegel/internal/flow/tally"
	"siegel/internal/identity"
	"siegel/internal/identity/source"
	"siegel/internal/mail"
)

// sourceCommands are those about who hands in mail.
func (c *Console) sourceCommands() map[string]command {
	return map[string]command{
		"source/add":    c.sourceAdd,
		"source/secret": c.sourceSecret,
		"source/remove": c.sourceRemove,
		"source/list":   c.sourceList,
	}
}

// AddSource registers a source.
type AddSource struct {
	Credentials
	Name        string   `json:"name"`
	Address     string   `json:"address"`
	Networks    []string `json:"networks,omitempty"`
	Certificate []byte   `json:"certificate,omitempty"` // PEM
	SignIn      bool     `json:"sign_in,omitempty"`
	Secret      string   `json:"secret,omitempty"` // empty to have one made
	Form        string   `json:"form"`
}

func (c *Console) sourceAdd(ctx context.Context, k *call) (any, error) {
	var r AddSource
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		return c.Identity.AddSource(ctx, s, source.Registration{
			Name: r.Name, Address: mail.NewAddress(r.Address), Networks: r.Networks, Certificate: r.Certificate,
			SignIn: r.SignIn, Secret: []byte(r.Secret), Form: mail.Form(r.Form),
		})
	})
}

// Source names a source, and its secret where it gets one.
type Source struct {
	Credentials
	Name   string `json:"name"`
	Secret string `json:"secret,omitempty"` // empty to have one made
}

// source reads a command about a source and runs it in a session.
func (c *Console) source(ctx context.Context, k *call, f func(*identity.Session, Source) (any, error)) (any, error) {
	var r Source
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) { return f(s, r) })
}

func (c *Console) sourceSecret(ctx context.Context, k *call) (any, error) {
	return c.source(ctx, k, func(s *identity.Session, r Source) (any, error) {
		return c.Identity.RenewSource(ctx, s, r.Name, []byte(r.Secret))
	})
}

func (c *Console) sourceRemove(ctx context.Context, k *call) (any, error) {
	return c.source(ctx, k, func(s *identity.Session, r Source) (any, error) {
		return done{}, c.Identity.RemoveSource(ctx, s, r.Name)
	})
}

// Sources are the ways in of a tenant, and what came in by them.
type Sources struct {
	Sources []tally.Way `json:"sources"`
	Whole   tally.Whole `json:"whole"` // whether the counts are those of the message log
	Space   Space       `json:"space"`
}

// Space is how much room there is.
type Space struct {
	Store  bool   `json:"store,omitempty"` // a bucket has the objects, and its store decides
	Free   int64  `json:"free"`            // octets on the disk
	Empty  bool   `json:"empty,omitempty"` // nothing has arrived yet, of no tenant: there is nothing to judge from
	PerDay int64  `json:"per_day"`         // octets, at the rate of the last seven days
	Young  bool   `json:"young,omitempty"` // most of it came within a day of counting: the rate says nothing yet
	Days   *int64 `json:"days,omitempty"`  // until the disk is full at that rate; nil where nothing comes in
}

func (c *Console) sourceList(ctx context.Context, k *call) (any, error) {
	var r Signed
	if err := k.read(&r); err != nil {
		return nil, err
	}
	return c.signed(ctx, r.Credentials, func(s *identity.Session) (any, error) {
		list, err := c.Identity.ListSources(ctx, s)
		if err != nil {
			return nil, err
		}
		id := s.Tenant().ID()
		states, err := c.Tally.Of(ctx, id)
		if err != nil {
			return nil, err
		}
		out := Sources{Sources: tally.Ways(list, states)}
		if out.Whole, err = c.Evidence.Whole(ctx, id); err != nil {
			return nil, err
		}
		out.Space, err = c.Evidence.Space(ctx)
		return out, err
	})
}

// called returns the name of the source in a line of [mail.Source], empty for a way in
// that is always there and for one that nobody remembers.
func (c *Console) called(ctx context.Context, s *identity.Session, line string) (string, error) {
	words := strings.Fields(line)
	if len(words) < 4 {
		return "", nil
	}
	id, err := mail.ParseID(words[3])
	if err != nil {
		return "", nil //nolint:nilerr // a line of another form names none
	}
	return c.Identity.SourceName(ctx, s, id)
}
