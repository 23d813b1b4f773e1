package ingest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/flow/ingest"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
)

// never is a time within which no test ends.
const never = time.Hour

// stateAt is the state of the one job, as a process lists it.
func (p *pier) stateAt(room *ingest.Room) string {
	p.Helper()
	list, err := room.List(context.Background(), p.tenant)
	p.ok(err)
	if len(list) != 1 {
		p.Fatalf("%d jobs", len(list))
	}
	return list[0].State
}

// row is what the database has of the one job.
func (p *pier) row() (state string, place, accepted, there, refused int64) {
	p.Helper()
	p.ok(p.tenant.QueryRow(context.Background(), `SELECT state, place, accepted, there, refused FROM ingest_job WHERE tenant = $1`).
		Scan(&state, &place, &accepted, &there, &refused))
	return state, place, accepted, there, refused
}

// EX-01: two nodes do not run the same job at once. One whose node fell silent can be
// taken over half a minute later; who has lost it writes nothing any more and says why.
func TestTwoNodes(t *testing.T) {
	p := newPier(t)
	one, two := p.room, p.process(mail.NewID())
	one.Renew(never)
	two.Renew(never)
	lost, err := p.beginAt(t.Context(), one, "/mail/a")
	p.ok(err)
	p.ok(p.bring(lost, "a", "!"))
	p.settled(2)
	for _, wait := range []time.Duration{0, 28 * time.Second} {
		p.advance(wait)
		if _, err := p.beginAt(t.Context(), two, "/mail/a"); fault.Of(err) != fault.Busy {
			t.Fatalf("after %v: %v", wait, err)
		}
		if at, there := p.stateAt(two), p.stateAt(one); at != "running" || there != "running" {
			t.Errorf("after %v it is %s, and %s where it runs", wait, at, there)
		}
	}
	p.advance(3 * time.Second)
	if s := p.stateAt(two); s != "interrupted" {
		t.Errorf("after half a minute it is %s", s)
	}
	j, err := p.beginAt(t.Context(), two, "/mail/a")
	p.ok(err)
	if !j.Resumed || j.ID != lost.ID {
		t.Fatalf("%+v", j)
	}
	if s := p.stateAt(one); s != "running" {
		t.Errorf("who has lost it lists it as %s", s)
	}
	p.ok(p.bring(j, "a", "!", "b", "b"))
	counts, err := j.End(t.Context(), true)
	p.ok(err)
	_, err = lost.End(t.Context(), true)
	if fault.Of(err) != fault.Busy || !strings.Contains(err.Error(), "another server") {
		t.Errorf("who has lost it ends with %v", err)
	}
	state, place, accepted, there, refused := p.row()
	if state != "done" || place != 4 || accepted != 2 || there != 1 || refused != 1 || counts.Accepted != accepted {
		t.Errorf("%s at %d: %d, %d, %d; told: %+v", state, place, accepted, there, refused, counts)
	}
	p.tallied(1, 1)
	p.checkEvents([]string{"import.begin", "import.begin", "import.end", "import.end"})
}

