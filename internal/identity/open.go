package identity

import (
	"context"
	"sync"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// register knows the sessions that are open in this process, so that those of a
// person who was removed, reset or given another role end at once and their keys
// are wiped (requirement OP-04). Use it from many goroutines.
type register struct {
	mu   sync.Mutex
	open map[whose]map[*Session]bool // guarded by mu
}

// whose says to which person of a tenant sessions belong.
type whose struct {
	tenant mail.TenantID
	person mail.ID
}

func newRegister() *register { return &register{open: make(map[whose]map[*Session]bool)} }

func (s *Session) whose() whose { return whose{s.tenant.ID(), s.person.ID} }

func (r *register) add(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := s.whose()
	if r.open[at] == nil {
		r.open[at] = make(map[*Session]bool)
	}
	r.open[at][s] = true
}

func (r *register) remove(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := s.whose()
	if delete(r.open[at], s); len(r.open[at]) == 0 {
		delete(r.open, at)
	}
}

// end closes a person's sessions. It waits until nobody uses their keys.
func (r *register) end(at whose) {
	r.mu.Lock()
	var list []*Session
	for s := range r.open[at] {
		list = append(list, s)
	}
	r.mu.Unlock()
	for _, s := range list {
		s.Close()
	}
}

// sessions returns whose sessions are open, each with one of them.
func (r *register) sessions() []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Session
	for _, open := range r.open {
		for s := range open {
			list = append(list, s)
		}
	}
	return list
}

// Sweep closes the sessions of people whose accounts have changed since they
// signed in: another node may have removed or reset them or given them another
// role, and only its own register heard of it. Call it every few seconds.
func (i *Identity) Sweep(ctx context.Context) error {
	for _, s := range i.open.sessions() {
		p, err := i.people.ByID(ctx, s.tenant, s.person.ID)
		switch kind := fault.Of(err); {
		case err == nil && same(p, s.person):
		case err == nil, kind == fault.NotFound, kind == fault.Damaged: // she is not who signed in
			s.Close()
		default:
			return err
		}
	}
	return nil
}
