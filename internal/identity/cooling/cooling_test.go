package cooling_test

import (
	"errors"
	"testing"
	"time"

	"siegel/internal/identity/cooling"
	"siegel/internal/mail"
)

// Who asks through a hand of his own asks himself.
func TestUntil(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	id := func(name string) (id mail.ID) { copy(id[:], name); return id }
	type account struct {
		made   string
		ago    int
		raised string
		since  int
	}
	for name, c := range map[string]struct {
		people map[string]account
		asks   string
		to     string
		wait   int // days; 0 for none
	}{
		"founders":                     {map[string]account{"a": {}, "p": {}}, "a", "p", 0},
		"made it":                      {map[string]account{"a": {}, "p": {made: "a", ago: 1}}, "a", "p", 6},
		"made it long ago":             {map[string]account{"a": {}, "p": {made: "a", ago: 7}}, "a", "p", 0},
		"another made it":              {map[string]account{"a": {}, "b": {}, "p": {made: "b", ago: 1}}, "a", "p", 0},
		"a puppet for the maker":       {map[string]account{"a": {}, "x": {made: "a", ago: 2}}, "x", "a", 5},
		"a puppet for another puppet":  {map[string]account{"a": {}, "x": {made: "a", ago: 2}, "p": {made: "a", ago: 1}}, "x", "p", 5},
		"an older puppet":              {map[string]account{"a": {}, "x": {made: "a", ago: 8}, "p": {made: "a", ago: 1}}, "x", "p", 0},
		"a puppet for a third":         {map[string]account{"a": {}, "x": {made: "a", ago: 2}, "p": {}}, "x", "p", 0},
		"appointed":                    {map[string]account{"a": {}, "x": {raised: "a", since: 3}}, "x", "a", 4},
		"appointed, for a puppet":      {map[string]account{"a": {}, "x": {raised: "a", since: 3}, "p": {made: "a", ago: 1}}, "x", "p", 4},
		"appointed, who is served":     {map[string]account{"a": {}, "p": {raised: "a", since: 1}}, "a", "p", 0},
		"a puppet's puppet":            {map[string]account{"a": {}, "x": {made: "a", ago: 2}, "y": {made: "x", ago: 1}}, "y", "a", 5},
		"made by the puppet":           {map[string]account{"a": {}, "x": {made: "a", ago: 2}, "p": {made: "x", ago: 1}}, "a", "p", 5},
		"two puppets' work":            {map[string]account{"a": {}, "x": {made: "a", ago: 2}, "y": {raised: "a", since: 4}, "p": {made: "y", ago: 1}}, "x", "p", 3},
		"two ways, the later one ends": {map[string]account{"a": {}, "x": {made: "a", ago: 5, raised: "a", since: 1}}, "x", "a", 6},
		"a circle":                     {map[string]account{"a": {made: "x", ago: 1}, "x": {made: "a", ago: 2}}, "x", "a", 6},
		"for himself":                  {map[string]account{"a": {}}, "a", "a", 0},
	} {
		look := func(of mail.ID) (cooling.Account, error) {
			for n, a := range c.people {
				if id(n) == of {
					return cooling.Account{ID: of, MadeBy: id(a.made), MadeAt: day(a.ago), RaisedBy: id(a.raised), RaisedAt: day(a.since)}, nil
				}
			}
			return cooling.Account{}, errors.New("nobody")
		}
		p, err := look(id(c.to))
		if err != nil {
			t.Fatal(err)
		}
		until, err := cooling.Until(now, id(c.asks), p, look)
		if err != nil || (c.wait == 0) != until.IsZero() || c.wait > 0 && !until.Equal(now.AddDate(0, 0, c.wait)) {
			t.Errorf("%s: until %v, error %v, want %d days", name, until, err, c.wait)
		}
	}
	// Who cannot be read is not passed over.
	p := cooling.Account{ID: id("p"), MadeBy: id("gone"), MadeAt: day(1)}
	if _, err := cooling.Until(now, id("a"), p, func(of mail.ID) (cooling.Account, error) {
		if of == id("gone") {
			return cooling.Account{}, errors.New("damaged")
		}
		return cooling.Account{ID: of}, nil
	}); err == nil {
		t.Error("an account that cannot be read is nobody's hand")
	}
}
