// Package ticket keeps what browsers come back with (requirements AU-07 to AU-09): a
// row names a cookie by its hash and has the person's seed in a box that opens only
// with the cookie and the master key (docs/formats/keys.md). So a stolen table opens
// nothing, every node can serve every session, and who ends one ends its key.
package ticket

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"
	"unicode"

	"siegel/internal/kit/canonical"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Bounds of tickets.
const (
	// MaxAge is when a ticket ends whatever happens.
	MaxAge = 30 * 24 * time.Hour
	// DefaultIdle is how long one may rest where the tenant has chosen nothing else.
	DefaultIdle = 24 * time.Hour
	// MaxIdle is what a tenant may choose at most.
	MaxIdle = MaxAge
	// MinIdle is what a tenant may choose at least.
	MinIdle = 5 * time.Minute
	// noted is how exactly the last use is kept: each use would be a transaction.
	noted     = time.Minute
	maxDevice = 200 // characters
)

// Keys makes the keys of tickets: seal/master.
type Keys interface {
	TicketKey(cookie secret.Key, name [32]byte) secret.Key
}

// Deps is what the shelf works with.
type Deps struct {
	DB   *db.DB
	Keys Keys
	Now  func() time.Time
}

// Shelf keeps tickets. Use it from many goroutines.
type Shelf struct{ Deps }

// New returns a shelf.
func New(d Deps) *Shelf { return &Shelf{d} }

// Name is the SHA-256 of a cookie: it names a ticket and opens nothing.
type Name [32]byte

// Ticket is one as its person may see it.
type Ticket struct {
	Name   Name
	ID     mail.ID
	Owner  mail.TenantID
	Person mail.ID
	Made   time.Time
	Used   time.Time // to the minute
	Ends   time.Time
	Device string // as the browser calls itself
	Peer   string // the address it came from last
	Sealed seal.Ticket
}

// Visit is where a request comes from, as its person may see it.
type Visit struct {
	Device string // what the browser says that it is
	Peer   string // an IP address
}

func (v Visit) device() string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(v.Device, ""))
	if runes := []rune(clean); len(runes) > maxDevice {
		return string(runes[:maxDevice])
	}
	return clean
}

// errNone is the one answer to a cookie that opens nothing, whatever the reason.
func errNone() error { return fault.New(fault.Locked, "please sign in") }

// cookieSize is that of a cookie in base64url, without padding.
const cookieSize = 43

// parse reads a cookie.
func parse(cookie string) (secret.Key, Name, error) {
	if len(cookie) != cookieSize {
		return secret.Key{}, Name{}, errNone()
	}
	raw, ok := canonical.Base64URL(cookie)
	if !ok || len(raw) != secret.Size {
		return secret.Key{}, Name{}, errNone()
	}
	name := Name(sha256.Sum256(raw))
	k, err := secret.From(raw)
	return k, name, err
}

// NameOf returns the name of the ticket of a cookie, and whether it can be one.
func NameOf(cookie string) (Name, bool) {
	k, name, err := parse(cookie)
	if err != nil {
		return Name{}, false
	}
	k.Wipe()
	return name, true
}

// context is what the box is bound to.
func (t Ticket) context() [][]byte {
	return [][]byte{t.ID.Bytes(), t.Person.Bytes(), tuple.Uint64(uint64(mail.Micros(t.Ends)))}
}

// Make keeps a ticket for a session and returns the cookie that opens it. When it
// returns nil the ticket is durable.
func (s *Shelf) Make(ctx context.Context, owner mail.TenantID, person mail.ID, unlocked *seal.Session, v Visit) (cookie string, t Ticket, err error) {
	k := secret.Random()
	defer k.Wipe()
	k.Use(func(raw []byte) { cookie, t.Name = base64.RawURLEncoding.EncodeToString(raw), Name(sha256.Sum256(raw)) })
	now := mail.Time(s.Now())
	t.ID, t.Owner, t.Person = mail.NewID(), owner, person
	t.Made, t.Used, t.Ends, t.Device, t.Peer = now, now, now.Add(MaxAge), v.device(), v.Peer
	key := s.Keys.TicketKey(k, t.Name)
	defer key.Wipe()
	if t.Sealed, err = unlocked.Ticket(key, t.context()...); err != nil {
		return "", t, err
	}
	err = s.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO identity_ticket (tenant, name, id, owner, person, holder, term, box, made, used, ends, device, peer)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, t.Name[:], t.ID.Bytes(), owner.Bytes(), person.Bytes(),
			t.Sealed.Holder.Bytes(), t.Sealed.Term, t.Sealed.Box, mail.Micros(t.Made), mail.Micros(t.Used), mail.Micros(t.Ends), t.Device, t.Peer)
		return err
	})
	return cookie, t, err
}

const columns = `SELECT name, id, owner, person, holder, term, box, made, used, ends, device, peer FROM identity_ticket WHERE tenant = $1`

