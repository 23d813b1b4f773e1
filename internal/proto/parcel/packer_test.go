package parcel

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/proto/manifest"
	"siegel/internal/proto/mbox"
)

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// files is a part in memory.
type files struct {
	names   []string
	data    map[string]*bytes.Buffer
	aborted bool
	fail    error
}

func (f *files) Create(name string) (io.Writer, error) {
	if f.data[name] != nil {
		return nil, errors.New("the file exists")
	}
	f.names = append(f.names, name)
	f.data[name] = new(bytes.Buffer)
	return f.data[name], f.fail
}

func (f *files) Close() error { return nil }
func (f *files) Abort() error { f.aborted = true; return nil }

// packed packs messages into parts of at most so many.
func packed(t interface{ Fatal(...any) }, list [][]byte, asMbox bool, most int) (parts []*files, ends []manifest.End) {
	p := New(Plan{
		Mbox: asMbox, Most: most, Octets: 1 << 20, Part: 1, Tick: func(int64, int64) {}, Export: newID(),
		Begin: func(n int) (Tree, error) {
			if n != len(parts)+1 {
				return nil, fmt.Errorf("part %d after %d", n, len(parts))
			}
			parts = append(parts, &files{data: make(map[string]*bytes.Buffer)})
			return parts[n-1], nil
		},
		Finished: func(_ int, _ string, e manifest.End) error { ends = append(ends, e); return nil },
	})
	for i, m := range list {
		sum := sha256.Sum256(m)
		l := Head{ID: newID(), SHA256: hex.EncodeToString(sum[:]), Size: int64(len(m)), Arrived: time.Now(), At: fmt.Sprint(i)}
		if len(m) > 0 {
			l.Carried = mbox.Carries(l.Size, m[len(m)-1])
		} else {
			l.Carried = true
		}
		err := p.Letter(l)
		if err == nil {
			_, err = p.Write(m)
		}
		if err == nil {
			err = p.End()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return parts, ends
}

// Every message is in exactly one part, where the part's manifest says, also what mbox
// does not carry, whether it is small or large.
func TestPack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []byte {
			m := []byte(rapid.SampledFrom([]string{"", "a\n", "From x\n>From y\n", "no end", "\n", "\r\nx\r\n", "From"}).Draw(t, "message"))
			if rapid.IntRange(0, 20).Draw(t, "size") == 0 {
				m = append(bytes.Repeat([]byte("x\n"), besideSmall), m...)
			}
			return m
		}), 0, 12).Draw(t, "messages")
		asMbox := rapid.Bool().Draw(t, "mbox")
		parts, ends := packed(t, list, asMbox, rapid.IntRange(1, 5).Draw(t, "most"))
		at := 0
		for i, one := range parts {
			if one.names[len(one.names)-1] != nameManifest {
				t.Fatalf("%q", one.names)
			}
			_, end, err := manifest.Read(bytes.NewReader(one.data[nameManifest].Bytes()), func(it manifest.Item) error {
				got := one.data[it.File].Bytes()
				if it.Offset != nil {
					r := mbox.NewReader(bytes.NewReader(got), int64(len(got)), *it.Offset, mbox.RD)
					if err := r.Next(); err != nil {
						return err
					}
					var err error
					if got, err = io.ReadAll(r); err != nil {
						return err
					}
				}
				if !bytes.Equal(got, list[at]) || asMbox != (it.Offset != nil || it.Beside != "") {
					return fmt.Errorf("message %d: %.50q, want %.50q; %+v", at, got, list[at], it)
				}
				at++
				return nil
			})
			if err != nil || end != ends[i] {
				t.Fatal(err, end, ends[i])
			}
		}
		if at != len(list) {
			t.Fatalf("%d of %d messages", at, len(list))
		}
	})
}

// Other octets than were announced end the export, and nothing of the part stays.
func TestPackOtherOctets(t *testing.T) {
	whole := &files{data: make(map[string]*bytes.Buffer)}
	p := New(Plan{Most: 10, Octets: 100, Begin: func(int) (Tree, error) { return whole, nil }, Tick: func(int64, int64) {}})
	if err := p.Letter(Head{ID: newID(), SHA256: strings.Repeat("00", 32), Size: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := p.End(); !errors.Is(err, ErrOther) {
		t.Error(err)
	}
	if err := p.Abort(); err != nil || !whole.aborted {
		t.Error(err, whole.aborted)
	}
}

// Messages that cannot be opened fill parts as others do.
func TestPackMissing(t *testing.T) {
	var counts []int64
	p := New(Plan{
		Most: 2, Octets: 1 << 20, Part: 1, Tick: func(int64, int64) {},
		Begin:    func(int) (Tree, error) { return &files{data: make(map[string]*bytes.Buffer)}, nil },
		Finished: func(_ int, _ string, e manifest.End) error { counts = append(counts, e.Problems); return nil },
	})
	for i := range 5 {
		if err := p.Missing(newID(), fmt.Sprint(i), "damaged"); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil || fmt.Sprint(counts) != "[2 2 1]" {
		t.Errorf("parts with %v, %v", counts, err)
	}
}
