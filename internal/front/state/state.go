// Package state is how the archive is, as its first page and programs are told: what was
// looked at, how far its mail can be proven, and where mail comes from.
package state

import (
	"context"
	"time"

	"siegel/internal/flow/tally"
	"siegel/internal/identity"
	"siegel/internal/mail"
)

// Row is one line of how the server is.
type Row struct {
	Name, State  string // state: ok, warn, bad
	What, Remedy Sentence
}

// Sentence is a text that waits for its language.
type Sentence struct {
	Text string
	Args []any
}

// Proof says how far a tenant's mail can be proven.
type Proof struct {
	Entries int64     // of the message log
	Signed  time.Time // the newest checkpoint of that log; zero for none
	Stamped time.Time // the newest timestamp that proves something of it; zero for none
	// Uncovered is how many entries no timestamp proves yet.
	Uncovered int64
	Verified  time.Time // when all of it was verified last; zero for never
	Problems  int64     // that were found then
}

// Deps are the rooms that know it.
type Deps struct {
	Identity *identity.Identity
	Rows     func(context.Context) []Row // what was looked at
	Proof    func(context.Context, mail.TenantID) (Proof, error)
	// Counts says what came in by each way.
	Counts func(context.Context, mail.TenantID) ([]tally.State, error)
}

// State is how the archive is, as far as somebody's role lets her know.
type State struct {
	Worst string // state of the worst of all: ok, warn, bad
	Rows  []Row
	Proof *Proof      // nil for readers
	Ways  []tally.Way // for administrators and keepers
}

// Of returns how the archive is. Readers learn nothing of it.
func (d Deps) Of(ctx context.Context, s *identity.Session) (out State, err error) {
	out.Worst = "ok"
	role := s.Account().Role
	if role == identity.Reader {
		return out, nil
	}
	p, err := d.Proof(ctx, s.Tenant().ID())
	if err != nil {
		return out, err
	}
	out.Proof = &p
	if role != identity.Auditor {
		list, err := d.Identity.ListSources(ctx, s)
		if err != nil {
			return out, err
		}
		counts, err := d.Counts(ctx, s.Tenant().ID())
		if err != nil {
			return out, err
		}
		out.Ways = tally.Ways(list, counts)
	}
	out.Rows = d.Rows(ctx)
	out.worst()
	return out, nil
}

// worst finds out how the worst of all is.
func (s *State) worst() {
	for _, row := range s.Rows {
		if row.State == "bad" || row.State == "warn" && s.Worst == "ok" {
			s.Worst = row.State
		}
	}
	for _, w := range s.Ways {
		if w.Alarm && s.Worst == "ok" {
			s.Worst = "warn"
		}
	}
	if s.Proof.Problems > 0 {
		s.Worst = "bad"
	}
}
