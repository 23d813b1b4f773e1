package ceremony

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"

	"siegel/internal/identity"
	"siegel/internal/identity/credential"
	"siegel/internal/identity/recovery"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/stream"
)

// Times and bounds of what is kept.
const (
	Kept    = recovery.For // a kit from when it was shown, an answer from the founding on
	maxKits = 4            // that wait for one code: who makes more begins anew with the oldest
)

// Labels of what is sealed (docs/formats/keys.md, Founding ceremony).
const (
	labelName   = "siegel/v1 founding"
	labelKit    = "siegel/v1 founding kit"
	labelAnswer = "siegel/v1 founding answer"
	labelForm   = "siegel/v1 founding form"
)

// token is what a person has who holds the ceremony: the code of the operator and the kit
// that was shown to her. Neither alone opens anything. Wipe it.
type token struct {
	ceremony [32]byte // names the code
	name     [32]byte // names what is kept
	key      secret.Key
}

// token reads what a person has. It fails with kind Invalid where the code is none.
func (r *Room) token(code string, kit mail.ID) (token, error) {
	raw, err := credential.ParseCode(code)
	if err != nil {
		return token{}, err
	}
	t := token{ceremony: sha256.Sum256(raw), name: sha256.Sum256(tuple.Make(labelName, raw, kit[:]))}
	first, err := padded(raw)
	if err != nil {
		return token{}, err
	}
	defer first.Wipe()
	second, err := padded(kit.Bytes())
	if err != nil {
		return token{}, err
	}
	defer second.Wipe()
	t.key = r.Keys.CeremonyKey(first, second, t.name)
	return t, nil
}

// padded makes a key of random octets and zeros behind them, and wipes them.
func padded(raw []byte) (secret.Key, error) {
	b := make([]byte, secret.Size)
	copy(b, raw)
	clear(raw)
	return secret.From(b)
}

// aad binds what is sealed to its row: who gives it more time, or another name, has a box
// that does not open.
func (t token) aad(label string, until int64) []byte {
	return tuple.Make(label, t.ceremony[:], t.name[:], binary.BigEndian.AppendUint64(nil, uint64(until)))
}

// waiting is what is kept of a kit.
type waiting struct {
	Code  []byte         `json:"code"` // in the kit: its lock is made from it
	Asked recovery.Asked `json:"asked"`
}

// answered is what is kept of a founding.
type answered struct {
	Form    []byte           `json:"form"` // what was asked for, hashed
	Founded identity.Founded `json:"founded"`
}

// kept is a row.
type kept struct {
	until   int64
	founded bool
	box     []byte
}

