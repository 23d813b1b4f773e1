package commit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/flow"
	"siegel/internal/flow/commit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// EX-01, CR-08: whatever a step answers, an acknowledged message is there once,
// and who was told to come again and comes has his message once.
func TestStepsAndOutcomes(t *testing.T) {
	for step, pick := range map[string]func(*mill) *script{
		"put": func(m *mill) *script { return &m.store.script }, "wrap": func(m *mill) *script { return &m.keys.script },
		"ledger": func(m *mill) *script { return &m.logs.script }, "transaction": func(m *mill) *script { return &m.tx },
	} {
		for _, o := range []outcome{stored, lost, storedButErr} {
			for _, times := range []int{1, 2} {
				t.Run(fmt.Sprintf("%s %d %d times", step, o, times), func(t *testing.T) {
					t.Parallel()
					m := newMill(t)
					tenant := m.tenant()
					m.ok(m.send(m.passage(tenant, "before")))
					for range times {
						pick(m).say(o)
					}
					acknowledged := 0
					for acknowledged == 0 {
						p := m.passage(tenant, "the message")
						err := m.send(p)
						if err == nil {
							acknowledged++
							if p.Receipt.Message.IsZero() {
								t.Error("no receipt")
							}
							continue
						}
						if k := fault.Of(err); k != fault.Internal && k != fault.Busy && k != fault.Exhausted && k != fault.Damaged {
							t.Errorf("the sender is told never to come back: %v", err)
						}
						if !errors.Is(err, errStep) {
							t.Fatalf("another failure: %v", err)
						}
					}
					m.ok(m.send(m.passage(tenant, "after")))
					var bodies []string
					for _, r := range m.kept(tenant) {
						bodies = append(bodies, r.body)
					}
					if want := []string{"before", "the message", "after"}; !slices.Equal(bodies, want) {
						t.Errorf("kept: %q, want %q", bodies, want)
					}
				})
			}
		}
	}
}

