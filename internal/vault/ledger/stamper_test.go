package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/prove"
	"siegel/internal/vault/ledger/stamping"
	"siegel/internal/vault/stamp"
	"siegel/internal/vault/stamp/authority"
	"siegel/internal/vault/stamp/client"
)

func leafData(l flow.Leaf) entry.Hash { return entry.LeafData(l.Entry, l.Sealed) }

// bad is an authority that fails in one way until it is mended.
type bad struct {
	*authority.Authority
	post   func(request []byte) ([]byte, error)
	fetch  func() ([]byte, error)
	posted int
}

func (b *bad) Post(ctx context.Context, request []byte) ([]byte, error) {
	b.posted++
	if b.post != nil {
		return b.post(request)
	}
	return b.Authority.Post(ctx, request)
}

func (b *bad) Fetch(ctx context.Context, url string) ([]byte, error) {
	if b.fetch != nil {
		return b.fetch()
	}
	return b.Authority.Fetch(ctx, url)
}

// EV-03: whatever the authority does wrong, nothing is kept; the checkpoint
// waits, the gap shows, and it is stamped when the authority is well again.
func TestStamperFailures(t *testing.T) {
	ctx := t.Context()
	other := func(change func(r *stamp.Request)) func(w *world) func([]byte) ([]byte, error) {
		return func(w *world) func([]byte) ([]byte, error) {
			return func([]byte) ([]byte, error) {
				r := stamp.NewRequest([32]byte{1}, nil)
				change(&r)
				return w.tsa.Post(ctx, must(r.Bytes()))
			}
		}
	}
	from := func(o authority.Options) func(w *world) func([]byte) ([]byte, error) {
		return func(w *world) func([]byte) ([]byte, error) {
			o.Now = w.clock.Now
			a := must(authority.New(o))
			return func(request []byte) ([]byte, error) { return a.Post(ctx, request) }
		}
	}
	changed := func(f func([]byte) []byte) func(w *world) func([]byte) ([]byte, error) {
		return func(w *world) func([]byte) ([]byte, error) {
			return func(request []byte) ([]byte, error) { return f(must(w.tsa.Post(ctx, request))), nil }
		}
	}
	tests := map[string]struct {
		post func(w *world) func([]byte) ([]byte, error)
		want error
	}{
		"fails": {func(*world) func([]byte) ([]byte, error) {
			return func([]byte) ([]byte, error) { return nil, context.DeadlineExceeded }
		}, context.DeadlineExceeded},
		"garbage":       {changed(func([]byte) []byte { return []byte("<html>502</html>") }), stamp.ErrFormat},
		"empty":         {changed(func([]byte) []byte { return nil }), stamp.ErrFormat},
		"cut":           {changed(func(b []byte) []byte { return b[:len(b)-1] }), stamp.ErrFormat},
		"longer":        {changed(func(b []byte) []byte { return append(b, 0) }), stamp.ErrFormat},
		"endless":       {changed(func([]byte) []byte { return bytes.Repeat([]byte{0x30}, 1<<20) }), stamp.ErrFormat},
		"rejects":       {changed(func([]byte) []byte { return []byte{0x30, 5, 0x30, 3, 2, 1, 2} }), stamp.ErrStatus},
		"signature":     {changed(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), stamp.ErrSignature},
		"imprint":       {other(func(*stamp.Request) {}), stamp.ErrImprint},
		"other root":    {from(authority.Options{}), stamp.ErrChain},
		"expired":       {from(authority.Options{Validity: -time.Minute}), stamp.ErrChain},
		"not critical":  {from(authority.Options{NotCritical: true}), stamp.ErrSigner},
		"other purpose": {from(authority.Options{Usage: 1}), stamp.ErrSigner},
		"nonce": {func(w *world) func([]byte) ([]byte, error) {
			return func(request []byte) ([]byte, error) {
				r := must(asRequest(request))
				r.Nonce = big.NewInt(7)
				return w.tsa.Post(ctx, must(r.Bytes()))
			}
		}, stamp.ErrNonce},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := &bad{Authority: w.tsa}
			a.post = tt.post(w)
			w.build(a)
			w.add(1)
			w.must(w.points.CheckpointNow(ctx))
			if err := w.stamper.StampNow(ctx); !errors.Is(err, tt.want) || !errors.Is(w.stamper.Err(), tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			s := must(stamping.Read(ctx, w.db.Instance()))
			if s.Waiting != 1 || !s.Stamped.IsZero() || s.Tries != 1 || s.Since.IsZero() {
				t.Fatalf("status %+v", s)
			}
			p := prove.New(w.db, w.ledger, w.signer.Key(), prove.Plan{Every: 10 * time.Minute, Authority: true})
			if _, err := p.Prove(ctx, w.tenant, ledger.Message, 0); fault.Of(err) != fault.Busy {
				t.Fatalf("proof: %v", err)
			}
			a.post = nil
			w.must(w.stamper.StampNow(ctx))
			s = must(stamping.Read(ctx, w.db.Instance()))
			if s.Waiting != 0 || s.Stamped.IsZero() || w.stamper.Err() != nil {
				t.Fatalf("status %+v", s)
			}
			must(p.Prove(ctx, w.tenant, ledger.Message, 0))
		})
	}
}

