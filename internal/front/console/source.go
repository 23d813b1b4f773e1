package console

import (
	"context"
	"strings"
	"time"

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
	Sources []SourceState `json:"sources"`
	Whole   tally.Whole   `json:"whole"` // whether the counts are those of the message log
	Space   Space         `json:"space"`
}

// Space is how much room there is.
type Space struct {
	Store  bool   `json:"store,omitempty"` // a bucket has the objects, and its store decides
	Free   int64  `json:"free"`            // octets on the disk
	PerDay int64  `json:"per_day"`         // octets, at the rate of the last seven days
	Young  bool   `json:"young,omitempty"` // most of it came within a day of counting: the rate says nothing yet
	Days   *int64 `json:"days,omitempty"`  // until the disk is full at that rate; nil where nothing comes in
}

// SourceState is a way in: a registered source, or a door that is always there.
type SourceState struct {
	source.Listed
	BuiltIn bool `json:"built_in,omitempty"` // the door of that name

	Today  Counted    `json:"today"`
	Week   Counted    `json:"week"` // seven days
	All    Counted    `json:"all"`
	Last   *time.Time `json:"last,omitempty"`  // when something came in; nil for never
	Silent int64      `json:"silent_seconds"`  // since then
	Usual  int64      `json:"usual_seconds"`   // how long that may be
	Alarm  bool       `json:"alarm,omitempty"` // it is longer than usual
}

// Counted is what came in: received = accepted + references + refused.
type Counted struct {
	Received int64 `json:"received"`
	tally.Count
	Refused int64                  `json:"refused"`
	Reasons map[mail.Refusal]int64 `json:"reasons"`
}

func counted(c tally.Count) Counted {
	n, by := c.Refused()
	return Counted{Received: c.Accepted + c.References + n, Count: c, Refused: n, Reasons: by}
}

func (s *SourceState) count(t tally.State) {
	s.Today, s.Week, s.All = counted(t.Today), counted(t.Week), counted(t.All)
	if !t.Last.IsZero() {
		s.Last = &t.Last
		s.Silent, s.Usual, s.Alarm = int64(t.SilentFor().Seconds()), int64(t.Usual().Seconds()), t.Alarm
	}
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
		out := Sources{Sources: waysIn(list, states)}
		if out.Whole, err = c.Evidence.Whole(ctx, id); err != nil {
			return nil, err
		}
		out.Space, err = c.Evidence.Space(ctx)
		return out, err
	})
}

// waysIn puts together what is registered, what is always there, and what was
// counted.
func waysIn(list []source.Listed, states []tally.State) (out []SourceState) {
	by := make(map[string]tally.State)
	for _, t := range states {
		by[t.Source] = t
	}
	add := func(key string, s SourceState) {
		s.count(by[key])
		delete(by, key)
		out = append(out, s)
	}
	for _, door := range []string{mail.DoorLMTP, mail.DoorImport, mail.DoorJournal} {
		if _, ok := by[door]; ok || door == mail.DoorLMTP {
			add(door, SourceState{Listed: source.Listed{Name: door, Networks: []string{}}, BuiltIn: true})
		}
	}
	for _, one := range list {
		if _, ok := by[one.ID.String()]; ok || !one.Ended {
			add(one.ID.String(), SourceState{Listed: one})
		}
	}
	for _, t := range states {
		if _, left := by[t.Source]; left { // removed before names were kept: its name is its id
			add(t.Source, SourceState{Listed: source.Listed{Name: t.Source, Networks: []string{}, Ended: true}})
		}
	}
	return out
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
