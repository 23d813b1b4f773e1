package bundle

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
)

// blind takes every timestamp: what is fuzzed lies before and behind it.
type blind struct{}

func (blind) Check([sha256.Size]byte, StampFiles) (Stamp, error) { return Stamp{}, nil }

func FuzzVerify(f *testing.F) {
	for _, name := range []string{"keeper", "reader", "bare", "changed", "forged"} {
		b, err := os.ReadFile("../../../docs/formats/vectors/bundle-" + name + ".zip")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Verify(bytes.NewReader(b), int64(len(b)), Trust{Stamps: blind{}})
		if len(r.Lines) == 0 || (r.Verdict == Refused) != (r.Lines[len(r.Lines)-1].Outcome == Failed) {
			t.Errorf("%+v", r)
		}
	})
}

// FuzzPacked changes one file of a bundle, whose container and manifest fit.
func FuzzPacked(f *testing.F) {
	b, err := os.ReadFile("../../../docs/formats/vectors/bundle-keeper.zip")
	if err != nil {
		f.Fatal(err)
	}
	members, err := readZip(bytes.NewReader(b), int64(len(b)), limit)
	if err != nil {
		f.Fatal(err)
	}
	content := make(map[string][]byte)
	var names []string
	for i, m := range members {
		if m.name == fileMessage {
			m.data = b[m.offset : m.offset+m.size]
		}
		content[m.name] = m.data
		names = append(names, m.name)
		f.Add(i, m.data)
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		if i < 0 || i >= len(names) || names[i] == fileManifest {
			return
		}
		changed := make(map[string][]byte)
		for n, c := range content {
			changed[n] = c
		}
		changed[names[i]] = data
		p := Pack(names, changed)
		r := Verify(bytes.NewReader(p), int64(len(p)), Trust{Stamps: blind{}})
		// Tokens and chains are the stamps' to judge, which are blind here.
		stamps := []string{fileToken, fileChain, fileLists, fileBeforeToken, fileBeforeChain, fileBeforeLists}
		if r.Verdict != Refused && !bytes.Equal(data, content[names[i]]) && !slices.Contains(stamps, names[i]) {
			t.Errorf("%s: %q was taken", names[i], data)
		}
	})
}

func FuzzZip(f *testing.F) {
	f.Add(Pack([]string{fileReadme, fileManifest, fileMessage}, map[string][]byte{fileReadme: []byte("x")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		members, err := readZip(bytes.NewReader(b), int64(len(b)), limit)
		if err != nil {
			return
		}
		for i := range members {
			m := &members[i]
			if m.name == fileMessage {
				m.open = func() (io.ReadCloser, error) {
					return io.NopCloser(io.NewSectionReader(bytes.NewReader(b), m.offset, m.size)), nil
				}
			}
		}
		var w bytes.Buffer
		if err := writeZip(&w, members); err == nil && !bytes.Equal(w.Bytes(), b) {
			t.Error("another spelling was taken")
		}
	})
}

func TestZipBounds(t *testing.T) {
	var names []string
	for range maxFiles + 1 {
		names = append(names, fileReadme)
	}
	b := Pack(names, nil)
	if _, err := readZip(bytes.NewReader(b), int64(len(b)), limit); !errors.Is(err, ErrFormat) {
		t.Errorf("%d files: %v", maxFiles+1, err)
	}
	b = Pack([]string{fileEntry}, map[string][]byte{fileEntry: make([]byte, 1<<18+1)})
	if _, err := readZip(bytes.NewReader(b), int64(len(b)), limit); !errors.Is(err, ErrFormat) {
		t.Errorf("a large file: %v", err)
	}
	b = Pack([]string{"../entry.txt"}, nil)
	if _, err := readZip(bytes.NewReader(b), int64(len(b)), limit); !errors.Is(err, ErrFormat) {
		t.Errorf("a file from elsewhere: %v", err)
	}
}
