package stand

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"siegel/internal/app"
	"siegel/internal/front/console"
	"siegel/internal/identity"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
)

// Checker checks a data directory against what senders were told.
type Checker struct {
	app     *app.App
	session *identity.Session
	tenant  db.Tenant
}

// NewChecker signs in as the keeper. Close it.
func NewChecker(ctx context.Context, a *app.App) (*Checker, error) {
	s, err := SignIn(ctx, a)
	if err != nil {
		return nil, err
	}
	return &Checker{app: a, session: s, tenant: s.Tenant()}, nil
}

// NewSealed returns a checker without a session, which is quick: it can count,
// prove and verify, and show nothing.
func NewSealed(ctx context.Context, a *app.App) (*Checker, error) {
	t, err := a.Identity.Named(ctx, Tenant)
	if err != nil {
		return nil, err
	}
	return &Checker{app: a, tenant: a.DB.Tenant(t.ID)}, nil
}

// Close signs out.
func (c *Checker) Close() {
	if c.session != nil {
		c.session.Close()
	}
}

// Session returns the keeper's session.
func (c *Checker) Session() *identity.Session { return c.session }

// Shown shows every message and compares its SHA-256 (requirements EV-01 and
// EX-01).
func (c *Checker) Shown(ctx context.Context, list []*Mail) error {
	const parallel = 4
	work := make(chan *Mail)
	errs := make([]error, parallel)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() {
			for m := range work {
				if err := c.shown(ctx, m); err != nil {
					errs[i] = errors.Join(errs[i], fmt.Errorf("message %s: %w", m.ID, err))
				}
			}
		})
	}
	for _, m := range list {
		work <- m
	}
	close(work)
	wait.Wait()
	return errors.Join(errs...)
}

func (c *Checker) shown(ctx context.Context, m *Mail) error {
	shown, err := c.app.Archive.Show(ctx, c.session, m.ID, "test")
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(h, shown)
	if err := errors.Join(err, shown.Close()); err != nil {
		return err
	}
	if [32]byte(h.Sum(nil)) != m.SHA256 || shown.SHA256 != m.SHA256 || shown.Size != int64(len(m.Octets)) {
		return errors.New("other octets than were sent")
	}
	return nil
}

// row is what the database says of a message.
type row struct {
	id            mail.ID
	leaf          int64
	pack          mail.ID
	start, length int64
	size          int64
}

// Counted fails where the archive does not hold exactly the messages of the
// list, each once: as many rows and entries of the message log as there are
// distinct messages, and no other ids.
func (c *Checker) Counted(ctx context.Context, list []*Mail) error {
	want := make(map[mail.ID]bool, len(list))
	for _, m := range list {
		if want[m.ID] {
			return fmt.Errorf("two messages got the id %s", m.ID)
		}
		want[m.ID] = true
	}
	rows, err := c.rows(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if !want[r.id] {
			return fmt.Errorf("the archive has message %s at entry %d, which nobody sent or which came twice", r.id, r.leaf)
		}
	}
	tree, err := c.app.Ledger.Tree(ctx, c.tenant, "message")
	if err != nil {
		return err
	}
	if len(rows) != len(want) || tree.Size != int64(len(want)) {
		return fmt.Errorf("%d messages were accepted, the archive has %d, the message log %d entries", len(want), len(rows), tree.Size)
	}
	// What the sources count is the same (requirement BX-01).
	w, err := c.app.Whole(ctx, c.tenant.ID())
	if err == nil && (!w.Holds() || w.Sealed != int64(len(want))) {
		err = fmt.Errorf("%d messages were accepted, the sources count %d sealed ones of %d in the log", len(want), w.Sealed, w.Log)
	}
	return err
}

func (c *Checker) rows(ctx context.Context) (list []row, err error) {
	rows, err := c.tenant.Query(ctx, `SELECT id, leaf, pack, start, length, size FROM archive_message WHERE tenant = $1 ORDER BY leaf`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r row
		var id, pack []byte
		if err := rows.Scan(&id, &r.leaf, &pack, &r.start, &r.length, &r.size); err != nil {
			return nil, err
		}
		copy(r.id[:], id)
		copy(r.pack[:], pack)
		list = append(list, r)
	}
	return list, rows.Err()
}

