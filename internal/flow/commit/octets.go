package commit

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Sizes of what is kept to recognise a message, in octets. Rows stay as long as the
// message, and there is one for each: a shorter MAC is enough to be sure, since only
// who has the tenant's key could look for two messages with the same one.
const (
	octetsSize    = 16
	recipientSize = 8
)

// octets names the octets of a message and whom it went to, by MACs.
type octets struct {
	name       []byte
	recipients []byte // one after the other, in the order of the envelope
}

func (r *Room) octetsOf(p *flow.Passage) octets {
	hash := p.Body.SHA256()
	name := r.MAC.MAC(p.Tenant, tuple.Make("siegel/v1 octets", hash[:]))
	o := octets{name: name[:octetsSize], recipients: []byte{}}
	for _, to := range p.Envelope.To {
		m := r.MAC.MAC(p.Tenant, tuple.Make("siegel/v1 octets for", hash[:], []byte(mail.NewAddress(to))))
		o.recipients = append(o.recipients, m[:recipientSize]...)
	}
	return o
}

// within reports whether all recipients are among those of a message that was kept.
func (o octets) within(kept []byte) bool {
	for at := 0; at < len(o.recipients); at += recipientSize {
		found := false
		for k := 0; k+recipientSize <= len(kept); k += recipientSize {
			found = found || bytes.Equal(o.recipients[at:at+recipientSize], kept[k:k+recipientSize])
		}
		if !found {
			return false
		}
	}
	return true
}

// querier is a tenant's handle or a transaction.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Known returns the message of the tenant that has the octets of a passage and went
// to all recipients of its envelope, and whether there is one. What it does not find
// may be committed a moment later: a passage that is kept once is looked up again by
// its commit.
func (r *Room) Known(ctx context.Context, p *flow.Passage) (mail.ID, bool, error) {
	return known(ctx, r.DB.Tenant(p.Tenant), r.octetsOf(p))
}

func known(ctx context.Context, q querier, o octets) (id mail.ID, ok bool, err error) {
	rows, err := q.Query(ctx, `SELECT message, recipients FROM commit_octets WHERE tenant = $1 AND mac = $2`, o.name)
	if err != nil {
		return id, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var message, recipients []byte
		if err := rows.Scan(&message, &recipients); err != nil {
			return id, false, err
		}
		if o.within(recipients) {
			id, err = mail.IDFrom(message)
			return id, true, err
		}
	}
	return id, false, rows.Err()
}

// refer enters what a message will be recognised by, and sets its receipt: that of an
// earlier one where it is recognised itself.
func (r *Room) refer(ctx context.Context, tx *db.Tx, w *waiter, now time.Time) (err error) {
	w.p.Receipt = flow.Receipt{Message: w.p.ID}
	if w.p.Once {
		id, there, err := known(ctx, tx, w.kept)
		if err != nil || there {
			w.p.Receipt = flow.Receipt{Message: id, Duplicate: there}
			return err
		}
	} else if w.p.Receipt, err = r.reference(ctx, tx, w, now); err != nil || w.p.Receipt.Duplicate {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO commit_octets (tenant, mac, message, recipients) VALUES ($1, $2, $3, $4)`,
		w.kept.name, w.p.ID.Bytes(), w.kept.recipients)
	return err
}
