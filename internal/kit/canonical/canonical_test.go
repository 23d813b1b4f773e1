package canonical_test

import (
	"encoding/base64"
	"testing"

	"siegel/internal/kit/canonical"
)

// Other spellings of what is read are refused, above all those with ends of lines.
func TestOneSpelling(t *testing.T) {
	for _, text := range []string{"aGk=\n", "aG\nk=", "aG\rk=", "\r\naGk=", "aGk=\r\n", "aGl=", "aGk", "aGk= ", "aGk==", "-_8="} {
		if b, ok := canonical.Base64(text); ok {
			t.Errorf("%q is read as %q", text, b)
		}
	}
	for _, text := range []string{"aGk\n", "a\nGk", "aG\rk", "aGl", "aGk=", "aGk ", "+/8"} {
		if b, ok := canonical.Base64URL(text); ok {
			t.Errorf("url: %q is read as %q", text, b)
		}
	}
	if b, ok := canonical.Base64("+/8="); !ok || string(b) != "\xfb\xff" {
		t.Errorf("%x, %v", b, ok)
	}
	if b, ok := canonical.Base64URL("-_8"); !ok || string(b) != "\xfb\xff" {
		t.Errorf("url: %x, %v", b, ok)
	}
}

// What is read is written the same.
func FuzzOneSpelling(f *testing.F) {
	for _, s := range []string{"", "aGk=", "aGk", "aG\nk", "-_8", "+/8="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, ok := canonical.Base64(s); ok && base64.StdEncoding.EncodeToString(b) != s {
			t.Errorf("%q has two spellings", s)
		}
		if b, ok := canonical.Base64URL(s); ok && base64.RawURLEncoding.EncodeToString(b) != s {
			t.Errorf("url: %q has two spellings", s)
		}
	})
}
