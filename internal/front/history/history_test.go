package history_test

import (
	"testing"

	"siegel/internal/audit"
	"siegel/internal/front/history"
)

// EV-09: who has seen a message is who opened it, alone or with others in an export or a
// case; what was done to something else with that id, or to another message, is not.
func TestAbout(t *testing.T) {
	const message, other = "00000000000000000000000000000001", "00000000000000000000000000000002"
	list := func(ids ...any) map[string]any { return map[string]any{"messages": ids} }
	for what, c := range map[string]struct {
		audit.Event
		want bool
	}{
		"opened":              {audit.Event{What: "message.open", Object: message}, true},
		"proven":              {audit.Event{What: "message.proof", Object: message}, true},
		"another one":         {audit.Event{What: "message.open", Object: other}, false},
		"nothing":             {audit.Event{What: "message.open"}, false},
		"a person of that id": {audit.Event{What: "person.remove", Object: message}, false},
		"begins so":           {audit.Event{What: "messages", Object: message}, false},
		"in an export":        {audit.Event{What: "export.part", Object: other, Detail: list(other, message)}, true},
		"in a case":           {audit.Event{What: "case.fill", Detail: list(message)}, true},
		"others in an export": {audit.Event{What: "export.part", Detail: list(other)}, false},
		"a number of them":    {audit.Event{What: "export.part", Detail: map[string]any{"messages": 7.0}}, false},
		"numbers among them":  {audit.Event{What: "export.part", Detail: list(1.0, nil, message)}, true},
		"named elsewhere":     {audit.Event{What: "export.part", Detail: map[string]any{"parts": []any{message}}}, false},
	} {
		if got := history.About(audit.Entry{Event: c.Event}, message); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestCalled(t *testing.T) {
	if got := (history.Seen{Who: "id", Name: "anna@firm.example"}).Called(); got != "anna@firm.example" {
		t.Errorf("called %q", got)
	}
	if got := (history.Seen{Who: "id"}).Called(); got != "id" {
		t.Errorf("who has no address any more is called %q", got)
	}
}
