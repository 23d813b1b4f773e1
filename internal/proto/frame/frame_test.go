package frame_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"siegel/internal/proto/frame"
)

type one struct {
	kind frame.Kind
	data []byte
}

func read(r io.Reader) (list []one, err error) {
	fr := frame.NewReader(r)
	for {
		k, b, err := fr.Read()
		if err != nil {
			return list, err
		}
		list = append(list, one{k, bytes.Clone(b)})
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		w := frame.NewWriter(&b)
		var want []one
		for range rapid.IntRange(0, 5).Draw(t, "frames") {
			f := one{frame.Kind(rapid.Byte().Draw(t, "kind")), make([]byte, rapid.SampledFrom([]int{0, 1, 5, 4096, frame.Max}).Draw(t, "size"))}
			want = append(want, f)
			if err := w.Write(f.kind, f.data); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil || w.Buffered() != 0 {
			t.Fatal(err)
		}
		got, err := read(iotest.HalfReader(&b))
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != len(want) {
			t.Fatalf("%d frames, %v", len(got), err)
		}
		for i := range got {
			if got[i].kind != want[i].kind || !bytes.Equal(got[i].data, want[i].data) {
				t.Fatalf("frame %d differs", i)
			}
		}
	})
}

func TestBounds(t *testing.T) {
	var b bytes.Buffer
	w := frame.NewWriter(&b)
	if err := w.Write(frame.Data, make([]byte, frame.Max+1)); !errors.Is(err, frame.ErrTooLong) {
		t.Error(err)
	}
	if n, err := w.Body().Write(make([]byte, 3*frame.Max+1)); n != 3*frame.Max+1 || err != nil {
		t.Error(n, err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if list, _ := read(&b); len(list) != 4 || len(list[3].data) != 1 || list[3].kind != frame.Data {
		t.Errorf("%d frames", len(list))
	}
	if _, err := read(bytes.NewReader([]byte{'D', 0, 1, 0, 1})); !errors.Is(err, frame.ErrTooLong) {
		t.Error(err)
	}
	// A body that does not get through says so.
	if _, err := frame.NewWriter(failing{}).Body().Write(make([]byte, 3*frame.Max)); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

// Whatever comes, frames are within their bounds and add up to the stream.
func FuzzReader(f *testing.F) {
	f.Add([]byte("B\x00\x00\x00\x02{}D\x00\x00\x00\x01xE\x00\x00\x00\x00F\x00\x00\x00\x02{}"))
	f.Add([]byte("D\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		list, err := read(bytes.NewReader(stream))
		if err == nil {
			t.Fatal("a stream without an end")
		}
		total := 0
		for _, one := range list {
			if len(one.data) > frame.Max {
				t.Fatal("too long")
			}
			total += 5 + len(one.data)
		}
		if total > len(stream) {
			t.Fatal("more octets than came")
		}
	})
}
