package ledger_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint/layout"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/export"
)

// EV-06: rows that somebody changed by hand are found, with the exact index
// where there is one.
func TestVerifyFinds(t *testing.T) {
	tests := map[string]struct {
		harm  func(w *world)
		log   string
		index int64
		want  string
	}{
		"nothing": {func(*world) {}, "", 0, ""},
		"entry's text": {func(w *world) {
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, text = $2 WHERE tenant = $1 AND idx = 17`, []byte("x"))
		}, ledger.Message, 17, "entry 17 of the message log is not the one"},
		"entry's sealed hash": {func(w *world) {
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, sealed = $2 WHERE tenant = $1 AND idx = 18`, make([]byte, 32))
		}, ledger.Message, 18, "entry 18"},
		"leaf in a full tile": {func(w *world) { w.forge(19) }, ledger.Message, 19, "tile 0/0 of the message log differs at entry 19"},
		"leaf at the edge":    {func(w *world) { w.forge(290) }, ledger.Message, 290, "differs at entry 290"},
		"leaves swapped": {func(w *world) {
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, idx = 100000 WHERE tenant = $1 AND idx = 21`)
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, idx = 21 WHERE tenant = $1 AND idx = 20`)
			w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, idx = 20 WHERE tenant = $1 AND idx = 100000`)
		}, ledger.Message, 20, "differs at entry 20"},
		"entry deleted": {func(w *world) {
			w.exec(w.tenant, `DELETE FROM ledger_entry WHERE tenant = $1 AND idx = 22`)
		}, ledger.Message, 22, "entry 22 of the message log is missing"},
		"last entry deleted": {func(w *world) {
			w.exec(w.tenant, `DELETE FROM ledger_entry WHERE tenant = $1 AND idx = 299`)
		}, ledger.Message, 299, "ends at entry 299"},
		"entry added": {func(w *world) {
			w.exec(w.tenant, `INSERT INTO ledger_entry (tenant, log, idx, leaf, sealed, text, mac) VALUES ($1, 'message', 301, $2, $3, $4, $2)`, make([]byte, 32), make([]byte, 32), []byte("x"))
		}, ledger.Message, 301, "behind the end"},
		"tile replaced": {func(w *world) {
			w.exec(w.tenant, `UPDATE ledger_tile SET tenant = $1, data = $2 WHERE tenant = $1 AND level = 0 AND idx = 0`, make([]byte, 8192))
		}, ledger.Message, 0, "tile 0/0"},
		"tile deleted": {func(w *world) {
			w.exec(w.tenant, `DELETE FROM ledger_tile WHERE tenant = $1`)
		}, ledger.Message, 0, "tile 0/0"},
		"tile added": {func(w *world) {
			w.exec(w.tenant, `INSERT INTO ledger_tile (tenant, log, level, idx, data) VALUES ($1, 'message', 0, -1, $2)`, make([]byte, 8192))
		}, ledger.Message, -1, "belongs to nothing"},
		"checkpoint replaced": {func(w *world) {
			w.exec(w.tenant, `UPDATE ledger_checkpoint SET tenant = $1, note = $2 WHERE tenant = $1`, []byte("x\n1\n\n— x x\n"))
		}, ledger.Message, -1, "not signed with the ledger's key"},
		"anchor moved": {func(w *world) {
			w.exec(w.tenant, `UPDATE ledger_anchor SET tenant = $1, idx = 7 WHERE tenant = $1 AND size = 300`)
		}, ledger.Message, -1, "not anchored"},
		"anchor deleted": {func(w *world) {
			w.exec(w.tenant, `DELETE FROM ledger_anchor WHERE tenant = $1 AND size = 300`)
		}, ledger.Message, -1, "not anchored"},
		"token replaced": {func(w *world) {
			w.exec(w.db.Instance(), `UPDATE ledger_stamp SET tenant = $1, token = $2 WHERE tenant = $1`, []byte{0x30, 0})
		}, ledger.Instance, -1, "timestamp over the checkpoint of 1 entries"},
		"guard lost": {func(w *world) {
			w.must(w.guard.Delete(w.t.Context(), guardOf(w)))
		}, ledger.Message, -1, "missing in the object store"},
		"rolled back": {func(w *world) {
			saved := save(w)
			w.add(2)
			w.must(w.points.CheckpointNow(w.t.Context()))
			restore(w, saved)
		}, ledger.Message, -1, "the database is older"},
		"everything forged but what was signed": {func(w *world) {
			w.forgeAll()
		}, ledger.Message, -1, "not the root that was signed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.add(300)
			w.must(w.points.CheckpointNow(t.Context()))
			w.must(w.stamper.StampNow(t.Context()))
			tt.harm(w)
			var found []ledger.Problem
			for _, r := range verify(w) {
				if r.Log == tt.log {
					found = r.Problems
				} else if tt.want == "" {
					w.must(r.Err())
				}
			}
			if tt.want == "" {
				return
			}
			if !slices.ContainsFunc(found, func(p ledger.Problem) bool {
				return p.Index == tt.index && fault.Of(p.Err) == fault.Damaged && strings.Contains(p.Err.Error(), tt.want)
			}) {
				t.Errorf("found %+v, want %q at %d", found, tt.want, tt.index)
			}
		})
	}
}

// forge replaces an entry with its leaf, but not the tiles.
func (w *world) forge(index int64) {
	l := w.message()
	data := leafData(l)
	w.exec(w.tenant, `UPDATE ledger_entry SET tenant = $1, text = $2, leaf = $3, sealed = $4 WHERE tenant = $1 AND idx = $5`,
		l.Entry, data[:], l.Sealed[:], index)
}

// forgeAll replaces the whole log by another of the same size.
func (w *world) forgeAll() {
	w.exec(w.tenant, `DELETE FROM ledger_entry WHERE tenant = $1`)
	w.exec(w.tenant, `DELETE FROM ledger_tile WHERE tenant = $1`)
	w.exec(w.tenant, `UPDATE ledger_log SET tenant = $1, size = 0, edge = $2 WHERE tenant = $1 AND name = 'message'`, []byte{})
	w.add(300)
}

// An exported ledger verifies as a whole, and no octet of it may change.
func TestExport(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.add(300)
	w.must(w.points.CheckpointNow(ctx))
	w.add(700)
	w.must(w.points.CheckpointNow(ctx))
	w.add(5) // not signed: not exported
	dir := t.TempDir()
	for name, want := range map[string][]string{"tenant": {"audit"}, "instance": nil} {
		tenant := map[string]db.Tenant{"tenant": w.tenant, "instance": w.db.Instance()}[name]
		unsigned, err := export.Write(ctx, w.ledger, tenant, w.signer.Key(), filepath.Join(dir, name))
		w.must(err)
		if !slices.Equal(unsigned, want) {
			t.Errorf("%s: %q were left out", name, unsigned)
		}
	}
	root := filepath.Join(dir, "tenant", "message")
	r, err := layout.Verify(os.DirFS(root), w.signer.Key())
	w.must(err)
	if r.Checkpoint.Size != 1000 || r.Checkpoints != 2 || r.Kinds["message"] != 1000 {
		t.Fatalf("%+v", r)
	}
	r, err = layout.Verify(os.DirFS(filepath.Join(dir, "instance", "instance")), w.signer.Key())
	w.must(err)
	if r.Checkpoint.Size != 2 || r.Kinds["checkpoint"] != 2 {
		t.Fatalf("%+v", r)
	}
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, at := range []int{0, len(b) / 2, len(b) - 1} {
			b[at] ^= 4
			w.must(os.WriteFile(path, b, 0o600))
			if _, err := layout.Verify(os.DirFS(root), w.signer.Key()); err == nil {
				t.Errorf("%s, octet %d: not found", path, at)
			}
			b[at] ^= 4
		}
		w.must(os.Remove(path))
		if _, err := layout.Verify(os.DirFS(root), w.signer.Key()); err == nil && !strings.Contains(path, layout.DirCheckpoints) {
			t.Errorf("without %s: not found", path)
		}
		return os.WriteFile(path, b, 0o600)
	})
	w.must(err)
	w.must(os.WriteFile(filepath.Join(root, "more"), nil, 0o600))
	if _, err := layout.Verify(os.DirFS(root), w.signer.Key()); err == nil {
		t.Error("a file too many was not found")
	}
	// A ledger that is not what was signed is not exported.
	w.forge(3)
	if _, err := export.Write(ctx, w.ledger, w.tenant, w.signer.Key(), t.TempDir()); err == nil {
		t.Error("exported a forged log")
	}
}

func TestEntries(t *testing.T) {
	w := newWorld(t)
	w.add(2500)
	n := int64(7)
	for e, err := range w.ledger.Entries(t.Context(), w.tenant, ledger.Message, 7) {
		w.must(err)
		if e.Index != n || e.Check() != nil {
			t.Fatalf("entry %d: %+v", n, e)
		}
		n++
	}
	if n != 2500 {
		t.Fatalf("%d entries", n)
	}
	if _, _, err := w.ledger.Entry(t.Context(), w.tenant, ledger.Message, 2500); err == nil {
		t.Error("an entry behind the end")
	}
	if _, _, err := w.ledger.Entry(t.Context(), w.db.Tenant(mail.NewID()), ledger.Message, 0); err == nil {
		t.Error("an entry of another tenant")
	}
}
