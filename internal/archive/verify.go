package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"time"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/proto/mime"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Entries reads the message log: vault/ledger.
type Entries interface {
	// Entry returns the text of an entry and the SHA-256 of the sealed octets it
	// speaks of. It fails with kind NotFound behind the end of the log.
	Entry(ctx context.Context, t db.Tenant, log string, index int64) (text []byte, sealed entry.Hash, err error)
	// Has proves that the leaf at an index of the log is data, and fails with kind
	// Damaged where it is not.
	Has(ctx context.Context, t db.Tenant, log string, index int64, data entry.Hash) error
}

// Finding is something that does not verify.
type Finding struct {
	Index   int64   // of the entry in the message log
	Message mail.ID // zero where it is not known
	Err     error   // of kind Damaged; its sentence says what
}

// Depth says how deep a check goes.
type Depth string

// The depths of ledger verify.
const (
	// Sealed compares packs with the ledger and needs no key.
	Sealed Depth = "sealed"
	// Opened opens every message in a keeper's session and compares what is
	// inside with every commitment.
	Opened Depth = "opened"
)

// verifyPage is how many rows are read at a time.
const verifyPage = 500

// VerifySealed checks without any key that every message's sealed octets are
// those that its leaf commits to, that rows and entries belong together, and that
// packs have what their own indexes say, index records included. f hears what does not verify; it returns how many messages were checked.
func (a *Archive) VerifySealed(ctx context.Context, t db.Tenant, f func(Finding)) (checked int64, err error) {
	defer fault.Wrap(&err, "verify")
	want := int64(0)
	p := &packs{archive: a, tenant: t, found: f, seen: make(map[mail.ID]bool)}
	for {
		err = a.eachRow(ctx, t, want-1, func(r row) error {
			for ; want < r.leaf; want++ {
				f(Finding{Index: want, Err: errNoRow()})
			}
			want = r.leaf + 1
			checked++
			return a.verifySealed(ctx, p, r)
		})
		if err != nil {
			return checked, err
		}
		_, _, err := a.Entries.Entry(ctx, t, "message", want)
		if fault.Of(err) == fault.NotFound {
			return checked, nil
		}
		if err != nil {
			return checked, err
		}
		// A message that arrived since the last row was read has one.
		arrived, err := a.page(ctx, t, want-1)
		if err != nil {
			return checked, err
		}
		if len(arrived) == 0 {
			f(Finding{Index: want, Err: errNoRow()})
			want++
		}
	}
}

// eachRow calls f with every message behind an index, in the order of the log.
func (a *Archive) eachRow(ctx context.Context, t db.Tenant, after int64, f func(row) error) error {
	for {
		page, err := a.page(ctx, t, after)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if err := f(r); err != nil {
				return err
			}
			after = r.leaf
		}
	}
}

func (a *Archive) page(ctx context.Context, t db.Tenant, after int64) (page []row, err error) {
	// Evidence is read apart, where it is opened: that of a journal report may be large.
	rows, err := t.Query(ctx, `SELECT id, leaf, pack, start, length, size, arrived, opening FROM archive_message
		WHERE tenant = $1 AND leaf > $2 ORDER BY leaf LIMIT $3`, after, verifyPage)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r row
		var id, pack []byte
		var arrived int64
		if err := rows.Scan(&id, &r.leaf, &pack, &r.start, &r.length, &r.size, &arrived, &r.opening); err != nil {
			return nil, err
		}
		var errs [2]error
		r.id, errs[0] = mail.IDFrom(id)
		r.pack, errs[1] = mail.IDFrom(pack)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, err
		}
		r.arrived = mail.FromMicros(arrived)
		page = append(page, r)
	}
	return page, rows.Err()
}

