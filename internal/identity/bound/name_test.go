package bound_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"siegel/internal/identity/bound"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

func TestName(t *testing.T) {
	for _, name := range []string{
		"x", "7", "clinic", "A/S", "Müller & Söhne GmbH", "Smith, Jones (London) Ltd.", "O'Brien’s", "»Die Brücke« e. V.", "3M", "C&A", "Yahoo!", "株式会社", "דוד", "ООО «Ромашка»",
		"a.b", "..a", "a..b/c", "A / S", "a//b", `back\slash`, "100 %", "Mu\u0308ller", "-x-", strings.Repeat("ü", 100),
	} {
		if err := bound.Name(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for what, names := range map[string][]string{
		"at most 100 characters": {"", " ", "\n", "\u00a0", strings.Repeat("ü", 101), strings.Repeat("x", 1<<20)},
		"stands on one line": {
			"a\nb", "a\rb", "a\tb", "a\x00", "\x1b[31mred", "a\u0085b", "a\u2028b", "a\u202eb", "a\u2066b\u2069", "\u200eabc", "a\u200bb", "a\u200db", "so\u00adft", "\ufeffabc", "a\u00a0b", "a\u3000b",
			"a\u3164", "a\u115fb", "a\u034fb", "a\ufe0f", "a\U000e0041", "a\u2800", "a\ue000", "M\ufffdller", "M\xfcller", "a\ud7ff",
		},
		"neither begins nor ends": {" a", "a ", "  a  "},
		"a letter or a digit":     {".", "..", "...", "-", "/", "&", "– —", "../..", "\u0301"},
		"is no path":              {"a/../b", "../b", "b/..", "a/./b", "./b", `a\..\b`, `..\b`, "a / .. / b", "/../b", "../../../etc/passwd"},
	} {
		for _, name := range names {
			err := bound.Name(name)
			if sentence, _ := fault.Sentence(err); err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(sentence, what) {
				t.Errorf("%q: %v, want %s", name, err, what)
			}
		}
	}
}

func TestDomain(t *testing.T) {
	label := strings.Repeat("l", 63)
	for _, d := range []string{
		"firm.example", "FIRM.example.", "a.b", "sub.firm.example", "1und1.de", "3.firm.example", "a--b.de", "a-1.de", "bücher.example", "xn--bcher-kva.example", "straße.de", "пример.рф",
		"例え.テスト", "demo.localhost", "firm.local", "0xa.b0", label + "." + label + "." + label + "." + strings.Repeat("l", 61), "ü" + strings.Repeat("l", 50) + ".de",
	} {
		if err := bound.Domain(mail.NewDomain(d)); err != nil {
			t.Errorf("%s: %v", d, err)
		}
	}
	for what, list := range map[string][]string{
		"at most 253 octets":   {label + "." + label + "." + label + "." + strings.Repeat("l", 62), strings.Repeat("x", 1<<20)},
		"needs a dot":          {"nodot", "localhost", "xn--p1ai", "firm", "bücher"},
		"address of a machine": {"192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]", "2001:db8::1", "::1", "10.1", "1", "firm.123"},
		"is not a domain": {
			"", ".", "..", "a..b", ".a.b", "a@b.c", "anna@firm.example", "a b.c", "a/b.c", "https://firm.example/", "*.firm.example", "a_b.c", "-a.b", "a-.b", "a.-b", "a.b-", "a,b.c", "ab--c.de",
			"xn--abc-.de", "xn--a.de", "xn--zzzzzz.de", "xn--.de", label + "l.de", "a\x00.b", "a\u200db.de", "a\u202e.de", "a\xff.de", "aא.com", "ü" + strings.Repeat("l", 62) + ".de", "a.b\nc.d",
		},
	} {
		for _, d := range list {
			err := bound.Domain(mail.NewDomain(d))
			if sentence, args := fault.Sentence(err); err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(strings.ReplaceAll(sentence, "%d", "253"), what) {
				t.Errorf("%q: %v %q, want %s", d, err, args, what)
			}
		}
	}
	// Only what was normalised: nothing else is found again.
	for _, d := range []mail.Domain{"Firm.example", "bücher.example", "firm.example.", " firm.example", "XN--BCHER-KVA.example"} {
		if err := bound.Domain(d); err == nil {
			t.Errorf("%q is a domain", d)
		}
	}
}

// RFC 1123 section 2.1: of letters, digits and hyphens exactly the host names are domains,
// but for those with -- behind two characters, which RFC 5891 section 4.2.3.1 keeps.
func TestHostNames(t *testing.T) {
	host := regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	kept := regexp.MustCompile(`(^|\.)[^.]{2}--`)
	digits := regexp.MustCompile(`\.[0-9]+$`)
	label := rapid.OneOf(rapid.StringMatching(`[a-z0-9-]{0,5}`), rapid.StringMatching(`[a-z0-9]{60,65}`))
	rapid.Check(t, func(t *rapid.T) {
		d := strings.Join(rapid.SliceOfN(label, 0, 6).Draw(t, "labels"), ".")
		want := host.MatchString(d) && !kept.MatchString(d) && !digits.MatchString(d) && len(d) <= 253
		if err := bound.Domain(mail.Domain(d)); (err == nil) != want {
			t.Fatalf("%q: %v, want %v", d, err, want)
		}
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"", "clinic", "Müller & Söhne GmbH", "A/S", "a/../b", " a", "a\u202eb", "\xff", "..", "株式会社"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if bound.Name(s) != nil {
			return
		}
		if n := utf8.RuneCountInString(s); n < 1 || n > 100 || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
			t.Errorf("%q is a name", s)
		}
		for _, r := range s {
			if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Cf, unicode.Zl, unicode.Zp) || unicode.IsSpace(r) && r != ' ' {
				t.Errorf("%q has %U", s, r)
			}
		}
		if slashed := "/" + strings.ReplaceAll(s, `\`, "/") + "/"; strings.Contains(slashed, "/../") || strings.Contains(slashed, "/./") {
			t.Errorf("%q leads elsewhere", s)
		}
	})
}

func FuzzDomain(f *testing.F) {
	for _, s := range []string{"", "firm.example", "bücher.example", "xn--bcher-kva.example", "nodot", "192.0.2.1", "a_b.c", "xn--abc-.de", "a..b", "İ.example", "a\u200d.b"} {
		f.Add(s)
	}
	ldh := regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	f.Fuzz(func(t *testing.T, s string) {
		d := mail.NewDomain(s)
		if bound.Domain(d) != nil {
			return
		}
		if !ldh.MatchString(d.String()) || len(d) > 253 {
			t.Errorf("%q is a domain", d)
		}
		// Its addresses have it, and are addresses.
		if a := mail.NewAddress("anna@" + s); a.Domain() == d && bound.Address(a) != nil {
			t.Errorf("%q is a domain without addresses: %v", d, bound.Address(a))
		}
	})
}
