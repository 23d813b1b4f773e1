package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/checkpoint"
	"siegel/internal/vault/db"
	"siegel/internal/vault/stamp"
)

// States of a checkpoint of the instance on its way to a timestamp.
const (
	waiting = "waiting"
	stamped = "stamped"
	covered = "covered" // a later one was stamped first and covers it
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

// StamperDeps is what a stamper works with.
type StamperDeps struct {
	DB        *db.DB
	Authority Authority
	Verifier  stamp.Verifier // with the roots that tokens must lead to
	Key       checkpoint.Key // of the instance
	Now       func() time.Time
	Log       *slog.Logger
}

// Stamper has the instance's checkpoints stamped. Only the newest is asked for:
// it covers the ones before it, and those that an earlier stamp does not reach
// are reached by this. Use it from many goroutines.
type Stamper struct {
	StamperDeps

	round sync.Mutex // held by the one who asks

	mu   sync.Mutex
	last error // of the last try; guarded by mu
}

// NewStamper returns a stamper.
func NewStamper(d StamperDeps) *Stamper {
	return &Stamper{StamperDeps: d}
}

// Run asks until ctx is done. Failures are kept for [Stamper.Err] and tried
// again for ever.
func (s *Stamper) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := s.StampDue(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("timestamp", "err", err)
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
func (s *Stamper) StampNow(ctx context.Context) error { return s.step(ctx, true) }

// StampDue is one round of Run: it asks where a try is due.
func (s *Stamper) StampDue(ctx context.Context) error { return s.step(ctx, false) }

// Err returns why the last try failed, nil where it did not.
func (s *Stamper) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *Stamper) step(ctx context.Context, now bool) error {
	s.round.Lock()
	defer s.round.Unlock()
	asked, err := s.ask(ctx, now)
	if asked {
		s.mu.Lock()
		s.last = err
		s.mu.Unlock()
	}
	return errors.Join(err, s.complete(ctx))
}

// ask has the newest waiting checkpoint stamped, where it is due.
func (s *Stamper) ask(ctx context.Context, now bool) (asked bool, err error) {
	var size, due int64
	var tries int
	err = s.DB.Instance().QueryRow(ctx, `SELECT size, due, tries FROM ledger_stamp WHERE tenant = $1 AND state = $2 ORDER BY size DESC LIMIT 1`,
		waiting).Scan(&size, &due, &tries)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	if err != nil || (!now && due > mail.Micros(s.Now())) {
		return false, err
	}
	if err := s.stamp(ctx, size); err != nil {
		return true, errors.Join(err, s.later(ctx, size, tries))
	}
	return true, nil
}

// stamp asks for one checkpoint, verifies the answer completely and keeps it.
func (s *Stamper) stamp(ctx context.Context, size int64) (err error) {
	defer fault.Wrap(&err, "checkpoint of size %d", size)
	var note []byte
	err = s.DB.Instance().QueryRow(ctx, `SELECT note FROM ledger_checkpoint WHERE tenant = $1 AND log = $2 AND size = $3`, Instance, size).Scan(&note)
	if err != nil {
		return err
	}
	c, err := checkpoint.OpenLog(note, s.Key)
	if err != nil {
		return fault.Because(fault.Damaged, "a checkpoint in the database is not the one that was signed", err)
	}
	request := stamp.NewRequest(sha256.Sum256(c.Stamped()), s.Verifier.Policy)
	body, err := request.Bytes()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	answer, err := s.Authority.Post(ctx, body)
	if err != nil {
		return err
	}
	token, t, err := s.Verifier.Response(answer, request)
	if err != nil {
		return err
	}
	lists, err := s.lists(ctx, t)
	if errors.Is(err, stamp.ErrRevoked) {
		return err
	}
	// Where a list could not be fetched the token is kept without it; complete
	// fetches the list later.
	return s.keep(ctx, size, kept{token: token, t: t, lists: lists})
}

// kept is a token that was verified. lists is nil where they are still missing.
type kept struct {
	token []byte
	t     *stamp.Token
	lists []byte
}

func (s *Stamper) keep(ctx context.Context, size int64, k kept) error {
	var lists any // NULL
	if k.lists != nil {
		lists = k.lists
	}
	return s.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE ledger_stamp SET tenant = $1, state = $2, tries = 0, due = $3, token = $4, made = $5, chain = $6, lists = $7
			WHERE tenant = $1 AND size = $8`,
			stamped, mail.Micros(s.Now().Add(firstRetry)), k.token, mail.Micros(k.t.Time), k.t.File(), lists, size)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE ledger_stamp SET tenant = $1, state = $2 WHERE tenant = $1 AND size < $3 AND state = $4`, covered, size, waiting)
		return err
	})
}

