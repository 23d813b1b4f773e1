// Package prove makes the ledger's part of proof bundles.
package prove

import (
	"context"
	"errors"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/bundle"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
)

// Prover makes the ledger's part of proof bundles. Use it from many goroutines.
type Prover struct {
	db     *db.DB
	ledger *ledger.Ledger
	key    checkpoint.Key
	plan   Plan
}

// Plan says what a proof that is not there yet waits for.
type Plan struct {
	Every     time.Duration // how long after its first new entry a log is signed
	Authority bool          // there is a timestamp authority
}

// New returns a prover. key is the instance's public key.
func New(d *db.DB, l *ledger.Ledger, key checkpoint.Key, p Plan) *Prover {
	return &Prover{db: d, ledger: l, key: key, plan: p}
}

// Prove returns the proof of the entry at that index of a tenant's log: the
// earliest checkpoint that covers it and is anchored under a timestamp, and the
// newest timestamp before the entry's own time. It fails with kind Busy where
// no timestamp covers the entry yet, and says what it waits for and until when;
// with kind Invalid where none will, because no authority is configured.
func (p *Prover) Prove(ctx context.Context, t db.Tenant, log string, index int64) (_ *bundle.Ledger, err error) {
	defer fault.Wrap(&err, "proof of entry %d of the %s log", index, log)
	l := &bundle.Ledger{Key: p.key}
	if err := p.entry(ctx, t, log, index, l); err != nil {
		return nil, err
	}
	size, at, err := p.anchor(ctx, t, log, index, l)
	if err != nil {
		return nil, err
	}
	tree, err := p.ledger.Tree(ctx, t, log)
	if err != nil {
		return nil, err
	}
	if l.Inclusion.Path, err = path(tree, size, index); err != nil {
		return nil, err
	}
	l.Inclusion.Index, l.AnchorInclusion.Index = index, at
	instance, err := p.ledger.Tree(ctx, p.db.Instance(), ledger.Instance)
	if err != nil {
		return nil, err
	}
	covering, err := p.stamped(ctx, at, l)
	if err != nil {
		return nil, err
	}
	if l.AnchorInclusion.Path, err = path(instance, covering, at); err != nil {
		return nil, err
	}
	return l, p.before(ctx, instance, covering, l)
}

// Ready fails as Prove does where nobody can prove the entry yet, and makes no proof.
func (p *Prover) Ready(ctx context.Context, t db.Tenant, log string, index int64) (err error) {
	defer fault.Wrap(&err, "proof of entry %d of the %s log", index, log)
	l := new(bundle.Ledger)
	_, at, err := p.anchor(ctx, t, log, index, l)
	if err != nil {
		return err
	}
	_, err = p.stamped(ctx, at, l)
	return err
}

// path returns an audit path as bundles have it.
func path(tree *ledger.Tree, size, index int64) ([]checkpoint.Hash, error) {
	proof, err := tree.Inclusion(size, index)
	out := make([]checkpoint.Hash, len(proof))
	for i, h := range proof {
		out[i] = checkpoint.Hash(h)
	}
	return out, err
}

func (p *Prover) entry(ctx context.Context, t db.Tenant, log string, index int64, l *bundle.Ledger) error {
	var sealed []byte
	err := t.QueryRow(ctx, `SELECT text, sealed FROM ledger_entry WHERE tenant = $1 AND log = $2 AND idx = $3`, log, index).Scan(&l.Entry, &sealed)
	if err == nil && len(sealed) != len(l.Sealed) {
		return fault.Newf(fault.Damaged, "entry %d of the %s log is not what it should be", index, fault.Word(log))
	}
	copy(l.Sealed[:], sealed)
	return err
}

// anchor finds the earliest checkpoint of the log that covers the entry, and
// where it is anchored.
func (p *Prover) anchor(ctx context.Context, t db.Tenant, log string, index int64, l *bundle.Ledger) (size, at int64, err error) {
	var salt []byte
	err = t.QueryRow(ctx, `SELECT c.size, c.note, a.idx, a.salt FROM ledger_checkpoint c JOIN ledger_anchor a
		ON a.tenant = c.tenant AND a.log = c.log AND a.size = c.size
		WHERE c.tenant = $1 AND c.log = $2 AND c.size > $3 ORDER BY c.size LIMIT 1`, log, index).Scan(&size, &l.Inclusion.Note, &at, &salt)
	if errors.Is(err, db.ErrNoRows) {
		return 0, 0, p.uncovered(ctx, t, log)
	}
	if err == nil && len(salt) != entry.SaltSize {
		err = fault.New(fault.Damaged, "an anchor in the database is malformed")
	}
	if err != nil {
		return 0, 0, err
	}
	l.AnchorSalt = entry.Hash(salt)
	err = p.db.Instance().QueryRow(ctx, `SELECT text FROM ledger_entry WHERE tenant = $1 AND log = $2 AND idx = $3`, ledger.Instance, at).Scan(&l.AnchorEntry)
	return size, at, err
}

