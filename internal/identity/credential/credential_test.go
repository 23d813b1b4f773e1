package credential_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"siegel/internal/identity/credential"
	"siegel/internal/kit/fault"
	"siegel/internal/vault/seal"
)

// A code is read back however somebody types it, and nothing else is a code.
func TestCode(t *testing.T) {
	raw := credential.Random(seal.CodeSize)
	code := credential.FormatCode(raw)
	if !regexp.MustCompile(`^([a-z2-7]{4}-){7}[a-z2-7]{4}$`).MatchString(code) {
		t.Errorf("code %q", code)
	}
	for _, typed := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "-", " "), " " + code + "\r\n"} {
		if got, err := credential.ParseCode(typed); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for _, typed := range []string{"", code[:len(code)-1], code + "a", code + "-aaaa", strings.Repeat("a", 31) + "1", strings.Repeat("a", 31) + "ä", strings.Repeat("=", 32), code + "========"} {
		if _, err := credential.ParseCode(typed); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if bytes.Equal(credential.Random(20), credential.Random(20)) {
		t.Error("random octets come twice")
	}
}

// The words open the kit, however they are typed; others do not, and a changed
// file costs nothing to refuse.
func TestKit(t *testing.T) {
	raw, words := credential.Random(seal.CodeSize), credential.Proquints(credential.Random(20))
	file, err := credential.KitFile(words, credential.FormatCode(raw))
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(words, " ")
	for _, typed := range []string{said, strings.ToUpper(said), "\n " + strings.ReplaceAll(said, " ", "\n\t") + " "} {
		if got, err := credential.OpenKit(file, typed); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	slices.Reverse(words)
	cut := file[:len(file)-1]
	dear := bytes.Replace(file, []byte(" 15\n"), []byte(" 30\n"), 1) // 2^30 of work: a tebibyte of memory
	if bytes.Equal(dear, file) {
		t.Fatal("the file says its work in another way")
	}
	for name, one := range map[string]struct {
		file  []byte
		words string
		want  fault.Kind
	}{
		"no words":        {file, " \n", fault.Invalid},
		"words turned":    {file, strings.Join(words, " "), fault.Denied},
		"one word less":   {file, said[:strings.LastIndex(said, " ")], fault.Denied},
		"no kit":          {[]byte("a letter"), said, fault.Invalid},
		"nothing":         {nil, said, fault.Invalid},
		"the end cut off": {cut, said, fault.Damaged},
		"dear to look at": {dear, said, fault.Invalid},
		"no code in it":   {other(t, said), said, fault.Invalid},
	} {
		if _, err := credential.OpenKit(one.file, one.words); fault.Of(err) != one.want {
			t.Errorf("%s: %v, want kind %s", name, err, one.want)
		}
	}
}

// other is an age file with the same words that holds no code.
func other(t *testing.T, words string) []byte {
	t.Helper()
	file, err := credential.KitFile(strings.Fields(words), strings.Repeat("x", 5000))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// The words of the published example of the encoding.
func TestProquints(t *testing.T) {
	if got := credential.Proquints([]byte{127, 0, 0, 1, 63, 84, 220, 193}); !slices.Equal(got, []string{"lusab", "babad", "gutih", "tugad"}) {
		t.Error(got)
	}
	if got := credential.Proquints([]byte{1}); len(got) != 0 {
		t.Error(got)
	}
}

// AU-02, AU-03: ten characters and one of each kind, in any script; each rule that
// is broken is a fault of its own.
func TestCheckPassword(t *testing.T) {
	for p, want := range map[string]int{
		"Abcdef-123":                             0,
		"Abcdef-12":                              1, // nine
		"abcdef-123":                             1,
		"ABCDEF-123":                             1,
		"Abcdef-ghi":                             1,
		"Abcdef0123":                             1,
		"":                                       5,
		"aaaaaaaaaa":                             3,
		"Übungsmaß 1":                            0, // a blank is special
		"Σίσυφος-42":                             0,
		"Абвгде-١٢٣":                             0, // digits of another script
		"e\u0301e\u0301e\u0301e\u0301e\u0301A1-": 1, // eight characters in thirteen code points
		"Abcdef-1" + strings.Repeat("x", 1024-8): 0,
		"Abcdef-1" + strings.Repeat("x", 1024-7): 1,
		"Abcdef-123\x00":                         1,
		"Abcdef-123\xff":                         1,
	} {
		err := credential.CheckPassword([]byte(p))
		n := 0
		if err != nil {
			n = 1
			if j, ok := err.(interface{ Unwrap() []error }); ok {
				n = len(j.Unwrap())
			}
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%.40q: kind %s", p, fault.Of(err))
			}
		}
		if n != want {
			t.Errorf("%.40q: %d rules, want %d: %v", p, n, want, err)
		}
	}
}