// Kit makes a recovery kit for a founding that is allowed by a code and would not be
// refused. It is kept for an hour, for who has the code and the kit's id, at every node. It
// fails with kind Denied where the code does not serve, and as Check does.
func (r *Room) Kit(ctx context.Context, code string, f identity.Founding) (identity.Kit, error) {
	if err := r.admits(ctx, code); err != nil {
		return identity.Kit{}, err
	}
	if err := r.Check(ctx, f); err != nil {
		return identity.Kit{}, err
	}
	k, raw, err := recovery.Fresh()
	if err != nil {
		return identity.Kit{}, err
	}
	defer clear(raw)
	t, err := r.token(code, k.ID)
	if err != nil {
		return identity.Kit{}, err
	}
	defer t.key.Wipe()
	plain, err := json.Marshal(waiting{raw, k.Asks()})
	if err != nil {
		return identity.Kit{}, err
	}
	defer clear(plain)
	until := mail.Micros(mail.Time(r.Now().Add(Kept)))
	box := stream.Box(t.key, plain, t.aad(labelKit, until))
	return k, r.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		if err := r.expireIn(ctx, tx); err != nil {
			return err
		}
		// Of those of this code the newest stay, with the one that comes.
		_, err := tx.Exec(ctx, `DELETE FROM identity_kit WHERE tenant = $1 AND ceremony = $2 AND name NOT IN
			(SELECT name FROM identity_kit WHERE tenant = $1 AND ceremony = $2 ORDER BY until DESC, name LIMIT $3)`, t.ceremony[:], maxKits-1)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO identity_kit (tenant, name, ceremony, until, founded, box) VALUES ($1, $2, $3, $4, 0, $5)`,
			t.name[:], t.ceremony[:], until, box)
		return err
	})
}

// row reads what is kept; nil for nothing.
func (r *Room) row(ctx context.Context, t token) (*kept, error) {
	var k kept
	var founded int
	err := r.DB.Instance().QueryRow(ctx, `SELECT until, founded, box FROM identity_kit WHERE tenant = $1 AND name = $2`, t.name[:]).Scan(&k.until, &founded, &k.box)
	if errors.Is(err, db.ErrNoRows) || err == nil && r.Now().After(mail.FromMicros(k.until)) {
		return nil, nil
	}
	k.founded = founded != 0
	return &k, err
}

// open opens a row.
func (k *kept) open(t token, label string, to any) error {
	plain, err := stream.OpenBox("what is kept of a founding", t.key, k.box, t.aad(label, k.until))
	if err != nil {
		return err
	}
	defer clear(plain)
	return json.Unmarshal(plain, to)
}

// confirmed returns the code of the kit whose words were typed back. It fails with kind
// NotFound where no such kit waits, and as [recovery.Asked.Confirm] does.
func (r *Room) confirmed(ctx context.Context, t token, words []string) ([]byte, error) {
	row, err := r.row(ctx, t)
	if err != nil {
		return nil, err
	}
	if row == nil || row.founded {
		return nil, recovery.ErrGone()
	}
	var w waiting
	if err := row.open(t, labelKit, &w); err != nil {
		return nil, err
	}
	if err := w.Asked.Confirm(words); err != nil {
		clear(w.Code)
		return nil, err
	}
	return w.Code, nil
}

// again returns the answer to a founding that was asked for in the same way before; nil
// where there is none.
func (r *Room) again(ctx context.Context, t token, f identity.Founding) (*identity.Founded, error) {
	row, err := r.row(ctx, t)
	if err != nil || row == nil || !row.founded {
		return nil, err
	}
	var a answered
	if err := row.open(t, labelAnswer, &a); err != nil {
		return nil, err
	}
	form, err := formOf(f)
	if err != nil || string(form) != string(a.Form) {
		return nil, err
	}
	// It counts once a write behind it was confirmed: what only a primary has can be lost.
	if err := r.DB.Barrier(ctx); err != nil {
		return nil, err
	}
	return &a.Founded, nil
}

// formOf hashes what is asked for.
func formOf(f identity.Founding) ([]byte, error) {
	words := make([]string, len(f.Words))
	for i, w := range f.Words {
		words[i] = strings.ToLower(strings.TrimSpace(w))
	}
	f.Words = words
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(tuple.Make(labelForm, text))
	return sum[:], nil
}

// settle uses a code up and keeps the answer in the place of the kit, in the transaction of
// the founding. The code's other kits are forgotten.
func (r *Room) settle(ctx context.Context, tx *db.Tx, t token, a answered) error {
	done, err := tx.Exec(ctx, `DELETE FROM identity_ceremony WHERE tenant = $1 AND name = $2 AND until >= $3`, t.ceremony[:], mail.Micros(r.Now()))
	if err := one(done, err, errCode); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM identity_kit WHERE tenant = $1 AND ceremony = $2 AND name <> $3`, t.ceremony[:], t.name[:]); err != nil {
		return err
	}
	plain, err := json.Marshal(a)
	if err != nil {
		return err
	}
	defer clear(plain)
	until := mail.Micros(mail.Time(r.Now().Add(Kept)))
	done, err = tx.Exec(ctx, `UPDATE identity_kit SET tenant = $1, founded = 1, until = $2, box = $3 WHERE tenant = $1 AND name = $4 AND founded = 0`,
		until, stream.Box(t.key, plain, t.aad(labelAnswer, until)), t.name[:])
	return one(done, err, recovery.ErrGone)
}

// one fails where a statement has not changed one row, as none does.
func one(done interface{ RowsAffected() (int64, error) }, err error, none func() error) error {
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errors.Join(none(), err)
	}
	return nil
}

// Expire deletes codes, kits and answers whose time is over. Call it now and then.
func (r *Room) Expire(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "foundings that have expired")
	return r.DB.Instance().Update(ctx, func(tx *db.Tx) error { return r.expireIn(ctx, tx) })
}

func (r *Room) expireIn(ctx context.Context, tx *db.Tx) error {
	now := mail.Micros(r.Now())
	if _, err := tx.Exec(ctx, `DELETE FROM identity_ceremony WHERE tenant = $1 AND until < $2`, now); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM identity_kit WHERE tenant = $1 AND until < $2`, now)
	return err
}
