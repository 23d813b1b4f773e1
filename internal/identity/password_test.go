package identity_test

import (
	"bytes"
	"strings"
	"testing"

	"siegel/internal/identity"
	"siegel/internal/kit/fault"
)

// AU-02, AU-03: a password that breaks a rule is refused with that rule; letters
// and digits of every script count.
func TestPasswordRules(t *testing.T) {
	for p, rule := range map[string]string{
		"":                                  "10 characters",
		"Abcdef1!x":                         "10 characters", // 9
		"Abcdef1!xy":                        "",              // 10
		"Äöüäöü1!xy":                        "",              // 10 characters, more octets
		"Äöüäöü1!x":                         "10 characters", // 9 characters, 15 octets
		"abcdefgh1!":                        "upper-case",
		"ABCDEFGH1!":                        "lower-case",
		"Abcdefghi!":                        "digit",
		"Abcdefgh12":                        "special",
		"Пароль-слово7":                     "",
		"пароль-слово7":                     "upper-case",
		"Пароль-слово":                      "digit",
		"Парольслово7":                      "special",
		"Ωμέγα-Ωμέγα٣":                      "", // a Greek word, an Arabic digit
		"abcDEF 123 x":                      "", // a space is special
		"Abcdefgh1é":                        "special",
		"Abcdefgh1e\u0301":                  "special", // the same, decomposed: a mark is no special character
		"Ae\u0301e\u0301e1!":                "10 characters",
		"Ab1!e\u0301e\u0301e\u0301":         "10 characters", // 10 code points, 7 characters
		"密码密码密码密码A1b":                       "special",
		"Abcdef1!xy\x00":                    "text",
		"Abcdef\t1!xy":                      "text",
		"Abcdef1!xy\n":                      "text",
		"Abcdef1!\xff":                      "text",
		"Aa1!" + strings.Repeat("x", 1020):  "",
		"Aa1!" + strings.Repeat("x", 1021):  "1024 octets",
		"Aa1!" + strings.Repeat("ü", 100):   "",
		"Aa1!" + strings.Repeat("x", 1<<20): "1024 octets",
	} {
		err := identity.CheckPassword(p)
		switch {
		case rule == "":
			if err != nil {
				t.Errorf("%.40q: %v", p, err)
			}
		case fault.Of(err) != fault.Invalid || err == nil || !strings.Contains(text(err), rule):
			t.Errorf("%.40q: %v, want the rule about %q", p, err, rule)
		case len(p) > 4 && strings.Contains(err.Error(), p):
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

func FuzzCheckPassword(f *testing.F) {
	for _, p := range []string{"", "Abcdef1!xy", "e\u0301", "\xff", "\u0958\u0958"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if err := identity.CheckPassword(p); err != nil && fault.Of(err) != fault.Invalid {
			t.Fatalf("%q: %v", p, err)
		}
	})
}

// A code has one form and is read in all that people type.
func TestCodes(t *testing.T) {
	raw := bytes.Repeat([]byte{0xA5, 0x3C}, 10)
	code := identity.FormatCode(raw)
	if len(code) != 39 || strings.Count(code, "-") != 7 {
		t.Errorf("a code: %s", code)
	}
	for _, s := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "-", " "), " " + code + "\r\n"} {
		if got, err := identity.ParseCode(s); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%q: %x, %v", s, got, err)
		}
	}
	for _, s := range []string{"", code[1:], code + "a", strings.Replace(code, code[:1], "1", 1), "ä" + code[1:], code[:38] + "="} {
		if got, err := identity.ParseCode(s); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%q: %x, %v", s, got, err)
		}
	}
}

// Words are five letters that can be spoken, one for each 16 bits.
func TestProquints(t *testing.T) {
	if got := identity.Proquints([]byte{127, 0, 0, 1, 63, 84, 220, 193}); strings.Join(got, " ") != "lusab babad gutih tugad" {
		t.Errorf("%q", got) // the examples of the proposal
	}
	seen := make(map[string]bool)
	for n := range 1 << 16 {
		seen[identity.Proquints([]byte{byte(n >> 8), byte(n)})[0]] = true
	}
	if len(seen) != 1<<16 {
		t.Errorf("%d words for 65536 values", len(seen))
	}
	for range 1000 {
		ask := identity.AskFor(10)
		if len(ask) != 2 || ask[0] < 1 || ask[0] > 5 || ask[1] < 6 || ask[1] > 10 {
			t.Fatalf("asked for %v", ask)
		}
	}
}
