// Package cooling says which requests wait: those for an account that comes from
// the hands of who asks (security-model.md, "Who can give access"). An
// administrator who makes a second account and asks through it asks himself.
package cooling

import (
	"time"

	"siegel/internal/mail"
)

// Down is how long who made an account counts as its hand.
const Down = 7 * 24 * time.Hour

// Account is what an account has of those who made it. The zero id is nobody's:
// the founding ceremony.
type Account struct {
	ID       mail.ID
	MadeBy   mail.ID // who invited or reset it last
	MadeAt   time.Time
	RaisedBy mail.ID // who made it an administrator's last
	RaisedAt time.Time
}

// Until returns until when an account is not served by requests of somebody, the
// zero time where it is now. It is not as long as both come from one hand: one
// made or reset the other, or made or reset who did, or gave the role
// administrator to who asks or did, or somebody else did all that for both, each
// in the last seven days.
func Until(now time.Time, requester mail.ID, p Account, look func(mail.ID) (Account, error)) (until time.Time, err error) {
	for at := now; ; at = until {
		w := walk{at: at, look: look}
		asks, served := make(hands), hands{p.ID: true}
		if err := w.from(requester, asks); err != nil {
			return until, err
		}
		if w.follows(p.MadeBy, p.MadeAt) {
			if err := w.from(p.MadeBy, served); err != nil {
				return until, err
			}
		}
		if !asks.meet(served) {
			return until, nil
		}
		if until = w.next; until.IsZero() {
			return until, nil // who asks and the account are one: nothing to wait for
		}
	}
}

// hands are accounts that one account comes from, and itself.
type hands map[mail.ID]bool

func (h hands) meet(o hands) bool {
	for id := range h {
		if o[id] {
			return true
		}
	}
	return false
}

// walk goes from accounts to who made them, as far as that counts at a moment.
type walk struct {
	at   time.Time
	next time.Time // when the first of the steps taken counts no longer
	look func(mail.ID) (Account, error)
}

// follows reports whether a step counts, and notes until when.
func (w *walk) follows(by mail.ID, when time.Time) bool {
	until := when.Add(Down)
	if by.IsZero() || !w.at.Before(until) {
		return false
	}
	if w.next.IsZero() || until.Before(w.next) {
		w.next = until
	}
	return true
}

func (w *walk) from(id mail.ID, into hands) error {
	if into[id] {
		return nil
	}
	into[id] = true
	a, err := w.look(id)
	if err != nil {
		return err
	}
	if w.follows(a.MadeBy, a.MadeAt) {
		if err := w.from(a.MadeBy, into); err != nil {
			return err
		}
	}
	if w.follows(a.RaisedBy, a.RaisedAt) {
		return w.from(a.RaisedBy, into)
	}
	return nil
}
