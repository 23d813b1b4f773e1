package nodes_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/vault/blob/blobtest"
	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
	"siegel/test/victim"
)

func TestMain(m *testing.M) { victim.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// found makes the data directories of two nodes on a database at an address and
// a bucket, with a tenant.
func found(t *testing.T, address, endpoint string) (a, b string) {
	t.Helper()
	// A socket's path is short.
	base, err := os.MkdirTemp("", "nodes") //nolint:usetesting // that of the test is too long
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	a, b = filepath.Join(base, "a"), filepath.Join(base, "b")
	must(t, stand.Init(a))
	must(t, stand.ScaleTo(a, address, endpoint))
	opened, err := stand.Open(t.Context(), app.Options{Dir: a})
	must(t, err)
	must(t, stand.Found(t.Context(), opened))
	must(t, opened.Close())
	must(t, stand.Twin(a, b))
	return a, b
}

// place is an empty database and the process's store.
func place(t *testing.T) (address, endpoint string) {
	t.Helper()
	store := blobtest.S3(t)
	return dbtest.Postgres(t).Address, store.Endpoint
}

func start(t *testing.T, dir, step string, nth int) *victim.Child {
	t.Helper()
	c, err := victim.Start(dir, step, nth)
	must(t, err)
	return c
}

// check compares what senders were told with what is there, which is nothing else.
func check(t *testing.T, dir string, kept []*stand.Mail) {
	t.Helper()
	checkAll(t, dir, kept, true)
}

func checkAll(t *testing.T, dir string, kept []*stand.Mail, nothingElse bool) {
	t.Helper()
	ctx := t.Context()
	a, err := stand.Open(ctx, app.Options{Dir: dir})
	must(t, err)
	defer func() { must(t, a.Close()) }()
	c, err := stand.NewChecker(ctx, a)
	must(t, err)
	defer c.Close()
	for what, f := range map[string]func(context.Context, []*stand.Mail) error{"counted": c.Counted, "proven": c.Proven, "shown": c.Shown} {
		if what == "counted" && !nothingElse {
			continue
		}
		if err := f(ctx, kept); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.Verified(ctx); err != nil {
		t.Error(err)
	}
	if err := c.Opened(ctx); err != nil {
		t.Error(err)
	}
}

// ready asks a server whether it takes mail.
func ready(t *testing.T, c *victim.Child) bool {
	t.Helper()
	r, err := http.Get("http://" + c.Health + "/ready")
	if err != nil {
		return false
	}
	_ = r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// settled returns what a crowd was told is kept, once each of its senders has an answer.
func settled(t *testing.T, c *crowd) []*stand.Mail {
	t.Helper()
	kept, err := c.settle(time.Minute)
	if err != nil {
		t.Fatalf("%v; %s", err, c)
	}
	return kept
}

// ends stops nodes and checks what was kept.
func ends(t *testing.T, dir string, kept []*stand.Mail, nodes ...*victim.Child) {
	t.Helper()
	for _, n := range nodes {
		must(t, n.Stop())
	}
	check(t, dir, kept)
}

func eventually(t *testing.T, within time.Duration, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !f(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// kills is how often nodes are killed: 200 times with KILLS=all, else a tenth, so
// that all tests together stay quick.
func kills(t *testing.T) int {
	t.Helper()
	if os.Getenv("KILLS") == "all" {
		return 200
	}
	t.Log("20 kills; KILLS=all for 200")
	return 20
}

// OP-05, OP-09, EX-01: two nodes take mail. One is killed again and again, at any
// step of the path or in between, now and then both at once, and started anew.
// Every 250 is found with a valid proof, nothing is doubled, no log is forked.
func TestKills(t *testing.T) {
	t.Parallel()
	address, endpoint := place(t)
	a, b := found(t, address, endpoint)
	dirs := []string{a, b}
	nodes := []*victim.Child{start(t, a, "", 0), start(t, b, "", 0)}
	steps := append(nodes[0].Steps, "")
	crowd := newCrowd(16, false, dirs...)
	defer crowd.end()
	begun := time.Now()
	total := kills(t)
	for k := range total {
		i := stand.Random(2)
		must(t, nodes[i].Kill())
		if stand.Random(10) == 0 { // both
			must(t, nodes[1-i].Kill())
			nodes[1-i] = start(t, dirs[1-i], "", 0)
		}
		step, nth := steps[k%len(steps)], 1+stand.Random(20)
		if strings.Contains(step, "/") { // is entered once for a group
			nth = 1 + stand.Random(4)
		}
		nodes[i] = start(t, dirs[i], step, nth)
		if step == "" {
			time.Sleep(time.Duration(stand.Random(60)) * time.Millisecond)
		} else if got, err := nodes[i].Killed(); err != nil || got != step {
			t.Fatalf("kill %d at %q: killed at %q: %v; %s", k, step, got, err, crowd)
		} else {
			nodes[i] = start(t, dirs[i], "", 0)
		}
	}
	kept := settled(t, crowd)
	t.Logf("%d rounds of kills in %v; %s", total, time.Since(begun).Round(time.Second), crowd)
	ends(t, b, kept, nodes...)
}

// OP-05: each node is replaced in turn while senders deliver, as an upgrade does.
// No sender is turned away in the middle of a message.
func TestRolling(t *testing.T) {
	t.Parallel()
	address, endpoint := place(t)
	a, b := found(t, address, endpoint)
	dirs := []string{a, b}
	nodes := []*victim.Child{start(t, a, "", 0), start(t, b, "", 0)}
	crowd := newCrowd(8, true, dirs...)
	defer crowd.end()
	for round := range 6 {
		i := round % 2
		before := crowd.count()
		eventually(t, time.Minute, "mail is taken", func() bool { return crowd.count() > before+50 })
		if !ready(t, nodes[i]) || !ready(t, nodes[1-i]) {
			t.Fatal("a node says that it takes no mail")
		}
		must(t, nodes[i].Stop())
		nodes[i] = start(t, dirs[i], "", 0)
	}
	kept := settled(t, crowd)
	ends(t, a, kept, nodes...)
}

// A node that hangs with the lead and a transaction open keeps the others from
// nothing for longer than half a minute, and answers nobody when it wakes up.
func TestPaused(t *testing.T) {
	t.Parallel()
	address, endpoint := place(t)
	a, b := found(t, address, endpoint)
	one := start(t, a, "", 0)
	crowd, others := newCrowd(4, false, a), newCrowd(4, false, b)
	defer crowd.end()
	defer others.end()
	eventually(t, time.Minute, "mail is taken", func() bool { return crowd.count() > 100 })
	two := start(t, b, "", 0)
	eventually(t, time.Minute, "mail is taken", func() bool { return others.count() > 50 })
	must(t, one.Pause())
	before := others.count()
	eventually(t, 45*time.Second, "the other node takes mail", func() bool { return others.count() > before+50 })
	time.Sleep(12 * time.Second)
	must(t, one.Resume())
	eventually(t, 20*time.Second, "it takes mail again", func() bool { return ready(t, one) })
	kept := settled(t, crowd)
	more := settled(t, others)
	ends(t, a, append(kept, more...), one, two)
}

// OP-09: the primary's machine fails, the standby, which every commit waited for,
// is promoted: mail is taken again without a hand, and nothing is lost.
func TestFailover(t *testing.T) {
	t.Parallel()
	store := blobtest.S3(t)
	pair := dbtest.NewPair(t, true)
	a, b := found(t, pair.Address, store.Endpoint)
	nodes := []*victim.Child{start(t, a, "", 0), start(t, b, "", 0)}
	crowd := newCrowd(8, false, a, b)
	defer crowd.end()
	eventually(t, time.Minute, "mail is taken", func() bool { return crowd.count() > 300 })
	pair.Kill(0)
	time.Sleep(2 * time.Second)
	before := crowd.count()
	pair.Promote(t)
	begun := time.Now()
	eventually(t, time.Minute, "mail is taken again", func() bool { return crowd.count() > before+300 })
	t.Logf("mail was taken again after %v; %s", time.Since(begun).Round(time.Second), crowd)
	kept := settled(t, crowd)
	ends(t, a, kept, nodes...)
}

// The standby is promoted while the old primary goes on, and one node reaches only
// the old one: it answers and signs nothing any more.
func TestSplit(t *testing.T) {
	t.Parallel()
	store := blobtest.S3(t)
	pair := dbtest.NewPair(t, false)
	a, b := found(t, pair.Address, store.Endpoint)
	rewrite(t, a, pair.Only(0))
	rewrite(t, b, pair.Only(1))
	left := start(t, a, "", 0)
	only := newCrowd(4, false, a)
	defer only.end()
	eventually(t, time.Minute, "mail is taken", func() bool { return only.count() > 100 })
	kept := settled(t, only)
	// Replication is asynchronous here: it gets what was acknowledged, then all splits.
	eventually(t, time.Minute, "the standby has all, and all is signed", func() bool {
		const question = `SELECT (SELECT SUM(size) FROM ledger_log)::text || (SELECT SUM(size) FROM ledger_checkpoint)::text || (SELECT COUNT(*) FROM ledger_stamp WHERE state = 'waiting')::text`
		before := pair.Ask(t, 0, question)
		time.Sleep(2 * time.Second)
		return pair.Ask(t, 0, question) == before && pair.Ask(t, 1, question) == before
	})
	pair.Promote(t)
	right := start(t, b, "", 0) // begins when nobody is admitted on the old primary
	only.resume()
	time.Sleep(3 * time.Second)
	if n := only.count(); n != len(kept) || ready(t, left) {
		t.Errorf("the node on the old primary took %d messages, ready %v", n-len(kept), ready(t, left))
	}
	others := newCrowd(4, false, b)
	defer others.end()
	eventually(t, time.Minute, "the node on the new primary takes mail", func() bool { return others.count() > 100 })
	more := settled(t, others)
	must(t, left.Stop())
	must(t, right.Stop())
	if n := only.count(); n != len(kept) {
		t.Errorf("the node on the old primary took %d messages", n-len(kept))
	}
	check(t, b, append(kept, more...))
}

// rewrite changes the address of a node's database.
func rewrite(t *testing.T, dir, address string) {
	t.Helper()
	path := filepath.Join(dir, "postgres.address")
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, []byte(address+"\n"), 0o600))
}
