package trail_test

import (
	"strings"
	"testing"
	"time"

	"siegel/internal/audit"
	"siegel/internal/front/trail"
	"siegel/internal/kit/fault"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// EV-09: a filter means what it says, at its edges too.
func TestFilterMeans(t *testing.T) {
	e := trail.Event{
		Entry:    audit.Entry{Time: noon, Event: audit.Event{What: "person.address.add", Who: "w", Object: "o"}},
		WhoEmail: "keeper@firm.example", ObjectEmail: "anna@firm.example",
	}
	gone := e
	gone.WhoEmail, gone.ObjectEmail = "", ""
	for what, c := range map[string]struct {
		trail.Filter
		trail.Event
		want bool
	}{
		"everything":            {trail.Filter{}, e, true},
		"begins so":             {trail.Filter{What: "person."}, e, true},
		"begins otherwise":      {trail.Filter{What: "address"}, e, false},
		"the whole name":        {trail.Filter{What: "person.address.add", Whole: true}, e, true},
		"a part, to be whole":   {trail.Filter{What: "person.address", Whole: true}, e, false},
		"who did it":            {trail.Filter{Person: "keeper@firm.example"}, e, true},
		"to whom":               {trail.Filter{Person: "anna@firm.example"}, e, true},
		"somebody else":         {trail.Filter{Person: "otto@firm.example"}, e, false},
		"a part of her address": {trail.Filter{Person: "anna@firm"}, e, false},
		"who has none any more": {trail.Filter{Person: "anna@firm.example"}, gone, false},
		"before a later time":   {trail.Filter{Until: noon.Add(time.Microsecond)}, e, true},
		"before its own time":   {trail.Filter{Until: noon}, e, false},
		"all of it":             {trail.Filter{What: "person", Person: "anna@firm.example", Until: noon.Add(time.Hour)}, e, true},
		"all but one":           {trail.Filter{What: "person", Person: "anna@firm.example", Until: noon.Add(-time.Hour)}, e, false},
	} {
		if got := c.Means(c.Event); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// A filter that nothing can be found with is said to be one, instead of finding nothing.
func TestFilterThatMeansNothing(t *testing.T) {
	for what, c := range map[string]struct {
		since, until time.Time
		ok           bool
	}{
		"none":                {time.Time{}, time.Time{}, true},
		"a beginning":         {noon, time.Time{}, true},
		"an end":              {time.Time{}, noon, true},
		"both":                {noon, noon.Add(time.Microsecond), true},
		"no time between":     {noon, noon, false},
		"the wrong way round": {noon, noon.Add(-time.Hour), false},
	} {
		if err := (trail.Filter{Since: c.since, Until: c.until}).Check(); (err == nil) != c.ok || !c.ok && fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// EV-09: what an event has beside the rest is one JSON object, the same each time and never a
// formula.
func TestTableHasDetail(t *testing.T) {
	for want, detail := range map[string]map[string]any{
		"":                               nil,
		`{"by":"password","times":10}`:   {"times": 10.0, "by": "password"},
		`{"messages":["a","b"],"own":0}`: {"own": 0.0, "messages": []any{"a", "b"}},
		`{"=1":"<a> & \"=1\"\r\n"}`:      {"=1": "<a> & \"=1\"\r\n"},
		`{"octets":123456789012}`:        {"octets": 123456789012.0},
	} {
		got, err := trail.Spelled(detail)
		if err != nil || got != want || trail.Harmless(got) != got {
			t.Errorf("%v is %q, %v; want %q", detail, got, err, want)
		}
	}
	if got, err := trail.Spelled(map[string]any{}); got != "" || err != nil {
		t.Errorf("nothing is %q, %v", got, err)
	}
}

// EV-09: no cell of a table is a formula to a spreadsheet, whoever wrote it, and no other
// one is changed.
func TestTableHasNoFormulas(t *testing.T) {
	for _, s := range []string{"=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(\"https://x.example\")"} {
		if got := trail.Harmless(s); got != "'"+s {
			t.Errorf("%q is written as %q", s, got)
		}
	}
	for _, s := range []string{"", "anna@firm.example", "1 + 1 = 2", "reader -> auditor", "'=1", "ü=1"} {
		if got := trail.Harmless(s); got != s {
			t.Errorf("%q is written as %q", s, got)
		}
	}
	if name := trail.TableName(noon.In(time.FixedZone("", 14*3600))); name != "audit-2026-11-30.csv" || strings.ContainsAny(name, `/\`) {
		t.Errorf("the table is called %s", name)
	}
}
