// Package casefile gives people a part of the archive for a time: an outside auditor gets
// what a search finds, until a day, and nothing else (requirements EX-06, RT-14). A case is
// a holder: a keeper seals the messages to it and its key to the person, so that its limits
// are those of keys and not of checks. Every keeper sees every case. When it ends, the
// grant and all that is sealed to the case are deleted.
package casefile

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"siegel/internal/audit"
	"siegel/internal/identity"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/sequence"
)

// Bounds.
const (
	MaxFor   = 366 * 24 * time.Hour // how long a case may be open
	maxName  = 100                  // characters
	maxText  = 1000
	maxCases = 1000 // open ones of a tenant
	kind     = "case"
)

// Found is a message that a search found.
type Found struct {
	ID      mail.ID
	Arrived time.Time
}

// Finder finds messages in the session of a keeper, page by page: index, as app wires it.
// Next is empty behind the last page.
type Finder func(ctx context.Context, s *identity.Session, text, cursor string) (list []Found, next string, err error)

// Deps is what the room works with.
type Deps struct {
	DB       *db.DB
	Vault    *seal.Vault
	Identity *identity.Identity
	Trail    *audit.Trail
	Find     Finder
	Check    func(text string) error // whether it is a search
	// Forget deletes what opens the search index of a holder, in the transaction that ends
	// its case, and Remove the files of it on this node.
	Forget func(ctx context.Context, tx *db.Tx, holder mail.HolderID) error
	Remove func(tenant mail.TenantID, holder mail.HolderID) error
	Now    func() time.Time
}

// Room is the room. Use it from many goroutines.
type Room struct{ Deps }

// New returns the room.
func New(d Deps) *Room { return &Room{d} }

// Case is a part of the archive that somebody was given.
type Case struct {
	ID     mail.ID
	Holder mail.HolderID
	Person mail.ID
	// Grantee is the person's holder.
	Grantee mail.HolderID
	Giver   mail.ID
	Made    time.Time
	Until   time.Time
	Ended   time.Time // zero while it is open
	// Messages are how many are sealed to it, or were when it ended, and Whole says that the search was gone
	// through to its end.
	Messages int64
	Whole    bool

	Content
	Sealed bool // its content is sealed to a key that the session does not reach
}

// Content is what a case is about, sealed to the archive and to its person.
type Content struct {
	Name   string `json:"name"`
	Search string `json:"search"`
	Reason string `json:"reason"`
}

// Open reports whether a case can be read at a time.
func (c Case) Open(now time.Time) bool { return c.Ended.IsZero() && now.Before(c.Until) }

// Wanted is a case to be opened.
type Wanted struct {
	Email mail.Address // who gets it: a reader
	Until time.Time
	Content
}

// keeper fails with kind Denied where a session does not hold the archive as a keeper.
func keeper(s *identity.Session) error {
	if s.Account().Role != identity.Keeper || !s.Unlocked().Holds(s.Archive()) {
		return fault.New(fault.Denied, "only a keeper, who holds the archive, opens and ends cases")
	}
	return nil
}

func (r *Room) check(w *Wanted) error {
	w.Name, w.Search, w.Reason = strings.TrimSpace(w.Name), strings.TrimSpace(w.Search), strings.TrimSpace(w.Reason)
	now := r.Now()
	switch {
	case w.Name == "" || utf8.RuneCountInString(w.Name) > maxName || !utf8.ValidString(w.Name):
		return fault.At("name", fault.Newf(fault.Invalid, "a case needs a name of at most %d characters", maxName))
	case w.Reason == "" || utf8.RuneCountInString(w.Reason) > maxText || !utf8.ValidString(w.Reason):
		return fault.At("reason", fault.Newf(fault.Invalid, "a case needs a reason of at most %d characters", maxText))
	case !w.Until.After(now):
		return fault.At("until", fault.New(fault.Invalid, "the last day of a case is today or later"))
	case w.Until.After(now.Add(MaxFor)):
		return fault.At("until", fault.Newf(fault.Invalid, "a case is open for at most %d days", int(MaxFor/(24*time.Hour))))
	}
	return fault.At("search", r.Check(w.Search))
}

