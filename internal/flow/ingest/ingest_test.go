package ingest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/flow/ingest"
	"siegel/internal/flow/tally"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/dbtest"
	"siegel/internal/vault/seal/master"
)

// pier is the room over a real database, with the real tally; path and archive are made up.
type pier struct {
	testing.TB
	room   *ingest.Room
	db     *db.DB
	keys   *master.Key
	tally  *tally.Room
	tenant db.Tenant

	mu     sync.Mutex
	kept   map[string]mail.ID // by octets; guarded by mu
	events []audit.Event      // guarded by mu
	told   []ingest.Outcome   // guarded by mu
	fail   func(text string) error
	deaf   error // of the audit log, which takes nothing; guarded by mu
	may    error
	gate   chan struct{} // where not nil, a passage waits for it

	inner sync.Mutex                           // is taken within transactions, and mu around them
	ahead time.Duration                        // of the clock; guarded by inner
	step  time.Duration                        // by which the clock goes on whenever it is read; guarded by inner
	spoil func(ctx context.Context, tx *db.Tx) // where not nil, what happens once, at the end of a save; guarded by inner
}

func newPier(t testing.TB) *pier {
	t.Helper()
	p := &pier{TB: t, kept: make(map[string]mail.ID), fail: func(string) error { return nil }}
	var err error
	p.db, err = dbtest.New(t).Open(context.Background())
	p.ok(err)
	t.Cleanup(func() { p.ok(p.db.Close()) })
	p.ok(p.db.Migrate(context.Background(), "ingest", ingest.Migrations()))
	p.ok(p.db.Migrate(context.Background(), "tally", tally.Migrations()))
	path := filepath.Join(t.TempDir(), "master.key")
	p.ok(master.Create(path))
	p.keys, err = master.Open(path, secret.NewArena(8))
	p.ok(err)
	p.tenant = p.db.Tenant(mail.NewID())
	p.tally = tally.New(tally.Deps{
		DB: p.db, Now: p.now, Log: slog.New(slog.DiscardHandler),
		Live: func(context.Context, mail.TenantID) (map[string]bool, error) { return map[string]bool{}, nil },
	})
	p.room = p.process(mail.NewID())
	return p
}

// process is a process of a home.
func (p *pier) process(home mail.ID) *ingest.Room {
	return ingest.New(ingest.Deps{
		DB: p.db, Path: p, Known: p, Keys: p.keys, Trail: p, Count: p, Spool: sheets{}, Log: slog.New(slog.DiscardHandler), Now: p.now, MaxSize: 1 << 20, Home: home,
	})
}

func (p *pier) now() time.Time {
	p.inner.Lock()
	defer p.inner.Unlock()
	p.ahead += p.step
	return time.Now().Add(p.ahead)
}

func (p *pier) advance(d time.Duration) {
	p.inner.Lock()
	defer p.inner.Unlock()
	p.ahead += d
}

func (p *pier) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// Record is the audit log.
func (p *pier) Record(_ context.Context, _ db.Tenant, _ mail.HolderID, e audit.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf != nil {
		return p.deaf
	}
	p.events = append(p.events, e)
	return nil
}

func text(b flow.Body) string {
	r, err := b.Open()
	if err != nil {
		return err.Error()
	}
	all, _ := io.ReadAll(r)
	return string(all)
}

// Count is that of the tally, within the transaction of a save.
func (p *pier) Count(ctx context.Context, tx *db.Tx, list []flow.Counted) error {
	for _, c := range list {
		if c.Source != ingest.Door || c.Accepted != 0 {
			p.Errorf("counted: %+v", c)
		}
	}
	p.inner.Lock()
	spoil := p.spoil
	p.spoil = nil
	p.inner.Unlock()
	err := p.tally.Count(ctx, tx, list)
	if err == nil && spoil != nil {
		spoil(ctx, tx)
	}
	return err
}

// Refuse is that of the tally, within the transaction of a save.
func (p *pier) Refuse(ctx context.Context, tx *db.Tx, source string, why mail.Refusal, n int64) error {
	return p.tally.Refuse(ctx, tx, source, why, n)
}

// tallied compares what was counted for the source.
func (p *pier) tallied(references, refused int64) {
	p.Helper()
	list, err := p.tally.Of(context.Background(), p.tenant.ID())
	p.ok(err)
	var all tally.Count
	for _, s := range list {
		if s.Source == ingest.Door {
			all = s.All
		}
	}
	if n, _ := all.Refused(); all.References != references || n != refused {
		p.Errorf("%d references and %d refusals were counted for the source, want %d and %d", all.References, n, references, refused)
	}
}

