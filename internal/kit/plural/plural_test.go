package plural_test

import (
	"testing"

	"siegel/internal/kit/plural"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		want     string
		sentence string
		args     []any
	}{
		{"1 message is there", "%d {message is|messages are} there", []any{1}},
		{"0 messages are there", "%d {message is|messages are} there", []any{0}},
		{"-1 days", "%d {day|days}", []any{-1}},
		{"1 of 12 hits in 1 message", "%d of %d {hit|hits} in %d {message|messages}", []any{int64(1), 12, uint8(1)}},
		{"the audit log has 1 entry, but 2 were signed", "the %s log has %d {entry|entries}, but %d {was|were} signed", []any{"audit", 1, 2}},
		{"a: 1 entry, 2 checkpoints, o", "%[1]s: %[2]d {entry|entries}, %[3]d {checkpoint|checkpoints}, %[4]s", []any{"a", 1, 2, "o"}},
		{"100% of 1 message", "100%% of %d {message|messages}", []any{1}},
		{"{a|b} is text: 1 line", "%s is text: %d {line|lines}", []any{"{a|b}", 1}},
		{"  1 day", "%3d {day|days}", []any{1}},
		{"many", "{one|many}", nil},
		{"many %!d(MISSING)", "{one|many} %d", nil},
		{"18446744073709551615 days", "%d {day|days}", []any{^uint64(0)}},
		{"{{.CommandPath}} x", "{{.CommandPath}} %s", []any{"x"}},
	} {
		if got := plural.Format(c.sentence, c.args...); got != c.want {
			t.Errorf("%q: %q, want %q", c.sentence, got, c.want)
		}
	}
}
