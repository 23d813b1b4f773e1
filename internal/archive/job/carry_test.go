package job_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"siegel/internal/archive/job"
	"siegel/internal/identity/visit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/test/stand"
)

// slowStore is a store that fails, hangs or loses its answer when told, once each.
type slowStore struct {
	job.Store
	put chan func(ctx context.Context, put func() error) error // of the next calls of Put
}

func (s *slowStore) Put(ctx context.Context, n blob.Name, r io.Reader, size int64) error {
	select {
	case f := <-s.put:
		return f(ctx, func() error { return s.Store.Put(ctx, n, r, size) })
	default:
		return s.Store.Put(ctx, n, r, size)
	}
}

var errStore = errors.New("the store fails")

// What the store does to a part costs no message, gives none twice and leaves nothing.
func TestStoreFaults(t *testing.T) {
	for name, f := range map[string]func(ctx context.Context, put func() error) error{
		"failed": func(context.Context, func() error) error { return errStore },
		"hung":   func(ctx context.Context, _ func() error) error { <-ctx.Done(); return ctx.Err() },
		"answer lost": func(_ context.Context, put func() error) error {
			return errors.Join(put(), errStore)
		},
		"full": func(context.Context, func() error) error { return fault.New(fault.Exhausted, "full") },
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, 25)
			store := &slowStore{Store: y.Store, put: make(chan func(context.Context, func() error) error, 2)}
			store.put <- f
			store.put <- f
			r := y.node(func(d *job.Deps) {
				d.Store = store
				if name == "hung" { // of the others none is too slow, however busy the machine is
					d.Times.Stall = 2 * time.Second
				}
			})
			v := y.comes(stand.Reader)
			j, err := r.Start(t.Context(), v.Session, v, all(job.Order{}))
			y.ok(err)
			y.files(r, v, y.until(r, v, j.ID, job.Done), 25)
			if n := y.objects(); n != 3 {
				t.Errorf("%d objects, want 3", n)
			}
		})
	}
}

// A store that stays away makes a job fail, and nothing of it stays.
func TestFails(t *testing.T) {
	y := newYard(t, 25)
	store := &slowStore{Store: y.Store, put: make(chan func(context.Context, func() error) error, 100)}
	store.put <- func(_ context.Context, put func() error) error { return put() }
	for range 99 {
		store.put <- func(context.Context, func() error) error { return errStore }
	}
	r := y.node(func(d *job.Deps) { d.Store = store })
	v := y.comes(stand.Reader)
	j, err := r.Start(t.Context(), v.Session, v, all(job.Order{}))
	y.ok(err)
	j = y.until(r, v, j.ID, job.Failed)
	if j.Problem != "internal" || len(j.Parts) != 0 {
		t.Errorf("%+v", j)
	}
	y.empties(r, v)
	_, err = r.Open(t.Context(), v.Session, j.ID, 1)
	y.wants("a part of what failed", err, fault.Conflict)
}

// gate holds the second part back until it is opened.
func gate() (s chan func(context.Context, func() error) error, reached chan struct{}, open func()) {
	s, reached = make(chan func(context.Context, func() error) error, 2), make(chan struct{})
	opened := make(chan struct{})
	s <- func(_ context.Context, put func() error) error { return put() }
	s <- func(_ context.Context, put func() error) error {
		close(reached)
		<-opened
		return put()
	}
	return s, reached, sync.OnceFunc(func() { close(opened) })
}