// Known is the commit's memory.
func (p *pier) Known(_ context.Context, m *flow.Passage) (mail.ID, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, ok := p.kept[text(m.Body)]
	return id, ok, nil
}

// Incoming is the path: it writes the units' rows in a transaction.
func (p *pier) Incoming(ctx context.Context, m *flow.Passage) error {
	defer m.Release()
	if p.gate != nil {
		<-p.gate
	}
	t := text(m.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.fail(t); err != nil {
		return err
	}
	if id, ok := p.kept[t]; ok {
		m.Receipt = flow.Receipt{Message: id, Duplicate: true}
		// The commit counts what it recognises.
		return p.tenant.Update(ctx, func(tx *db.Tx) error {
			return p.tally.Count(ctx, tx, []flow.Counted{{Source: ingest.Door, References: 1, From: -1, To: -1}})
		})
	}
	if !m.Once || m.Source.Door != "import" || m.Envelope.From != "" {
		p.Errorf("a passage %+v", m)
	}
	err := p.tenant.Update(ctx, func(tx *db.Tx) error {
		for _, u := range m.Units {
			for _, row := range u.Rows(flow.Place{}) {
				if err := tx.Insert(ctx, row.Query, [][]any{row.Values}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		p.kept[t], m.Receipt.Message = m.ID, m.ID
	}
	return err
}

// sheets keep messages in memory.
type sheets struct{}

func (sheets) New() flow.Sheet { return &sheet{} }

type sheet struct{ bytes.Buffer }

func (s *sheet) Close() error               { return nil }
func (s *sheet) Body() (flow.Body, error)   { return body(s.String()), nil }
func (b body) Open() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(b))), nil }
func (b body) Size() int64                  { return int64(len(b)) }
func (b body) SHA256() [32]byte             { return sha256.Sum256([]byte(b)) }

type body string

// begin begins a job of paths.
func (p *pier) begin(ctx context.Context, paths ...string) (*ingest.Job, error) {
	p.Helper()
	return p.beginAt(ctx, p.room, paths...)
}

// beginAt begins a job of paths in a process.
func (p *pier) beginAt(ctx context.Context, room *ingest.Room, paths ...string) (*ingest.Job, error) {
	p.Helper()
	return room.Begin(ctx, ingest.Start{
		Tenant: p.tenant, Person: mail.NewID(), Paths: paths, For: "anna@clinic.example",
		May: func(context.Context) error { return p.may },
		Tell: func(o ingest.Outcome) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.told = append(p.told, o)
			return nil
		},
	})
}

// bring brings messages, and what is "!" as none.
func (p *pier) bring(j *ingest.Job, list ...string) error {
	for i, m := range list {
		cursor := []byte(fmt.Sprintf("behind %d %s", i, m))
		if m == "!" {
			if err := j.Refuse(fault.New(fault.Invalid, "none"), cursor); err != nil {
				return err
			}
			continue
		}
		s := j.Sheet()
		_, _ = io.WriteString(s, m)
		if err := j.Take(s, cursor); err != nil {
			return err
		}
	}
	return nil
}

func (p *pier) states() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, o := range p.told {
		if i > 0 && o.Place != p.told[i-1].Place+1 {
			p.Errorf("outcome %d is of place %d", i, o.Place)
		}
		list = append(list, string(o.State))
	}
	p.told = nil
	return list
}

