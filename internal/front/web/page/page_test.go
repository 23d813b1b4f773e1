package page

import (
	"testing"
	"time"

	"siegel/internal/kit/text"
)

// Counts are written as people of a language write them.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		got, want string
	}{
		{count(text.English, "1234567"), "1,234,567"},
		{count(text.German, "1234"), "1.234"},
		{count(text.German, "999"), "999"},
		{together(text.Size(1536).In(text.German)), "1,5\u00a0kB"}, // which no line parts
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// A fault's sentence stands behind a colon at a shell; on a page it is one of its own, and what
// somebody else's words or an address begin or end stays as they are.
func TestWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said string
		args []any
		want string
	}{
		{"there is no such person", nil, "There is no such person."},
		{"über 100 Zeichen: kürzen Sie (am Ende)", nil, "Über 100 Zeichen: kürzen Sie (am Ende)."},
		{"anna@firm.example has it", []any{"anna@firm.example"}, "anna@firm.example has it."},
		{"it belongs to anna@firm.example", []any{"anna@firm.example"}, "It belongs to anna@firm.example"},
		{"is it so?", []any{""}, "Is it so?"},
		{"Done.", nil, "Done."},
		{"", nil, ""},
	} {
		if got := whole(c.said, c.args); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Times are on the reader's clock, with the exact one beside it.
func TestTimes(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 7, 1, 22, 30, 5, 0, time.UTC)
	const exact = `<time datetime="2026-07-01T22:30:05Z" title="2026-07-01T22:30:05Z">`
	for _, c := range []struct{ got, want string }{
		{string(when(text.German, zone, at)), exact + "02.07.2026 00:30</time>"},
		{string(when(text.English, zone, at)), exact + "2 Jul 2026 00:30</time>"},
		{string(when(text.English, time.UTC, at)), exact + "1 Jul 2026 22:30 UTC</time>"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