// A job stops with its person's session, and goes on behind its last part when she is here
// again.
func TestSignOutInTheMiddle(t *testing.T) {
	y := newYard(t, 25)
	store := &slowStore{Store: y.Store}
	var reached chan struct{}
	var open func()
	store.put, reached, open = gate()
	defer open() // a test that fails does not hang
	r := y.node(func(d *job.Deps) { d.Store = store })
	v := y.comes(stand.Reader)
	j, err := r.Start(t.Context(), v.Session, v, all(job.Order{}))
	y.ok(err)
	v.Release() // the page closes
	<-reached
	y.ok(y.Visits.Leave(t.Context(), v))
	open()
	second := y.comes(stand.Reader)
	again := y.until(r, second, j.ID, job.Done)
	y.files(r, second, again, 25)
	if again.Password != j.Password || y.objects() != 3 {
		t.Errorf("another password, or %d objects", y.objects())
	}
	if got := y.events("export.begin"); len(got) != 2 {
		t.Errorf("the audit log has %q", got)
	}
}

// Without its person a job waits for her, also where the store had hung.
func TestWaitsForItsPerson(t *testing.T) {
	y := newYard(t, 25)
	store := &slowStore{Store: y.Store, put: make(chan func(context.Context, func() error) error, 1)}
	reached := make(chan struct{})
	store.put <- func(ctx context.Context, _ func() error) error {
		close(reached)
		<-ctx.Done()
		return ctx.Err()
	}
	r := y.node(func(d *job.Deps) { d.Store = store })
	v := y.comes(stand.Reader)
	j, err := r.Start(t.Context(), v.Session, v, all(job.Order{}))
	y.ok(err)
	<-reached
	v.Release()
	y.ok(y.Visits.Leave(t.Context(), v))
	time.Sleep(200 * time.Millisecond) // rounds in which nobody takes it up
	if n := y.objects(); n > 0 {
		t.Errorf("it went on: %d objects", n)
	}
	second := y.comes(stand.Reader)
	y.files(r, second, y.until(r, second, j.ID, job.Done), 25)
}

// A job whose node fell silent is taken up by another one; the first, where it was only
// slow, counts nothing any more.
func TestTakenOver(t *testing.T) {
	for name, home := range map[string]bool{"another node": false, "a new process of the same node": true} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, 25)
			store := &slowStore{Store: y.Store}
			var reached chan struct{}
			var open func()
			store.put, reached, open = gate()
			defer open() // a test that fails does not hang
			at := mail.NewID()
			slow := y.node(func(d *job.Deps) { d.Store, d.Home, d.Times.Beat = store, at, time.Hour })
			v := y.comes(stand.Reader)
			j, err := slow.Start(t.Context(), v.Session, v, all(job.Order{}))
			y.ok(err)
			<-reached
			second := &slowStore{Store: y.Store}
			var further chan struct{}
			var on func()
			second.put, further, on = gate()
			next := y.node(func(d *job.Deps) {
				d.Store, d.Times.Silent = second, 300*time.Millisecond
				if home {
					d.Home, d.Times.Silent = at, time.Hour
				}
			})
			defer on()
			<-further // the next one has the second part and is at the third
			if !home {
				open() // the slow one comes back with its second part; a dead one does not
				time.Sleep(200 * time.Millisecond)
			}
			on()
			y.files(next, v, y.until(next, v, j.ID, job.Done), 25)
			if got := y.events("export.begin"); len(got) != 2 {
				t.Errorf("it was begun %d times", len(got))
			}
			for end := time.Now().Add(patience); y.objects() != 3 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				y.ok(next.Expire(t.Context(), v.Tenant().ID()))
			}
			if n := y.objects(); n != 3 {
				t.Errorf("%d objects, want 3", n)
			}
			y.files(next, v, y.until(next, v, j.ID, job.Done), 25)
		})
	}
}

// A node that is heard of keeps its job.
func TestNotTakenOver(t *testing.T) {
	y := newYard(t, 25)
	store := &slowStore{Store: y.Store}
	var reached chan struct{}
	var open func()
	store.put, reached, open = gate()
	defer open() // a test that fails does not hang
	first := y.node(func(d *job.Deps) { d.Store = store })
	v := y.comes(stand.Reader)
	j, err := first.Start(t.Context(), v.Session, v, all(job.Order{}))
	y.ok(err)
	<-reached
	second := y.node(func(d *job.Deps) { d.Times.Silent = 5 * time.Second })
	time.Sleep(200 * time.Millisecond)
	y.until(second, v, j.ID, job.Running)
	open()
	y.files(second, v, y.until(second, v, j.ID, job.Done), 25)
	if got := y.events("export.begin"); len(got) != 1 {
		t.Errorf("it was begun %d times", len(got))
	}
}

