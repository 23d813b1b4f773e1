package bench_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/app"
	"siegel/internal/flow"
	"siegel/internal/front/console"
	"siegel/internal/mail"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/prove"
	"siegel/test/stand"
)

const (
	logSize   = 1_000_000 // entries
	logTx     = 20_000    // of them in a transaction
	proofs    = 2_000
	proofTime = 5 * time.Millisecond // that a proof may take
)

// openFound opens a new data directory with the stand's tenant in this process.
func openFound(b *testing.B) (*app.App, db.Tenant) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "data")
	found(b, dir, false)
	return openAt(b, dir)
}

func openAt(b *testing.B, dir string) (*app.App, db.Tenant) {
	b.Helper()
	a, err := stand.Open(b.Context(), app.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	t, err := a.Identity.Named(b.Context(), stand.Tenant)
	if err != nil {
		b.Fatal(err)
	}
	return a, a.DB.Tenant(t.ID)
}

// grow fills a tenant's message log with entries of messages that there are not,
// so that it is there within a minute.
func grow(ctx context.Context, a *app.App, t db.Tenant, entries int) error {
	at := time.Now().Truncate(time.Microsecond)
	for done := 0; done < entries; done += logTx {
		leaves := make([]flow.Leaf, logTx)
		for i := range leaves {
			e := entry.Entry{Kind: "message", ID: mail.NewID(), Time: at, Size: 5400}
			for _, name := range []string{"sha256", "parts", "envelope", "source", "decision"} {
				e.Fields = append(e.Fields, entry.Field{Name: name, Commitment: sha256.Sum256(e.ID[:])})
			}
			text, err := e.Text()
			if err != nil {
				return err
			}
			leaves[i] = flow.Leaf{Log: ledger.Message, Entry: text, Sealed: entry.Nothing()}
		}
		err := t.Update(ctx, func(tx *db.Tx) error {
			_, err := a.Ledger.Append(ctx, tx, ledger.Message, leaves)
			return err
		})
		if err != nil {
			return err
		}
	}
	return a.ProofNow(ctx)
}

// BenchmarkProof proves single entries of a log of a million: reading the entry, its
// checkpoint, anchor and timestamp, and both audit paths from tiles that nobody
// read before.
func BenchmarkProof(b *testing.B) {
	on := machine()
	ctx := b.Context()
	a, t := openFound(b)
	start := time.Now()
	if err := grow(ctx, a, t, logSize); err != nil {
		b.Fatal(err)
	}
	grown := time.Since(start)
	tree, err := a.Ledger.Tree(ctx, t, ledger.Message)
	if err != nil {
		b.Fatal(err)
	}
	root, err := tree.Root(logSize)
	if err != nil {
		b.Fatal(err)
	}
	p := prove.New(a.DB, a.Ledger, a.Evidence.Signer.Key(), prove.Plan{Every: a.Config.Ledger.CheckpointEvery, Authority: true})
	took := make([]time.Duration, proofs)
	for i := range took {
		index := rand.Int64N(logSize)
		begun := time.Now()
		proof, err := p.Prove(ctx, t, ledger.Message, index)
		took[i] = time.Since(begun)
		if err != nil {
			b.Fatal(err)
		}
		if err := check(proof, index, root); err != nil {
			b.Fatalf("entry %d: %v", index, err)
		}
	}
	slices.Sort(took)
	median, late := took[proofs/2], took[proofs*99/100]
	fmt.Printf("\nInclusion proofs in a log of %d entries, %d of them\n  %s\n", logSize, proofs, on)
	fmt.Printf("  median %v, 99 of 100 within %v (the median may be %v); the log was filled with %.0f entries/s\n",
		median.Round(time.Microsecond), late.Round(time.Microsecond), proofTime, logSize/grown.Seconds())
	b.ReportMetric(float64(median.Microseconds()), "µs-median")
	if median > proofTime {
		b.Errorf("a proof takes %v", median)
	}
}

// check verifies the audit path of a proof.
func check(p *bundle.Ledger, index int64, root tlog.Hash) error {
	path := make(tlog.RecordProof, len(p.Inclusion.Path))
	for i, h := range p.Inclusion.Path {
		path[i] = tlog.Hash(h)
	}
	data := entry.LeafData(p.Entry, p.Sealed)
	return tlog.CheckRecord(path, logSize, root, index, tlog.RecordHash(data[:]))
}

// BenchmarkVerify verifies an archive of the corpus at both depths of ledger verify.
func BenchmarkVerify(b *testing.B) {
	on, list := machine(), corpus(b)
	ctx := b.Context()
	dir := filepath.Join(b.TempDir(), "data")
	found(b, dir, false)
	s := startAt(b, dir)
	load(b, list, connections, s.address)
	s.stop(b)
	a, t := openAt(b, dir)
	start := time.Now()
	sealed, err := a.VerifyLedger(ctx, t.ID())
	quick := time.Since(start)
	if err != nil {
		b.Fatal(err)
	}
	session, err := stand.SignIn(ctx, a)
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	start = time.Now()
	opened, err := a.VerifyOpened(ctx, session, nil)
	deep := time.Since(start)
	if err != nil {
		b.Fatal(err)
	}
	entries := clean(b, sealed, ledger.Message, len(list))
	clean(b, opened, ledger.Message, len(list))
	fmt.Printf("\nledger verify of %d messages of the corpus, with SQLite and a disk\n  %s\n", len(list), on)
	fmt.Printf("  sealed %8.0f messages/s  (all logs, packs, index records and rows: %d checks in %v)\n",
		float64(len(list))/quick.Seconds(), entries, quick.Round(time.Millisecond))
	fmt.Printf("  opened %8.0f messages/s  (%v beyond the sealed depth)\n", float64(len(list))/deep.Seconds(), deep.Round(time.Millisecond))
	b.ReportMetric(float64(len(list))/quick.Seconds(), "sealed/s")
	b.ReportMetric(float64(len(list))/deep.Seconds(), "opened/s")
}

// clean fails where something does not verify or a log has not the n entries that
// it must have, and returns how much was checked.
func clean(b *testing.B, list []console.Verified, log string, n int) (checked int64) {
	b.Helper()
	complete := false
	for _, v := range list {
		checked += v.Entries
		complete = complete || (v.Log == log && v.Entries == int64(n))
		for _, p := range v.Problems {
			b.Fatalf("%s, %s: %v", v.Log, v.Depth, p.Err)
		}
	}
	if !complete {
		b.Fatalf("%d messages were not checked", n)
	}
	return checked
}