// settled waits until n items are settled.
func (p *pier) settled(n int) {
	p.Helper()
	for range 5000 {
		p.mu.Lock()
		told := len(p.told)
		p.mu.Unlock()
		if told >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	p.Fatal("items are not settled")
}

func (p *pier) number(query string) (n int64) {
	p.Helper()
	p.ok(p.tenant.QueryRow(context.Background(), query).Scan(&n))
	return n
}

// EX-01, EX-02: everything is answered in order and counted, what is there already as a
// reference; the job is done, and the next one of the same paths begins anew.
func TestJob(t *testing.T) {
	p := newPier(t)
	j, err := p.begin(t.Context(), "/mail/a")
	p.ok(err)
	if j.Resumed || j.Cursor != nil {
		t.Errorf("%+v", j)
	}
	p.ok(p.bring(j, "a", "b", "!", "a", ""))
	counts, err := j.End(t.Context(), true)
	p.ok(err)
	if got, want := p.states(), []string{"accepted", "accepted", "refused", "there", "accepted"}; !slices.Equal(got, want) && !slices.Equal(got, []string{"there", "accepted", "refused", "accepted", "accepted"}) {
		t.Errorf("%v, want %v", got, want)
	}
	if counts != (ingest.Counts{Accepted: 3, There: 1, Refused: 1, Octets: 3}) {
		t.Errorf("%+v", counts)
	}
	if n := p.number(`SELECT SUM(times) FROM ingest_reference WHERE tenant = $1`); n != 1 {
		t.Errorf("%d references", n)
	}
	p.tallied(1, 1)
	if n := p.number(`SELECT COUNT(*) FROM ingest_taken WHERE tenant = $1`); n != 0 {
		t.Errorf("%d messages are noted as not settled", n)
	}
	again, err := p.begin(t.Context(), "/mail/a")
	p.ok(err)
	if again.Resumed || again.ID == j.ID {
		t.Error("a job that was done goes on")
	}
	p.ok(p.bring(again, "a", "b"))
	if counts, err := again.End(t.Context(), true); err != nil || counts.There != 2 {
		t.Errorf("%+v, %v", counts, err)
	}
	p.tallied(3, 1)
	p.checkEvents([]string{"import.begin", "import.end", "import.begin", "import.end"})
}

func (p *pier) checkEvents(want []string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var got []string
	for _, e := range p.events {
		got = append(got, e.What)
		if b := fmt.Sprint(e.Detail, e.Object, e.Who); strings.Contains(b, "mail/a") || strings.Contains(b, "anna") {
			p.Errorf("an event has a path or an address outside its note: %s", b)
		}
		if !strings.Contains(e.Note, "/mail/a") || !strings.Contains(e.Note, "anna@clinic.example") {
			p.Errorf("the note says %q", e.Note)
		}
	}
	if !slices.Equal(got, want) {
		p.Errorf("%v, want %v", got, want)
	}
}

// A job that was interrupted goes on behind the last item that was settled; what was
// kept behind it is counted as accepted, once.
func TestResume(t *testing.T) {
	p := newPier(t)
	ctx, cancel := context.WithCancel(t.Context())
	j, err := p.begin(ctx, "/mail/a")
	p.ok(err)
	p.ok(p.bring(j, "a", "a", "!"))
	counts, err := j.End(ctx, false)
	p.ok(err)
	if counts.Accepted != 1 || counts.There != 1 || counts.Refused != 1 {
		t.Fatalf("%+v", counts)
	}
	p.states()
	// The next run is killed behind "c": nothing of it was settled.
	j2, err := p.begin(ctx, "/mail/a")
	p.ok(err)
	if !j2.Resumed || string(j2.Cursor) != "behind 2 !" || j2.Before != counts || j2.ID != j.ID {
		t.Fatalf("%+v", j2)
	}
	for i, m := range []string{"b", "c"} {
		place := int64(4 + i)
		id := mail.NewID()
		p.kept[m] = id
		p.ok(p.tenant.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO ingest_taken (tenant, job, place, message) VALUES ($1, $2, $3, $4)`, j.ID.Bytes(), place, id.Bytes())
			return err
		}))
	}
	cancel()
	if _, err := j2.End(ctx, false); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	j3, err := p.begin(t.Context(), "/mail/a")
	p.ok(err)
	if j3.Before != counts {
		t.Fatalf("%+v", j3.Before)
	}
	p.ok(p.bring(j3, "b", "c", "b", "d"))
	counts, err = j3.End(t.Context(), true)
	p.ok(err)
	if want := (ingest.Counts{Accepted: 4, There: 2, Refused: 1, Octets: 6}); counts != want {
		t.Errorf("%+v, want %+v", counts, want)
	}
	if got, want := p.states(), []string{"accepted", "accepted", "there", "accepted"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	p.tallied(2, 1)
}

// Two of the same paths do not run at once; others do.
func TestBusy(t *testing.T) {
	p := newPier(t)
	j, err := p.begin(t.Context(), "/mail/a")
	p.ok(err)
	if _, err := p.begin(t.Context(), "/mail/a"); fault.Of(err) != fault.Busy {
		t.Errorf("%v", err)
	}
	other, err := p.begin(t.Context(), "/mail/a", "/mail/b")
	p.ok(err)
	list, err := p.room.List(t.Context(), p.tenant)
	p.ok(err)
	if len(list) != 2 || list[0].State != "running" || list[0].For != "anna@clinic.example" {
		t.Errorf("%+v", list)
	}
	for _, j := range []*ingest.Job{j, other} {
		if _, err := j.End(t.Context(), false); err != nil {
			t.Error(err)
		}
	}
	if list, err = p.room.List(t.Context(), p.tenant); err != nil || list[0].State != "interrupted" {
		t.Errorf("%+v, %v", list, err)
	}
	var box []byte
	p.ok(p.tenant.QueryRow(t.Context(), `SELECT what FROM ingest_job WHERE tenant = $1 AND id = $2`, j.ID.Bytes()).Scan(&box))
	if bytes.Contains(box, []byte("mail")) || bytes.Contains(box, []byte("anna")) {
		t.Error("paths and addresses stand in the database as they are")
	}
}

// What fails is told apart: a message that is refused for itself, one that fails inside,
// and a job that cannot go on, whose cursor stays before what failed.
func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		fail   map[string]error
		list   string
		kind   fault.Kind
		states string
	}{
		"refused":            {map[string]error{"b": fault.New(fault.Invalid, "no")}, "a b c", -1, "accepted refused accepted"},
		"inside, then well":  {map[string]error{"b": broken}, "a b c", -1, "accepted refused accepted"},
		"inside, at the end": {map[string]error{"c": fault.New(fault.Damaged, "no")}, "a b c", -1, "accepted accepted refused"},
		"no room":            {map[string]error{"b": fault.New(fault.Exhausted, "full")}, "a b c", fault.Exhausted, "accepted"},
		"busy":               {map[string]error{"a": fault.New(fault.Busy, "later")}, "a b c", fault.Busy, ""},
		"all inside":         {map[string]error{"b": broken, "c": broken, "d": broken, "e": broken, "f": broken, "g": broken, "h": broken, "i": broken}, "a b c d e f g h i j", fault.Internal, "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPier(t)
			p.fail = func(text string) error { return tt.fail[text] }
			j, err := p.begin(t.Context(), "/mail/a")
			p.ok(err)
			brought := p.bring(j, strings.Fields(tt.list)...)
			_, err = j.End(t.Context(), brought == nil)
			if tt.kind < 0 && err != nil || tt.kind >= 0 && (err == nil || fault.Of(err) != tt.kind) {
				t.Errorf("%v, want kind %v", err, tt.kind)
			}
			if got := strings.Join(p.states(), " "); got != tt.states {
				t.Errorf("%q, want %q", got, tt.states)
			}
			if tt.kind < 0 {
				return
			}
			p.fail = func(string) error { return nil }
			again, err := p.begin(t.Context(), "/mail/a")
			p.ok(err)
			if !again.Resumed || int(again.Before.Accepted) != len(strings.Fields(tt.states)) {
				t.Errorf("it goes on behind %+v", again.Before)
			}
			p.ok(p.bring(again, strings.Fields(tt.list)[again.Before.Accepted:]...))
			if counts, err := again.End(t.Context(), true); err != nil || counts.Accepted != int64(len(strings.Fields(tt.list))) {
				t.Errorf("%+v, %v", counts, err)
			}
		})
	}
}

// Who may no longer import is stopped.
func TestMayNoLonger(t *testing.T) {
	p := newPier(t)
	p.may = fault.New(fault.Denied, "your account has changed")
	j, err := p.begin(t.Context(), "/mail/a")
	p.ok(err)
	for i := 0; err == nil && i < 100_000; i++ {
		err = p.bring(j, fmt.Sprint(i))
	}
	if _, ended := j.End(t.Context(), false); fault.Of(err) != fault.Denied || fault.Of(ended) != fault.Denied {
		t.Errorf("%v, %v", err, ended)
	}
}

// A start is bounded.
func TestBounds(t *testing.T) {
	p := newPier(t)
	for name, paths := range map[string][]string{"none": nil, "empty": {""}, "long": {strings.Repeat("x", 5000)}, "many": slices.Repeat([]string{"x"}, 1001)} {
		if _, err := p.begin(t.Context(), paths...); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	j, err := p.begin(t.Context(), "/mail/a")
	p.ok(err)
	if err := j.Refuse(nil, make([]byte, 10_000)); fault.Of(err) != fault.Invalid {
		t.Errorf("a long cursor: %v", err)
	}
	if _, err := j.End(t.Context(), false); err != nil {
		t.Error(err)
	}
}

// However many messages wait for the commit, only some are on their way.
func TestFlight(t *testing.T) {
	p := newPier(t)
	p.gate = make(chan struct{})
	j, err := p.begin(t.Context(), "/mail/a")
	p.ok(err)
	brought := make(chan int, 10_000)
	done := make(chan error, 1)
	go func() {
		for i := range 1000 {
			if err := p.bring(j, fmt.Sprint(i)); err != nil {
				done <- err
				return
			}
			brought <- i
		}
		done <- nil
	}()
	for len(brought) < 256 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	if n := len(brought); n > 256 {
		t.Errorf("%d messages are on their way", n)
	}
	close(p.gate)
	p.ok(<-done)
	if counts, err := j.End(t.Context(), true); err != nil || counts.Accepted != 1000 {
		t.Errorf("%+v, %v", counts, err)
	}
}
