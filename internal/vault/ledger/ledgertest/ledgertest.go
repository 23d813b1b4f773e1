// Package ledgertest makes ledgers for the tests of rooms above: real ones, each
// with a signing key and a guard of its own.
package ledgertest

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"siegel/internal/mail"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/signing"
)

// Name is the instance's name.
const Name = "test.example"

// Instance is what the ledgers of one instance share: the key and the guard.
type Instance struct {
	signer *signing.Signer
	guard  *disk.Store
	now    func() time.Time
}

// New returns an instance with a fresh key.
func New(t testing.TB, now func() time.Time) *Instance {
	t.Helper()
	i, err := In(filepath.Join(t.TempDir(), "objects"), now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// In returns an instance whose guard lies in dir and whose key lies beside it, in
// dir.key: a fresh one where there is none.
func In(dir string, now func() time.Time) (*Instance, error) {
	i := &Instance{now: now}
	box, err := os.ReadFile(dir + ".key")
	if errors.Is(err, fs.ErrNotExist) {
		var k signing.NewKey
		if k, err = signing.Create(Name, plain{}); err != nil {
			return nil, err
		}
		box, err = k.Box, os.WriteFile(dir+".key", k.Box, 0o600)
	}
	if err != nil {
		return nil, err
	}
	if i.signer, err = signing.Open(Name, box, plain{}); err != nil {
		return nil, err
	}
	i.guard, err = disk.Open(dir)
	return i, err
}

// Ledger returns a ledger that remembers nothing: that of another process.
func (i *Instance) Ledger() *ledger.Ledger {
	return ledger.New(ledger.Config{Instance: Name, Now: i.now, Signer: i.signer, Guard: i.guard, MAC: MAC{}})
}

// Sign signs the logs of a tenant as they are now.
func (i *Instance) Sign(ctx context.Context, d *db.DB, tenant mail.TenantID) error {
	l := i.Ledger()
	if err := l.Ensure(ctx, d.Instance(), ledger.Instance); err != nil {
		return err
	}
	return ledger.NewCheckpointer(ledger.CheckpointerDeps{
		DB: d, Ledger: l, Now: i.now, Every: time.Minute, Log: slog.New(slog.DiscardHandler),
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
