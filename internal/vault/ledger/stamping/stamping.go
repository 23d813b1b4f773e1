// Package stamping has the instance's checkpoints stamped: a queue of rows that
// the checkpointer writes, a client of an RFC 3161 authority, and retries. Only
// the newest checkpoint is asked for: it covers the ones before it.
package stamping

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/vault/db"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/stamp"
)

// Retries of what the authority or the servers of revocation lists do not
// answer: 5 s, doubled each time, at most 15 min; lists are given up after a day.
const (
	firstRetry = 5 * time.Second
	lastRetry  = 15 * time.Minute
	listTries  = 100
)

// Authority is how a timestamp authority is reached: stamp/client, or
// stamp/authority in the process. Its answers are not trusted.
type Authority interface {
	// Post sends a request (RFC 3161, DER) and returns the answer.
	Post(ctx context.Context, request []byte) ([]byte, error)
	// Fetch gets a revocation list (DER).
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// Deps is what a queue works with.
type Deps struct {
	DB        *db.DB
	Authority Authority
	Verifier  stamp.Verifier // with the roots that tokens must lead to
	Key       checkpoint.Key // of the instance
	Now       func() time.Time
	Log       *slog.Logger
}

// Queue has the instance's checkpoints stamped. Only the newest is asked for:
// it covers the ones before it, and those that an earlier stamp does not reach
// are reached by this. Use it from many goroutines.
type Queue struct {
	Deps

	round sync.Mutex // held by the one who asks

	mu   sync.Mutex
	last error // of the last try; guarded by mu
}

// New returns a queue.
func New(d Deps) *Queue {
	return &Queue{Deps: d}
}

// Run asks until ctx is done. Failures are kept for [Queue.Err] and tried
// again for ever.
func (q *Queue) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	said := ""
	for {
		switch err := q.StampDue(ctx); {
		case err == nil:
			said = ""
		case ctx.Err() == nil && err.Error() != said: // what lasts is said once
			said = err.Error()
			q.Log.Warn("timestamp", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// StampNow asks for the newest checkpoint at once, also where a retry is not
// due yet. It returns nil where nothing waits.
func (q *Queue) StampNow(ctx context.Context) error { return q.step(ctx, true) }

// StampDue is one round of Run: it asks where a try is due.
func (q *Queue) StampDue(ctx context.Context) error { return q.step(ctx, false) }

// Err returns why the last try failed, nil where it did not.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last
}

func (q *Queue) step(ctx context.Context, now bool) error {
	q.round.Lock()
	defer q.round.Unlock()
	asked, err := q.ask(ctx, now)
	if asked {
		q.mu.Lock()
		q.last = err
		q.mu.Unlock()
	}
	return errors.Join(err, q.complete(ctx))
}

// ask has the newest ledger.Waiting checkpoint ledger.Stamped, where it is due.
func (q *Queue) ask(ctx context.Context, now bool) (asked bool, err error) {
	var size, due int64
	var tries int
	err = q.DB.Instance().QueryRow(ctx, `SELECT size, due, tries FROM ledger_stamp WHERE tenant = $1 AND state = $2 ORDER BY size DESC LIMIT 1`,
		ledger.Waiting).Scan(&size, &due, &tries)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	if err != nil || (!now && due > mail.Micros(q.Now())) {
		return false, err
	}
	if err := q.stamp(ctx, size); err != nil {
		return true, errors.Join(err, q.later(ctx, size, tries))
	}
	return true, nil
}

// stamp asks for one checkpoint, verifies the answer completely and keeps it.
func (q *Queue) stamp(ctx context.Context, size int64) (err error) {
	defer fault.Wrap(&err, "checkpoint of size %d", size)
	var note []byte
	err = q.DB.Instance().QueryRow(ctx, `SELECT note FROM ledger_checkpoint WHERE tenant = $1 AND log = $2 AND size = $3`, ledger.Instance, size).Scan(&note)
	if err != nil {
		return err
	}
	c, err := checkpoint.OpenLog(note, q.Key)
	if err != nil {
		return fault.Because(fault.Damaged, "a checkpoint in the database is not the one that was signed", err)
	}
	request := stamp.NewRequest(sha256.Sum256(c.Stamped()), q.Verifier.Policy)
	body, err := request.Bytes()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	answer, err := q.Authority.Post(ctx, body)
	if err != nil {
		return err
	}
	token, t, err := q.Verifier.Response(answer, request)
	if err != nil {
		return err
	}
	lists, err := q.lists(ctx, t)
	if errors.Is(err, stamp.ErrRevoked) {
		return err
	}
	// Where a list could not be fetched the token is kept without it; complete
	// fetches the list later.
	return q.keep(ctx, size, kept{token: token, t: t, lists: lists})
}

// kept is a token that was verified. lists is nil where they are still missing.
type kept struct {
	token []byte
	t     *stamp.Token
	lists []byte
}

func (q *Queue) keep(ctx context.Context, size int64, k kept) error {
	var lists any // NULL
	if k.lists != nil {
		lists = k.lists
	}
	return q.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE ledger_stamp SET tenant = $1, state = $2, tries = 0, due = $3, token = $4, made = $5, chain = $6, lists = $7
			WHERE tenant = $1 AND size = $8`,
			ledger.Stamped, mail.Micros(q.Now().Add(firstRetry)), k.token, mail.Micros(k.t.Time), k.t.File(), lists, size)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE ledger_stamp SET tenant = $1, state = $2 WHERE tenant = $1 AND size < $3 AND state = $4`, ledger.Covered, size, ledger.Waiting)
		return err
	})
}

