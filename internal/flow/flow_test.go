package flow_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"siegel/internal/flow"
)

// room is a step that may fail and leaves units.
type room struct {
	name  string
	err   error
	units int
	log   *[]string
	gone  *int // units given back
}

func (r *room) Prepare(_ context.Context, p *flow.Passage) error {
	*r.log = append(*r.log, r.name)
	for range r.units {
		p.Units = append(p.Units, flow.Unit{Release: func() { *r.gone++ }})
	}
	return r.err
}

// Group is the commit: it releases, also when it fails.
func (r *room) Group(_ context.Context, p *flow.Passage) error {
	*r.log = append(*r.log, r.name)
	p.Release()
	return r.err
}

// The path runs in order and ends at the first failure, whose step stands in the
// error; units are given back exactly once, whatever happens.
func TestIncoming(t *testing.T) {
	broken := errors.New("broken")
	for failing, want := range map[string]string{
		"":        "unwrap archive index commit",
		"unwrap":  "unwrap",
		"archive": "unwrap archive",
		"index":   "unwrap archive index",
		"commit":  "unwrap archive index commit",
	} {
		var log, watched []string
		gone := 0
		make1 := func(name string, units int) *room {
			r := &room{name: name, units: units, log: &log, gone: &gone}
			if name == failing {
				r.err = broken
			}
			return r
		}
		f := flow.New(flow.Rooms{
			Unwrap: make1("unwrap", 0), Archive: make1("archive", 2), Index: make1("index", 1), Commit: make1("commit", 0),
			Watch: func(step string, done bool, took time.Duration) {
				if watched = append(watched, step); took < 0 || (!done && took != 0) {
					t.Errorf("%s took %v", step, took)
				}
			},
		})
		p := &flow.Passage{}
		err := f.Incoming(t.Context(), p)
		if (failing == "") != (err == nil) || (err != nil && (!errors.Is(err, broken) || !strings.HasPrefix(err.Error(), failing+": "))) {
			t.Errorf("%q fails: %v", failing, err)
		}
		if got := strings.Join(log, " "); got != want {
			t.Errorf("%q fails: steps %s, want %s", failing, got, want)
		}
		if gone != len(p.Units) {
			t.Errorf("%q fails: %d of %d units were given back", failing, gone, len(p.Units))
		}
		if len(watched) != 2*len(log) {
			t.Errorf("%q fails: watched %v", failing, watched)
		}
	}
}

// The list in the code is the list that metrics and the crash test use.
func TestSteps(t *testing.T) {
	if got := flow.New(flow.Rooms{Unwrap: &room{}, Archive: &room{}, Index: &room{}, Commit: &room{}}).Steps(); !slices.Equal(got, []string{"unwrap", "archive", "index", "commit"}) {
		t.Errorf("%v", got)
	}
}

// A unit without a Release holds nothing.
func TestReleaseOfNothing(*testing.T) {
	(&flow.Passage{Units: []flow.Unit{{}, {Release: func() {}}}}).Release()
	(&flow.Passage{}).Release()
}
