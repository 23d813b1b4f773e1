package manifest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/proto/manifest"
)

const id = "00112233445566778899aabbccddeeff"

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func samples() []manifest.Item {
	at := int64(0)
	return []manifest.Item{
		{ID: id, SHA256: sum("x"), Size: 1, Arrived: time.Date(2026, 11, 29, 1, 2, 3, 4000, time.UTC), File: "messages/000001.eml"},
		{ID: id, SHA256: sum(""), File: "mail.mbox", Offset: &at},
		{ID: id, SHA256: sum("y"), Size: 7, File: "exact/000003.eml", Beside: "no line end at its end"},
		{ID: id, Problem: "damaged: <ü> & \"x\""},
	}
}

func write(t interface{ Fatal(...any) }, list []manifest.Item) []byte {
	var b bytes.Buffer
	w, err := manifest.NewWriter(&b, manifest.Head{Export: id, Part: 1, Made: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range list {
		if err := w.Add(it); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte) (list []manifest.Item, e manifest.End, err error) {
	_, e, err = manifest.Read(bytes.NewReader(b), func(it manifest.Item) error {
		list = append(list, it)
		return nil
	})
	return list, e, err
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.SampledFrom(samples()), 0, 9).Draw(t, "items")
		b := write(t, want)
		got, e, err := read(b)
		if err != nil || len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("%v: %s", err, fmt.Sprint(want, got))
		}
		problems := int64(0)
		for _, it := range want {
			if it.Problem != "" {
				problems++
			}
		}
		if e.Problems != problems || e.Messages != int64(len(want))-problems {
			t.Fatalf("%+v", e)
		}
	})
}

// A manifest that was changed or cut anywhere is none.
func TestDamage(t *testing.T) {
	b := write(t, samples())
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 1
		if got, _, err := read(changed); err == nil && !reflect.DeepEqual(got, samples()) {
			t.Errorf("octet %d: %s", i, fmt.Sprint(got))
		}
		if _, _, err := read(b[:i]); !errors.Is(err, manifest.ErrMalformed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	for name, bad := range map[string][]byte{
		"more":       append(bytes.Clone(b), '\n'),
		"twice":      append(bytes.Clone(b), b...),
		"long line":  []byte(`{"manifest":"` + strings.Repeat("x", 5000) + "\"}\n"),
		"other head": bytes.Replace(b, []byte("v1"), []byte("v2"), 1),
	} {
		if _, _, err := read(bad); !errors.Is(err, manifest.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What would lead out of the part, or has no hash, is not written.
func TestBadItems(t *testing.T) {
	negative := int64(-1)
	for _, it := range []manifest.Item{
		{},
		{ID: id},
		{ID: id, SHA256: sum("x")},
		{ID: id, SHA256: sum("x"), File: "../x"},
		{ID: id, SHA256: sum("x"), File: "/x"},
		{ID: id, SHA256: sum("x"), File: "a/../../x"},
		{ID: id, SHA256: sum("x"), File: ".."},
		{ID: id, SHA256: sum("x"), File: "a\\x"},
		{ID: id, SHA256: strings.ToUpper(sum("x")), File: "x"},
		{ID: id, SHA256: sum("x"), File: "x", Size: -1},
		{ID: id, SHA256: sum("x"), File: "x", Offset: &negative},
		{ID: id, Problem: "x", File: "x"},
		{ID: "x", Problem: "x"},
		{ID: id, Problem: strings.Repeat("x", manifest.MaxLine)},
	} {
		w, err := manifest.NewWriter(&bytes.Buffer{}, manifest.Head{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(it); !errors.Is(err, manifest.ErrMalformed) {
			t.Errorf("%+v: %v", it, err)
		}
	}
}

// Whatever is read is bounded, and what is read well is what would be written.
func FuzzRead(f *testing.F) {
	f.Add(write(f, samples()))
	f.Add(write(f, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, e, err := read(b)
		if err != nil {
			return
		}
		if again, e2, err := read(write(t, list)); err != nil || len(list) > 0 && !reflect.DeepEqual(again, list) || e2.Messages != e.Messages {
			t.Errorf("%v: %s", err, fmt.Sprint(list, again))
		}
	})
}
