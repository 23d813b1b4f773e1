package identity

import (
	"context"
	"time"

	"siegel/internal/identity/attempt"
	"siegel/internal/identity/cooling"
	"siegel/internal/identity/credential"
	"siegel/internal/identity/recovery"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Times and bounds.
const (
	InvitationFor = invitationFor
	CoolDown      = cooling.Down
	KitFor        = recovery.For
	MaxKits       = recovery.Max
	AttemptWindow = attempt.Window
	MaxStrangers  = attempt.MaxStrangers
	StrangersFor  = attempt.StrangersFor
	SettleBatch   = attempt.Batch
)

// Update changes how foundings are committed.
func (i *Identity) Update(f func(context.Context, func(*db.Batch) error) error) { i.update = f }

// FoundEarlier makes a tenant as earlier versions did, which took any name.
func (i *Identity) FoundEarlier(ctx context.Context, f Founding) (*Founded, error) {
	k, err := i.kits.Take(f.Kit, f.Words)
	if err != nil {
		return nil, err
	}
	nothing := func(context.Context, *db.Batch, *Founded) error { return nil }
	return i.raise(ctx, Rite{Founding: f, Lock: k.Lock, Also: nothing})
}

// Refuse counts a refused attempt without deriving anything.
func (i *Identity) Refuse(ctx context.Context, owner mail.TenantID, person mail.ID, email mail.Address) error {
	return i.attempts.Refuse(ctx, attempt.Attempt{Owner: owner, Person: person, Email: email, Kind: string(seal.ByPassword)})
}

// Open returns how many sessions of a person are open, of everybody for the
// zero person.
func (i *Identity) Open(person mail.ID) (n int) {
	for _, s := range i.open.All() {
		if person.IsZero() || s.person.ID == person {
			n++
		}
	}
	return n
}

// CheckPassword is the rule for new passwords.
func CheckPassword(p string) error { return credential.CheckPassword([]byte(p)) }

// PutKit remembers a kit whose words are known, without making its file.
func (i *Identity) PutKit(id mail.ID, made time.Time) {
	i.kits.Put(id, &recovery.Held{Asked: recovery.Asked{At: []int{1, 2}, Words: []string{"a", "b"}}, Until: made.Add(recovery.For)})
}

// HasKit reports whether a kit is remembered.
func (i *Identity) HasKit(id mail.ID) bool {
	_, err := i.kits.Take(id, nil)
	return fault.Of(err) != fault.NotFound
}

// AskFor draws the words that are to be typed back.
func AskFor(n int) []int { return recovery.AskFor(n) }

// Proquints writes octets as words.
func Proquints(b []byte) []string { return credential.Proquints(b) }

// FormatCode and ParseCode write and read codes.
func FormatCode(b []byte) string         { return credential.FormatCode(b) }
func ParseCode(s string) ([]byte, error) { return credential.ParseCode(s) }
func OpenKit(f []byte, words string) ([]byte, fault.Kind) {
	b, err := credential.OpenKit(f, words)
	return b, fault.Of(err)
}
