package entry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/proto/entry"
)

func drawHash(t *rapid.T, name string) entry.Hash {
	return entry.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name))
}

func drawEntry(t *rapid.T) entry.Entry {
	name := rapid.StringMatching(`[a-z][a-z0-9-]{0,31}`)
	e := entry.Entry{
		Kind: name.Draw(t, "kind"), Size: rapid.Int64Min(0).Draw(t, "size"),
		Time: time.UnixMicro(rapid.Int64Range(-62_135_596_800_000_000, 253_402_300_799_999_999).Draw(t, "time")).UTC(),
	}
	copy(e.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	for _, n := range rapid.SliceOfNDistinct(name, 0, 64, func(s string) string { return s }).Draw(t, "fields") {
		e.Fields = append(e.Fields, entry.Field{Name: n, Commitment: drawHash(t, "commitment")})
	}
	return e
}

func text(t interface{ Fatal(...any) }, e entry.Entry) []byte {
	b, err := e.Text()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// docs/formats/entry.md: an entry has one spelling.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		b := text(t, e)
		got, err := entry.Parse(b)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if got.Kind != e.Kind || got.ID != e.ID || !got.Time.Equal(e.Time) || got.Size != e.Size || len(got.Fields) != len(e.Fields) {
			t.Fatalf("%+v became %+v", e, got)
		}
		if again := text(t, got); !bytes.Equal(again, b) {
			t.Fatalf("two spellings: %q and %q", b, again)
		}
		// The order of fields makes no difference.
		if len(e.Fields) > 1 {
			e.Fields[0], e.Fields[1] = e.Fields[1], e.Fields[0]
			if again := text(t, e); !bytes.Equal(again, b) {
				t.Fatalf("two orders, two spellings: %q and %q", b, again)
			}
		}
	})
}

func sample() entry.Entry {
	return entry.Entry{
		Kind: "message", ID: [16]byte{1, 2, 3, 0xAB}, Size: 1200, Time: time.Date(2026, 11, 22, 14, 38, 18, 123000, time.UTC),
		Fields: []entry.Field{{Name: "sha256", Commitment: entry.Hash{9}}, {Name: "parts", Commitment: entry.Hash{0xCD}}},
	}
}

