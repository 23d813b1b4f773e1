package nodes_test

import (
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
	"siegel/test/victim"
)

// waiting is a node that takes mail on a primary whose standby is gone, so that each
// commit waits for it.
func waiting(t *testing.T) (pair *dbtest.Pair, dir string, n *victim.Child, c *crowd) {
	t.Helper()
	store := blobtest.S3(t)
	pair = dbtest.NewPair(t, true)
	dir, _ = found(t, pair.Address, store.Endpoint)
	n = start(t, dir, "", 0)
	c = newCrowd(8, false, dir)
	t.Cleanup(c.end)
	eventually(t, time.Minute, "mail is taken", func() bool { return c.count() > 100 })
	return pair, dir, n, c
}

// A wait for the standby that is broken off, by an end of the connection or by a
// cancellation, is no commit: nobody is told that mail is kept which only the
// primary has, although its rows can be read there.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	pair, _, n, c := waiting(t)
	pair.Kill(1)
	time.Sleep(2 * time.Second)
	before := c.count()
	for i := range 8 {
		end := []string{"pg_terminate_backend", "pg_cancel_backend"}[i%2]
		pair.Do(t, 0, `SELECT `+end+`(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
		time.Sleep(time.Second)
	}
	if told := c.count() - before; told != 0 {
		t.Errorf("%d messages were acknowledged that the standby does not have", told)
	}
	must(t, n.Kill())
}

// What only the primary has is not signed, so that the standby can take over.
func TestNothingAloneIsSigned(t *testing.T) {
	t.Parallel()
	pair, dir, n, c := waiting(t)
	pair.Do(t, 1, `ALTER SYSTEM SET primary_conninfo = ''`)
	pair.Do(t, 1, `SELECT pg_reload_conf()`)
	time.Sleep(time.Second)
	for range 30 {
		pair.Do(t, 0, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
		time.Sleep(100 * time.Millisecond)
	}
	must(t, n.Kill())
	pair.Kill(0)
	pair.Promote(t)
	c.mu.Lock()
	kept := append([]*stand.Mail(nil), c.kept...)
	c.mu.Unlock()
	a, err := stand.Open(t.Context(), app.Options{Dir: dir})
	must(t, err)
	defer func() { must(t, a.Close()) }()
	if _, err := a.Evidence.Checkpointer.Check(t.Context()); err != nil {
		t.Errorf("after the standby took over: %v", err)
	}
	sealed, err := stand.NewSealed(t.Context(), a)
	must(t, err)
	if err := sealed.Proven(t.Context(), kept); err != nil {
		t.Error(err)
	}
}

// A server whose commits wait says that it takes no mail, and ends when it is asked
// to.
func TestStopWhileCommitsWait(t *testing.T) {
	t.Parallel()
	pair, _, n, _ := waiting(t)
	pair.Kill(1)
	eventually(t, 40*time.Second, "it says that it takes no mail", func() bool { return !ready(t, n) })
	ended := make(chan error, 1)
	go func() { ended <- n.Stop() }()
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(80 * time.Second):
		t.Error("it does not end")
		must(t, n.Kill())
	}
}
