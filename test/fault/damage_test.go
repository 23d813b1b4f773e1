package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"siegel/internal/app"
	"siegel/internal/archive"
	"siegel/internal/front/console"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/pack"
	"siegel/internal/vault/db"
	"siegel/test/stand"
)

// house is a data directory that is about to be damaged.
type house struct {
	t      *testing.T
	dir    string
	app    *app.App
	tenant db.Tenant
	mails  []*stand.Mail // in the order of the log
}

// build makes the directory that every case gets a copy of: five messages, a
// signed and stamped checkpoint, three more messages. older is a copy from
// before the checkpoint.
func build(t *testing.T) (dir, older string, mails []*stand.Mail) {
	t.Helper()
	dir, older = filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "older")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	deliver := func(n int) {
		_, stop := stand.Start(t, app.Options{Dir: dir, Log: stand.Log()})
		defer stop()
		c, err := stand.Dial(stand.Socket(dir))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range n {
			m := stand.NewMail(5000)
			if r, err := c.Send(m); err != nil || !r.OK() {
				t.Fatalf("%v, %v", r, err)
			}
			mails = append(mails, m)
		}
	}
	deliver(2)
	copyDir(t, dir, older)
	deliver(3)
	a, err := stand.Open(t.Context(), app.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.ProofNow(t.Context()), a.Close()); err != nil {
		t.Fatal(err)
	}
	deliver(3)
	return dir, older, mails
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(to, rel), 0o700))
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a copy. The caller closes it.
func open(t *testing.T, dir string, mails []*stand.Mail) *house {
	t.Helper()
	h := &house{t: t, dir: filepath.Join(t.TempDir(), "data"), mails: mails}
	copyDir(t, dir, h.dir)
	var err error
	if h.app, err = stand.Open(t.Context(), app.Options{Dir: h.dir}); err != nil {
		t.Fatal(err)
	}
	known, err := h.app.Identity.Named(t.Context(), stand.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	h.tenant = h.app.DB.Tenant(known.ID)
	return h
}

func (h *house) close() {
	h.t.Helper()
	if err := h.app.Close(); err != nil {
		h.t.Error(err)
	}
}

// change changes rows as somebody with the database's key would.
func (h *house) change(query string, args ...any) { changeIn(h.t, h.tenant, query, args...) }

func changeIn(t *testing.T, in db.Tenant, query string, args ...any) {
	t.Helper()
	err := in.Update(context.Background(), func(tx *db.Tx) error {
		r, err := tx.Exec(context.Background(), query, args...)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return fmt.Errorf("nothing was changed: %w", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// octets reads one value of a row.
func (h *house) octets(query string) (b []byte) {
	h.t.Helper()
	if err := h.tenant.QueryRow(context.Background(), query).Scan(&b); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// sealed is `siegel ledger verify` without a key.
func (h *house) sealed() []string {
	return named(h.t)(h.app.VerifyLedger(h.t.Context(), mail.TenantID{}))
}

// opened is `siegel ledger verify --as KEEPER`.
func (h *house) opened() []string {
	s, err := stand.SignIn(h.t.Context(), h.app)
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	return named(h.t)(h.app.VerifyOpened(h.t.Context(), s, func(int64, int64) {}))
}

// named writes problems as log, index and text.
func named(t *testing.T) func(list []console.Verified, err error) []string {
	return func(list []console.Verified, err error) (out []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			for _, p := range v.Problems {
				out = append(out, fmt.Sprintf("%s %d: %s", v.Log, p.Index, p.Err))
			}
		}
		return out
	}
}

// show opens a message as the keeper.
func (h *house) show(m *stand.Mail) error {
	s, err := stand.SignIn(h.t.Context(), h.app)
	if err != nil {
		return err
	}
	defer s.Close()
	shown, err := h.app.Archive.Show(h.t.Context(), s, m.ID, "test")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, shown)
	return errors.Join(err, shown.Close())
}

// pack returns the file with the message at an index of the log.
func (h *house) pack(index int64) string {
	var id []byte
	err := h.tenant.QueryRow(context.Background(), `SELECT pack FROM archive_message WHERE tenant = $1 AND leaf = $2`, index).Scan(&id)
	if err != nil {
		h.t.Fatal(err)
	}
	return filepath.Join(h.dir, "objects", h.tenant.ID().String(), "packs", fmt.Sprintf("%x", id[:1]), fmt.Sprintf("%x", id))
}

// damage is one thing that somebody does to a data directory.
type damage struct {
	name   string
	do     func(h *house)
	sealed []string // what verification without a key must name, in this order; nil for nothing
	opened []string // what verification in a keeper's session must name
}

func damages() []damage {
	entry := func(text string) []string { return []string{text} }
	return []damage{
		{"nothing", func(*house) {}, nil, nil},
		{"a flipped bit in a pack", func(h *house) {
			b, err := os.ReadFile(h.pack(3))
			if err != nil {
				h.t.Fatal(err)
			}
			b[200] ^= 4
			replace(h.t, h.pack(3), b)
			if err := h.show(h.mails[3]); fault.Of(err) != fault.Damaged {
				h.t.Errorf("the message opens: %v", err)
			}
		}, entry("packs 3: "), entry("message 3: ")},
		{"a flipped bit in an index record", func(h *house) {
			b, err := os.ReadFile(h.pack(3))
			if err != nil {
				h.t.Fatal(err)
			}
			var start int
			err = h.tenant.QueryRow(context.Background(), `SELECT r.start FROM index_record r JOIN archive_message m ON m.tenant = r.tenant AND m.id = r.message
				WHERE r.tenant = $1 AND m.leaf = 3`).Scan(&start)
			if err != nil {
				h.t.Fatal(err)
			}
			b[start+100] ^= 4
			replace(h.t, h.pack(3), b)
		}, entry("packs 3: "), entry("index 3: ")},
		{"a row of an index record that was taken away", func(h *house) {
			h.change(`DELETE FROM index_record WHERE tenant = $1 AND message = (SELECT id FROM archive_message WHERE tenant = $1 AND leaf = 4)`)
		}, entry("index 4: "), entry("index 4: ")},
		{"a row of an index record that points elsewhere", func(h *house) {
			h.change(`UPDATE index_record SET (pack, start, length) = (SELECT o.pack, o.start, o.length FROM index_record o WHERE o.tenant = $1 AND
				o.message = (SELECT id FROM archive_message WHERE tenant = $1 AND leaf = 5)) WHERE tenant = $1 AND message = (SELECT id FROM archive_message WHERE tenant = $1 AND leaf = 4)`)
		}, entry("index 4: "), entry("index 4: ")},
		{"a missing pack", func(h *house) {
			if err := os.Remove(h.pack(2)); err != nil {
				h.t.Fatal(err)
			}
		}, entry("packs 2: "), entry("message 2: ")},
		{"a pack cut short", func(h *house) {
			if err := errors.Join(os.Chmod(h.pack(2), 0o600), os.Truncate(h.pack(2), 300)); err != nil {
				h.t.Fatal(err)
			}
		}, entry("packs 2: "), entry("message 2: ")},
		{"a changed entry", func(h *house) {
			h.change(`UPDATE ledger_entry SET text = CAST(replace(CAST(text AS TEXT), 'time 20', 'time 19') AS BLOB) WHERE tenant = $1 AND log = 'message' AND idx = 2`)
		}, []string{"message 2: ", "packs 2: "}, nil},
		{"swapped leaves", func(h *house) {
			one, two := h.octets(`SELECT leaf FROM ledger_entry WHERE tenant = $1 AND log = 'message' AND idx = 1`),
				h.octets(`SELECT leaf FROM ledger_entry WHERE tenant = $1 AND log = 'message' AND idx = 2`)
			h.change(`UPDATE ledger_entry SET tenant = $1, leaf = $2 WHERE tenant = $1 AND log = 'message' AND idx = 1`, two)
			h.change(`UPDATE ledger_entry SET tenant = $1, leaf = $2 WHERE tenant = $1 AND log = 'message' AND idx = 2`, one)
		}, []string{"message 1: ", "message 2: "}, nil},
		{"swapped entries", func(h *house) {
			h.change(`UPDATE ledger_entry SET idx = -1 WHERE tenant = $1 AND log = 'message' AND idx = 1`)
			h.change(`UPDATE ledger_entry SET idx = 1 WHERE tenant = $1 AND log = 'message' AND idx = 2`)
			h.change(`UPDATE ledger_entry SET idx = 2 WHERE tenant = $1 AND log = 'message' AND idx = -1`)
		}, []string{"message ", "packs 1: ", "packs 2: "}, nil},
		{"a changed audit event", func(h *house) {
			h.change(`UPDATE ledger_entry SET text = CAST(text || 'x' AS BLOB) WHERE tenant = $1 AND log = 'audit' AND idx = 4`)
		}, entry("audit 4: "), nil},
		{"a removed audit event", func(h *house) {
			h.change(`DELETE FROM ledger_entry WHERE tenant = $1 AND log = 'audit' AND idx = 4`)
		}, entry("audit 4: "), nil},
		{"a changed head", func(h *house) {
			edge := h.octets(`SELECT edge FROM ledger_log WHERE tenant = $1 AND name = 'message'`)
			edge[len(edge)-1] ^= 1
			h.change(`UPDATE ledger_log SET tenant = $1, edge = $2 WHERE tenant = $1 AND name = 'message'`, edge)
		}, entry("message 7: "), nil},
		{"a changed row of a message", func(h *house) {
			h.change(`UPDATE archive_message SET size = size + 1 WHERE tenant = $1 AND leaf = 6`)
		}, entry("packs 6: "), entry("message 6: ")},
		{"a removed row of a message", func(h *house) {
			h.change(`DELETE FROM archive_message WHERE tenant = $1 AND leaf = 1`)
		}, entry("packs 1: "), nil},
		{"a changed opening", func(h *house) {
			h.change(`UPDATE archive_message SET opening = (SELECT opening FROM archive_message o WHERE o.tenant = $1 AND o.leaf = 0) WHERE tenant = $1 AND leaf = 1`)
		}, nil, entry("message 1: ")},
		{"changed evidence", func(h *house) {
			h.change(`UPDATE archive_message SET evidence = (SELECT evidence FROM archive_message o WHERE o.tenant = $1 AND o.leaf = 0) WHERE tenant = $1 AND leaf = 1`)
		}, nil, entry("message 1: ")},
		{"a removed checkpoint in the object store", func(h *house) {
			if err := os.Remove(filepath.Join(h.dir, "objects", h.tenant.ID().String(), "checkpoints", "message")); err != nil {
				h.t.Fatal(err)
			}
		}, entry("message -1: "), nil},
		{"a changed timestamp", func(h *house) {
			changeIn(h.t, h.app.DB.Instance(), `UPDATE ledger_stamp SET token = CAST(token || x'00' AS BLOB) WHERE tenant = $1 AND token IS NOT NULL`)
		}, entry("instance -1: "), nil},
		{"a changed anchor", func(h *house) {
			h.change(`UPDATE ledger_anchor SET salt = zeroblob(32) WHERE tenant = $1 AND log = 'message'`)
		}, entry("message -1: "), nil},
	}
}

// EV-02, EV-06, CR-06: damage is found and named, with the exact entry, by the
// depth that docs/threats.md says.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	dir, _, mails := build(t)
	for _, d := range damages() {
		t.Run(strings.ReplaceAll(d.name, " ", "_"), func(t *testing.T) {
			h := open(t, dir, mails)
			defer h.close()
			d.do(h)
			begins(t, "sealed", h.sealed(), d.sealed)
			if d.opened != nil || d.sealed == nil {
				begins(t, "opened", h.opened(), d.opened)
			}
		})
	}
}

// EV-06: whichever octet of a pack is changed, verification without a key finds
// it and names the message; also in the half that only searches read.
func TestEveryOctetOfAPack(t *testing.T) {
	t.Parallel()
	dir, _, mails := build(t)
	h := open(t, dir, mails)
	defer h.close()
	path := h.pack(3)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	trailer := len(good) - pack.TrailerSize
	step := max(1, len(good)/200)
	for at := 0; at < len(good); at++ {
		// The beginning, the pack's own index and what stands before it count octet by octet.
		if at >= 20 && at < trailer-140 && at%step != 0 {
			continue
		}
		b := bytes.Clone(good)
		b[at] ^= 1 << (at % 8)
		replace(t, path, b)
		var found []archive.Finding
		if _, err := h.app.Archive.VerifySealed(t.Context(), h.tenant, func(f archive.Finding) { found = append(found, f) }); err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || found[0].Index != 3 || found[0].Message != mails[3].ID || fault.Of(found[0].Err) != fault.Damaged {
			t.Errorf("octet %d of %d: %v", at, len(good), found)
		}
	}
	replace(t, path, good)
	begins(t, "sealed", h.sealed(), nil)
}

// begins fails where not every wanted beginning is that of a line, or where
// there are lines and nothing is wanted.
func begins(t *testing.T, depth string, got, want []string) {
	t.Helper()
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || strings.HasPrefix(g, w)
		}
		if !found {
			t.Errorf("%s: %q is not named in %q", depth, w, got)
		}
	}
	if len(want) == 0 && len(got) > 0 {
		t.Errorf("%s: %q", depth, got)
	}
	for _, g := range got {
		t.Logf("%s: %s", depth, g)
	}
}

// EV-02: a database that was rolled back behind a signed checkpoint, and a
// checkpoint of the instance in the object store that was changed or is gone, keep
// the server from serving; one of a tenant keeps the tenant from it.
func TestRolledBackIsRefused(t *testing.T) {
	t.Parallel()
	dir, older, mails := build(t)
	for name, do := range map[string]func(h *house){
		"an older database": func(h *house) {
			for _, file := range []string{"control.db", "control.db-wal", "control.db-shm"} {
				_ = os.Remove(filepath.Join(h.dir, file))
				if b, err := os.ReadFile(filepath.Join(older, file)); err == nil {
					replace(h.t, filepath.Join(h.dir, file), b)
					if err := os.Chmod(filepath.Join(h.dir, file), 0o600); err != nil {
						h.t.Fatal(err)
					}
				}
			}
		},
		"a changed checkpoint": func(h *house) { changeGuard(h.t, guardFile(h.dir, mail.TenantID{}, "instance")) },
		"no checkpoint": func(h *house) {
			if err := os.Remove(guardFile(h.dir, mail.TenantID{}, "instance")); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			h := open(t, dir, mails)
			h.close()
			do(h)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			err := stand.Serve(ctx, app.Options{Dir: h.dir}, func(*app.Server) { t.Error("the server serves"); stop() })
			if fault.Of(err) != fault.Damaged {
				t.Errorf("kind %v of %v", fault.Of(err), err)
			}
		})
	}
}