// later sets the time of the next try.
func (q *Queue) later(ctx context.Context, size int64, tries int) error {
	wait := lastRetry
	if tries >= 0 && tries < 8 {
		wait = min(lastRetry, firstRetry<<tries)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return q.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE ledger_stamp SET tenant = $1, tries = tries + 1, due = $2 WHERE tenant = $1 AND size = $3`,
			mail.Micros(q.Now().Add(wait)), size)
		return err
	})
}

// lists fetches and verifies the revocation lists of a token's certificates. It
// returns an empty, non-nil slice where the certificates name none.
func (q *Queue) lists(ctx context.Context, t *stamp.Token) ([]byte, error) {
	all := [][]byte{}
	for _, url := range t.Lists() {
		list, err := q.Authority.Fetch(ctx, url)
		if err != nil {
			return nil, err
		}
		all = append(all, list)
	}
	if err := t.CheckRevocation(all); err != nil {
		return nil, err
	}
	return append([]byte{}, stamp.EncodeLists(all)...), nil
}

// complete fetches the lists of a token that was kept without.
func (q *Queue) complete(ctx context.Context) (err error) {
	var size int64
	var tries int
	var note, token, chain []byte
	err = q.DB.Instance().QueryRow(ctx, `SELECT size, tries, token, chain FROM ledger_stamp
		WHERE tenant = $1 AND state = $2 AND lists IS NULL AND due <= $3 ORDER BY size DESC LIMIT 1`,
		ledger.Stamped, mail.Micros(q.Now())).Scan(&size, &tries, &token, &chain)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	defer fault.Wrap(&err, "revocation lists of the timestamp over size %d", size)
	err = q.DB.Instance().QueryRow(ctx, `SELECT note FROM ledger_checkpoint WHERE tenant = $1 AND log = $2 AND size = $3`, ledger.Instance, size).Scan(&note)
	if err != nil {
		return err
	}
	lists, err := q.completed(ctx, note, token, chain)
	if err != nil && tries < listTries {
		return errors.Join(err, q.later(ctx, size, tries))
	}
	if err != nil {
		lists = []byte{} // given up: the token stands without
	}
	return errors.Join(err, q.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE ledger_stamp SET tenant = $1, lists = $2 WHERE tenant = $1 AND size = $3`, lists, size)
		return err
	}))
}

func (q *Queue) completed(ctx context.Context, note, token, chain []byte) ([]byte, error) {
	c, err := checkpoint.OpenLog(note, q.Key)
	if err != nil {
		return nil, err
	}
	more, err := stamp.ParseCertificates(chain)
	if err != nil {
		return nil, err
	}
	t, err := q.Verifier.Verify(token, sha256.Sum256(c.Stamped()), more)
	if err != nil {
		return nil, err
	}
	return q.lists(ctx, t)
}
