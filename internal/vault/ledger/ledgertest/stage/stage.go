// Package stage is an instance with one tenant for the tests of what works beside
// the ledger: a database, logs, a checkpointer, and a timestamp authority that can
// fail.
package stage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/blob/disk"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
	"siegel/internal/vault/ledger/signing"
	"siegel/internal/vault/ledger/stamping"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/test/clock"
)

// Name is the instance's name.
const Name = "test.example"

// Stage is the instance. Its logs are those of Tenant and that of the instance.
type Stage struct {
	*clock.Clock

	T        testing.TB
	DB       *db.DB
	Ledger   *ledger.Ledger
	Signer   *signing.Signer
	Tenant   db.Tenant
	Verifier stamp.Verifier
	Queue    *stamping.Queue
	TSA      *Authority

	points *ledger.Checkpointer
}

// New returns an instance whose time stands still until it is turned on.
func New(t testing.TB) *Stage {
	t.Helper()
	s := &Stage{T: t, Clock: clock.At(time.Date(2026, 11, 22, 14, 38, 18, 0, time.UTC))}
	var err error
	s.DB, err = dbtest.New(t).Open(t.Context())
	s.OK(err)
	t.Cleanup(func() { _ = s.DB.Close() })
	s.OK(s.DB.Migrate(t.Context(), "ledger", ledger.Migrations()))
	guard, err := disk.Open(t.TempDir())
	s.OK(err)
	k, err := signing.Create(Name, plain{})
	s.OK(err)
	s.Signer, err = signing.Open(Name, k.Box, plain{})
	s.OK(err)
	s.Ledger = ledger.New(ledger.Config{Instance: Name, Now: s.Now, Signer: s.Signer, Guard: guard, MAC: ledgertest.MAC{}})
	s.Tenant = s.DB.Tenant(mail.NewID())
	s.OK(s.Ledger.Ensure(t.Context(), s.DB.Instance(), ledger.Instance))
	s.OK(s.Ledger.Ensure(t.Context(), s.Tenant, ledger.Message))
	s.OK(s.Ledger.Ensure(t.Context(), s.Tenant, ledger.Audit))
	s.points = ledger.NewCheckpointer(ledger.CheckpointerDeps{
		DB: s.DB, Ledger: s.Ledger, Now: s.Now, Every: 10 * time.Minute, Log: slog.New(slog.DiscardHandler),
		Tenants: func(context.Context) ([]mail.TenantID, error) { return []mail.TenantID{s.Tenant.ID()}, nil },
	})
	inside, err := authority.New(authority.Options{Now: s.Now})
	s.OK(err)
	s.TSA = &Authority{inside: inside}
	s.Verifier = stamp.Verifier{Roots: inside.Roots()}
	s.Queue = stamping.New(stamping.Deps{
		DB: s.DB, Authority: s.TSA, Verifier: s.Verifier, Key: s.Signer.Key(), Now: s.Now, Log: slog.New(slog.DiscardHandler),
	})
	return s
}

// OK ends the test where there is an error.
func (s *Stage) OK(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// Add enters n messages.
func (s *Stage) Add(n int) {
	s.T.Helper()
	var leaves []flow.Leaf
	for i := range n {
		o := entry.Opening{Value: []byte{byte(i)}}
		text, err := entry.Entry{Kind: "message", ID: mail.NewID(), Time: mail.Time(s.Now()), Size: 1, Fields: []entry.Field{
			{Name: "sha256", Commitment: o.Commit()},
		}}.Text()
		s.OK(err)
		leaves = append(leaves, flow.Leaf{Log: ledger.Message, Entry: text, Sealed: entry.Nothing()})
	}
	s.OK(s.Tenant.Update(s.T.Context(), func(tx *db.Tx) error {
		_, err := s.Ledger.Append(s.T.Context(), tx, ledger.Message, leaves)
		return err
	}))
}

// Sign signs and anchors the logs as they are.
func (s *Stage) Sign() {
	s.T.Helper()
	s.OK(s.points.CheckpointNow(s.T.Context()))
}

// Authority is a timestamp authority that can fail.
type Authority struct {
	inside *authority.Authority

	mu    sync.Mutex
	posts int
	with  error
}

// Down has it fail with an error, or answer again with nil.
func (a *Authority) Down(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.with = err
}

// Posts returns how often it was asked.
func (a *Authority) Posts() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.posts
}

// Post implements stamping's Authority.
func (a *Authority) Post(ctx context.Context, request []byte) ([]byte, error) {
	a.mu.Lock()
	a.posts++
	err := a.with
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return a.inside.Post(ctx, request)
}

// Fetch implements stamping's Authority.
func (a *Authority) Fetch(ctx context.Context, url string) ([]byte, error) {
	return a.inside.Fetch(ctx, url)
}

// ErrDown is an authority that does not answer.
var ErrDown = errors.New("the authority is down")

// plain keeps keys as they are.
type plain struct{}

func (plain) SealLedgerKey(seed []byte) []byte         { return append([]byte("box"), seed...) }
func (plain) OpenLedgerKey(box []byte) ([]byte, error) { return append([]byte(nil), box[3:]...), nil }