func asRequest(b []byte) (stamp.Request, error) {
	i := bytes.Index(b, []byte{4, 32})
	return stamp.Request{Imprint: [32]byte(b[i+2:])}, nil
}

// Retries come later and later, and a newer checkpoint covers the ones that
// waited.
func TestBackoff(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	a := &bad{Authority: w.tsa, post: func([]byte) ([]byte, error) { return nil, errors.New("away") }}
	w.build(a)
	w.add(1)
	w.must(w.points.CheckpointNow(ctx))
	run := func() {
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		w.must(w.stamper.Run(ctx))
	}
	for range 3 { // the clock stands: one try
		run()
	}
	if a.posted != 1 {
		t.Fatalf("%d tries at once", a.posted)
	}
	for range 12 * 3600 / 5 {
		w.clock.Advance(5 * time.Second)
		_ = w.stamper.StampDue(ctx)
	}
	if a.posted < 48 || a.posted > 64 {
		t.Fatalf("%d tries in 12 hours", a.posted)
	}
	w.add(1)
	w.must(w.points.CheckpointNow(ctx))
	if s := must(stamping.Read(ctx, w.db.Instance())); s.Waiting != 2 {
		t.Fatalf("status %+v", s)
	}
	a.post = nil
	w.must(w.stamper.StampNow(ctx))
	if s := must(stamping.Read(ctx, w.db.Instance())); s.Waiting != 0 {
		t.Fatalf("status %+v", s)
	}
	// Both messages are proven by the one timestamp.
	p := prove.New(w.db, w.ledger, w.signer.Key(), prove.Plan{Every: 10 * time.Minute, Authority: true})
	for i := range int64(2) {
		l := must(p.Prove(ctx, w.tenant, ledger.Message, i))
		if l.Stamp.Time.Before(w.clock.Now().Add(-time.Second)) {
			t.Errorf("entry %d: stamped %v", i, l.Stamp.Time)
		}
	}
}

// An answer that got lost is asked for again.
func TestLostAnswer(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	lose := true
	a := &bad{Authority: w.tsa}
	a.post = func(request []byte) ([]byte, error) {
		answer, err := w.tsa.Post(ctx, request)
		if lose {
			lose = false
			return nil, errors.New("connection reset")
		}
		return answer, err
	}
	w.build(a)
	w.add(1)
	w.must(w.points.CheckpointNow(ctx))
	if w.stamper.StampNow(ctx) == nil {
		t.Fatal("the loss was not seen")
	}
	w.must(w.stamper.StampNow(ctx))
}