// Whoever ends in order leaves the job to any node at once, and a process that was
// killed to the next one of its home; rows of earlier versions name no runner.
func TestAtOnce(t *testing.T) {
	p := newPier(t)
	home := mail.NewID()
	first := p.process(home)
	first.Renew(never)
	killed, err := p.beginAt(t.Context(), first, "/mail/a")
	p.ok(err)
	p.ok(p.bring(killed, "a"))
	next, err := p.beginAt(t.Context(), p.process(home), "/mail/a")
	p.ok(err)
	if _, err := p.begin(t.Context(), "/mail/a"); fault.Of(err) != fault.Busy {
		t.Errorf("another home: %v", err)
	}
	if _, err := next.End(t.Context(), false); err != nil {
		t.Error(err)
	}
	p.deaf = errors.New("broken")
	if _, err := p.beginAt(t.Context(), first, "/mail/b"); !errors.Is(err, p.deaf) {
		t.Errorf("a job that the audit log has not: %v", err)
	}
	p.deaf = nil
	begun, err := p.begin(t.Context(), "/mail/b")
	p.ok(err)
	if _, err := begun.End(t.Context(), true); err != nil || !begun.Resumed {
		t.Errorf("resumed %v, %v", begun.Resumed, err)
	}
	other, err := p.begin(t.Context(), "/mail/a")
	p.ok(err)
	if other.ID != killed.ID {
		t.Error("another job")
	}
	p.ok(p.tenant.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE ingest_job SET runner = NULL, home = NULL, renewed = 0 WHERE tenant = $1 AND state = 'open'`)
		return err
	}))
	old, err := p.beginAt(t.Context(), p.process(mail.NewID()), "/mail/a")
	p.ok(err)
	for _, j := range []*ingest.Job{killed, other} {
		if _, err := j.End(t.Context(), false); fault.Of(err) != fault.Busy {
			t.Errorf("who has lost it ends with %v", err)
		}
	}
	if _, err := old.End(t.Context(), true); err != nil {
		t.Error(err)
	}
}

// A job that waits for its command, or whose command does not read what it is told, is
// not taken for dead, however long that lasts; where it was taken, it ends although
// nothing comes.
func TestRenewed(t *testing.T) {
	for name, stuck := range map[string]bool{"nothing comes": false, "nobody listens": true} {
		t.Run(name, func(t *testing.T) {
			p := newPier(t)
			two := p.process(mail.NewID())
			p.room.Renew(time.Millisecond)
			gate := make(chan struct{})
			j, err := p.room.Begin(t.Context(), ingest.Start{
				Tenant: p.tenant, Paths: []string{"/mail/a"}, May: func(context.Context) error { return nil },
				Tell: func(ingest.Outcome) error {
					if stuck {
						<-gate
					}
					return nil
				},
			})
			p.ok(err)
			p.ok(p.bring(j, "a"))
			for range 4 {
				p.advance(20 * time.Second)
				p.renewed()
				if s := p.stateAt(two); s != "running" {
					t.Errorf("it is %s", s)
				}
			}
			p.ok(p.tenant.Update(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), `UPDATE ingest_job SET tenant = $1, runner = $2 WHERE tenant = $1`, mail.NewID().Bytes())
				return err
			}))
			for fault.Of(err) != fault.Busy {
				err = p.bring(j, "b")
				time.Sleep(time.Millisecond)
			}
			close(gate)
			if _, err := j.End(t.Context(), false); fault.Of(err) != fault.Busy {
				t.Errorf("%v", err)
			}
		})
	}
}

// renewed waits until the row says that the job runs now.
func (p *pier) renewed() {
	p.Helper()
	from := p.now()
	for range 5000 {
		var at int64
		p.ok(p.tenant.QueryRow(context.Background(), `SELECT renewed FROM ingest_job WHERE tenant = $1`).Scan(&at))
		if !mail.FromMicros(at).Before(from.Truncate(time.Microsecond)) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	p.Fatal("the job is not renewed")
}

// EX-01: where nobody knows whether a save was committed, this run saves nothing more,
// and the next one goes on with what the database has: nothing is lost and nothing
// counted twice, either way.
func TestUnknown(t *testing.T) {
	for name, committed := range map[string]bool{"committed": true, "not committed": false} {
		for when, before := range map[string]bool{"before the end": true, "at the end": false} {
			t.Run(name+", "+when, func(t *testing.T) {
				p := newPier(t)
				seed, err := p.begin(t.Context(), "/mail/seed")
				p.ok(err)
				p.ok(p.bring(seed, "a", "b", "c"))
				_, err = seed.End(t.Context(), true)
				p.ok(err)
				j, err := p.begin(t.Context(), "/mail/a")
				p.ok(err)
				p.lose(committed)
				if before {
					p.pace(2 * time.Second) // so that it is saved behind each item
				}
				_ = p.bring(j, "!", "a", "b", "c") // which may find out before the end does
				if _, err := j.End(t.Context(), true); fault.Of(err) != fault.Busy {
					t.Errorf("%v", err)
				}
				p.pace(0)
				p.checkEnd("unknown")
				p.finish(t)
			})
		}
	}
}

// finish gives the command of TestUnknown again and again compares what there is.
func (p *pier) finish(t *testing.T) {
	t.Helper()
	list := []string{"!", "a", "b", "c"}
	var state string
	var place int
	p.ok(p.tenant.QueryRow(t.Context(), `SELECT state, place FROM ingest_job WHERE tenant = $1 AND refused + there > 0 OR tenant = $1 AND state = 'open'`).Scan(&state, &place))
	if state == "open" {
		again, err := p.begin(t.Context(), "/mail/a")
		p.ok(err)
		if !again.Resumed || (len(again.Cursor) > 0) != (place > 0) {
			t.Fatalf("%+v at %d", again, place)
		}
		p.ok(p.bring(again, list[place:]...))
		counts, err := again.End(t.Context(), true)
		p.ok(err)
		if counts != (ingest.Counts{There: 3, Refused: 1, Octets: 3}) {
			t.Errorf("%+v", counts)
		}
	}
	if n := p.number(`SELECT COALESCE(SUM(times), 0) FROM ingest_reference WHERE tenant = $1`); n != 3 {
		t.Errorf("%d references are there", n)
	}
	p.tallied(3, 1)
}

// lose makes the answer to the commit of a save get lost: of the next one that counts
// references.
func (p *pier) lose(committed bool) {
	p.inner.Lock()
	defer p.inner.Unlock()
	p.spoil = func(ctx context.Context, tx *db.Tx) {
		switch {
		case committed:
			// Asked behind the commit, the database is not known to be the one that counts.
			asked := new(atomic.Int64)
			p.db.Admit(func() (int64, error) {
				if asked.Add(1) == 1 {
					return 0, fault.New(fault.Busy, "it is not known")
				}
				return 0, nil
			})
		case os.Getenv(dbtest.Variable) == "postgres":
			// Behind a statement that failed COMMIT rolls back.
			_, _ = tx.Exec(ctx, `UPDATE ingest_job SET tenant = $1, place = 1 / (place - place) WHERE tenant = $1`)
		default:
			_, _ = tx.Exec(ctx, `ROLLBACK`)
		}
	}
}

// pace makes the clock go on by so much whenever it is read.
func (p *pier) pace(step time.Duration) {
	p.inner.Lock()
	defer p.inner.Unlock()
	p.step = step
}

// checkEnd looks at the last event.
func (p *pier) checkEnd(state string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var last audit.Event
	if len(p.events) > 0 {
		last = p.events[len(p.events)-1]
	}
	if last.What != "import.end" || last.Detail["state"] != state {
		p.Errorf("the last event is %s: %v", last.What, last.Detail)
	}
}

// A crash behind a refusal that was not saved counts it once: by the run that goes on.
func TestRefusedOnce(t *testing.T) {
	p := newPier(t)
	home := mail.NewID()
	first := p.process(home)
	ctx, kill := context.WithCancel(t.Context())
	killed, err := p.beginAt(ctx, first, "/mail/a")
	p.ok(err)
	p.ok(p.bring(killed, "!", "!"))
	p.settled(2)
	p.states()
	p.ok(p.tally.Flush(t.Context())) // as every half minute
	next, err := p.beginAt(t.Context(), p.process(home), "/mail/a")
	p.ok(err)
	kill()
	p.ok(p.bring(next, "!", "!"))
	counts, err := next.End(t.Context(), true)
	if err != nil || counts.Refused != 2 {
		t.Errorf("%+v, %v", counts, err)
	}
	p.ok(p.tally.Flush(t.Context()))
	p.tallied(0, 2)
	if _, err := killed.End(ctx, false); err == nil || errors.Is(err, db.ErrUnknown) {
		t.Errorf("%v", err)
	}
	p.tallied(0, 2)
}