// The text is that of docs/formats/entry.md, letter by letter.
func TestTextIsAsDocumented(t *testing.T) {
	want := "siegel/v1 message\nid 010203ab000000000000000000000000\ntime 2026-11-22T14:38:18.000123Z\nsize 1200\n" +
		"parts cd" + strings.Repeat("0", 62) + "\nsha256 09" + strings.Repeat("0", 62) + "\n"
	if got := string(text(t, sample())); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Every change of one octet, every octet more or less is no entry or another
// entry: nothing in the text is free.
func TestEveryOctetCounts(t *testing.T) {
	good := text(t, sample())
	was := fmt.Sprintf("%+v", mustParse(t, good))
	try := func(b []byte, what string, at int) {
		if bytes.Equal(b, good) {
			return
		}
		e, err := entry.Parse(b)
		if err != nil {
			if !errors.Is(err, entry.ErrFormat) {
				t.Fatalf("%s at %d: another error, %v", what, at, err)
			}
			return
		}
		if fmt.Sprintf("%+v", e) == was {
			t.Fatalf("%s at %d: the same entry from %q", what, at, b)
		}
	}
	for i := range good {
		for c := range 256 {
			b := bytes.Clone(good)
			b[i] = byte(c)
			try(b, "changed", i)
		}
		try(append(bytes.Clone(good[:i]), good[i+1:]...), "removed", i)
		for _, c := range "0 \n\r+-.:" {
			try(append(append(bytes.Clone(good[:i]), byte(c)), good[i:]...), "inserted", i)
		}
	}
}

func mustParse(t *testing.T, b []byte) entry.Entry {
	t.Helper()
	e, err := entry.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestParseRefuses(t *testing.T) {
	good := string(text(t, sample()))
	field := func(name string) string { return name + " " + strings.Repeat("0", 64) + "\n" }
	head := good[:strings.Index(good, "parts")]
	var many strings.Builder
	many.WriteString(head)
	for i := range 65 {
		many.WriteString(field(fmt.Sprintf("f%03d", i)))
	}
	for name, s := range map[string]string{
		"empty":               "",
		"a line feed":         "\n",
		"no final line feed":  strings.TrimSuffix(good, "\n"),
		"two at the end":      good + "\n",
		"CRLF":                strings.ReplaceAll(good, "\n", "\r\n"),
		"another version":     strings.Replace(good, "/v1", "/v2", 1),
		"kind in capitals":    strings.Replace(good, "message", "Message", 1),
		"no kind":             strings.Replace(good, "message", "", 1),
		"kind too long":       strings.Replace(good, "message", strings.Repeat("a", 33), 1),
		"id in capitals":      strings.Replace(good, "ab0", "AB0", 1),
		"time with a comma":   strings.Replace(good, "18.000", "18,000", 1),
		"time with an offset": strings.Replace(good, "123Z", "123+00:00", 1),
		"time with 9 digits":  strings.Replace(good, "000123Z", "000123000Z", 1),
		"30 February":         strings.Replace(good, "11-22", "02-30", 1),
		"leap second":         strings.Replace(good, "38:18", "38:60", 1),
		"size with zeros":     strings.Replace(good, "size 1", "size 01", 1),
		"size with a sign":    strings.Replace(good, "size 1", "size +1", 1),
		"negative size":       strings.Replace(good, "size 1", "size -1", 1),
		"minus zero":          strings.Replace(good, "size 1200", "size -0", 1),
		"size too large":      strings.Replace(good, "size 1200", "size 9223372036854775808", 1),
		"size in hex":         strings.Replace(good, "size 1200", "size 0x10", 1),
		"fields out of order": head + field("b") + field("a"),
		"field twice":         head + field("a") + field("a"),
		"field in capitals":   head + field("A"),
		"field with a digit":  head + field("1a"),
		"field too long":      head + field("a"+strings.Repeat("b", 32)),
		"commitment short":    head + "a " + strings.Repeat("0", 63) + "\n",
		"commitment capitals": head + "a " + strings.Repeat("A", 64) + "\n",
		"two spaces":          head + "a  " + strings.Repeat("0", 64) + "\n",
		"65 fields":           many.String(),
		"only three lines":    strings.Join(strings.SplitAfter(good, "\n")[:3], ""),
		"other order":         strings.Join([]string{strings.SplitAfter(good, "\n")[0], strings.SplitAfter(good, "\n")[2], strings.SplitAfter(good, "\n")[1]}, "") + "size 0\n",
		"too long":            head + strings.Repeat("a", 17<<10) + "\n",
	} {
		if e, err := entry.Parse([]byte(s)); !errors.Is(err, entry.ErrFormat) {
			t.Errorf("%s: %+v, error %v", name, e, err)
		}
	}
	for name, e := range map[string]entry.Entry{
		"no kind":       {},
		"line feed":     {Kind: "a\nb"},
		"negative size": {Kind: "a", Size: -1},
		"year 10000":    {Kind: "a", Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"twice":         {Kind: "a", Fields: []entry.Field{{Name: "a"}, {Name: "a"}}},
		"bad name":      {Kind: "a", Fields: []entry.Field{{Name: "a b"}}},
	} {
		if b, err := e.Text(); !errors.Is(err, entry.ErrFormat) {
			t.Errorf("%s: %q, error %v", name, b, err)
		}
	}
}

// EV-02: a commitment is SHA-256 of salt and value, and fits nothing else.
func TestCommitment(t *testing.T) {
	o := entry.Opening{Salt: entry.Hash{1}, Value: []byte("value")}
	want := sha256.Sum256(append(o.Salt[:], "value"...))
	if o.Commit() != want {
		t.Error("another commitment")
	}
	e := entry.Entry{Kind: "a", Fields: []entry.Field{{Name: "f", Commitment: want}}}
	if err := e.Check("f", o); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]entry.Opening{
		"salt":    {Salt: entry.Hash{2}, Value: o.Value},
		"value":   {Salt: o.Salt, Value: []byte("Value")},
		"nothing": {},
		"longer":  {Salt: o.Salt, Value: []byte("value ")},
	} {
		if err := e.Check("f", wrong); !errors.Is(err, entry.ErrCommitment) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if err := e.Check("g", o); !errors.Is(err, entry.ErrCommitment) {
		t.Errorf("a field that is not there: %v", err)
	}
}

// docs/formats/entry.md, Leaf: computed here by hand.
func TestLeaf(t *testing.T) {
	entryText, sealed := []byte("text\n"), sha256.Sum256([]byte("sealed"))
	of := sha256.Sum256(entryText)
	data := sha256.Sum256(append(append([]byte("siegel/v1 leaf"), of[:]...), sealed[:]...))
	if got := entry.LeafData(entryText, sealed); got != data {
		t.Errorf("leaf data %x, want %x", got, data)
	}
	if got := entry.RecordHash(data); got != sha256.Sum256(append([]byte{0}, data[:]...)) {
		t.Errorf("leaf hash %x", got)
	}
	if n := entry.Nothing(); hex.EncodeToString(n[:]) != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("the hash of nothing is %x", n)
	}
}

func FuzzEntry(f *testing.F) {
	good, err := sample().Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("siegel/v1 a\nid 00000000000000000000000000000000\ntime 0001-01-01T00:00:00.000000Z\nsize 0\n"))
	f.Add([]byte("siegel/v1 a\nid 0\ntime 2026-11-22T14:38:18,000123Z\nsize +0\n"))
	f.Add([]byte("\n\n\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := entry.Parse(b)
		if err != nil {
			if !errors.Is(err, entry.ErrFormat) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		again, err := e.Text()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q is also spelled %q, error %v", b, again, err)
		}
	})
}
