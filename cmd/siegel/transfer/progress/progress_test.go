package progress

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func english(sentence string, args ...any) string { return fmt.Sprintf(sentence, args...) }

// The bar says how far, how fast and how long.
func TestBar(t *testing.T) {
	begun := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	b := &Bar{W: &out, Say: english, Total: 4000, Before: 1000, Begun: begun}
	if got, want := b.text(begun.Add(10*time.Second), 2000, 7), "[############............]  50 %  7 {message|messages}, 2.0 kB, 100 B/s, 20s left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := b.text(begun, 5000, 7); !strings.Contains(got, "100 %") || strings.Contains(got, "left") {
		t.Errorf("%q", got)
	}
	b.Show(begun.Add(time.Second), 2000, 7)
	b.Show(begun.Add(time.Second), 3000, 8) // too soon
	if n := strings.Count(out.String(), "\r"); n != 1 {
		t.Errorf("%d times: %q", n, out.String())
	}
	b.Clear()
	if !strings.HasSuffix(out.String(), "\r") {
		t.Errorf("%q", out.String())
	}
	(&Bar{}).Show(begun, 1, 1)
}