// Give opens a case in the session of a keeper, without a message in it: [Room.Fill] seals
// them to it. The audit log has it before anything is given.
func (r *Room) Give(ctx context.Context, s *identity.Session, w Wanted) (c Case, err error) {
	defer fault.Wrap(&err, "case")
	if err := keeper(s); err != nil {
		return c, err
	}
	if err := r.check(&w); err != nil {
		return c, err
	}
	p, err := r.person(ctx, s, w.Email)
	if err != nil {
		return c, err
	}
	c = Case{ID: mail.NewID(), Person: p.ID, Grantee: p.Holder, Giver: s.Person(), Made: mail.Time(r.Now()), Until: mail.Time(w.Until), Content: w.Content}
	plain, err := json.Marshal(w.Content)
	if err != nil {
		return c, err
	}
	keepers, err := r.Vault.SealNote(ctx, s.Tenant(), s.Archive(), kind, c.ID, plain)
	if err != nil {
		return c, err
	}
	own, err := r.Vault.SealNote(ctx, s.Tenant(), p.Holder, kind, c.ID, plain)
	if err != nil {
		return c, err
	}
	event := audit.Event{What: "case.open", Who: s.Person().String(), Object: p.ID.String(), New: c.Until.UTC().Format(time.RFC3339), Detail: map[string]any{"case": c.ID.String()}, Note: w.Reason}
	if err := r.Trail.Record(ctx, s.Tenant(), s.Archive(), event); err != nil {
		return c, err
	}
	return c, s.Tenant().Update(ctx, func(tx *db.Tx) error { return r.write(ctx, tx, &c, keepers, own) })
}

// person returns who may get a case.
func (r *Room) person(ctx context.Context, s *identity.Session, email mail.Address) (p identity.Person, err error) {
	list, err := r.Identity.People(ctx, s)
	if err != nil {
		return p, err
	}
	for _, one := range list {
		if one.Email == email && one.State != identity.Removed {
			p = one
		}
	}
	switch {
	case p.ID.IsZero():
		return p, fault.At("email", fault.Newf(fault.NotFound, "there is no person %s", email))
	case p.State != identity.Active:
		// Who made an invitation has its code until it is taken, and could become that person.
		return p, fault.At("email", fault.New(fault.Conflict, "a case is for somebody who has signed in once: this account has no password yet"))
	case p.Role != identity.Reader:
		return p, fault.At("email", fault.New(fault.Invalid, "a case is for somebody with the role reader: who holds the archive reads all of it, and administrators read nothing"))
	}
	return p, nil
}

func (r *Room) write(ctx context.Context, tx *db.Tx, c *Case, keepers, own seal.Note) error {
	var open int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM archive_case WHERE tenant = $1 AND ended = 0`).Scan(&open); err != nil {
		return err
	}
	if open >= maxCases {
		return fault.Newf(fault.Exhausted, "%d cases are open, which is the most; end one first", open)
	}
	seed, err := r.Vault.NewHolder(ctx, tx, seal.Case)
	if err != nil {
		return err
	}
	defer seed.Wipe()
	c.Holder = seed.Holder
	if _, err := tx.Exec(ctx, `INSERT INTO archive_case (tenant, id, holder, person, grantee, giver, made, until, ended, messages, whole, keepers_term, keepers_box, own_term, own_box)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, $9, $10, $11, $12)`, c.ID.Bytes(), c.Holder.Bytes(), c.Person.Bytes(), c.Grantee.Bytes(), c.Giver.Bytes(),
		mail.Micros(c.Made), mail.Micros(c.Until), keepers.Term, keepers.Sealed, own.Term, own.Sealed); err != nil {
		return err
	}
	// The audit log's lock comes last: the grant is entered there.
	_, err = r.Vault.Give(ctx, tx, seal.Grant{Seed: seed, Grantee: c.Grantee, Giver: c.Giver, Reason: c.Name, Scope: "case " + c.ID.String(), NotAfter: c.Until})
	return err
}

// batch is how many messages are sealed to a case in one transaction.
const batch = 200

// Fill seals what the case's search finds to the case, in the session of a keeper, for
// about so long, from a place of an earlier call on (empty for the beginning). It returns
// the place to go on from, empty where it came to the end. Messages that the case has are
// left out, so that a fresh beginning takes in what has arrived since.
func (r *Room) Fill(ctx context.Context, s *identity.Session, id mail.ID, from string, patience time.Duration) (next string, err error) {
	defer fault.Wrap(&err, "case")
	if err := keeper(s); err != nil {
		return "", err
	}
	c, err := r.Get(ctx, s, id)
	if err != nil {
		return "", err
	}
	if !c.Open(r.Now()) {
		return "", errEnded()
	}
	if c.Sealed {
		return "", fault.New(fault.Locked, "this case is sealed to a key that your session does not reach")
	}
	people, err := r.Identity.People(ctx, s)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(people, func(p identity.Person) bool {
		return p.ID == c.Person && p.State == identity.Active && p.Holder == c.Grantee
	}) {
		return "", fault.New(fault.Conflict, "nobody reaches this case any more: its person was removed; end it")
	}
	until := r.Now().Add(patience)
	for {
		list, next, err := r.Find(ctx, s, c.Search, from)
		if err != nil {
			return "", err
		}
		for n := 0; n < len(list); n += batch {
			if err := r.seal(ctx, s, c, list[n:min(n+batch, len(list))]); err != nil {
				return "", err
			}
		}
		if next == "" {
			return "", r.whole(ctx, s, c)
		}
		if from = next; r.Now().After(until) {
			return from, nil
		}
	}
}

func errEnded() error { return fault.New(fault.Conflict, "this case has ended") }

// seal seals some messages to a case in one transaction, which finds out whether the case
// is still open and has the event of what was given.
func (r *Room) seal(ctx context.Context, s *identity.Session, c Case, list []Found) error {
	give := make(map[*seal.Opened]seal.Regranted)
	defer func() {
		for o := range give {
			o.Close()
		}
	}()
	var ids []string
	for _, m := range list {
		has, err := s.Unlocked().Has(ctx, m.ID, c.Holder)
		if err != nil {
			return err
		}
		if has {
			continue
		}
		key, err := s.Unlocked().Open(ctx, m.ID, s.Archive())
		if err != nil {
			return err
		}
		give[key] = seal.Regranted{Month: mail.Month(m.Arrived)}
		ids = append(ids, m.ID.String())
	}
	if len(give) == 0 {
		return nil
	}
	_, err := s.Unlocked().Regrant(ctx, c.Holder, give, func(tx *db.Tx, n int) error {
		if err := r.still(ctx, tx, c, n); err != nil {
			return err
		}
		return r.Trail.RecordIn(ctx, tx, audit.Event{
			What: "case.fill", Who: s.Person().String(), Object: c.Person.String(), Detail: map[string]any{"case": c.ID.String(), "messages": ids},
		})
	})
	return err
}

// still counts messages that a case gets, and fails where it has ended meanwhile.
func (r *Room) still(ctx context.Context, tx *db.Tx, c Case, n int) error {
	done, err := tx.Exec(ctx, `UPDATE archive_case SET tenant = $1, messages = messages + $2 WHERE tenant = $1 AND id = $3 AND ended = 0 AND until > $4`,
		n, c.ID.Bytes(), mail.Micros(r.Now()))
	if err != nil {
		return err
	}
	if rows, err := done.RowsAffected(); err != nil || rows == 0 {
		return errors.Join(errEnded(), err)
	}
	return nil
}

// whole notes that a case's search was gone through to its end.
func (r *Room) whole(ctx context.Context, s *identity.Session, c Case) error {
	return s.Tenant().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE archive_case SET tenant = $1, whole = 1 WHERE tenant = $1 AND id = $2 AND ended = 0`, c.ID.Bytes())
		return err
	})
}