func scan(row db.Scanner) (t Ticket, err error) {
	var name, id, owner, person, holder []byte
	var made, used, ends int64
	if err := row.Scan(&name, &id, &owner, &person, &holder, &t.Sealed.Term, &t.Sealed.Box, &made, &used, &ends, &t.Device, &t.Peer); err != nil {
		return t, err
	}
	copy(t.Name[:], name)
	var errs [4]error
	t.ID, errs[0] = mail.IDFrom(id)
	t.Owner, errs[1] = mail.IDFrom(owner)
	t.Person, errs[2] = mail.IDFrom(person)
	t.Sealed.Holder, errs[3] = mail.IDFrom(holder)
	t.Made, t.Used, t.Ends = mail.FromMicros(made), mail.FromMicros(used), mail.FromMicros(ends)
	return t, errors.Join(errs[:]...)
}

// Find returns the ticket of a cookie. It fails with kind Locked where there is none,
// or none any more: it ended, or rested for longer than idle says of its tenant.
func (s *Shelf) Find(ctx context.Context, cookie string, idle func(mail.TenantID) (time.Duration, error)) (t Ticket, err error) {
	name, ok := NameOf(cookie)
	if !ok {
		return t, errNone()
	}
	t, err = scan(s.DB.Instance().QueryRow(ctx, columns+` AND name = $2`, name[:]))
	if errors.Is(err, db.ErrNoRows) {
		return t, errNone()
	}
	if err != nil {
		return t, err
	}
	rest, err := idle(t.Owner)
	if err != nil {
		return t, err
	}
	if now := s.Now(); now.After(t.Ends) || now.Sub(t.Used) > rest {
		return t, errors.Join(errNone(), s.drop(ctx, t.Name))
	}
	return t, nil
}

// Resume opens the session of a ticket that was found, with its cookie.
func (s *Shelf) Resume(ctx context.Context, v *seal.Vault, t Ticket, cookie string) (*seal.Session, error) {
	k, name, err := parse(cookie)
	if err != nil {
		return nil, err
	}
	defer k.Wipe()
	key := s.Keys.TicketKey(k, name)
	defer key.Wipe()
	return v.Resume(ctx, s.DB.Tenant(t.Owner), t.Sealed, key, t.context()...)
}

// Note notes that a ticket was used, at most once a minute.
func (s *Shelf) Note(ctx context.Context, t Ticket, v Visit) error {
	now := s.Now()
	if now.Sub(t.Used) < noted && t.Peer == v.Peer {
		return nil
	}
	return s.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE identity_ticket SET tenant = $1, used = $2, peer = $3 WHERE tenant = $1 AND name = $4`,
			mail.Micros(now), v.Peer, t.Name[:])
		return err
	})
}

func (s *Shelf) drop(ctx context.Context, name Name) error {
	return s.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM identity_ticket WHERE tenant = $1 AND name = $2`, name[:])
		return err
	})
}

// List returns a person's tickets, the one used last first.
func (s *Shelf) List(ctx context.Context, owner mail.TenantID, person mail.ID) ([]Ticket, error) {
	rows, err := s.DB.Instance().Query(ctx, columns+` AND owner = $2 AND person = $3 ORDER BY used DESC, made DESC, name`, owner.Bytes(), person.Bytes())
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, scan)
}

// Names returns which of some tickets are there.
func (s *Shelf) Names(ctx context.Context) (map[Name]bool, error) {
	rows, err := s.DB.Instance().Query(ctx, `SELECT name FROM identity_ticket WHERE tenant = $1`)
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, func(row db.Scanner) (n Name, err error) {
		var raw []byte
		err = row.Scan(&raw)
		copy(n[:], raw)
		return n, err
	})
	all := make(map[Name]bool, len(list))
	for _, n := range list {
		all[n] = true
	}
	return all, err
}

// End ends one of a person's tickets. It reports whether there was one.
func End(ctx context.Context, b *db.Batch, owner mail.TenantID, person, id mail.ID) (bool, error) {
	res, err := b.Tenant(mail.TenantID{}).Exec(ctx, `DELETE FROM identity_ticket WHERE tenant = $1 AND owner = $2 AND person = $3 AND id = $4`,
		owner.Bytes(), person.Bytes(), id.Bytes())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// EndAll ends a person's tickets but for the one of that id, which may be zero for none.
func EndAll(ctx context.Context, b *db.Batch, owner mail.TenantID, person, but mail.ID) error {
	_, err := b.Tenant(mail.TenantID{}).Exec(ctx, `DELETE FROM identity_ticket WHERE tenant = $1 AND owner = $2 AND person = $3 AND id <> $4`,
		owner.Bytes(), person.Bytes(), but.Bytes())
	return err
}

// Expire deletes tickets that have ended or rested too long: by the time that a tenant
// has chosen, which idle knows.
func (s *Shelf) Expire(ctx context.Context, owner mail.TenantID, idle time.Duration) error {
	now := s.Now()
	return s.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM identity_ticket WHERE tenant = $1 AND owner = $2 AND (ends < $3 OR used < $4)`,
			owner.Bytes(), mail.Micros(now), mail.Micros(now.Add(-idle)))
		return err
	})
}
