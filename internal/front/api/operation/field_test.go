package operation_test

import (
	"strings"
	"testing"

	"siegel/internal/front/api/operation"
	"siegel/internal/identity/replay"
)

// The field Idempotency-Key is a string of structured fields (RFC 9651 section 3.3.3), or the
// same without quotation marks.
func TestKey(t *testing.T) {
	long := strings.Repeat("k", replay.MaxKey)
	for in, want := range map[string]string{
		`"8e03978e"`: "8e03978e", "8e03978e": "8e03978e", `"a\"b"`: `a"b`, `"a\\b"`: `a\b`, `"a b"`: "a b", `"`: `"`, long: long,
	} {
		if got, ok := operation.ParseKey(in); !ok || got != want {
			t.Errorf("%s is read as %q, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", `""`, "ä", "a\tb", "a\x7fb", long + "k"} {
		if got, ok := operation.ParseKey(in); ok {
			t.Errorf("%q is read as %q", in, got)
		}
	}
}

// A list of ETags (RFC 9110 section 13.1) has one, as it is compared strongly or weakly.
func TestMatches(t *testing.T) {
	for _, one := range []struct {
		list         string
		strong, weak bool
	}{
		{`"a"`, true, true},
		{`W/"a"`, false, true},
		{`"b", "a"`, true, true},
		{`"b",W/"a"`, false, true},
		{"*", true, true},
		{`"b"`, false, false},
		{`a`, false, false},
		{"", false, false},
		{`"a`, false, false},
	} {
		if got := operation.Matches(one.list, `"a"`, false); got != one.strong {
			t.Errorf("%s, strongly: %v", one.list, got)
		}
		if got := operation.Matches(one.list, `"a"`, true); got != one.weak {
			t.Errorf("%s, weakly: %v", one.list, got)
		}
	}
}

// Whatever the fields have, a key is within its bounds, and what matches strongly matches
// weakly.
func FuzzFields(f *testing.F) {
	f.Add(`"8e03978e"`, `"b", W/"a"`)
	f.Add("", "*")
	f.Fuzz(func(t *testing.T, key, list string) {
		if got, ok := operation.ParseKey(key); ok {
			if got == "" || len(got) > replay.MaxKey || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q is read as %q", key, got)
			}
		}
		if operation.Matches(list, `"a"`, false) && !operation.Matches(list, `"a"`, true) {
			t.Errorf("%q matches strongly only", list)
		}
	})
}
