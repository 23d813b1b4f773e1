package state_test

import (
	"testing"

	"siegel/internal/flow/tally"
	"siegel/internal/front/state"
)

// OP-08: one thing that is amber or red is not hidden by others that are in order, and red
// is not hidden by amber.
func TestWorst(t *testing.T) {
	rows := func(states ...string) (list []state.Row) {
		for _, s := range states {
			list = append(list, state.Row{State: s})
		}
		return list
	}
	silent, found := []tally.Way{{}, {Alarm: true}}, state.Proof{Problems: 1}
	for _, c := range []struct {
		rows  []state.Row
		ways  []tally.Way
		proof state.Proof
		want  string
	}{
		{want: "ok"},
		{rows: rows("ok", "ok"), ways: []tally.Way{{}}, want: "ok"},
		{rows: rows("ok", "warn", "ok"), want: "warn"},
		{rows: rows("bad", "warn"), want: "bad"},
		{rows: rows("warn", "bad", "ok"), ways: silent, want: "bad"},
		{rows: rows("ok"), ways: silent, want: "warn"},
		{rows: rows("warn"), ways: silent, proof: found, want: "bad"},
		{proof: found, want: "bad"},
	} {
		s := state.State{Worst: "ok", Rows: c.rows, Ways: c.ways, Proof: &c.proof}
		if s.Judge(); s.Worst != c.want {
			t.Errorf("%+v is %s, want %s", c, s.Worst, c.want)
		}
	}
}
