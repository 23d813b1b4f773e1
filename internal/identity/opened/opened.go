// Package opened knows the sessions that are open in this process, so that those
// of a person who was removed, reset or given another role end at once and their
// keys are wiped (requirement OP-04). What another node does to an account is found
// by comparing: identity's Sweep.
package opened

import (
	"slices"
	"sync"

	"siegel/internal/mail"
)

// Whose says to which person of a tenant sessions belong.
type Whose struct {
	Tenant mail.TenantID
	Person mail.ID
}

// Session is what the register closes.
type Session interface {
	comparable
	Whose() Whose
	// Close wipes the session's keys when nobody uses them any more. It takes the
	// session out of the register.
	Close()
}

// Register has the open sessions. Use it from many goroutines.
type Register[S Session] struct {
	mu   sync.Mutex
	open map[Whose][]S // guarded by mu
}

// New returns an empty register.
func New[S Session]() *Register[S] { return &Register[S]{open: make(map[Whose][]S)} }

// Add notes a session.
func (r *Register[S]) Add(s S) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[s.Whose()] = append(r.open[s.Whose()], s)
}

// Remove forgets a session.
func (r *Register[S]) Remove(s S) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := s.Whose()
	if i := slices.Index(r.open[at], s); i >= 0 {
		r.open[at] = slices.Delete(r.open[at], i, i+1)
	}
	if len(r.open[at]) == 0 {
		delete(r.open, at)
	}
}

// Of returns a person's sessions.
func (r *Register[S]) Of(at Whose) []S {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.open[at])
}

// All returns all sessions.
func (r *Register[S]) All() (list []S) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.open {
		list = append(list, s...)
	}
	return list
}

// End closes a person's sessions. It waits until nobody uses their keys.
func (r *Register[S]) End(at Whose) {
	for _, s := range r.Of(at) {
		s.Close()
	}
}
