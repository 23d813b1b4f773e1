package nodes_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/app/config"
	"siegel/internal/app/kept"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
)

// A power cut with PostgreSQL and S3: the node is gone, and with it the primary and
// its disk; of the object store there is what it acknowledged and nothing else; the
// standby has what was confirmed to the primary. Everything that a sender was told
// is there, once and proven. (What a cut leaves of SQLite and files is for
// test/powercut.)
func TestPowerCut(t *testing.T) {
	t.Parallel()
	c := newCut(t, true)
	c.deliver(200 + stand.Random(200))
	c.cut()
	// What was committed when nobody could be told any more is there as well.
	checkAll(t, c.dir, c.survivors(), false)
}

// The same with the one sync taken away by which PostgreSQL promises anything: its
// commits do not wait for the standby. The test finds what is missing then.
func TestPowerCutWithoutSync(t *testing.T) {
	t.Parallel()
	c := newCut(t, false)
	c.deliver(200)
	c.pair.Stop(t, 1) // nothing reaches the standby any more, and commits do not care
	c.deliver(100)
	c.cut()
	kept := c.survivors()
	// What was signed is missing too, so that the server may refuse to start: that is
	// found as well.
	a, err := stand.Open(t.Context(), app.Options{Dir: c.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, a.Close()) }()
	sealed, err := stand.NewSealed(t.Context(), a)
	must(t, err)
	if err := sealed.Proven(t.Context(), kept); err == nil {
		t.Errorf("%d messages were acknowledged without a sync, and the test does not miss any", len(kept))
	}
}

// cut is a server with what it stands on.
type cut struct {
	*testing.T
	pair  *dbtest.Pair
	store *proxy
	dir   string
	crowd *crowd
	node  interface{ Kill() error }
}

func newCut(t *testing.T, synchronous bool) *cut {
	t.Helper()
	store := blobtest.S3(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c := &cut{T: t, pair: dbtest.NewPair(t, synchronous)}
	c.store = newProxy(t, l, func() (net.Conn, error) { return net.Dial("tcp", store.Endpoint) }, "PUT /")
	c.dir, _ = found(t, c.pair.Address, l.Addr().String())
	c.node = start(t, c.dir, "", 0)
	c.crowd = newCrowd(12, false, c.dir)
	t.Cleanup(c.crowd.end)
	return c
}

// deliver waits until so many more messages were acknowledged.
func (c *cut) deliver(n int) {
	c.Helper()
	before := c.crowd.count()
	eventually(c.T, time.Minute, "mail is taken", func() bool { return c.crowd.count() >= before+n })
}

// cut takes the power away.
func (c *cut) cut() {
	c.Helper()
	c.store.set(gone)
	must(c.T, c.node.Kill())
	c.pair.Kill(0)
	c.pair.Go(c.T, 1)
	c.store.set(well)
	c.pair.Promote(c.T)
	c.forget()
}

// forget deletes packs that the store did not acknowledge.
func (c *cut) forget() {
	c.Helper()
	conf, err := config.Load(filepath.Join(c.dir, "siegel.yaml"))
	must(c.T, err)
	conf.Complete(c.dir, config.Test)
	s, err := kept.OpenStore(c.Context(), conf.Objects.S3, c.dir)
	must(c.T, err)
	var doubtful []blob.Name
	all := 0
	must(c.T, s.List(c.Context(), "", func(n blob.Name, _ int64) error {
		if filepath.Base(filepath.Dir(filepath.Dir(string(n)))) != "packs" {
			return nil
		}
		if all++; !c.store.answered("/" + conf.Objects.S3.Bucket + "/" + string(n)) {
			doubtful = append(doubtful, n)
		}
		return nil
	}))
	if all == 0 || len(doubtful) == all {
		c.Fatalf("%d of %d packs were not acknowledged: the test does not see answers", len(doubtful), all)
	}
	for _, n := range doubtful {
		must(c.T, s.Delete(c.Context(), n))
	}
	c.Logf("%d of %d packs were not acknowledged and are gone", len(doubtful), all)
}

// survivors returns what senders were told is kept.
func (c *cut) survivors() []*stand.Mail {
	c.crowd.mu.Lock()
	defer c.crowd.mu.Unlock()
	return append([]*stand.Mail(nil), c.crowd.kept...)
}
