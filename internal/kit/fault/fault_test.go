package fault_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

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

// domain is an argument that users read otherwise.
type domain string

func (d domain) Readable() string { return "read " + string(d) }

// EX-17, CR-05: users read what they know again, logs do not read it at all.
func TestReadable(t *testing.T) {
	err := fault.Newf(fault.Invalid, "%s, %s, %d", domain("a"), "b", 7)
	if s, args := fault.Sentence(err); fmt.Sprintf(s, args...) != "read a, b, 7" {
		t.Errorf("users read %q", fmt.Sprintf(s, args...))
	}
	for range 2 { // reading changes nothing
		if got := err.Error(); got != "…, …, 7" {
			t.Errorf("logs read %q", got)
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
	if got := fault.Newf(fault.Denied, "%s", role("auditor")).Error(); got != "auditor" {
		t.Errorf("a word of ours is logged as %q", got)
	}
	if got := fault.Newf(fault.Invalid, "%d %s", 1, fault.Word("x")).Error(); got != "1 x" {
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

type address string

func (a address) String() string { return string(a) }

type id [4]byte

func (i id) String() string { return fmt.Sprintf("id-%x", i[:]) }

// CR-05: whatever prints an error into a log, no address of its arguments comes
// out; the user's sentence has it all the same.
func TestLogsGetNoAddresses(t *testing.T) {
	const canary = "canary@firm.example"
	var public string
	for _, arg := range []any{
		canary, address(canary), []byte(canary), errors.New(canary),
		[]string{canary},
		map[string]int{canary: 1},
		struct{ S string }{canary},
		&struct{ S string }{canary},
		[]any{canary},
		func() *string { s := canary; return &s }(),
	} {
		inner := fault.Newf(fault.NotFound, "there is no person %s, %q, %v, %d, %x", arg, arg, arg, arg, arg)
		for name, err := range map[string]error{
			"plain": inner, "cause": fault.Because(fault.Invalid, "no", inner), "wrapped": fmt.Errorf("room: %w", inner),
			"joined": errors.Join(io.EOF, inner), "deferred": func() (err error) { defer fault.Wrap(&err, "room"); return inner }(),
		} {
			var out bytes.Buffer
			for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
				l := slog.New(h)
				l.Error("it failed", "error", err, "among", []any{err}, "within", struct{ Err error }{err})
				l.Error(err.Error(), slog.Group("group", "error", err))
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
				fmt.Fprintf(&out, verb+"\n", err)
				fmt.Fprintf(&out, verb+"\n", []error{err})
			}
			b, _ := json.Marshal(err)
			out.Write(b)
			for _, form := range []string{"canary", hex.EncodeToString([]byte("canary"))} {
				if strings.Contains(out.String(), form) {
					t.Errorf("%s, %T: the log has %s:\n%s", name, arg, form, out.String())
				}
			}
		}
		format, args := fault.Sentence(inner)
		public += fmt.Sprintf(format, args...)
	}
	if !strings.Contains(public, "there is no person "+canary) {
		t.Errorf("the sentence for the user lost the address: %s", public)
	}
	// What is harmless stays: a log without numbers and ids helps nobody.
	err := fault.Newf(fault.Damaged, "%s %d of the %s log since %s, %t", id{1, 2, 3, 4}, 7, fault.Word("audit"), time.Unix(0, 0).UTC(), true)
	if got := err.Error(); got != "id-01020304 7 of the audit log since 1970-01-01 00:00:00 +0000 UTC, true" {
		t.Error(got)
	}
	if got := fault.Newf(fault.Invalid, "%q is no date, %s", "x", nil).Error(); got != "… is no date, %!s(<nil>)" {
		t.Error(got)
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

// role is a word of ours that users read in their language.
type role string

func (r role) Spoken() string { return string(r) }

// An error at a field stays what it is.
func TestAt(t *testing.T) {
	if fault.At("name", nil) != nil {
		t.Error("nothing became an error")
	}
	err := fmt.Errorf("room: %w", fault.At("name", fault.Newf(fault.Conflict, "there is a %q", "x")))
	if sentence, args := fault.Sentence(err); fault.Of(err) != fault.Conflict || sentence != "there is a %q" || len(args) != 1 {
		t.Error(err, sentence, args)
	}
	if got := fault.Field(err); got != "name" || fault.Field(errors.New("x")) != "" {
		t.Error(got)
	}
	if got := fault.Each(err); len(got) != 1 {
		t.Error(got)
	}
}
