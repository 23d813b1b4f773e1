package tuple_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"siegel/internal/kit/tuple"
)

func fields(t *rapid.T, name string) [][]byte {
	// Few different octets, so that lists which could be mistaken for each other
	// come up.
	return rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 'a'}), 0, 6), 0, 5).Draw(t, name)
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// docs/formats/tuple.md: two different lists never give the same octets.
func TestInjective(t *testing.T) {
	label := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 'a'}), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		la, lb := label.Draw(t, "la"), label.Draw(t, "lb")
		a, b := fields(t, "a"), fields(t, "b")
		if same := la == lb && equal(a, b); same != bytes.Equal(tuple.Make(la, a...), tuple.Make(lb, b...)) {
			t.Fatalf("%q %x and %q %x: same octets is not same list", la, a, lb, b)
		}
	})
}

func TestParseInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := fields(t, "list")
		b := tuple.Make("label", list...)
		got, err := tuple.Parse("label", b)
		if err != nil || !equal(got, list) {
			t.Fatalf("%x became %x, error %v", list, got, err)
		}
		if _, err := tuple.Parse("labeL", b); !errors.Is(err, tuple.ErrFormat) {
			t.Fatalf("another label: %v", err)
		}
		// Neither a shorter nor a longer one is the same list.
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if short, err := tuple.Parse("label", b[:cut]); err == nil && equal(short, list) {
			t.Fatal("a part is the whole")
		}
		if long, err := tuple.Parse("label", append(bytes.Clone(b), 0)); err == nil {
			t.Fatalf("an octet more: %x", long)
		}
	})
}

// The octets are those of docs/formats/tuple.md.
func TestFormat(t *testing.T) {
	got := hex.EncodeToString(tuple.Make("ab", []byte("c"), nil, tuple.Uint64(258)))
	if want := "00000002" + "6162" + "00000001" + "63" + "00000000" + "00000008" + "0000000000000102"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "00", "000000", "00000001", "ffffffff61", "0000000161000000", "000000016100000002" + "62", "0000000162"} {
		b, _ := hex.DecodeString(s)
		if got, err := tuple.Parse("a", b); !errors.Is(err, tuple.ErrFormat) {
			t.Errorf("%s gives %x, error %v", s, got, err)
		}
	}
	// Fields cannot grow into each other.
	got, err := tuple.Parse("a", tuple.Make("a", []byte("b"), []byte("c")))
	if err != nil {
		t.Fatal(err)
	}
	if _ = append(got[0], 'x'); string(got[1]) != "c" {
		t.Error("appending to a field changes the next one")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a", tuple.Make("a"))
	f.Add("label", tuple.Make("label", []byte("x"), nil, bytes.Repeat([]byte{1}, 300)))
	f.Add("", []byte{0, 0, 0, 0})
	f.Add("a", []byte{0, 0, 0, 1, 'a', 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, label string, b []byte) {
		got, err := tuple.Parse(label, b)
		if err != nil {
			if !errors.Is(err, tuple.ErrFormat) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if again := tuple.Make(label, got...); !bytes.Equal(again, b) {
			t.Fatalf("%x has another spelling, %x", b, again)
		}
	})
}