func guardFile(dir string, tenant mail.TenantID, log string) string {
	return filepath.Join(dir, "objects", tenant.String(), "checkpoints", log)
}

func changeGuard(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, path, bytes.Replace(b, []byte("\n"), []byte("\n1"), 1))
}

// A tenant whose checkpoint in the object store was changed or is gone is shut.
func TestTenantWithoutCheckpointIsShut(t *testing.T) {
	t.Parallel()
	dir, _, mails := build(t)
	for name, do := range map[string]func(t *testing.T, path string){
		"a changed checkpoint": changeGuard,
		"no checkpoint": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			h := open(t, dir, mails)
			h.close()
			do(t, guardFile(h.dir, h.tenant.ID(), "audit"))
			_, stop := stand.Start(t, app.Options{Dir: h.dir, Log: stand.Log()})
			defer stop()
			c, err := stand.Dial(stand.Socket(h.dir))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if r, err := c.Send(stand.NewMail(1000)); err != nil || r.Code != 451 {
				t.Errorf("a sender is told %v, %v", r, err)
			}
		})
	}
}

// CR-07, EV-06: a public key that was replaced in the database is not used:
// mail waits with its sender, and who opens the key is told.
func TestReplacedKeyIsFound(t *testing.T) {
	t.Parallel()
	dir, _, mails := build(t)
	h := open(t, dir, mails)
	h.change(`UPDATE seal_term SET public = (SELECT p.public FROM seal_term p JOIN seal_holder o ON o.tenant = p.tenant AND o.id = p.holder WHERE p.tenant = $1 AND o.kind = 'person' LIMIT 1)
		WHERE tenant = $1 AND holder = (SELECT id FROM seal_holder WHERE tenant = $1 AND kind = 'archive')`)
	if err := h.show(mails[0]); fault.Of(err) != fault.Damaged {
		t.Errorf("whoever opens the key is told %v", err)
	}
	h.close()
	_, stop := stand.Start(t, app.Options{Dir: h.dir, Log: stand.Log()})
	c, err := stand.Dial(stand.Socket(h.dir))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Send(stand.NewMail(1000))
	if err != nil || r.Code != 451 {
		t.Errorf("with a replaced key a sender is told %v, %v", r, err)
	}
	c.Close()
	stop()
	h.app, err = stand.Open(t.Context(), app.Options{Dir: h.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	counted, err := stand.NewSealed(t.Context(), h.app)
	if err != nil {
		t.Fatal(err)
	}
	if err := counted.Counted(t.Context(), mails); err != nil {
		t.Errorf("after the refusal: %v", err)
	}
}