// Cancelling and deleting end a job that runs, here and at another node.
func TestCancel(t *testing.T) {
	for name, end := range map[string]func(r *job.Room, v *visit.Visit, id mail.ID) error{
		"cancel": func(r *job.Room, v *visit.Visit, id mail.ID) error {
			return r.Cancel(context.Background(), v.Session, id)
		},
		"delete": func(r *job.Room, v *visit.Visit, id mail.ID) error {
			return r.Delete(context.Background(), v.Session, id)
		},
	} {
		for _, elsewhere := range []bool{false, true} {
			t.Run(fmt.Sprint(name, elsewhere), func(t *testing.T) {
				y := newYard(t, 25)
				store := &slowStore{Store: y.Store}
				var reached chan struct{}
				var open func()
				store.put, reached, open = gate()
				defer open() // a test that fails does not hang
				r := y.node(func(d *job.Deps) { d.Store = store })
				by := r
				if elsewhere {
					by = y.node(nil)
				}
				v := y.comes(stand.Reader)
				j, err := r.Start(t.Context(), v.Session, v, all(job.Order{}))
				y.ok(err)
				<-reached
				y.ok(end(by, v, j.ID))
				open()
				if name == "cancel" {
					y.until(by, v, j.ID, job.Cancelled)
					y.wants("twice", by.Cancel(t.Context(), v.Session, j.ID), fault.Conflict)
				} else {
					_, err := by.Get(t.Context(), v.Session, j.ID)
					y.wants("deleted", err, fault.NotFound)
				}
				y.empties(by, v)
				// Another one has its turn.
				j, err = r.Start(t.Context(), v.Session, v, all(job.Order{}))
				y.ok(err)
				y.until(r, v, j.ID, job.Done)
			})
		}
	}
}

// The same order is one job, however often it is given at once; others are bounded.
func TestManyAtOnce(t *testing.T) {
	y := newYard(t, 12)
	store := &slowStore{Store: y.Store, put: make(chan func(context.Context, func() error) error, 10)}
	stay := make(chan struct{})
	for range 10 {
		store.put <- func(_ context.Context, put func() error) error { <-stay; return put() }
	}
	r := y.node(func(d *job.Deps) { d.Store = store })
	v := y.comes(stand.Reader)
	same := all(job.Order{Once: mail.NewID()})
	var mu sync.Mutex
	ids, full := make(map[mail.ID]int), 0
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			o := same
			if i >= 4 {
				o.Once = mail.NewID()
			}
			j, err := r.Start(t.Context(), v.Session, v, o)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				ids[j.ID]++
			case fault.Of(err) == fault.Exhausted:
				full++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(ids) != job.MaxOpen || full == 0 {
		t.Errorf("%d jobs, %d refused", len(ids), full)
	}
	close(stay)
	for id := range ids {
		y.files(r, v, y.until(r, v, id, job.Done), 12)
	}
}

