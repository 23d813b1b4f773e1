package crash_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/app"
	"siegel/test/stand"
	"siegel/test/victim"
)

func TestMain(m *testing.M) { victim.Main(m) }

func start(t *testing.T, dir, step string, nth int) *victim.Child {
	t.Helper()
	c, err := victim.Start(dir, step, nth)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	senders = 20
	kills   = 50 // per step
	hasty   = 5  // per step with -short
	// anywhere stands for kills from outside, between steps.
	anywhere = "(anywhere)"
)

// CR-08, EV-01, EV-02, EX-01: a server is killed at every step of the path, and
// in between, while senders deliver. Every 250 is found with a valid proof,
// nothing is doubled, and the ledger verifies.
func TestKillAtEveryStep(t *testing.T) {
	rounds := kills
	if testing.Short() {
		rounds = hasty
		t.Logf("-short: %d kills per step instead of %d", hasty, kills)
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := stand.New(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	r := &run{dir: dir, crowd: newCrowd(stand.Socket(dir), senders), times: make(map[string]int)}
	defer r.crowd.end()
	begun := time.Now()
	for round := range rounds {
		for _, step := range append(r.steps(t), anywhere) {
			r.kill(t, step)
		}
		if last := round == rounds-1; last || round%5 == 4 {
			r.settle(t, last)
		}
	}
	for _, step := range append(r.steps(t), anywhere) {
		t.Logf("%-18s %d kills", step, r.times[step])
		if r.times[step] < rounds {
			t.Errorf("the step %q was killed %d times, must be %d", step, r.times[step], rounds)
		}
	}
	t.Logf("%d kills in %v, %d messages kept, %d sends without an answer", len(r.order), time.Since(begun).Round(time.Second), len(r.crowd.settled()), r.crowd.retried)
}

// run is what has happened so far.
type run struct {
	dir     string
	crowd   *crowd
	times   map[string]int // kills by step
	order   []string       // steps in the order of the kills
	known   []string       // the steps as the server says them
	checked int            // messages that were shown after an earlier round
}

// steps returns the steps of the path, from the server itself.
func (r *run) steps(t *testing.T) []string {
	t.Helper()
	if r.known == nil {
		c := start(t, r.dir, "", 0)
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		r.known = c.Steps
		t.Logf("steps: %s", strings.Join(r.known, " "))
	}
	return slices.Clone(r.known)
}

// kill starts a server that dies at a step, for some time after its start.
func (r *run) kill(t *testing.T, step string) {
	t.Helper()
	at, nth := step, 1+stand.Random(40)
	switch {
	case step == anywhere:
		at = ""
	case strings.Contains(step, "/"): // is entered once for a group
		nth = 1 + stand.Random(5)
	}
	c := start(t, r.dir, at, nth)
	r.crowd.serve(false)
	var err error
	if step == anywhere {
		time.Sleep(time.Duration(stand.Random(40_000)) * time.Microsecond)
		at = anywhere
		err = c.Kill()
	} else {
		at, err = c.Killed()
	}
	r.crowd.gone()
	if err != nil || at != step {
		t.Fatalf("step %s, to be entered for the %d. time: killed at %q: %v; senders: %s", step, nth, at, err, r.crowd.state())
	}
	r.times[step]++
	r.order = append(r.order, step)
}

// settle lets the senders who got no answer try again, and then checks what was
// kept. The octets of all messages are read the last time, before that only of
// those that are new.
func (r *run) settle(t *testing.T, all bool) {
	t.Helper()
	c := start(t, r.dir, "", 0)
	r.crowd.serve(true)
	kept := r.crowd.settled()
	r.crowd.gone()
	if err := c.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	for _, err := range r.crowd.bad {
		t.Fatal(err)
	}
	if all {
		r.checked = 0
	}
	ctx := t.Context()
	a, err := stand.Open(ctx, app.Options{Dir: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	check, err := stand.NewChecker(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := check.Shown(ctx, kept[r.checked:]); err != nil {
		t.Error(err)
	}
	r.checked = len(kept)
	checks := []error{check.Counted(ctx, kept), check.Proven(ctx, kept), check.Verified(ctx)}
	if all {
		checks = append(checks, check.Opened(ctx))
	}
	for _, err := range checks {
		if err != nil {
			t.Error(err)
		}
	}
	check.Close()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Fatalf("after the kills at %v", r.order)
	}
}
