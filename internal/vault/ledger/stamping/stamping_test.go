package stamping_test

import (
	"errors"
	"testing"
	"time"

	"siegel/internal/mail"
	"siegel/internal/vault/ledger"
	"siegel/internal/vault/ledger/ledgertest/stage"
	"siegel/internal/vault/ledger/stamping"
	"siegel/internal/vault/stamp/authority"
)

// states returns the state of each row, oldest first, and when the newest is due.
func states(t *testing.T, s *stage.Stage) (list []string, due time.Time) {
	t.Helper()
	rows, err := s.DB.Instance().Query(t.Context(), `SELECT state, due FROM ledger_stamp WHERE tenant = $1 ORDER BY size`)
	s.OK(err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var state string
		var micros int64
		s.OK(rows.Scan(&state, &micros))
		list, due = append(list, state), mail.FromMicros(micros)
	}
	s.OK(rows.Err())
	return list, due
}

// checkpoint makes a new checkpoint of the instance.
func checkpoint(s *stage.Stage) {
	s.Add(1)
	s.Sign()
	s.Advance(time.Second)
}

// EV-03: the newest checkpoint is asked for, once, and covers those before it.
func TestNewestCoversOthers(t *testing.T) {
	s := stage.New(t)
	s.OK(s.Queue.StampNow(t.Context()))
	if s.TSA.Posts() != 0 {
		t.Error("asked although nothing waits")
	}
	for range 3 {
		checkpoint(s)
	}
	s.OK(s.Queue.StampDue(t.Context()))
	s.OK(s.Queue.StampDue(t.Context()))
	list, _ := states(t, s)
	if len(list) != 3 || list[0] != ledger.Covered || list[1] != ledger.Covered || list[2] != ledger.Stamped || s.TSA.Posts() != 1 {
		t.Errorf("%v after %d requests", list, s.TSA.Posts())
	}
}

// An authority that does not answer is asked again: after 5 s, twice as long each
// time, at most 15 min, for ever. Meanwhile the error is there to see.
func TestRetries(t *testing.T) {
	s := stage.New(t)
	checkpoint(s)
	s.TSA.Down(stage.ErrDown)
	want := 5 * time.Second
	for try := 1; try <= 12; try++ {
		if err := s.Queue.StampDue(t.Context()); !errors.Is(err, stage.ErrDown) || !errors.Is(s.Queue.Err(), stage.ErrDown) {
			t.Fatalf("try %d: %v, %v", try, err, s.Queue.Err())
		}
		if _, due := states(t, s); due.Sub(s.Now()) != want {
			t.Errorf("after try %d: due in %s, want %s", try, due.Sub(s.Now()), want)
		}
		s.Advance(want - time.Second)
		s.OK(s.Queue.StampDue(t.Context())) // not due yet
		if s.TSA.Posts() != try {
			t.Fatalf("%d requests, want %d", s.TSA.Posts(), try)
		}
		s.Advance(time.Second)
		want = min(2*want, 15*time.Minute)
	}
	s.TSA.Down(nil)
	s.OK(s.Queue.StampDue(t.Context()))
	if list, _ := states(t, s); list[0] != ledger.Stamped || s.Queue.Err() != nil {
		t.Errorf("%v, %v", list, s.Queue.Err())
	}
}

// StampNow does not wait for the retry.
func TestStampNow(t *testing.T) {
	s := stage.New(t)
	checkpoint(s)
	s.TSA.Down(stage.ErrDown)
	if err := s.Queue.StampNow(t.Context()); !errors.Is(err, stage.ErrDown) {
		t.Error(err)
	}
	s.TSA.Down(nil)
	s.OK(s.Queue.StampNow(t.Context()))
	if list, _ := states(t, s); list[0] != ledger.Stamped {
		t.Error(list)
	}
}

// What the authority answers is not trusted: another one's token is not kept.
func TestAnswerIsVerified(t *testing.T) {
	s := stage.New(t)
	checkpoint(s)
	other, err := authority.New(authority.Options{Now: s.Now})
	s.OK(err)
	deps := s.Queue.Deps
	deps.Authority = other
	q := stamping.New(deps)
	if err := q.StampNow(t.Context()); err == nil || q.Err() == nil {
		t.Error("a token of another authority is kept")
	}
	if list, _ := states(t, s); list[0] != ledger.Waiting {
		t.Error(list)
	}
}

// A log can be proven as far as a timestamp covers where its checkpoints are anchored: what
// came after, and a log that came after, is not; the instance's newest timestamp says nothing
// of it.
func TestReach(t *testing.T) {
	s := stage.New(t)
	reach := func() stamping.Reach {
		t.Helper()
		r, err := stamping.ReachOf(t.Context(), s.DB, s.Tenant.ID(), ledger.Message)
		s.OK(err)
		return r
	}
	if r := reach(); r != (stamping.Reach{}) {
		t.Errorf("of a new log: %+v", r)
	}
	s.Add(3)
	s.Sign()
	signed := s.Now()
	if r := reach(); !r.Signed.Equal(signed) || !r.Stamped.IsZero() || r.Proven != 0 {
		t.Errorf("signed: %+v", r)
	}
	s.Advance(time.Minute)
	s.OK(s.Queue.StampDue(t.Context()))
	stamped := reach()
	if stamped.Proven != 3 || stamped.Stamped.IsZero() || !stamped.Signed.Equal(signed) {
		t.Errorf("stamped: %+v", stamped)
	}
	s.Add(2)
	if r := reach(); r != stamped {
		t.Errorf("with new entries: %+v", r)
	}
	s.Advance(time.Minute)
	s.Sign()
	if r := reach(); r.Proven != 3 || !r.Stamped.Equal(stamped.Stamped) || !r.Signed.After(signed) {
		t.Errorf("signed again: %+v", r)
	}
	s.OK(s.Queue.StampDue(t.Context()))
	if r := reach(); r.Proven != 5 || !r.Stamped.After(stamped.Stamped) {
		t.Errorf("stamped again: %+v", r)
	}
	if r, err := stamping.ReachOf(t.Context(), s.DB, mail.NewID(), ledger.Message); err != nil || r != (stamping.Reach{}) {
		t.Errorf("of another tenant: %+v, %v", r, err)
	}
}
