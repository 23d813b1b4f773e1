package tally

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Count is what came in.
type Count struct {
	Accepted    int64 `json:"accepted"`    // messages that were sealed
	References  int64 `json:"references"`  // retries of them that were recognised
	Octets      int64 `json:"octets"`      // of the messages
	Stored      int64 `json:"stored"`      // octets of what was sealed of them
	Reports     int64 `json:"reports"`     // of the messages, in journal reports
	Undecodable int64 `json:"undecodable"` // reports that were kept as they came

	refused refusals
}

// Plain is how many messages came as they are from a source: neither reports that
// were unwrapped nor ones that could not be.
func (c Count) Plain() int64 { return c.Accepted - c.Reports - c.Undecodable }

// Refused returns how many were refused, in all and by reason; reasons that did not
// happen are left out.
func (c Count) Refused() (n int64, by map[mail.Refusal]int64) {
	by = make(map[mail.Refusal]int64)
	for i, why := range mail.Refusals() {
		if c.refused[i] > 0 {
			n += c.refused[i]
			by[why] = c.refused[i]
		}
	}
	return n, by
}

func (c *Count) add(o Count) {
	c.Accepted += o.Accepted
	c.References += o.References
	c.Octets += o.Octets
	c.Stored += o.Stored
	c.Reports += o.Reports
	c.Undecodable += o.Undecodable
	for i := range c.refused {
		c.refused[i] += o.refused[i]
	}
}

// row is a source's hour.
type row struct {
	Count
	source   string
	hour     int64 // seconds since 1970
	earliest int64 // microseconds; 0 for no arrival
	latest   int64
	gap      int64 // microseconds
	from, to int64 // of the message log; -1 for none

	id   mail.ID
	salt entry.Hash
	at   int64
	leaf int64 // of the entry; -1 for none
}

const columns = `source, hour, accepted, refs, octets, stored, reports, undecodable, r_auth, r_recipient, r_policy, r_size, r_room, r_later,
	earliest, latest, gap, leaf_from, leaf_to, id, salt, at, leaf`

const selectRow = `SELECT ` + columns + ` FROM tally_hour WHERE tenant = $1`

func scan(s db.Scanner) (r row, err error) {
	var id, salt []byte
	n := &r.refused
	err = s.Scan(&r.source, &r.hour, &r.Accepted, &r.References, &r.Octets, &r.Stored, &r.Reports, &r.Undecodable,
		&n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &r.earliest, &r.latest, &r.gap, &r.from, &r.to, &id, &salt, &r.at, &r.leaf)
	if err == nil && r.leaf >= 0 {
		// Octets that are none fit no entry.
		r.id, _ = mail.IDFrom(id)
		copy(r.salt[:], salt)
	}
	return r, err
}