// End ends a case in the session of a keeper: the grant goes, and all that is sealed to it.
func (r *Room) End(ctx context.Context, s *identity.Session, id mail.ID) error {
	if err := keeper(s); err != nil {
		return err
	}
	c, err := r.Get(ctx, s, id)
	if err != nil {
		return err
	}
	if !c.Ended.IsZero() {
		return errEnded()
	}
	return r.end(ctx, s.Tenant(), c, s.Person().String())
}

func (r *Room) end(ctx context.Context, t db.Tenant, c Case, who string) (err error) {
	defer fault.Wrap(&err, "case")
	err = t.Update(ctx, func(tx *db.Tx) error {
		done, err := tx.Exec(ctx, `UPDATE archive_case SET tenant = $1, ended = $2 WHERE tenant = $1 AND id = $3 AND ended = 0`, mail.Micros(r.Now()), c.ID.Bytes())
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err // somebody else ended it
		}
		if err := sequence.Empty(ctx, tx, c.Holder); err != nil {
			return err
		}
		if err := r.Forget(ctx, tx, c.Holder); err != nil {
			return err
		}
		if _, err := r.Vault.Revoke(ctx, tx, c.Holder, c.Grantee); err != nil {
			return err
		}
		return r.Trail.RecordIn(ctx, tx, audit.Event{What: "case.end", Who: who, Object: c.Person.String(), Detail: map[string]any{"case": c.ID.String()}})
	})
	if err != nil {
		return err
	}
	return r.Remove(t.ID(), c.Holder)
}

// Expire ends the cases of a tenant whose time is over. It needs no session.
func (r *Room) Expire(ctx context.Context, tenant mail.TenantID) error {
	t := r.DB.Tenant(tenant)
	rows, err := t.Query(ctx, columns+` AND ended = 0 AND until <= $2 ORDER BY until LIMIT 1000`, mail.Micros(r.Now()))
	if err != nil {
		return err
	}
	list, err := db.Collect(rows, scan)
	errs := []error{err}
	for _, c := range list {
		errs = append(errs, r.end(ctx, t, c.Case, audit.Operator))
	}
	return errors.Join(errs...)
}
