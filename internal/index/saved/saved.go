// Package saved keeps searches for who made them (requirement EX-04): each is sealed to
// its person, so that nobody else learns what she looks for.
package saved

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"siegel/internal/audit"
	"siegel/internal/index"
	"siegel/internal/index/query"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Bounds.
const (
	MaxSearches = 100 // of a person
	MaxName     = 100 // characters
	kind        = "saved search"
)

// Search is one that somebody keeps.
type Search struct {
	ID    mail.ID     `json:"id"`
	Name  string      `json:"name"`
	Text  string      `json:"text"`
	Order index.Order `json:"order"`
	Made  time.Time   `json:"made"`
	// Lost says that it was sealed to a former key of its person: it can be deleted.
	Lost bool `json:"lost,omitempty"`
}

// Session is whose searches they are: an unlocked session.
type Session = index.Session

// Deps is what the room works with.
type Deps struct {
	Vault *seal.Vault
	Trail *audit.Trail
	Now   func() time.Time
}

// Room is the room. Use it from many goroutines.
type Room struct{ Deps }

// New returns the room.
func New(d Deps) *Room { return &Room{d} }

// box is what is sealed of a search.
type box struct {
	Name  string      `json:"name"`
	Text  string      `json:"text"`
	Order index.Order `json:"order"`
}

// Keep keeps a search. It fails with kind Invalid where the name or the text is none, and
// with kind Exhausted where the person has [MaxSearches].
func (r *Room) Keep(ctx context.Context, s Session, n Search) (_ Search, err error) {
	defer fault.Wrap(&err, "saved search")
	n.Name, n.Text = strings.TrimSpace(n.Name), strings.TrimSpace(n.Text)
	if n.Name = cmp.Or(n.Name, n.Text); utf8.RuneCountInString(n.Name) > MaxName {
		n.Name = string([]rune(n.Name)[:MaxName])
	}
	if n.Name == "" || !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, unicode.IsControl) {
		return n, fault.New(fault.Invalid, "a saved search needs a name in one line")
	}
	if _, err := query.Parse(n.Text); err != nil {
		return n, err
	}
	if n.Order, err = index.ParseOrder(string(n.Order)); err != nil {
		return n, err
	}
	plain, err := json.Marshal(box{n.Name, n.Text, n.Order})
	if err != nil {
		return n, err
	}
	n.ID, n.Made = mail.NewID(), mail.Time(r.Now())
	note, err := r.Vault.SealNote(ctx, s.Tenant(), s.Unlocked().Person(), kind, n.ID, plain)
	if err != nil {
		return n, err
	}
	return n, s.Tenant().Update(ctx, func(tx *db.Tx) error {
		var have int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM index_saved WHERE tenant = $1 AND owner = $2`, note.Holder.Bytes()).Scan(&have); err != nil {
			return err
		}
		if have >= MaxSearches {
			return fault.Newf(fault.Exhausted, "you have %d saved searches, which is the most; delete one first", have)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO index_saved (tenant, id, owner, term, made, box) VALUES ($1, $2, $3, $4, $5, $6)`,
			n.ID.Bytes(), note.Holder.Bytes(), note.Term, mail.Micros(n.Made), note.Sealed); err != nil {
			return err
		}
		return r.Trail.RecordIn(ctx, tx, audit.Event{What: "search.save", Who: s.Person().String(), Object: n.ID.String()})
	})
}

// List returns the person's searches by name.
func (r *Room) List(ctx context.Context, s Session) (list []Search, err error) {
	defer fault.Wrap(&err, "saved searches")
	owner := s.Unlocked().Person()
	rows, err := s.Tenant().Query(ctx, `SELECT id, term, made, box FROM index_saved WHERE tenant = $1 AND owner = $2 ORDER BY made`, owner.Bytes())
	if err != nil {
		return nil, err
	}
	list, err = db.Collect(rows, func(row db.Scanner) (n Search, err error) {
		var id []byte
		var made int64
		note := seal.Note{Holder: owner}
		if err := row.Scan(&id, &note.Term, &made, &note.Sealed); err != nil {
			return n, err
		}
		if n.ID, err = mail.IDFrom(id); err != nil {
			return n, err
		}
		n.Made = mail.FromMicros(made)
		var b box
		plain, err := s.Unlocked().OpenNote(note, kind, n.ID)
		if err == nil {
			err = json.Unmarshal(plain, &b)
		}
		if err != nil && s.Unlocked().Closed() {
			return n, err
		}
		n.Name, n.Text, n.Order, n.Lost = b.Name, b.Text, b.Order, err != nil
		return n, nil
	})
	slices.SortStableFunc(list, func(a, b Search) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return list, err
}

// Delete deletes a search of the person's own; for others' it fails with kind NotFound, as
// for none.
func (r *Room) Delete(ctx context.Context, s Session, id mail.ID) error {
	return s.Tenant().Update(ctx, func(tx *db.Tx) error {
		done, err := tx.Exec(ctx, `DELETE FROM index_saved WHERE tenant = $1 AND id = $2 AND owner = $3`, id.Bytes(), s.Unlocked().Person().Bytes())
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fault.New(fault.NotFound, "there is no such saved search"), err)
		}
		return r.Trail.RecordIn(ctx, tx, audit.Event{What: "search.forget", Who: s.Person().String(), Object: id.String()})
	})
}
