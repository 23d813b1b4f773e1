package powercut_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/internal/index"
	"siegel/internal/kit/fault"
	"siegel/test/stand"
)

// others is about how many cuts are made where nothing was promised.
const others = 100

// CR-08, EV-01, EV-02, EX-01: after a cut at any moment everything that was
// promised before is there and proven; without any one kind of sync it is not.
func TestPowerCut(t *testing.T) {
	permitted(t)
	begun := time.Now()
	f := newFilm(t, record(t))
	t.Logf("%d messages, %d syncs of %d kinds, recorded in %v", len(f.mail), len(f.syncs), len(f.kinds()), time.Since(begun).Round(time.Second))
	t.Run("AllSyncs", f.testAll)
	if t.Failed() {
		return // with a broken server the rest says nothing
	}
	t.Run("OneSyncLess", f.testEach)
}

// kinds lists the classes of syncs.
func (f *film) kinds() []string {
	set := make(map[string]bool)
	for _, s := range f.syncs {
		set[s] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// testAll cuts at every promise and at many other moments: everything that was
// not synced is lost, or some of it survives by chance.
func (f *film) testAll(t *testing.T) {
	total := 0
	if err := f.play(script{visit: func(m moment, _ *disk) bool { total = m.n + 1; return true }}); err != nil {
		t.Fatal(err)
	}
	seed := uint64(stand.Random(1 << 30))
	chance := rand.New(rand.NewPCG(seed, 1))
	c := newChecks(t)
	promised := 0
	err := f.play(script{visit: func(m moment, d *disk) bool {
		if m.promise {
			promised++
			c.cut(d, nil, func(dir string) error { return f.check(t.Context(), m, dir, true) })
			full := promised%4 == 0
			c.cut(d, chance, func(dir string) error { return f.check(t.Context(), m, dir, full) })
		} else if chance.IntN(total) < others {
			var some *rand.Rand
			if chance.IntN(3) == 0 {
				some = chance
			}
			c.cut(d, some, func(dir string) error { return f.check(t.Context(), m, dir, false) })
		}
		return true
	}})
	if err := errors.Join(append(c.end(), err)...); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	t.Logf("%d cuts at %d promises and some of %d other moments", c.done, promised, total-promised)
}

// check opens what survived a cut. With full it reads every message.
func (f *film) check(ctx context.Context, m moment, dir string, full bool) (err error) {
	defer fault.Wrap(&err, "cut %d, after %s, with %d messages promised", m.n, m.after, len(m.kept))
	data := filepath.Join(dir, "data")
	_, err = app.ReadInstance(data)
	if kind := fault.Of(err); err != nil && !m.made && (kind == fault.NotFound || kind == fault.Conflict) {
		return nil // nobody was told that there is one; an interrupted init says so
	}
	// From here on it must open: it says itself that it is whole.
	if err := f.unchanged(data); err != nil {
		return err
	}
	a, err := stand.Open(ctx, app.Options{Dir: data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	s, err := app.NewServer(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if !m.founded {
		return nil
	}
	c, err := stand.NewSealed(ctx, a)
	if err != nil {
		return err
	}
	if err := errors.Join(c.Proven(ctx, m.kept), c.Verified(ctx), m.extends(ctx, a)); err != nil || !full {
		return err
	}
	return m.read(ctx, a)
}

// unchanged compares what init made with what survived.
func (f *film) unchanged(data string) error {
	for name, want := range f.whole {
		path := filepath.Join(data, name)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if want == nil && info.IsDir() {
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s is not what init wrote", name)
		}
	}
	return nil
}

// extends checks that the logs extend what was signed and told.
func (m moment) extends(ctx context.Context, a *app.App) error {
	t, err := a.Identity.Named(ctx, stand.Tenant)
	if err != nil {
		return err
	}
	tree, err := a.Ledger.Tree(ctx, a.DB.Tenant(t.ID), "message")
	if err != nil {
		return err
	}
	for _, r := range m.signed {
		if h, err := tree.Root(r.size); err != nil || h.String() != r.hash {
			return errors.Join(err, fmt.Errorf("the message log does not extend the checkpoint of %d entries that was told", r.size))
		}
	}
	return nil
}

// read shows every message and finds them all.
func (m moment) read(ctx context.Context, a *app.App) error {
	c, err := stand.NewChecker(ctx, a)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Shown(ctx, m.kept); err != nil {
		return err
	}
	r, err := a.Index.Search(ctx, c.Session(), index.Request{Text: "after:1900", Limit: 1})
	if err != nil {
		return err
	}
	if r.Total < len(m.kept) {
		return fmt.Errorf("%d messages are found by a search, %d were promised", r.Total, len(m.kept))
	}
	return nil
}
