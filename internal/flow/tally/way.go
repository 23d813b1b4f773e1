package tally

import (
	"time"

	"siegel/internal/identity/source"
	"siegel/internal/mail"
)

// Way is a way in: a registered source, or a door that is always there.
type Way struct {
	source.Listed
	BuiltIn bool `json:"built_in,omitempty"` // the door of that name

	Today  Counted    `json:"today"`
	Week   Counted    `json:"week"` // seven days
	All    Counted    `json:"all"`
	Last   *time.Time `json:"last,omitempty"`  // when something came in; nil for never
	Silent int64      `json:"silent_seconds"`  // since then
	Usual  int64      `json:"usual_seconds"`   // how long that may be
	Alarm  bool       `json:"alarm,omitempty"` // it is longer than usual
}

// Counted is what came in: received = accepted + references + refused.
type Counted struct {
	Received int64 `json:"received"`
	Count
	Refused int64                  `json:"refused"`
	Reasons map[mail.Refusal]int64 `json:"reasons"`
}

func counted(c Count) Counted {
	n, by := c.Refused()
	return Counted{Received: c.Accepted + c.References + n, Count: c, Refused: n, Reasons: by}
}

func (s *Way) take(t State) {
	s.Today, s.Week, s.All = counted(t.Today), counted(t.Week), counted(t.All)
	if !t.Last.IsZero() {
		s.Last = &t.Last
		s.Silent, s.Usual, s.Alarm = int64(t.SilentFor().Seconds()), int64(t.Usual().Seconds()), t.Alarm
	}
}

// Ways puts together what is registered, what is always there, and what was
// counted.
func Ways(list []source.Listed, states []State) (out []Way) {
	by := make(map[string]State)
	for _, t := range states {
		by[t.Source] = t
	}
	add := func(key string, s Way) {
		s.take(by[key])
		delete(by, key)
		out = append(out, s)
	}
	for _, door := range []string{mail.DoorLMTP, mail.DoorImport, mail.DoorJournal} {
		if _, ok := by[door]; ok || door == mail.DoorLMTP {
			add(door, Way{Listed: source.Listed{Name: door, Networks: []string{}}, BuiltIn: true})
		}
	}
	for _, one := range list {
		if _, ok := by[one.ID.String()]; ok || !one.Ended {
			add(one.ID.String(), Way{Listed: one})
		}
	}
	for _, t := range states {
		if _, left := by[t.Source]; left { // removed before names were kept: its name is its id
			add(t.Source, Way{Listed: source.Listed{Name: t.Source, Networks: []string{}, Ended: true}})
		}
	}
	return out
}