// later sets the time of the next try.
func (s *Stamper) later(ctx context.Context, size int64, tries int) error {
	wait := lastRetry
	if tries < 8 {
		wait = min(lastRetry, firstRetry<<tries)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return s.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE ledger_stamp SET tenant = $1, tries = tries + 1, due = $2 WHERE tenant = $1 AND size = $3`,
			mail.Micros(s.Now().Add(wait)), size)
		return err
	})
}

// lists fetches and verifies the revocation lists of a token's certificates. It
// returns an empty, non-nil slice where the certificates name none.
func (s *Stamper) lists(ctx context.Context, t *stamp.Token) ([]byte, error) {
	all := [][]byte{}
	for _, url := range t.Lists() {
		list, err := s.Authority.Fetch(ctx, url)
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
func (s *Stamper) complete(ctx context.Context) (err error) {
	var size int64
	var tries int
	var note, token, chain []byte
	err = s.DB.Instance().QueryRow(ctx, `SELECT size, tries, token, chain FROM ledger_stamp
		WHERE tenant = $1 AND state = $2 AND lists IS NULL AND due <= $3 ORDER BY size DESC LIMIT 1`,
		stamped, mail.Micros(s.Now())).Scan(&size, &tries, &token, &chain)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	defer fault.Wrap(&err, "revocation lists of the timestamp over size %d", size)
	err = s.DB.Instance().QueryRow(ctx, `SELECT note FROM ledger_checkpoint WHERE tenant = $1 AND log = $2 AND size = $3`, Instance, size).Scan(&note)
	if err != nil {
		return err
	}
	lists, err := s.completed(ctx, note, token, chain)
	if err != nil && tries < listTries {
		return errors.Join(err, s.later(ctx, size, tries))
	}
	if err != nil {
		lists = []byte{} // given up: the token stands without
	}
	return errors.Join(err, s.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE ledger_stamp SET tenant = $1, lists = $2 WHERE tenant = $1 AND size = $3`, lists, size)
		return err
	}))
}

func (s *Stamper) completed(ctx context.Context, note, token, chain []byte) ([]byte, error) {
	c, err := checkpoint.OpenLog(note, s.Key)
	if err != nil {
		return nil, err
	}
	more, err := stamp.ParseCertificates(chain)
	if err != nil {
		return nil, err
	}
	t, err := s.Verifier.Verify(token, sha256.Sum256(c.Stamped()), more)
	if err != nil {
		return nil, err
	}
	return s.lists(ctx, t)
}

// Status is how far signing and stamping are.
type Status struct {
	Signed  time.Time // when the newest checkpoint of the instance was signed; zero for never
	Size    int64     // entries of the instance's log at that time
	Stamped time.Time // the newest timestamp; zero for never
	Covers  time.Time // when the newest stamped checkpoint was signed: everything older is proven
	Waiting int       // checkpoints without a timestamp
	Since   time.Time // when the oldest of them was signed: the gap
	Tries   int       // how often the newest of them was tried
}

// Status reads how far signing and stamping are, from the instance's rows.
func (l *Ledger) Status(ctx context.Context, instance db.Tenant) (s Status, err error) {
	defer fault.Wrap(&err, "ledger status")
	moment := func(v *int64) time.Time {
		if v == nil {
			return time.Time{}
		}
		return mail.FromMicros(*v)
	}
	var signed, size, made, covers, since *int64
	err = instance.QueryRow(ctx, `SELECT MAX(created), MAX(size) FROM ledger_checkpoint WHERE tenant = $1`).Scan(&signed, &size)
	if err != nil {
		return s, err
	}
	err = instance.QueryRow(ctx, `SELECT MAX(made), MAX(created) FROM ledger_stamp WHERE tenant = $1 AND state = $2`, stamped).Scan(&made, &covers)
	if err != nil {
		return s, err
	}
	err = instance.QueryRow(ctx, `SELECT COUNT(*), MIN(created), COALESCE(MIN(tries), 0) FROM ledger_stamp WHERE tenant = $1 AND state = $2`, waiting).
		Scan(&s.Waiting, &since, &s.Tries)
	if err != nil {
		return s, err
	}
	if size != nil {
		s.Size = *size
	}
	s.Signed, s.Stamped, s.Covers, s.Since = moment(signed), moment(made), moment(covers), moment(since)
	return s, nil
}

// String says the status in one line, for logs and the console.
func (s Status) String() string {
	return fmt.Sprintf("signed %s, stamped %s, waiting %d", s.Signed.Format(time.RFC3339), s.Stamped.Format(time.RFC3339), s.Waiting)
}
