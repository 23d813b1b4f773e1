package ledger

import (
	"context"
	"crypto/hmac"
	"errors"
	"iter"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint/layout"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// Entry is an entry of a log as the database has it.
type Entry = layout.Entry

// page is how many entries are read at a time.
const page = 1024

// Entries yields the entries of a log from an index on, in order, as they
// stand: whether they are what was entered is [Ledger.Verify]'s. A gap ends
// with an error of kind Damaged that names the index.
func (l *Ledger) Entries(ctx context.Context, t db.Tenant, log string, from int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range l.rows(ctx, t, log, from) {
			if !yield(e.Entry, err) {
				return
			}
		}
	}
}

// row is an entry with what says that this instance entered it.
type row struct {
	Entry
	mac       []byte
	malformed bool // its hashes are none
}

// check fails with kind Damaged where a row does not fit its own leaf, or this
// instance did not enter it.
func (l *Ledger) check(n logName, r row) error {
	leaf := entry.LeafData(r.Text, r.Sealed)
	if leaf != r.Leaf || r.malformed {
		return fault.Newf(fault.Damaged, "entry %d of the %s log is not what it should be", r.Index, fault.Word(n.log))
	}
	if want := l.entryMAC(n, r.Index, leaf); !hmac.Equal(want[:], r.mac) {
		return fault.Newf(fault.Damaged, "entry %d of the %s log was not entered by this server: somebody changed the database", r.Index, fault.Word(n.log))
	}
	return nil
}

// rows does what Entries does.
func (l *Ledger) rows(ctx context.Context, t db.Tenant, log string, from int64) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for limit := 1; ; limit = page { // who asks for one gets one
			list, err := readPage(ctx, t, log, from, limit)
			if err != nil {
				yield(row{}, err)
				return
			}
			for _, e := range list {
				if e.Index != from {
					yield(row{}, fault.Newf(fault.Damaged, "entry %d of the %s log is missing", from, fault.Word(log)))
					return
				}
				if e.malformed {
					yield(row{}, fault.Newf(fault.Damaged, "entry %d of the %s log is not what it should be", e.Index, fault.Word(log)))
					return
				}
				if !yield(e, nil) {
					return
				}
				from++
			}
			if len(list) < limit {
				return
			}
		}
	}
}

// Entry returns the text of one entry and the SHA-256 of the sealed octets that
// it speaks of, as they stand. It fails with kind NotFound behind the end of the
// log and with kind Damaged for an entry that is missing before it.
func (l *Ledger) Entry(ctx context.Context, t db.Tenant, log string, index int64) (text []byte, sealed entry.Hash, err error) {
	defer fault.Wrap(&err, "ledger %s", log)
	for e, err := range l.Entries(ctx, t, log, index) {
		return e.Text, e.Sealed, err
	}
	return nil, sealed, fault.Newf(fault.NotFound, "the %s log has no entry %d", fault.Word(log), index)
}

func readPage(ctx context.Context, t db.Tenant, log string, from int64, limit int) (list []row, err error) {
	rows, err := t.Query(ctx, `SELECT idx, text, sealed, leaf, mac FROM ledger_entry WHERE tenant = $1 AND log = $2 AND idx >= $3 ORDER BY idx LIMIT $4`,
		log, from, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e row
		var sealed, leaf []byte
		if err := rows.Scan(&e.Index, &e.Text, &sealed, &leaf, &e.mac); err != nil {
			return nil, err
		}
		copy(e.Sealed[:], sealed)
		copy(e.Leaf[:], leaf)
		e.malformed = len(sealed) != len(e.Sealed) || len(leaf) != len(e.Leaf)
		list = append(list, e)
	}
	return list, rows.Err()
}

// Coverage is how much of a log is signed.
type Coverage struct {
	Size   int64     // entries
	Signed int64     // of them the newest checkpoint covers
	Since  time.Time // when the first entry behind it came; zero where the row says that there is none
}

// Next is when a checkpoint is due that covers every entry, where a log is signed
// that long after its first new entry; zero where one covers them all.
func (c Coverage) Next(every time.Duration) time.Time {
	if c.Signed >= c.Size || c.Since.IsZero() {
		return time.Time{}
	}
	return c.Since.Add(every)
}

// CoverageOf says how much of a log is signed. It fails with kind NotFound where
// there is no such log.
func CoverageOf(ctx context.Context, t db.Tenant, log string) (c Coverage, err error) {
	var changed int64
	err = t.QueryRow(ctx, `SELECT changed, size, (SELECT COALESCE(MAX(p.size), 0) FROM ledger_checkpoint p WHERE p.tenant = $1 AND p.log = $2)
		FROM ledger_log WHERE tenant = $1 AND name = $2`, log).Scan(&changed, &c.Size, &c.Signed)
	if errors.Is(err, db.ErrNoRows) {
		return c, fault.New(fault.NotFound, "there is no such log")
	}
	if changed != 0 {
		c.Since = mail.FromMicros(changed)
	}
	return c, err
}

// Checkpoints returns the signed checkpoints of a log, smallest first.
func Checkpoints(ctx context.Context, t db.Tenant, log string) (notes [][]byte, err error) {
	rows, err := t.Query(ctx, `SELECT note FROM ledger_checkpoint WHERE tenant = $1 AND log = $2 ORDER BY size`, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var note []byte
		if err := rows.Scan(&note); err != nil {
			return nil, err
		}
		notes = append(notes, note)
	}
	return notes, rows.Err()
}
