package opened_test

import (
	"testing"

	"siegel/internal/identity/opened"
	"siegel/internal/mail"
)

// session closes as identity's does: it takes itself out of the register.
type session struct {
	whose  opened.Whose
	in     *opened.Register[*session]
	closed int
}

func (s *session) Whose() opened.Whose { return s.whose }

func (s *session) Close() {
	s.closed++
	s.in.Remove(s)
}

// OP-04: who is ended has no session any more, in that tenant, and nobody else loses one.
func TestEnd(t *testing.T) {
	r := opened.New[*session]()
	person, tenant, other := mail.NewID(), mail.NewID(), mail.NewID()
	var all []*session
	for _, w := range []opened.Whose{{tenant, person}, {tenant, person}, {tenant, person}, {other, person}, {tenant, mail.NewID()}} {
		s := &session{whose: w, in: r}
		r.Add(s)
		all = append(all, s)
	}
	r.Remove(all[1]) // signed out
	r.Remove(all[1]) // and once more, which harms nobody
	if got := r.Of(all[0].whose); len(got) != 2 || got[0] != all[0] || got[1] != all[2] {
		t.Errorf("open are %v", got)
	}
	r.End(all[0].whose)
	for i, want := range []int{1, 0, 1, 0, 0} {
		if all[i].closed != want {
			t.Errorf("session %d was closed %d times, want %d", i, all[i].closed, want)
		}
	}
	if left := r.All(); len(left) != 2 || len(r.Of(all[0].whose)) != 0 {
		t.Errorf("%d are left", len(left))
	}
	r.End(all[0].whose) // nobody is there
	r.End(opened.Whose{Tenant: other, Person: person})
	r.End(all[4].whose)
	if n := r.Kept(); n != 0 {
		t.Errorf("%d people without a session are remembered", n)
	}
}