// Revocation lists are kept with the token, fetched again where they could not
// be, and a revoked authority's stamps are not kept.
func TestLists(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	w.tsa = must(authority.New(authority.Options{Now: w.clock.Now, Lists: "http://lists.example/a.crl"}))
	w.roots = stamp.Verifier{Roots: w.tsa.Roots()}
	a := &bad{Authority: w.tsa, fetch: func() ([]byte, error) { return nil, errors.New("away") }}
	w.build(a)
	w.add(1)
	w.must(w.points.CheckpointNow(ctx))
	w.must(w.stamper.StampNow(ctx))
	p := prove.New(w.db, w.ledger, w.signer.Key(), prove.Plan{Every: 10 * time.Minute, Authority: true})
	if l := must(p.Prove(ctx, w.tenant, ledger.Message, 0)); len(l.Stamp.Lists) != 0 {
		t.Fatal("lists from nowhere")
	}
	a.fetch = nil
	w.clock.Advance(time.Minute)
	w.must(w.stamper.StampDue(ctx))
	if l := must(p.Prove(ctx, w.tenant, ledger.Message, 0)); !bytes.Contains(l.Stamp.Lists, []byte("X509 CRL")) {
		t.Fatalf("lists %q", l.Stamp.Lists)
	}
	for _, r := range verify(w) {
		w.must(r.Err())
	}
	a.fetch = func() ([]byte, error) { return w.tsa.List(w.clock.Now().Add(-time.Hour), big.NewInt(2)) }
	w.add(1)
	w.must(w.points.CheckpointNow(ctx))
	if err := w.stamper.StampNow(ctx); !errors.Is(err, stamp.ErrRevoked) {
		t.Fatalf("revoked: %v", err)
	}
}

// Over HTTP, with an authority that hangs.
func TestHTTP(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	var hang atomic.Bool
	hang.Store(true)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if hang.Load() {
			<-release
			return
		}
		w.tsa.ServeHTTP(rw, r)
	}))
	defer server.Close()
	w.build(must(client.New(server.URL)))
	w.add(1)
	w.must(w.points.CheckpointNow(ctx))
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if err := w.stamper.StampNow(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging: %v", err)
	}
	hang.Store(false)
	close(release)
	w.must(w.stamper.StampNow(ctx))
}

// A proof has the newest timestamp that was made before the entry.
func TestBefore(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	p := prove.New(w.db, w.ledger, w.signer.Key(), prove.Plan{Every: 10 * time.Minute, Authority: true})
	for range 3 {
		w.add(1)
		w.must(w.points.CheckpointNow(ctx))
		w.must(w.stamper.StampNow(ctx))
		w.clock.Advance(time.Hour)
	}
	first, last := must(p.Prove(ctx, w.tenant, ledger.Message, 0)), must(p.Prove(ctx, w.tenant, ledger.Message, 2))
	if first.Before != nil || last.Before == nil {
		t.Fatalf("before: %v and %v", first.Before, last.Before)
	}
	if d := last.Stamp.Time.Sub(last.Before.Stamp.Time); d != time.Hour {
		t.Errorf("the window has %v", d)
	}
	if _, err := p.Prove(ctx, w.tenant, ledger.Message, 3); err == nil {
		t.Error("proved what is not there")
	}
	if _, err := p.Prove(ctx, w.db.Tenant(mail.NewID()), ledger.Message, 0); err == nil {
		t.Error("proved another tenant's entry")
	}
	if err := w.tenant.Update(ctx, func(tx *db.Tx) error {
		_, err := w.ledger.Append(ctx, tx, ledger.Message, []flow.Leaf{w.message()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Prove(ctx, w.tenant, ledger.Message, 3); fault.Of(err) != fault.Busy || !strings.Contains(err.Error(), "is signed together") {
		t.Errorf("before the checkpoint: %v", err)
	}
}
