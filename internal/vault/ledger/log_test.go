package ledger_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/flow"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest"
)

func open(t testing.TB) *db.DB {
	t.Helper()
	d, err := dbtest.New(t).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := d.Migrate(t.Context(), "ledger", ledger.Migrations()); err != nil {
		t.Fatal(err)
	}
	return d
}

func leaf(n int) flow.Leaf {
	return flow.Leaf{Log: ledger.Message, Entry: fmt.Appendf(nil, "entry %d\n", n), Sealed: sha256.Sum256([]byte{byte(n)})}
}

// EV-02: the tiles give the same roots and proofs as the reference
// implementation that keeps every hash.
func TestAppendAgreesWithReference(t *testing.T) {
	ctx := context.Background()
	tenant := open(t).Tenant(mail.NewID())
	l := ledgertest.New(t, time.Now).Ledger()
	if err := tenant.Update(ctx, func(tx *db.Tx) error { return l.Create(ctx, tx, ledger.Message) }); err != nil {
		t.Fatal(err)
	}
	var stored []tlog.Hash
	reference := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, x := range at {
			out[i] = stored[x]
		}
		return out, nil
	})
	n := 0
	for _, group := range []int{1, 1, 2, 250, 1, 1, 1, 255, 256, 257, 1000, 65536 - 1769, 3} {
		leaves := make([]flow.Leaf, group)
		for i := range leaves {
			leaves[i] = leaf(n + i)
			data := entry.LeafData(leaves[i].Entry, leaves[i].Sealed)
			hashes, err := tlog.StoredHashes(int64(n+i), data[:], reference)
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, hashes...)
		}
		err := tenant.Update(ctx, func(tx *db.Tx) error {
			first, err := l.Append(ctx, tx, ledger.Message, leaves)
			if err == nil && first != int64(n) {
				return fmt.Errorf("first index %d, want %d", first, n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		n += group
		tree, err := l.Tree(ctx, tenant, ledger.Message)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int64{1, int64(n) / 2, int64(n) - 1, int64(n)} {
			if size < 1 {
				continue
			}
			want, _ := tlog.TreeHash(size, reference)
			got, err := tree.Root(size)
			if err != nil || got != want {
				t.Fatalf("root of %d in %d: %v, error %v, want %v", size, n, got, err, want)
			}
			for _, index := range []int64{0, size / 3, size - 1} {
				proof, err := tree.Inclusion(size, index)
				if err != nil {
					t.Fatal(err)
				}
				l := leaf(int(index))
				data := entry.LeafData(l.Entry, l.Sealed)
				if err := tlog.CheckRecord(proof, size, got, index, tlog.RecordHash(data[:])); err != nil {
					t.Fatalf("proof of %d in %d: %v", index, size, err)
				}
			}
		}
		old := int64(max(1, n/3))
		proof, err := tree.Consistency(int64(n), old)
		if err != nil {
			t.Fatal(err)
		}
		from, _ := tlog.TreeHash(old, reference)
		to, _ := tlog.TreeHash(int64(n), reference)
		if err := tlog.CheckTree(proof, int64(n), to, old, from); err != nil {
			t.Fatal(err)
		}
	}
}