// What has ended is kept for a week; what nobody names in the store goes.
func TestExpire(t *testing.T) {
	y := newYard(t, 3)
	r := y.node(func(d *job.Deps) { d.Now, d.Times.Beat = y.clock.Now, time.Hour })
	v := y.comes(stand.Reader)
	j, err := r.Start(t.Context(), v.Session, v, all(job.Order{}))
	y.ok(err)
	j = y.until(r, v, j.ID, job.Done)
	stray := blob.Name(v.Tenant().ID().String() + "/jobs/" + mail.NewID().String() + "/" + mail.NewID().String())
	y.ok(y.Store.Put(t.Context(), stray, strings.NewReader("x"), 1))
	y.clock.Advance(job.KeptFor - time.Hour)
	y.ok(r.Expire(t.Context(), v.Tenant().ID()))
	if n := y.objects(); n != 1 {
		t.Errorf("%d objects before its time, want 1", n)
	}
	y.files(r, v, j, 3)
	y.clock.Advance(2 * time.Hour)
	y.ok(r.Expire(t.Context(), v.Tenant().ID()))
	_, err = r.Get(t.Context(), v.Session, j.ID)
	y.wants("after its time", err, fault.NotFound)
	if n := y.objects(); n != 0 {
		t.Errorf("%d objects after its time", n)
	}
}

// A keeper gives older mail by a job, and learns how much somebody gained.
func TestRegrant(t *testing.T) {
	y := newYard(t, 25)
	stop := y.comes(stand.Keeper)
	admin := y.comes("admin@" + stand.Domain)
	reset, err := y.Identity.Reset(t.Context(), admin.Session, mail.NewAddress(stand.Reader))
	y.ok(err)
	y.ok(y.Identity.Accept(t.Context(), stand.Tenant, mail.NewAddress(stand.Reader), reset.Code, []byte(stand.Password)))
	r := y.node(nil)
	v := y.comes(stand.Reader)
	_, err = r.Start(t.Context(), v.Session, v, job.Order{Kind: job.Regrant, Person: mail.NewAddress(stand.Reader)})
	y.wants("a reader", err, fault.Denied)
	if len(reset.Ended) > 0 {
		_, err = y.Identity.AddAddress(t.Context(), stop.Session, mail.NewAddress(stand.Reader), mail.NewAddress(stand.Reader))
		y.ok(err)
	}
	j, err := r.Start(t.Context(), stop.Session, stop, job.Order{Kind: job.Regrant, Person: mail.NewAddress(stand.Reader)})
	y.ok(err)
	j = y.until(r, stop, j.ID, job.Done)
	if j.Gained != 25 || j.Done != 25 || j.Total != 25 || j.Person != mail.NewAddress(stand.Reader) {
		t.Errorf("%+v", j)
	}
}

// A job that was sealed to a former key fails, and can be deleted.
func TestFormerKey(t *testing.T) {
	y := newYard(t, 3)
	r := y.node(nil)
	v, admin := y.comes(stand.Reader), y.comes("admin@"+stand.Domain)
	j, err := r.Start(t.Context(), v.Session, v, all(job.Order{}))
	y.ok(err)
	y.until(r, v, j.ID, job.Done)
	reset, err := y.Identity.Reset(t.Context(), admin.Session, mail.NewAddress(stand.Reader))
	y.ok(err)
	if _, err := r.Open(t.Context(), v.Session, j.ID, 1); fault.Of(err) != fault.Locked {
		t.Error("a closed session opens a part", err)
	}
	y.ok(y.Identity.Accept(t.Context(), stand.Tenant, mail.NewAddress(stand.Reader), reset.Code, []byte(stand.Password)))
	v = y.comes(stand.Reader)
	list, err := r.List(t.Context(), v.Session)
	y.ok(err)
	if len(list) != 1 || !list[0].Lost || list[0].Password != "" {
		t.Fatalf("%+v", list)
	}
	if f, err := r.Open(t.Context(), v.Session, j.ID, 1); err == nil {
		t.Error("a former key's part opens", f.Close())
	}
	y.ok(r.Delete(t.Context(), v.Session, j.ID))
}

// Many who are the first to ask for an index at once begin it once, and each finds all.
func TestFirstAtOnce(t *testing.T) {
	y := newYard(t, 12)
	v := y.comes(stand.Reader)
	before := y.clock.Now()
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			if m, err := y.Find(v.Session).Measure(t.Context(), "", before); err != nil || m.Messages != 12 {
				t.Errorf("%+v %v", m, err)
			}
		})
	}
	wg.Wait()
}