// add adds to the row of a source's hour. An hour that was entered already, by a
// node whose clock is ahead, is left as it is: what comes is of the next one then.
func add(ctx context.Context, tx *db.Tx, r row) error {
	for range 48 {
		n := r.refused
		res, err := tx.Exec(ctx, `INSERT INTO tally_hour (tenant, `+columns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0, $18, $19, $20, $21, 0, -1)
			ON CONFLICT (tenant, source, hour) DO UPDATE SET
				accepted = tally_hour.accepted + excluded.accepted, refs = tally_hour.refs + excluded.refs,
				octets = tally_hour.octets + excluded.octets, stored = tally_hour.stored + excluded.stored,
				reports = tally_hour.reports + excluded.reports, undecodable = tally_hour.undecodable + excluded.undecodable,
				r_auth = tally_hour.r_auth + excluded.r_auth, r_recipient = tally_hour.r_recipient + excluded.r_recipient,
				r_policy = tally_hour.r_policy + excluded.r_policy, r_size = tally_hour.r_size + excluded.r_size,
				r_room = tally_hour.r_room + excluded.r_room, r_later = tally_hour.r_later + excluded.r_later,
				gap = CASE WHEN tally_hour.latest > 0 AND excluded.latest > 0 AND excluded.earliest - tally_hour.latest > tally_hour.gap
					THEN excluded.earliest - tally_hour.latest ELSE tally_hour.gap END,
				earliest = CASE WHEN tally_hour.earliest > 0 THEN tally_hour.earliest ELSE excluded.earliest END,
				latest = CASE WHEN excluded.latest > tally_hour.latest THEN excluded.latest ELSE tally_hour.latest END,
				leaf_from = CASE WHEN tally_hour.leaf_from >= 0 THEN tally_hour.leaf_from ELSE excluded.leaf_from END,
				leaf_to = CASE WHEN excluded.leaf_to > tally_hour.leaf_to THEN excluded.leaf_to ELSE tally_hour.leaf_to END
			WHERE tally_hour.leaf < 0`,
			r.source, r.hour, r.Accepted, r.References, r.Octets, r.Stored, r.Reports, r.Undecodable, n[0], n[1], n[2], n[3], n[4], n[5],
			r.earliest, r.latest, r.from, r.to, []byte{}, []byte{})
		if err != nil {
			return err
		}
		if changed, err := res.RowsAffected(); err != nil || changed > 0 {
			return err
		}
		r.hour += hour
	}
	return errors.New("tally: the clock is days behind what was entered")
}

// text is the value of the entry's field (docs/formats/entry.md).
func (r row) text() string {
	words := []string{r.source, time.Unix(r.hour, 0).UTC().Format(time.RFC3339)}
	number := func(name string, n int64) { words = append(words, name, fmt.Sprint(n)) }
	number("accepted", r.Accepted)
	number("references", r.References)
	number("octets", r.Octets)
	number("reports", r.Reports)
	number("undecodable", r.Undecodable)
	for i, why := range mail.Refusals() {
		number(string(why), r.refused[i])
	}
	return strings.Join(words, " ")
}

func (r row) entry() ([]byte, error) {
	o := entry.Opening{Salt: r.salt, Value: []byte(r.text())}
	return entry.Entry{Kind: "tally", ID: r.id, Time: mail.FromMicros(r.at), Fields: []entry.Field{{Name: "tally", Commitment: o.Commit()}}}.Text()
}

// maxEntered bounds the rows of one transaction.
const maxEntered = 500

// Enter enters the hours of a tenant that have passed in its audit log.
func (r *Room) Enter(ctx context.Context, tenant mail.TenantID) error {
	before := hourOf(r.Now().Add(-settled))
	for {
		n := 0
		var one int
		// Most of the time there is nothing: that is asked without a turn.
		err := r.DB.Tenant(tenant).QueryRow(ctx, `SELECT 1 FROM tally_hour WHERE tenant = $1 AND leaf < 0 AND hour < $2 LIMIT 1`, before).Scan(&one)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		err = r.DB.Tenant(tenant).Update(ctx, func(tx *db.Tx) (err error) {
			n, err = r.enter(ctx, tx, before)
			return err
		})
		if err != nil || n < maxEntered {
			return err
		}
	}
}

func (r *Room) enter(ctx context.Context, tx *db.Tx, before int64) (int, error) {
	rows, err := tx.Query(ctx, selectRow+` AND leaf < 0 AND hour < $2 ORDER BY hour, source LIMIT $3`, before, maxEntered)
	if err != nil {
		return 0, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var leaves []flow.Leaf
	for i := range list {
		one := &list[i]
		one.id, one.salt, one.at = mail.NewID(), seal.NewSalt(), mail.Micros(r.Now())
		text, err := one.entry()
		if err != nil {
			return 0, err
		}
		leaves = append(leaves, flow.Leaf{Log: seal.AuditLog, Entry: text, Sealed: entry.Nothing()})
	}
	at, err := r.Ledger.Append(ctx, tx, seal.AuditLog, leaves)
	if err != nil {
		return 0, err
	}
	for i, one := range list {
		res, err := tx.Exec(ctx, `UPDATE tally_hour SET tenant = $1, id = $2, salt = $3, at = $4, leaf = $5 WHERE tenant = $1 AND source = $6 AND hour = $7 AND leaf < 0`,
			one.id.Bytes(), one.salt[:], one.at, at+int64(i), one.source, one.hour)
		if err != nil {
			return 0, err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return 0, errors.Join(err, errors.New("tally: another node entered the hour"))
		}
	}
	return len(list), nil
}

// Verify compares the hours of a tenant that were entered with their entries. It
// returns how many there are, and what is wrong, of kind Damaged.
func (r *Room) Verify(ctx context.Context, t db.Tenant) (n int64, problems []error, err error) {
	rows, err := t.Query(ctx, selectRow+` AND leaf >= 0 ORDER BY leaf`)
	if err != nil {
		return 0, nil, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return 0, nil, err
	}
	for _, one := range list {
		want, err := one.entry()
		if err != nil {
			want = nil // it has no spelling, so it was never entered
		}
		text, _, err := r.Ledger.Entry(ctx, t, seal.AuditLog, one.leaf)
		if err != nil && fault.Of(err) != fault.NotFound && fault.Of(err) != fault.Damaged {
			return n, problems, err
		}
		if err != nil || want == nil || string(text) != string(want) {
			problems = append(problems, fault.Newf(fault.Damaged, "what was counted of a source from %s on is not what was entered in the audit log at %d",
				time.Unix(one.hour, 0).UTC(), one.leaf))
		}
	}
	return int64(len(list)), problems, nil
}
