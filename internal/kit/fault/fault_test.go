package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"siegel/internal/kit/fault"
)

func TestKindsHaveWordsOfTheirOwn(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range fault.Kinds() {
		if seen[k.String()] {
			t.Errorf("two kinds are called %s", k)
		}
		seen[k.String()] = true
	}
	if len(seen) != int(fault.Damaged)+1 {
		t.Errorf("Kinds lists %d of %d kinds", len(seen), int(fault.Damaged)+1)
	}
	if fault.Kind(99).String() != "internal" {
		t.Error("an unknown kind is not internal")
	}
}

func TestOf(t *testing.T) {
	inner := fault.New(fault.NotFound, "inner")
	cases := []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"nothing", nil, fault.Internal},
		{"foreign", io.EOF, fault.Internal},
		{"plain", inner, fault.NotFound},
		{"wrapped", fmt.Errorf("a: %w", fmt.Errorf("b: %w", inner)), fault.NotFound},
		{"outermost", fault.Because(fault.Damaged, "outer", inner), fault.Damaged},
		{"joined", errors.Join(io.EOF, inner), fault.NotFound},
		{"joined, first counts", errors.Join(inner, fault.New(fault.Busy, "")), fault.NotFound},
	}
	for _, c := range cases {
		if got := fault.Of(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What a user reads has no cause; what a log reads has.
func TestSentence(t *testing.T) {
	cause := errors.New("open /secret/path: no such file")
	err := fmt.Errorf("room: %w", fault.Because(fault.Internal, "it failed", cause))
	if s, args := fault.Sentence(err); s != "it failed" || args != nil {
		t.Errorf("%q %v", s, args)
	}
	if s, _ := fault.Sentence(cause); s != fault.Inside {
		t.Errorf("a foreign error is shown: %q", s)
	}
	if s, _ := fault.Sentence(&fault.Error{Kind: fault.Busy, Cause: cause}); s != fault.Inside {
		t.Errorf("a fault without a sentence is shown as %q", s)
	}
	if s, args := fault.Sentence(fault.Newf(fault.Invalid, "at most %d", 5)); s != "at most %d" || len(args) != 1 {
		t.Errorf("%q %v", s, args)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if got := err.Error(); got != "room: it failed: "+cause.Error() {
		t.Errorf("for the log: %s", got)
	}
	if got := fault.Newf(fault.Invalid, "%d %s", 1, "x").Error(); got != "1 x" {
		t.Errorf("formatted: %s", got)
	}
	// A sentence without arguments is no format: a percent sign stays.
	if got := fault.New(fault.Invalid, "100 % sure").Error(); got != "100 % sure" {
		t.Errorf("a percent sign: %s", got)
	}
	if got := (&fault.Error{Cause: cause}).Error(); got != cause.Error() {
		t.Errorf("only a cause: %s", got)
	}
}

func TestBecauseOfNothing(t *testing.T) {
	if err := fault.Because(fault.Damaged, "x", nil); err != nil {
		t.Errorf("a fault without a cause: %v", err)
	}
}

func TestWrap(t *testing.T) {
	f := func(in error) (err error) {
		defer fault.Wrap(&err, "room %d", 7)
		return in
	}
	if f(nil) != nil {
		t.Error("nil became an error")
	}
	if err := f(io.EOF); !errors.Is(err, io.EOF) || err.Error() != "room 7: EOF" {
		t.Errorf("%v", err)
	}
}