func (a *Archive) verifySealed(ctx context.Context, p *packs, r row) error {
	found := func(err error) { p.found(Finding{r.leaf, r.id, err}) }
	if err := p.take(ctx, r); err != nil {
		return err
	}
	e, err := a.entered(ctx, p.tenant, r)
	if fault.Of(err) == fault.Damaged {
		found(err)
		if e.text == nil {
			return nil // nothing says what the pack should have
		}
	} else if err != nil {
		return err
	}
	sum, err := p.message(ctx, r, e)
	if fault.Of(err) == fault.Damaged && err != nil {
		found(err)
		return nil
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(sum[:], e.sealed[:]) {
		found(fault.New(fault.Damaged, "the sealed octets in the pack are not those that were entered"))
	}
	return nil
}

// Inside is a message that was opened and is the one that was entered, while its
// key is open.
type Inside struct {
	Index   int64 // of the entry in the message log
	ID      mail.ID
	Arrived time.Time
	Size    int64
	Parsed  *mime.Message
	Key     *seal.Opened
}

// Opening is what [Archive.VerifyOpened] tells.
type Opening struct {
	Progress func(done, total int64) // may be nil
	Found    func(Finding)
	// Inside checks what other rooms keep of a message. An error of kind Damaged is
	// a finding of the message, any other stops the check. May be nil.
	Inside func(context.Context, Inside) error
}

// VerifyOpened does what VerifySealed cannot: in the session of a keeper it
// opens every message and compares octets, parts, envelope, source and decision
// with the entry's commitments. It is in the audit log before it begins. Opening
// says who listens.
func (a *Archive) VerifyOpened(ctx context.Context, s Reader, o Opening) (checked int64, err error) {
	defer fault.Wrap(&err, "verify")
	if !s.Unlocked().Holds(s.Archive()) {
		return 0, fault.New(fault.Denied, "only who holds the archive can check what is inside")
	}
	var total int64
	if err := s.Tenant().QueryRow(ctx, `SELECT COUNT(*) FROM archive_message WHERE tenant = $1`).Scan(&total); err != nil {
		return 0, err
	}
	event := audit.Event{What: "ledger.verify", Who: s.Person().String(), Detail: map[string]any{"depth": string(Opened), "messages": total}}
	if err := a.Trail.Record(ctx, s.Tenant(), s.Archive(), event); err != nil {
		return 0, err
	}
	err = a.eachRow(ctx, s.Tenant(), -1, func(r row) error {
		err := a.verifyOpened(ctx, s, r, o.Inside)
		if fault.Of(err) == fault.Damaged {
			o.Found(Finding{r.leaf, r.id, err})
		} else if err != nil {
			return err
		}
		checked++
		if o.Progress != nil && checked%100 == 0 {
			o.Progress(checked, total)
		}
		return nil
	})
	return checked, err
}

// verifyOpened fails with kind Damaged where something is wrong with a message;
// other errors stop the check.
func (a *Archive) verifyOpened(ctx context.Context, s Reader, r row, also func(context.Context, Inside) error) error {
	e, err := a.entered(ctx, s.Tenant(), r)
	if err != nil {
		return err
	}
	if err := a.proven(ctx, s.Tenant(), r, e); err != nil {
		return err
	}
	key, err := s.Unlocked().Open(ctx, r.id, s.Archive())
	if err != nil {
		return damage(err, fault.Because(fault.Damaged, "no key opens the message", err))
	}
	defer key.Close()
	err = s.Tenant().QueryRow(ctx, `SELECT evidence FROM archive_message WHERE tenant = $1 AND leaf = $2`, r.leaf).Scan(&r.evidence)
	if err != nil {
		return err
	}
	if err := verifyEvidence(e.Entry, r, key); err != nil {
		return err
	}
	if _, err := a.openReport(ctx, s.Tenant(), e.Entry, key); err != nil {
		return err
	}
	o := &opened{row: r, key: key}
	if o.content, err = e.content(o); err != nil {
		return err
	}
	parsed, err := a.verifyOctets(ctx, s, e.Entry, o)
	if err != nil || also == nil {
		return err
	}
	return also(ctx, Inside{r.leaf, r.id, r.arrived, r.size, parsed, key})
}

// verifyEvidence compares envelope, source and decision with what was entered.
func verifyEvidence(e entry.Entry, r row, key *seal.Opened) error {
	plain, err := key.OpenEvidence(r.evidence)
	if err != nil {
		return damage(err, fault.Because(fault.Damaged, "the evidence does not open", err))
	}
	ev, err := entry.DecodeEvidence(plain)
	if err != nil {
		return fault.Because(fault.Damaged, "the message's evidence is malformed", err)
	}
	tree := ev.Tree()
	return errors.Join(
		fault.Because(fault.Damaged, "the source is not the one that was entered", e.Check("source", ev.Source)),
		fault.Because(fault.Damaged, "the decision is not the one that was entered", e.Check("decision", ev.Decision)),
		fault.Because(fault.Damaged, "the envelope is not the one that was entered",
			e.Check("envelope", entry.Opening{Salt: ev.EnvelopeSalt, Value: tree.Value()})),
	)
}

// verifyOctets reads the message and compares hash and parts.
func (a *Archive) verifyOctets(ctx context.Context, s Reader, e entry.Entry, o *opened) (*mime.Message, error) {
	m, err := a.stream(ctx, s.Tenant(), o)
	if err != nil {
		return nil, damage(err, fault.Because(fault.Damaged, "the message's octets are missing or do not open", err))
	}
	p := &partHasher{salts: entry.NewPartSalts(o.content.PartSeed), lengths: o.content.Lengths, h: sha256.New()}
	p.next()
	parser := mime.NewParser(mime.Limits{}, nil)
	_, err = io.Copy(io.MultiWriter(p, parser), m)
	if err := errors.Join(err, m.Close(), parser.Close()); err != nil {
		return nil, damage(err, fault.Because(fault.Damaged, "the message's octets do not open or are others than those that arrived", err))
	}
	err = e.Check("parts", entry.Opening{Salt: o.content.PartsSalt, Value: p.tree.Value()})
	if p.done != len(p.lengths) {
		err = errors.New("archive: a part is missing")
	}
	return parser.Message(), fault.Because(fault.Damaged, "the parts are not those that were entered", err)
}

// partHasher hashes consecutive ranges of what is written to it.
type partHasher struct {
	salts   *entry.PartSalts
	lengths []int64
	done    int   // ranges that are complete
	left    int64 // octets that the current one still takes
	h       hash.Hash
	tree    entry.Tree
}

// next begins a range.
func (p *partHasher) next() {
	if p.done < len(p.lengths) {
		p.left = p.lengths[p.done]
	}
	salt := p.salts.At(p.done)
	p.h.Reset()
	p.h.Write(salt[:])
}

// Write implements [io.Writer].
func (p *partHasher) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 {
		if p.done == len(p.lengths) {
			return total - len(b), fault.New(fault.Damaged, "the message is longer than its parts")
		}
		n := min(p.left, int64(len(b)))
		p.h.Write(b[:n])
		b = b[n:]
		if p.left -= n; p.left == 0 {
			p.tree.Add(entry.Hash(p.h.Sum(nil)))
			p.done++
			p.next()
		}
	}
	return total, nil
}
