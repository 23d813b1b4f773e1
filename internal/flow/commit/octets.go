package commit

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
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

// refer enters what the messages of one tenant will be recognised by, and sets their
// receipts: that of an earlier one where one is recognised itself.
func (r *Room) refer(ctx context.Context, tx *db.Tx, list []*waiter, now time.Time) error {
	var once, again []*waiter
	for _, w := range list {
		w.p.Receipt = flow.Receipt{Message: w.p.ID}
		if w.p.Once {
			once = append(once, w)
		} else {
			again = append(again, w)
		}
	}
	if err := retried(ctx, tx, again, now); err != nil {
		return err
	}
	var rows [][]any
	for _, w := range again {
		if !w.p.Receipt.Duplicate {
			rows = append(rows, w.octetsRow())
		}
	}
	if err := tx.Insert(ctx, insertOctets, rows); err != nil {
		return err
	}
	for _, w := range once { // each sees those before it
		id, there, err := known(ctx, tx, w.kept)
		if err != nil {
			return err
		}
		if there {
			w.p.Receipt = flow.Receipt{Message: id, Duplicate: true}
			continue
		}
		if _, err := tx.Exec(ctx, insertOctets, w.octetsRow()...); err != nil {
			return err
		}
	}
	return nil
}

const insertOctets = `INSERT INTO commit_octets (tenant, mac, message, recipients) VALUES ($1, $2, $3, $4)`

func (w *waiter) octetsRow() []any { return []any{w.kept.name, w.p.ID.Bytes(), w.kept.recipients} }

// insertRetry enters a transaction, or counts a retry of one that was accepted and
// whose row has not expired: 24 hours, in microseconds, before the new one will.
const insertRetry = `INSERT INTO commit_retry (tenant, mac, message, times, expires) VALUES ($1, $2, $3, 1, $4)
	ON CONFLICT (tenant, mac) DO UPDATE SET
		message = CASE WHEN commit_retry.expires < excluded.expires - 86400000000 THEN excluded.message ELSE commit_retry.message END,
		times = CASE WHEN commit_retry.expires < excluded.expires - 86400000000 THEN 1 ELSE commit_retry.times + 1 END,
		expires = CASE WHEN commit_retry.expires < excluded.expires - 86400000000 THEN excluded.expires ELSE commit_retry.expires END
	RETURNING mac, message`

// retried enters transactions, and sets the receipts of those that were accepted
// before. One statement takes a row once, so who came twice at the same time comes in the next.
func retried(ctx context.Context, tx *db.Tx, list []*waiter, now time.Time) error {
	slices.SortStableFunc(list, func(a, b *waiter) int { return bytes.Compare(a.mac[:], b.mac[:]) })
	for len(list) > 0 {
		var rows [][]any
		var twice []*waiter
		by := make(map[retryName]*waiter, len(list))
		for _, w := range list {
			if by[w.mac] != nil {
				twice = append(twice, w)
				continue
			}
			by[w.mac] = w
			rows = append(rows, []any{w.mac[:], w.p.ID.Bytes(), mail.Micros(now.Add(retryFor))})
		}
		err := tx.InsertReturning(ctx, insertRetry, rows, func(r *sql.Rows) error {
			var mac, first []byte
			if err := r.Scan(&mac, &first); err != nil {
				return err
			}
			id, err := mail.IDFrom(first)
			if err != nil || len(mac) != len(retryName{}) || by[retryName(mac)] == nil {
				return errors.Join(errReturned, err)
			}
			w := by[retryName(mac)]
			w.p.Receipt = flow.Receipt{Message: id, Duplicate: id != w.p.ID}
			delete(by, retryName(mac))
			return nil
		})
		if err != nil {
			return err
		}
		if len(by) > 0 {
			return errReturned
		}
		list = twice
	}
	return nil
}

var errReturned = errors.New("commit: the database returned other rows than those that were written")