// stamped finds the earliest stamped checkpoint of the instance that covers the
// anchor at that index.
func (p *Prover) stamped(ctx context.Context, at int64, l *bundle.Ledger) (size int64, err error) {
	instance := p.db.Instance()
	var made int64
	s := &l.Stamp
	err = instance.QueryRow(ctx, `SELECT size, token, chain, lists, made FROM ledger_stamp
		WHERE tenant = $1 AND state = $2 AND size > $3 ORDER BY size LIMIT 1`, ledger.Stamped, at).Scan(&size, &s.Token, &s.Chain, &s.Lists, &made)
	if errors.Is(err, db.ErrNoRows) {
		return 0, p.unstamped(ctx, at)
	}
	if err != nil {
		return 0, err
	}
	s.Time = mail.FromMicros(made)
	return size, p.note(ctx, size, &l.AnchorInclusion.Note)
}

// uncovered says when a checkpoint is due that covers the whole log.
func (p *Prover) uncovered(ctx context.Context, t db.Tenant, log string) error {
	if !p.plan.Authority {
		return errNoAuthority()
	}
	c, err := ledger.CoverageOf(ctx, t, log)
	if err != nil {
		return err
	}
	due := c.Next(p.plan.Every)
	if due.IsZero() {
		return fault.New(fault.Busy, "the proof of this message is not ready yet: it is being signed. Please try again in a moment")
	}
	return fault.Newf(fault.Busy, "the proof of this message is not ready yet: what arrived lately is signed together, next at %s", due.Format(time.RFC3339))
}

func errNoAuthority() error {
	return fault.New(fault.Invalid, "no timestamp authority is configured, so this message cannot be proven to strangers: set timestamps.url and timestamps.roots")
}

// unstamped says since when a timestamp is asked for.
func (p *Prover) unstamped(ctx context.Context, at int64) error {
	if !p.plan.Authority {
		return errNoAuthority()
	}
	var since *int64
	err := p.db.Instance().QueryRow(ctx, `SELECT MIN(created) FROM ledger_stamp WHERE tenant = $1 AND size > $2`, at).Scan(&since)
	if err != nil {
		return err
	}
	if since == nil {
		return p.uncovered(ctx, p.db.Instance(), ledger.Instance)
	}
	return fault.Newf(fault.Busy, "the proof of this message is not ready yet: its timestamp was asked for at %s, and has not come. Please try again in some minutes",
		mail.FromMicros(*since).Format(time.RFC3339))
}

func (p *Prover) note(ctx context.Context, size int64, note *[]byte) error {
	return p.db.Instance().QueryRow(ctx, `SELECT note FROM ledger_checkpoint WHERE tenant = $1 AND log = $2 AND size = $3`, ledger.Instance, size).Scan(note)
}

// before adds the newest stamped checkpoint that does not hold the anchor and
// was stamped before the entry's own time, where there is one.
func (p *Prover) before(ctx context.Context, instance *ledger.Tree, covering int64, l *bundle.Ledger) error {
	e, err := entry.Parse(l.Entry)
	if err != nil {
		return fault.Because(fault.Damaged, "an entry of the ledger is malformed", err)
	}
	b := new(bundle.Earlier)
	var size, made int64
	err = p.db.Instance().QueryRow(ctx, `SELECT size, token, chain, lists, made FROM ledger_stamp
		WHERE tenant = $1 AND state = $2 AND size <= $3 AND made <= $4 ORDER BY size DESC LIMIT 1`,
		ledger.Stamped, l.AnchorInclusion.Index, mail.Micros(e.Time)).Scan(&size, &b.Stamp.Token, &b.Stamp.Chain, &b.Stamp.Lists, &made)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	b.Stamp.Time = mail.FromMicros(made)
	if err := p.note(ctx, size, &b.Note); err != nil {
		return err
	}
	proof, err := instance.Consistency(covering, size)
	if err != nil {
		return err
	}
	for _, h := range proof {
		b.Consistency = append(b.Consistency, checkpoint.Hash(h))
	}
	l.Before = b
	return nil
}
