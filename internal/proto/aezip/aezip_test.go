package aezip_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/proto/aezip"
)

const password = "q3vk-7zpa-mxe2-correct"

type file struct {
	name string
	data []byte
}

func write(t interface{ Fatal(...any) }, list []file) []byte {
	var b bytes.Buffer
	w := aezip.NewWriter(&b, password)
	for _, f := range list {
		to, err := w.Create(f.name, time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		for data := f.data; len(data) > 0; {
			n := min(len(data), 1000)
			if _, err := to.Write(data[:n]); err != nil {
				t.Fatal(err)
			}
			data = data[n:]
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(b []byte, with string) (list []file, err error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	for _, f := range z.File {
		r, err := aezip.Open(f, with)
		if err != nil {
			return list, err
		}
		data, err := io.ReadAll(io.LimitReader(r, 64<<20))
		if err != nil {
			return list, err
		}
		list = append(list, file{f.Name, data})
	}
	return list, nil
}

func samples() []file {
	return []file{
		{"a.eml", []byte("Subject: x\r\n\r\nhello\r\n")},
		{"empty.eml", nil},
		{"folder/ü.eml", bytes.Repeat([]byte("all the same "), 100_000)},
		{"one", []byte{0}},
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []file
		for i := range rapid.IntRange(0, 3).Draw(t, "files") {
			want = append(want, file{strings.Repeat("x", i+1), rapid.SliceOf(rapid.Byte()).Draw(t, "data")})
		}
		got, err := read(write(t, want), password)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d files, %v", len(got), err)
		}
		for i := range got {
			if got[i].name != want[i].name || !bytes.Equal(got[i].data, want[i].data) {
				t.Fatalf("file %d differs", i)
			}
		}
	})
}

// RT-09: 7-Zip opens the file with the password, and not with another.
func Test7z(t *testing.T) {
	seven := ""
	for _, name := range []string{"7zz", "7z"} {
		if path, err := exec.LookPath(name); err == nil && seven == "" {
			seven = path
		}
	}
	if seven == "" {
		t.Skip("skipped: 7-Zip is not installed (scripts/deps.sh test)")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x.zip")
	if err := os.WriteFile(path, write(t, samples()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), seven, "x", "-y", "-p"+password, "-o"+filepath.Join(dir, "out"), path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, f := range samples() {
		if got, err := os.ReadFile(filepath.Join(dir, "out", f.name)); err != nil || !bytes.Equal(got, f.data) {
			t.Errorf("%s: %v, %d octets", f.name, err, len(got))
		}
	}
	listed, err := exec.CommandContext(t.Context(), seven, "l", "-slt", path).CombinedOutput()
	if err != nil || !strings.Contains(string(listed), "AES-256") {
		t.Errorf("%v: %s", err, listed)
	}
	if out, err := exec.CommandContext(t.Context(), seven, "t", "-pwrong", path).CombinedOutput(); err == nil {
		t.Errorf("a wrong password opens it: %s", out)
	}
}

// Another password, and every octet that is another one, is found out.
func TestDamage(t *testing.T) {
	list := samples()[:2]
	b := write(t, list)
	if _, err := read(b, "another"); !errors.Is(err, aezip.ErrPassword) {
		t.Error(err)
	}
	if bytes.Contains(b, []byte("hello")) {
		t.Error("the text stands in the file")
	}
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 1
		got, err := read(changed, password)
		if err != nil {
			continue
		}
		for k := range got {
			if !bytes.Equal(got[k].data, list[k].data) {
				t.Errorf("octet %d: other octets come out", i)
			}
		}
	}
}

// A plain entry is not taken for an encrypted one.
func TestPlain(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.Create("x"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := read(b.Bytes(), password); !errors.Is(err, aezip.ErrEncrypted) {
		t.Error(err)
	}
}

// Whatever the file, reading ends, within the size that the entry says.
func FuzzOpen(f *testing.F) {
	f.Add(write(f, samples()[:2]))
	f.Add(write(f, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, f := range z.File[:min(len(z.File), 4)] {
			r, err := aezip.Open(f, password)
			if err != nil {
				continue
			}
			n, _ := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			if uint64(n) > f.UncompressedSize64 {
				t.Fatal("more octets than the entry says")
			}
		}
	})
}
