package casefile

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"siegel/internal/identity"
	"siegel/internal/identity/account"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

const columns = `SELECT id, holder, person, grantee, giver, made, until, ended, messages, whole, keepers_term, keepers_box, own_term, own_box
	FROM archive_case WHERE tenant = $1`

// row is a case as the database has it.
type row struct {
	Case

	keepers, own seal.Note
}

func scan(s db.Scanner) (r row, err error) {
	var id, holder, person, grantee, giver []byte
	var made, until, ended, whole int64
	if err := s.Scan(&id, &holder, &person, &grantee, &giver, &made, &until, &ended, &r.Messages, &whole,
		&r.keepers.Term, &r.keepers.Sealed, &r.own.Term, &r.own.Sealed); err != nil {
		return r, err
	}
	var errs [5]error
	r.ID, errs[0] = mail.IDFrom(id)
	r.Holder, errs[1] = mail.IDFrom(holder)
	r.Person, errs[2] = mail.IDFrom(person)
	r.Giver, errs[3] = mail.IDFrom(giver)
	r.Grantee, errs[4] = mail.IDFrom(grantee)
	r.Made, r.Until, r.Whole = mail.FromMicros(made), mail.FromMicros(until), whole != 0
	if ended != 0 {
		r.Ended = mail.FromMicros(ended)
	}
	return r, errors.Join(errs[:]...)
}

// errNone is the one answer for a case that is not there and one that is somebody else's.
func errNone() error { return fault.New(fault.NotFound, "there is no such case for you") }

// sees reports whether a session may see a case: keepers see all, a person her own.
func sees(s *identity.Session, c Case) bool {
	return s.Account().Role == identity.Keeper || c.Person == s.Person()
}

// reveal opens the content of a case.
func reveal(s *identity.Session, r row) Case {
	r.keepers.Holder, r.own.Holder = s.Archive(), s.Unlocked().Person()
	plain, err := s.Unlocked().OpenNote(r.keepers, kind, r.ID)
	if err != nil && r.Person == s.Person() {
		plain, err = s.Unlocked().OpenNote(r.own, kind, r.ID)
	}
	if err == nil {
		err = json.Unmarshal(plain, &r.Content)
	}
	r.Sealed = err != nil
	return r.Case
}

// List returns the cases that a session may see, newest first.
func (r *Room) List(ctx context.Context, s *identity.Session) (list []Case, err error) {
	defer fault.Wrap(&err, "cases")
	rows, err := s.Tenant().Query(ctx, columns+` ORDER BY made DESC LIMIT 2000`)
	if err != nil {
		return nil, err
	}
	all, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(one row) bool { return !sees(s, one.Case) })
	for _, one := range all {
		list = append(list, reveal(s, one))
	}
	return list, nil
}

// Mine returns the open cases that are for who has signed in, newest first.
func (r *Room) Mine(ctx context.Context, s *identity.Session) (list []Case, err error) {
	defer fault.Wrap(&err, "cases")
	rows, err := s.Tenant().Query(ctx, columns+` AND person = $2 AND ended = 0 AND until > $3 ORDER BY made DESC LIMIT 1000`, s.Person().Bytes(), mail.Micros(r.Now()))
	if err != nil {
		return nil, err
	}
	all, err := db.Collect(rows, scan)
	for _, one := range all {
		list = append(list, reveal(s, one))
	}
	return list, err
}

// Names returns the sign-in addresses of the people whom cases are for, as far as a session
// may know them: keepers know all, others themselves.
func (r *Room) Names(ctx context.Context, s *identity.Session) (account.Names, error) {
	if s.Account().Role == identity.Keeper {
		return r.Identity.Names(ctx, s)
	}
	return account.Names{s.Person(): s.Account().Email}, nil
}

// Get returns a case that a session may see, and otherwise fails with kind NotFound.
func (r *Room) Get(ctx context.Context, s *identity.Session, id mail.ID) (Case, error) {
	one, err := scan(s.Tenant().QueryRow(ctx, columns+` AND id = $2`, id.Bytes()))
	if errors.Is(err, db.ErrNoRows) || err == nil && !sees(s, one.Case) {
		return Case{}, errNone()
	}
	if err != nil {
		return Case{}, err
	}
	return reveal(s, one), nil
}

// Within is a session that is confined to a case: it searches there alone.
type Within struct {
	*identity.Session

	holder mail.HolderID
}

// Confined implements [index.Confined].
func (w Within) Confined() mail.HolderID { return w.holder }

// Enter confines a session to a case that is its person's. It fails with kind NotFound
// where there is none for her, and with kind Conflict where it has ended.
func (r *Room) Enter(ctx context.Context, s *identity.Session, id mail.ID) (w Within, c Case, err error) {
	if c, err = r.Get(ctx, s, id); err != nil {
		return w, c, err
	}
	switch {
	case c.Person != s.Person():
		return w, c, errNone()
	case !c.Open(r.Now()):
		return w, c, errEnded()
	case !s.Unlocked().Holds(c.Holder):
		return w, c, fault.New(fault.Locked, "this case was given after you signed in, or to a key that you have no more: please sign in again")
	}
	return Within{s, c.Holder}, c, nil
}
