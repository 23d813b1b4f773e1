package powercut_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/test/stand"
)

// spare is why nothing is missing without the syncs of a class.
type spare struct {
	why string
	// with are the classes that make it so: without those as well something is
	// missing, and the test shows it.
	with []string
	// again says that the class repeats what those in with did, for the case that
	// the process was killed before they came: with only them missing nothing is
	// missing from the first repetition on.
	again bool
}

// testEach plays the film again without the syncs of each class, and must find
// that something is missing.
func (f *film) testEach(t *testing.T) {
	shown := make(map[string]bool) // explanations that several classes share
	for _, kind := range f.kinds() {
		begun := time.Now()
		if s, ok := spares()[kind]; ok {
			f.explain(t, kind, s, shown)
			t.Logf("%s: spared (%v), because %s", kind, time.Since(begun).Round(time.Millisecond), s.why)
			continue
		}
		missing, cuts := f.without(t, "", kind)
		took := time.Since(begun).Round(time.Millisecond)
		if missing == nil {
			t.Errorf("%s: without this sync nothing is missing in %d cuts (%v): the sync is of no use, or the test does not see what it is good for", kind, cuts, took)
			continue
		}
		t.Logf("%s: shows (%d cuts, %v): %.100q", kind, cuts, took, missing)
	}
}

// explain checks that the reason of a spare is true, as far as it names other
// syncs.
func (f *film) explain(t *testing.T, kind string, s spare, shown map[string]bool) {
	t.Helper()
	from, all := "", append([]string{kind}, s.with...)
	slices.Sort(all)
	name := strings.Join(slices.Compact(all), "\n")
	if len(s.with) == 0 || shown[name] {
		return
	}
	if s.again {
		from = kind
		if missing, cuts := f.without(t, from, s.with...); missing != nil {
			t.Errorf("%s should repeat %q, but without those something is missing after %d cuts: %v", kind, s.with, cuts, missing)
		}
	}
	missing, cuts := f.without(t, from, all...)
	if missing == nil {
		t.Errorf("%s should be spared because of %q, but without those nothing is missing either in %d cuts", kind, s.with, cuts)
	}
	shown[name] = true
}

// without plays the film without the syncs of some classes, and cuts until
// something is missing: first at promises, where nothing survives that was not
// synced, then at moments after such a sync, in the same way, and then where some
// of it survives by chance. With from it cuts only after the first sync of that class, at promises.
//
//nolint:revive,staticcheck // the error is the result, not a failure
func (f *film) without(t *testing.T, from string, kinds ...string) (missing error, cuts int) {
	ignore := func(n int) bool { return slices.Contains(kinds, f.syncs[n]) }
	from0 := from
	if from == "" {
		from0 = kinds[0]
	}
	missing, cuts = f.search(t, ignore, from0, atPromises())
	for _, p := range []pick{soonAfter(), byChance()} {
		if missing == nil && from == "" {
			var more int
			missing, more = f.search(t, ignore, from0, p)
			cuts += more
		}
	}
	return missing, cuts
}

// pick decides about a moment: how many cuts are made there, and by chance or
// not. since is the number of moments since the last sync that was ignored.
type pick func(m moment, since int) (cuts int, chance bool)

// atPromises takes the first promises, and then some.
func atPromises() pick {
	n := 0
	return func(m moment, _ int) (int, bool) {
		if !m.promise {
			return 0, false
		}
		if n++; n > 7 && n%5 != 0 {
			return 0, false
		}
		return 1, false
	}
}

// soonAfter takes moments after a sync that was ignored: what relies on it may
// become durable long before anything is promised.
func soonAfter() pick {
	left := 80
	return func(m moment, since int) (int, bool) {
		if !m.made || since > 60 || since%2 != 0 || left == 0 {
			return 0, false
		}
		left--
		return 1, false
	}
}

// byChance takes moments soon after a sync that was ignored, and all of init,
// where cuts cost little.
func byChance() pick {
	left := 60
	return func(m moment, since int) (int, bool) {
		if !m.made {
			return 16, true
		}
		if since > 12 || left <= 0 {
			return 0, true
		}
		left -= 3
		return 3, true
	}
}

//nolint:revive,staticcheck // the error is the result, not a failure
func (f *film) search(t *testing.T, ignore func(int) bool, from string, p pick) (missing error, cuts int) {
	c := newChecks(t)
	chance := rand.New(rand.NewPCG(uint64(stand.Random(1<<30)), 2))
	begun, since := false, 0
	err := f.play(script{
		ignore: func(n int) bool {
			begun = begun || f.syncs[n] == from
			if ignore(n) {
				since = 0
				return true
			}
			return false
		},
		visit: func(m moment, d *disk) bool {
			since++
			if !begun {
				return true
			}
			n, drawn := p(m, since)
			for range n {
				var some *rand.Rand
				if drawn {
					some = chance
				}
				c.cut(d, some, func(dir string) error { return f.check(t.Context(), m, dir, false) })
			}
			return len(c.failed()) == 0
		},
	})
	if err != nil {
		t.Error(err)
	}
	return errors.Join(c.end()...), c.done
}