// A transaction whose answer got lost is looked up: who is in it gets his 250 at
// once, and nobody a second entry.
func TestLostAnswerIsLookedUp(t *testing.T) {
	m := newMill(t)
	tenant := m.tenant()
	m.tx.say(storedButErr)
	p := m.passage(tenant, "x")
	if err := m.send(p); err != nil || p.Receipt.Message != p.ID || p.Receipt.Duplicate {
		t.Errorf("receipt %+v, error %v", p.Receipt, err)
	}
	m.tx.say(lost)
	if err := m.send(m.passage(tenant, "y")); !errors.Is(err, db.ErrUnknown) {
		t.Errorf("a transaction that is not there: %v", err)
	}
	if n := len(m.kept(tenant)); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// The same where the database itself cannot say: a COMMIT that fails.
func TestCommitFails(t *testing.T) {
	m := newMill(t)
	tenant := m.tenant()
	p := m.passage(tenant, "x", func(p *flow.Passage) {
		rows := p.Units[0].Rows
		p.Units[0].Rows = func(at flow.Place) []flow.Row {
			return append(rows(at), flow.Row{Query: `INSERT INTO thing_deferred (tenant, id, other) VALUES ($1, 1, 99)`})
		}
	})
	if err := m.send(p); !errors.Is(err, db.ErrUnknown) || fault.Of(err) == fault.Conflict {
		t.Errorf("a COMMIT that fails: %v", err)
	}
	m.ok(m.send(m.passage(tenant, "x")))
	if n := len(m.kept(tenant)); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// gated returns a mill whose first Put waits, so that what is sent meanwhile
// becomes one group, and how to open the gate.
func gated(t *testing.T) (m *mill, open func()) {
	m = newMill(t, func(m *mill) { m.store.gate = make(chan struct{}) })
	return m, sync.OnceFunc(func() { close(m.store.gate) })
}

// hold sends messages so that they stand in one line behind a first one, then
// lets them go and returns their answers.
func (m *mill) hold(tenant mail.TenantID, open func(), list []*flow.Passage) []error {
	m.Helper()
	first := make(chan error, 1)
	go func() { first <- m.send(m.passage(tenant, "first")) }()
	m.until("the first pack is written", func() bool { return m.store.puts.Load() == 1 })
	var errs []error
	done := make(chan struct{})
	go func() { errs = m.sendAll(list); close(done) }()
	m.until("all stand in line", func() bool { n, _ := m.room.Waiting(); return n == len(list) })
	open()
	<-done
	if err := <-first; err != nil {
		m.Error(err)
	}
	return errs
}

// One poisonous message in a group of 50 harms nobody (architecture.md, group
// commit), whatever its poison is.
func TestPoisonousMessage(t *testing.T) {
	broken := errors.New("poison")
	for name, poison := range map[string]func(*mill, *flow.Passage){
		"its rows fail": func(_ *mill, p *flow.Passage) {
			p.Units[0].Rows = func(flow.Place) []flow.Row { return []flow.Row{{Query: insertThing, Values: make([]any, 6)}} }
		},
		"its rows exist": func(_ *mill, p *flow.Passage) {
			rows := p.Units[0].Rows
			p.Units[0].Rows = func(at flow.Place) []flow.Row { return append(rows(at), rows(at)...) }
		},
		"its object cannot be opened": func(_ *mill, p *flow.Passage) {
			p.Units[0].Objects[0].Open = func() (io.ReadCloser, error) { return nil, broken }
		},
		"its object cannot be read": func(_ *mill, p *flow.Passage) {
			p.Units[0].Objects[0].Open = func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader("abc"), failing{broken})), nil
			}
		},
		"its object is shorter": func(_ *mill, p *flow.Passage) { p.Units[0].Objects[0].Size++ },
		"its object is longer":  func(_ *mill, p *flow.Passage) { p.Units[0].Objects[0].Size-- },
		"its holder is unknown": func(m *mill, p *flow.Passage) {
			k := m.vault.NewKey(p.Tenant, p.ID, 202611)
			k.For(seal.Recipient{Holder: mail.NewID()})
			p.Units[0].Keys = append(p.Units[0].Keys, k)
		},
		"its key is of another tenant": func(m *mill, p *flow.Passage) {
			p.Units[0].Keys = append(p.Units[0].Keys, m.vault.NewKey(mail.NewID(), p.ID, 202611))
		},
		"its log does not exist": func(_ *mill, p *flow.Passage) { p.Units[0].Leaves[0].Log = "nolog" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, open := gated(t)
			tenant := m.tenant()
			var list []*flow.Passage
			for i := range 50 {
				p := m.passage(tenant, fmt.Sprint(i))
				if i == 17 {
					poison(m, p)
				}
				list = append(list, p)
			}
			for i, err := range m.hold(tenant, open, list) {
				if (err != nil) != (i == 17) {
					t.Errorf("message %d: %v", i, err)
				}
				if k := fault.Of(err); err != nil && k != fault.Internal && k != fault.Damaged {
					t.Errorf("the poisonous one is refused with kind %v", k)
				}
			}
			if n := len(m.kept(tenant)); n != 50 {
				t.Errorf("%d messages are kept, want 50", n)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A store that fails is not asked once more for each message of a group, and its
// word never becomes "there is no such recipient".
func TestStoreFails(t *testing.T) {
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{fault.New(fault.Exhausted, "the object store is full"), fault.Exhausted},
		{fault.New(fault.Busy, "busy"), fault.Busy},
		{fault.New(fault.NotFound, "the directory is gone"), fault.Internal},
		{fault.New(fault.Denied, "the bucket says no"), fault.Internal},
		{fault.New(fault.Invalid, "the bucket does not understand"), fault.Internal},
		{fault.New(fault.Conflict, "it exists"), fault.Internal},
		{errors.New("network"), fault.Internal},
	} {
		m, open := gated(t)
		tenant := m.tenant()
		m.store.err = c.err
		var list []*flow.Passage
		for i := range 20 {
			list = append(list, m.passage(tenant, fmt.Sprint(i)))
		}
		answers := make(chan error, 1)
		go func() { answers <- m.send(m.passage(tenant, "first")) }()
		m.until("the first pack is written", func() bool { return m.store.puts.Load() == 1 })
		done := make(chan []error)
		go func() { done <- m.sendAll(list) }()
		m.until("all stand in line", func() bool { n, _ := m.room.Waiting(); return n == len(list) })
		open()
		for _, err := range append(<-done, <-answers) {
			if fault.Of(err) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%v became %v, want kind %v", c.err, err, c.want)
			}
		}
		if n := m.store.puts.Load(); n != 2 {
			t.Errorf("the store was asked %d times", n)
		}
		if n := len(m.kept(tenant)); n != 0 {
			t.Errorf("%d messages are kept", n)
		}
	}
}

// A retry within 24 hours gets its 250 and is counted, never a second message;
// afterwards it is a new one (architecture.md, lost answers).
func TestRetry(t *testing.T) {
	m := newMill(t)
	tenant := m.tenant()
	first := m.passage(tenant, "x")
	m.ok(m.send(first))
	if first.Receipt != (flow.Receipt{Message: first.ID}) {
		t.Errorf("receipt %+v", first.Receipt)
	}
	times := func() (n int) {
		m.ok(m.db.Tenant(tenant).QueryRow(t.Context(), `SELECT times FROM commit_retry WHERE tenant = $1 AND message = $2`, first.ID.Bytes()).Scan(&n))
		return n
	}
	for i, after := range []time.Duration{0, time.Second, 23 * time.Hour, time.Hour - time.Second} {
		m.advance(after)
		again := m.passage(tenant, "x")
		if err := m.send(again); err != nil || again.Receipt != (flow.Receipt{Message: first.ID, Duplicate: true}) {
			t.Errorf("after %v: receipt %+v, error %v", after, again.Receipt, err)
		}
		if times() != i+2 {
			t.Errorf("it was counted %d times, want %d", times(), i+2)
		}
	}
	if n := len(m.kept(tenant)); n != 1 {
		t.Errorf("%d messages are kept", n)
	}
	m.advance(time.Microsecond) // 24 h and 1 µs after the first
	late := m.passage(tenant, "x")
	if err := m.send(late); err != nil || late.Receipt != (flow.Receipt{Message: late.ID}) {
		t.Errorf("after 24 hours: receipt %+v, error %v", late.Receipt, err)
	}
	if n := len(m.kept(tenant)); n != 2 {
		t.Errorf("%d messages are kept", n)
	}
	again := m.passage(tenant, "x")
	if err := m.send(again); err != nil || again.Receipt.Message != late.ID {
		t.Errorf("a retry of the later one: %+v, %v", again.Receipt, err)
	}
	states, err := m.tally.Of(t.Context(), tenant)
	if err != nil || len(states) != 1 || states[0].All.Accepted != 2 || states[0].All.References != 5 || states[0].All.Stored == 0 {
		t.Errorf("%+v is counted, %v", states, err)
	}
}

// EX-01: what differs in anything is another message: an archive drops nothing.
func TestOtherTransactionIsNoRetry(t *testing.T) {
	m := newMill(t)
	tenant, other := m.tenant(), m.tenant()
	m.ok(m.send(m.passage(tenant, "x")))
	for name, change := range map[string]func(*flow.Passage){
		"peer":           func(p *flow.Passage) { p.Source.Peer = "192.0.2.2" },
		"door":           func(p *flow.Passage) { p.Source.Door = "journal" },
		"sender":         func(p *flow.Passage) { p.Envelope.From = "A@example.org" },
		"null sender":    func(p *flow.Passage) { p.Envelope.From = "" },
		"recipient":      func(p *flow.Passage) { p.Envelope.To = []string{"c@example.com"} },
		"one more":       func(p *flow.Passage) { p.Envelope.To = []string{"b@example.com", "c@example.com"} },
		"other order":    func(p *flow.Passage) { p.Envelope.To = []string{"c@example.com", "b@example.com"} },
		"joined":         func(p *flow.Passage) { p.Envelope.To = []string{"b@example.comc@example.com"} },
		"body":           func(p *flow.Passage) { p.Body = body("X") },
		"body and space": func(p *flow.Passage) { p.Body = body("x ") },
	} {
		p := m.passage(tenant, "x", change)
		if err := m.send(p); err != nil || p.Receipt.Duplicate {
			t.Errorf("another %s: %+v, %v", name, p.Receipt, err)
		}
	}
	p := m.passage(other, "x")
	if err := m.send(p); err != nil || p.Receipt.Duplicate {
		t.Errorf("another tenant: %+v, %v", p.Receipt, err)
	}
	if a, b := len(m.kept(tenant)), len(m.kept(other)); a != 11 || b != 1 {
		t.Errorf("%d and %d messages", a, b)
	}
	// The row tells nothing about the message: the same one has another MAC with
	// another tenant.
	var n int
	m.ok(m.db.Tenant(tenant).QueryRow(t.Context(), `SELECT COUNT(*) FROM commit_retry WHERE tenant = $1 AND mac IN (SELECT mac FROM commit_retry WHERE tenant = $2)`,
		other.Bytes()).Scan(&n))
	if n != 0 {
		t.Error("two tenants have the same reference")
	}
}

// The same transaction twice in one group is one message.
func TestRetryInOneGroup(t *testing.T) {
	m, open := gated(t)
	tenant := m.tenant()
	var list []*flow.Passage
	for i := range 10 {
		list = append(list, m.passage(tenant, fmt.Sprint(i%2)))
	}
	fresh := make(map[mail.ID]bool)
	for i, err := range m.hold(tenant, open, list) {
		if err != nil {
			t.Error(err)
		}
		fresh[list[i].Receipt.Message] = true
		if list[i].Receipt.Duplicate != (list[i].Receipt.Message != list[i].ID) {
			t.Errorf("receipt %+v", list[i].Receipt)
		}
	}
	if len(fresh) != 2 || len(m.kept(tenant)) != 3 {
		t.Errorf("%d messages in the receipts, %d are kept", len(fresh), len(m.kept(tenant)))
	}
}

func TestExpire(t *testing.T) {
	m := newMill(t)
	tenant, other := m.tenant(), m.tenant()
	for _, id := range []mail.TenantID{tenant, other} {
		m.ok(m.send(m.passage(id, "x")))
	}
	count := func(id mail.TenantID) (n int) {
		m.ok(m.db.Tenant(id).QueryRow(t.Context(), `SELECT COUNT(*) FROM commit_retry WHERE tenant = $1`).Scan(&n))
		return n
	}
	m.advance(commit.RetryFor)
	m.ok(m.room.Expire(t.Context(), tenant))
	if count(tenant) != 1 {
		t.Error("a reference went too early")
	}
	m.advance(time.Microsecond)
	m.ok(m.room.Expire(t.Context(), tenant))
	if count(tenant) != 0 || count(other) != 1 {
		t.Errorf("%d and %d references", count(tenant), count(other))
	}
}

// Groups of several tenants share a transaction, each with its own pack, and
// when one of them is poisonous the others get through.
func TestTenantsShareATransaction(t *testing.T) {
	m := newMill(t, func(m *mill) { m.txGate = make(chan struct{}) })
	a, b, c := m.tenant(), m.tenant(), m.tenant()
	answers := make(chan error, 4)
	go func() { answers <- m.send(m.passage(a, "first")) }()
	m.until("the first transaction waits", func() bool { return m.txs.Load() == 1 })
	for _, id := range []mail.TenantID{a, b} {
		go func() { answers <- m.send(m.passage(id, "second")) }()
	}
	bad := make(chan error, 1)
	go func() {
		bad <- m.send(m.passage(c, "bad", func(p *flow.Passage) {
			p.Units[0].Rows = func(flow.Place) []flow.Row { return []flow.Row{{Query: insertThing, Values: make([]any, 6)}} }
		}))
	}()
	m.until("three groups are ready", func() bool { _, groups := m.room.Waiting(); return groups == 3 })
	m.open()
	for range 3 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if err := <-bad; fault.Of(err) != fault.Internal {
		t.Errorf("the poisonous one: %v", err)
	}
	// One for the first, one for three together, then each of the three.
	if n := m.txs.Load(); n != 5 {
		t.Errorf("%d transactions, want 5", n)
	}
	ka, kb, kc := m.kept(a), m.kept(b), m.kept(c)
	if len(ka) != 2 || len(kb) != 1 || len(kc) != 0 || ka[1].pack == kb[0].pack {
		t.Errorf("%d, %d and %d messages", len(ka), len(kb), len(kc))
	}
	m.store.lock.Lock()
	defer m.store.lock.Unlock()
	for name := range m.store.objects {
		if !strings.HasPrefix(string(name), a.String()+"/") && !strings.HasPrefix(string(name), b.String()+"/") && !strings.HasPrefix(string(name), c.String()+"/") {
			t.Errorf("a pack of nobody: %s", name)
		}
	}
}

// Stop while senders wait: everybody gets an answer, what was taken on is kept,
// who comes later is told to come again.
func TestStop(t *testing.T) {
	m, open := gated(t)
	tenant := m.tenant()
	first := make(chan error, 1)
	go func() { first <- m.send(m.passage(tenant, "first")) }()
	m.until("the first pack is written", func() bool { return m.store.puts.Load() == 1 })
	var list []*flow.Passage
	for i := range 30 {
		list = append(list, m.passage(tenant, fmt.Sprint(i)))
	}
	done := make(chan []error)
	go func() { done <- m.sendAll(list) }()
	m.until("all stand in line", func() bool { n, _ := m.room.Waiting(); return n == len(list) })
	m.stop()
	m.until("the room has noticed", m.room.Stopping)
	if err := m.send(m.passage(tenant, "late")); fault.Of(err) != fault.Busy {
		t.Errorf("a late sender: %v", err)
	}
	select {
	case err := <-m.stopped:
		t.Fatalf("it stopped while senders wait: %v", err)
	default:
	}
	open()
	for _, err := range append(<-done, <-first) {
		if err != nil {
			t.Errorf("a sender who waited: %v", err)
		}
	}
	err := <-m.stopped
	m.stopped <- err
	if n := len(m.kept(tenant)); n != 31 {
		t.Errorf("%d messages", n)
	}
}

// Groups are bounded in number and octets; one message may be larger than a
// group.
func TestGroupBounds(t *testing.T) {
	m, open := gated(t)
	tenant := m.tenant()
	var list []*flow.Passage
	for i := range commit.MaxMessages + 20 {
		list = append(list, m.passage(tenant, fmt.Sprint(i)))
	}
	big := make([]byte, commit.MaxBytes/3)
	for i := range 5 {
		for k := range big {
			big[k] = byte((k*k + i) >> (k % 7)) // does not compress to nothing
		}
		list = append(list, m.passage(tenant, string(big)))
	}
	for i, err := range m.hold(tenant, open, list) {
		if err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	perPack := make(map[mail.ID]int)
	bytesOf := make(map[mail.ID]int64)
	for _, r := range m.kept(tenant) {
		perPack[r.pack]++
		bytesOf[r.pack] += r.length
	}
	for id, n := range perPack {
		if n > commit.MaxMessages || (bytesOf[id] > commit.MaxBytes && n > 1) {
			t.Errorf("a group of %d messages, %d octets", n, bytesOf[id])
		}
	}
	if len(perPack) < 3 || len(perPack) > 12 {
		t.Errorf("%d packs", len(perPack))
	}
}

// A caller who has gone before the line is released and not kept; one who goes
// later is: others wait for the same transaction.
func TestCallerGoes(t *testing.T) {
	m, open := gated(t)
	tenant := m.tenant()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.room.Group(gone, m.passage(tenant, "gone")); !errors.Is(err, context.Canceled) {
		t.Errorf("gone before: %v", err)
	}
	later, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.room.Group(later, m.passage(tenant, "later")) }()
	m.until("the pack is written", func() bool { return m.store.puts.Load() == 1 })
	leave()
	open()
	if err := <-done; err != nil {
		t.Errorf("gone later: %v", err)
	}
	if list := m.kept(tenant); len(list) != 1 || list[0].body != "later" {
		t.Errorf("kept: %+v", list)
	}
}

// Many senders of several tenants at once, with failures here and there: every
// acknowledged message is there once (run it with -race).
func TestManySenders(t *testing.T) {
	m := newMill(t)
	tenants := []mail.TenantID{m.tenant(), m.tenant(), m.tenant()}
	m.store.say(stored, stored, lost, stored, storedButErr, stored, lost)
	m.logs.say(stored, stored, stored, lost, stored, stored, storedButErr)
	m.tx.say(stored, stored, lost, stored, storedButErr)
	var wait sync.WaitGroup
	for s := range 12 {
		wait.Go(func() {
			for i := range 15 {
				for try := 0; ; try++ {
					err := m.send(m.passage(tenants[s%3], fmt.Sprintf("%d of %d", i, s)))
					if err == nil {
						break
					}
					if try > 20 || !errors.Is(err, errStep) {
						t.Errorf("sender %d: %v", s, err)
						return
					}
				}
			}
		})
	}
	wait.Wait()
	for _, id := range tenants {
		seen := make(map[string]int)
		for _, r := range m.kept(id) {
			seen[r.body]++
		}
		if len(seen) != 60 {
			t.Errorf("%d messages, want 60", len(seen))
		}
		for body, n := range seen {
			if n != 1 {
				t.Errorf("%q is there %d times", body, n)
			}
		}
	}
	if m.txs.Load() > 180 {
		t.Errorf("%d transactions for 180 messages: nothing was grouped", m.txs.Load())
	}
}
