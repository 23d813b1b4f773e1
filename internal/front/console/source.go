package console

import (
	"context"

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

// Sources are the ways in of a tenant.
type Sources struct {
	Sources []SourceState `json:"sources"`
}

// SourceState is a way in: a registered source, or a door that is always there.
type SourceState struct {
	source.Listed
	BuiltIn bool `json:"built_in,omitempty"` // the door of that name
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
		out := Sources{Sources: []SourceState{{Listed: source.Listed{Name: mail.DoorLMTP, Networks: []string{}}, BuiltIn: true}}}
		for _, one := range list {
			out.Sources = append(out.Sources, SourceState{Listed: one})
		}
		return out, nil
	})
}
