// Package ledgertest makes ledgers for the tests of rooms above: real ones, each
// with a signing key and a guard of its own.
package ledgertest

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"testing"
	"time"

	"siegel/internal/mail"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
)

// Name is the instance's name.
const Name = "test.example"

// Instance is what the ledgers of one instance share: the key and the guard.
type Instance struct {
	signer *ledger.Signer
	guard  *disk.Store
	now    func() time.Time
}

// New returns an instance with a fresh key.
func New(t testing.TB, now func() time.Time) *Instance {
	t.Helper()
	i, err := In(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// In returns an instance with a fresh key, whose guard lies in dir.
func In(dir string, now func() time.Time) (*Instance, error) {
	i := &Instance{now: now}
	k, err := ledger.CreateKey(Name, plain{})
	if err != nil {
		return nil, err
	}
	if i.signer, err = ledger.OpenSigner(Name, k.Box, plain{}); err != nil {
		return nil, err
	}
	i.guard, err = disk.Open(dir)
	return i, err
}

// Ledger returns a ledger that remembers nothing: that of another process.
func (i *Instance) Ledger() *ledger.Ledger {
	return ledger.New(ledger.Config{Instance: Name, Now: i.now, Key: i.signer.Key(), Guard: i.guard, MAC: MAC{}})
}

// Sign signs the logs of a tenant as they are now.
func (i *Instance) Sign(ctx context.Context, d *db.DB, tenant mail.TenantID) error {
	l := i.Ledger()
	if err := l.Ensure(ctx, d.Instance(), ledger.Instance); err != nil {
		return err
	}
	return ledger.NewCheckpointer(ledger.CheckpointerDeps{
		DB: d, Ledger: l, Signer: i.signer, Now: i.now, Every: time.Minute, Log: slog.New(slog.DiscardHandler),
		Tenants: func(context.Context) ([]mail.TenantID, error) { return []mail.TenantID{tenant}, nil },
	}).CheckpointNow(ctx)
}

// MAC authenticates under a key that everybody knows.
type MAC struct{}

// EntryMAC implements [ledger.MAC].
func (MAC) EntryMAC(b []byte) [32]byte { return sha256.Sum256(append([]byte("a test's key"), b...)) }

// plain keeps keys as they are.
type plain struct{}

func (plain) SealLedgerKey(seed []byte) []byte         { return append([]byte("box"), seed...) }
func (plain) OpenLedgerKey(box []byte) ([]byte, error) { return append([]byte(nil), box[3:]...), nil }