// Proven checks for every message of the list that its entry speaks of it and
// of the octets in the pack, and that the entry is in the log (requirement
// EV-02).
func (c *Checker) Proven(ctx context.Context, list []*Mail) error {
	rows, err := c.rows(ctx)
	if err != nil {
		return err
	}
	by := make(map[mail.ID]row, len(rows))
	for _, r := range rows {
		by[r.id] = r
	}
	tree, err := c.app.Ledger.Tree(ctx, c.tenant, "message")
	if err != nil {
		return err
	}
	root, err := tree.Root(tree.Size)
	if err != nil {
		return err
	}
	for _, m := range list {
		r, ok := by[m.ID]
		if !ok {
			return fmt.Errorf("message %s was acknowledged and is not there", m.ID)
		}
		data, err := c.leaf(ctx, r, m)
		if err != nil {
			return fmt.Errorf("message %s: %w", m.ID, err)
		}
		proof, err := tree.Inclusion(tree.Size, r.leaf)
		if err != nil {
			return fmt.Errorf("message %s: %w", m.ID, err)
		}
		if err := tlog.CheckRecord(proof, tree.Size, root, r.leaf, tlog.RecordHash(data[:])); err != nil {
			return fmt.Errorf("message %s: %w", m.ID, err)
		}
	}
	return nil
}

// leaf computes the leaf of a message from its entry and its pack.
func (c *Checker) leaf(ctx context.Context, r row, m *Mail) (entry.Hash, error) {
	var text []byte
	err := c.tenant.QueryRow(ctx, `SELECT text FROM ledger_entry WHERE tenant = $1 AND log = 'message' AND idx = $2`, r.leaf).Scan(&text)
	if err != nil {
		return entry.Hash{}, err
	}
	e, err := entry.Parse(text)
	if err != nil {
		return entry.Hash{}, err
	}
	if e.ID != m.ID || e.Kind != "message" || e.Size != int64(len(m.Octets)) {
		return entry.Hash{}, errors.New("its entry speaks of something else")
	}
	sealed, err := c.app.Store.Get(ctx, blob.PackName(c.tenant.ID(), r.pack), r.start, r.length)
	if err != nil {
		return entry.Hash{}, err
	}
	h := sha256.New()
	_, err = io.Copy(h, sealed)
	return entry.LeafData(text, entry.Hash(h.Sum(nil))), errors.Join(err, sealed.Close())
}

// Verified is `siegel ledger verify` without a key; the logs of the tenant are
// computed once more, from their entries and by the reference implementation.
func (c *Checker) Verified(ctx context.Context) error {
	for _, log := range []string{"message", "audit"} {
		if err := c.log(ctx, log); err != nil {
			return fmt.Errorf("%s log: %w", log, err)
		}
	}
	return clean(c.app.VerifyLedger(ctx, mail.TenantID{}))
}

// Opened is `siegel ledger verify` in the keeper's session.
func (c *Checker) Opened(ctx context.Context) error {
	return clean(c.app.VerifyOpened(ctx, c.session, func(int64, int64) {}))
}

func clean(list []console.Verified, err error) error {
	if err != nil {
		return err
	}
	for _, v := range list {
		for _, p := range v.Problems {
			err = errors.Join(err, fmt.Errorf("%s %s, depth %s: entry %d: %w", v.Tenant, v.Log, v.Depth, p.Index, p.Err))
		}
	}
	return err
}

func (c *Checker) log(ctx context.Context, log string) (err error) {
	tree, err := c.app.Ledger.Tree(ctx, c.tenant, log)
	if err != nil {
		return err
	}
	rows, err := c.tenant.Query(ctx, `SELECT idx, leaf, sealed, text FROM ledger_entry WHERE tenant = $1 AND log = $2 ORDER BY idx`, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, x := range at {
			out[i] = stored[x]
		}
		return out, nil
	})
	n := int64(0)
	for ; rows.Next(); n++ {
		var at int64
		var leaf, sealed, text []byte
		if err := rows.Scan(&at, &leaf, &sealed, &text); err != nil {
			return err
		}
		data := entry.LeafData(text, entry.Hash(sealed))
		if at != n || entry.Hash(leaf) != data {
			return fmt.Errorf("entry %d is not what its leaf says", n)
		}
		hashes, err := tlog.StoredHashes(n, data[:], reader)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n != tree.Size {
		return fmt.Errorf("%d entries, the log's head says %d", n, tree.Size)
	}
	want, err := tlog.TreeHash(n, reader)
	if err != nil {
		return err
	}
	got, err := tree.Root(n)
	if err == nil && n > 0 && got != want {
		err = errors.New("the tiles give another root than the entries")
	}
	return err
}

// All does every check with every message.
func (c *Checker) All(ctx context.Context, list []*Mail) error {
	return errors.Join(c.Shown(ctx, list), c.Proven(ctx, list), c.Verified(ctx))
}
