package mbox_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"siegel/internal/proto/mbox"
	"siegel/test/corpus"
)

const line = "From a@example.com Thu Nov 26 09:30:00 2026\n"

// all returns the messages of a file and the offset behind each.
func all(t interface{ Fatal(...any) }, file []byte, v mbox.Variant) (list []string, offsets []int64) {
	r := mbox.NewReader(bytes.NewReader(file), int64(len(file)), 0, v)
	for {
		err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, offsets
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(b))
		offsets = append(offsets, r.Offset())
	}
}

// What the files of the world look like.
func TestRead(t *testing.T) {
	for name, tt := range map[string]struct {
		v    mbox.Variant
		file string
		want []string
	}{
		"two":                        {mbox.RD, line + "A: b\n\nx\n\n" + line + "C: d\n\ny\n\n", []string{"A: b\n\nx\n", "C: d\n\ny\n"}},
		"no empty line at the end":   {mbox.RD, line + "A: b\n\nx\n", []string{"A: b\n\nx\n"}},
		"no line end at the end":     {mbox.RD, line + "A: b\n\nx", []string{"A: b\n\nx"}},
		"CRLF":                       {mbox.RD, strings.ReplaceAll(line+"A: b\n\nx\n\n"+line+"y\n\n", "\n", "\r\n"), []string{"A: b\r\n\r\nx\r\n", "y\r\n"}},
		"mixed line ends":            {mbox.RD, line + "A: b\r\n\nx\r\n\n" + line + "y\n\r\n" + line + "z\r\n", []string{"A: b\r\n\nx\r\n", "y\n", "z\r\n"}},
		"empty lines before":         {mbox.RD, "\n\r\n\n" + line + "x\n\n", []string{"x\n"}},
		"several empty lines behind": {mbox.RD, line + "x\n\n\n\n" + line + "y\n\n", []string{"x\n\n\n", "y\n"}},
		"no octets":                  {mbox.RD, line + "\n" + line + "\n", []string{"", ""}},
		"From without a date":        {mbox.RD, line + "x\n\nFrom here on it is easy\n\n", []string{"x\n\nFrom here on it is easy\n"}},
		"From_ without an empty line": {
			mbox.RD, line + "x\n" + line + "y\n\n", []string{"x\n" + line + "y\n"},
		},
		"a long From_ line": {
			mbox.RD, line + "x\n\nFrom " + strings.Repeat("a", 1000) + line[5:] + "y\n\n",
			[]string{"x\n\nFrom " + strings.Repeat("a", 1000) + line[5:] + "y\n"},
		},
		"mboxrd":  {mbox.RD, line + ">From x\n>>From y\n>>>From z\n> From\n\n", []string{"From x\n>From y\n>>From z\n> From\n"}},
		"mboxo":   {mbox.O, line + ">From x\n>>From y\n\n", []string{"From x\n>>From y\n"}},
		"mboxcl":  {mbox.CL, line + "Content-Length: 53\n\n>From x\n\n" + line + "\n" + line + "y\n\n", []string{"Content-Length: 53\n\nFrom x\n\n" + line, "y\n"}},
		"mboxcl2": {mbox.CL2, line + "Content-Length: 53\n\n>From x\n\n" + line + "\n" + line + "y\n\n", []string{"Content-Length: 53\n\n>From x\n\n" + line, "y\n"}},
		"Content-Length without a line end": {
			mbox.CL2, line + "Content-Length: 1\n\nx\n\n" + line + "Content-Length: 1\n\ny",
			[]string{"Content-Length: 1\n\nx\n", "Content-Length: 1\n\ny"},
		},
		"Content-Length that lies": {
			mbox.CL, line + "Content-Length: 3\n\n>From x\n>>From z\n\n" + line + "Content-Length: 100000\n\ny\n\n" + line + "Content-Length: -1\n\nz\n",
			[]string{"Content-Length: 3\n\nFrom x\n>From z\n", "Content-Length: 100000\n\ny\n", "Content-Length: -1\n\nz\n"},
		},
		"long lines": {mbox.RD, line + strings.Repeat("x", 200_000) + "\n" + strings.Repeat(">", 200_000) + "From \n\n" + line + "y\n\n", []string{strings.Repeat("x", 200_000) + "\n" + strings.Repeat(">", 199_999) + "From \n", "y\n"}},
	} {
		got, offsets := all(t, []byte(tt.file), tt.v)
		if fmt.Sprintf("%.300q", got) != fmt.Sprintf("%.300q", tt.want) || len(got) != len(tt.want) {
			t.Errorf("%s: %.300q, want %.300q", name, got, tt.want)
			continue
		}
		for i, at := range offsets[:len(offsets)-1] {
			r := mbox.NewReader(strings.NewReader(tt.file), int64(len(tt.file)), at, tt.v)
			if err := r.Next(); err != nil {
				t.Errorf("%s: from offset %d: %v", name, at, err)
				continue
			}
			if b, err := io.ReadAll(iotest.OneByteReader(r)); err != nil || string(b) != tt.want[i+1] {
				t.Errorf("%s: from offset %d: %.100q, %v", name, at, b, err)
			}
		}
		if last := offsets[len(offsets)-1]; last != int64(len(tt.file)) {
			t.Errorf("%s: ends at %d of %d", name, last, len(tt.file))
		}
	}
}

// What is no mbox says so, and so does an offset at which no entry begins.
func TestNoMbox(t *testing.T) {
	for _, file := range []string{"", "\n", "x", "From here on\n", "Subject: x\n\n" + line, "\x00", "From \n"} {
		if v, _, err := mbox.Detect(strings.NewReader(file), int64(len(file))); !errors.Is(err, mbox.ErrNoMbox) {
			t.Errorf("%q is %s, %v", file, v, err)
		}
	}
	file := line + "x\n\n" + line
	if err := mbox.NewReader(strings.NewReader(file), int64(len(file)), 3, mbox.RD).Next(); !errors.Is(err, mbox.ErrNoMbox) {
		t.Error(err)
	}
	// A file that is shorter than it was when it was opened.
	r := mbox.NewReader(strings.NewReader(line+"x\n"), 1000, 0, mbox.RD)
	if err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	// A file that cannot be read further.
	r = mbox.NewReader(brokenAt{strings.NewReader(line + strings.Repeat("x\n", 100_000))}, 200_000, 0, mbox.RD)
	if err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

var errBroken = errors.New("broken")

type brokenAt struct{ *strings.Reader }

func (b brokenAt) ReadAt(p []byte, at int64) (int, error) {
	if at > 100_000 {
		return 0, errBroken
	}
	return b.Reader.ReadAt(p, at)
}

// The forms of From_ lines that programs write.
func TestFromLines(t *testing.T) {
	for l, want := range map[string]bool{
		"From a@b Thu Nov 26 09:30:00 2026":               true,
		"From a@b  Thu Nov  6 09:30:00 2026":              true,
		"From - Thu Nov 26 09:30:00 2026":                 true,
		"From a Thu Nov 26 09:30 2026":                    true,
		"From a Thu Nov 26 09:30:00 CET 2026":             true,
		"From a Thu Nov 26 09:30:00 2026 +0100":           true,
		"From 1598@xxx Thu Nov 26 09:30:00 +0000 2026":    true,
		"From a@b Thu Nov 26 09:30:00 2026 remote from c": true,
		"From \"a b\"@c Thu Nov 26 09:30:00 2026":         true,
		"From a@b": false,
		"From a@b Thu, 26 Nov 2026 09:30:00 +0100": false,
		"From Thu to Fri we met 2026":              false,
		"From a Thu Nov 26 2026":                   false,
		"from a@b Thu Nov 26 09:30:00 2026":        false,
		"From a@b Thu Nov 26 9.30 2026":            false,
		"From a@b TueWe Nov 26 09:30:00 2026":      false,
	} {
		file := line + "x\n\n" + l + "\ny\n"
		if got, _ := all(t, []byte(file), mbox.RD); (len(got) == 2) != want {
			t.Errorf("%q: %d messages", l, len(got))
		}
	}
}

func TestDetect(t *testing.T) {
	for name, tt := range map[string]struct {
		file string
		v    mbox.Variant
		why  mbox.Why
	}{
		"plain":               {line + "A: b\n\nx\n\n", mbox.RD, mbox.ByDefault},
		"quoted":              {line + "A: b\n\n>From x\n>>From y\n\n", mbox.RD, mbox.ByDefault},
		"unquoted":            {line + "A: b\n\n>From x\nFrom y\n\n", mbox.O, mbox.ByUnquoted},
		"length":              {line + "Content-Length: 2\n\nx\n\n" + line + "y\n", mbox.CL, mbox.ByLength},
		"length that lies":    {line + "Content-Length: 1\n\nx\n\n" + line + "y\n", mbox.RD, mbox.ByDefault},
		"length and unquoted": {line + "Content-Length: 7\n\nFrom x\n\n" + line + "y\n", mbox.CL2, mbox.ByUnquoted},
		"ours":                {"From mboxrd@siegel.invalid Thu Nov 26 09:30:00 2026\nContent-Length: 2\n\nx\n\n", mbox.RD, mbox.ByName},
	} {
		v, why, err := mbox.Detect(strings.NewReader(tt.file), int64(len(tt.file)))
		if err != nil || v != tt.v || why != tt.why {
			t.Errorf("%s: %s by %s, %v", name, v, why, err)
		}
	}
}

// encode writes messages and reports which come back.
func encode(t interface{ Fatal(...any) }, list [][]byte, piece int) ([]byte, []bool) {
	var b bytes.Buffer
	w := mbox.NewWriter(&b)
	var exact []bool
	for _, m := range list {
		if err := w.Begin(time.Date(2026, 11, 6, 9, 30, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		for len(m) > 0 {
			n := min(piece, len(m))
			if _, err := w.Write(m[:n]); err != nil {
				t.Fatal(err)
			}
			m = m[n:]
		}
		ok, err := w.End()
		if err != nil {
			t.Fatal(err)
		}
		exact = append(exact, ok)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), exact
}

// What is said to come back comes back; what is not has one line end more.
func checkRound(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, list [][]byte, piece int,
) {
	file, exact := encode(t, list, piece)
	got := []string{}
	if len(list) > 0 {
		v, _, err := mbox.Detect(bytes.NewReader(file), int64(len(file)))
		if err != nil || v != mbox.RD {
			t.Fatalf("%s, %v", v, err)
		}
		got, _ = all(t, file, v)
	}
	if len(got) != len(list) {
		t.Fatalf("%d messages became %d", len(list), len(got))
	}
	for i, m := range list {
		want := string(m)
		if !exact[i] {
			want += "\n"
		}
		if got[i] != want || exact[i] != (len(m) == 0 || m[len(m)-1] == '\n') {
			t.Fatalf("message %d, exact %v: %.200q became %.200q", i, exact[i], m, got[i])
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"From ", ">", "\n", "\r\n", "\r", "\x00", "a", " ", line, "Content-Length: 3\n\n", "\n\n", "Fro", "ü"})
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []byte {
			return []byte(strings.Join(rapid.SliceOfN(word, 0, 12).Draw(t, "words"), ""))
		}), 0, 6).Draw(t, "messages")
		checkRound(t, list, rapid.IntRange(1, 9).Draw(t, "piece"))
	})
}

// The real corpus and the malformed one.
func TestRoundTripOfTheCorpus(t *testing.T) {
	var list [][]byte
	for _, m := range corpus.Messages(t) {
		list = append(list, m)
	}
	checkRound(t, list, 4096)
}

// A long message is read without holding it.
func TestMemory(t *testing.T) {
	const size = 64 << 20
	src := endless{size}
	r := mbox.NewReader(src, size, 0, mbox.RD)
	if err := r.Next(); err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	allocated := testing.AllocsPerRun(1, func() { _, _ = io.Copy(h, r) })
	if allocated > 100_000 {
		t.Errorf("%v allocations", allocated)
	}
}

// endless is a From_ line and one long line.
type endless struct{ size int64 }

func (e endless) ReadAt(b []byte, at int64) (int, error) {
	for i := range b {
		if at+int64(i) >= e.size {
			return i, io.EOF
		}
		if b[i] = 'x'; at+int64(i) < int64(len(line)) {
			b[i] = line[at+int64(i)]
		}
	}
	return len(b), nil
}

// Whatever the file, reading ends, finds every octet at most once, and goes on from
// every offset as it went on before.
func FuzzRead(f *testing.F) {
	f.Add([]byte(line+"A: b\n\n>From x\n\n"+line+"y"), uint8(0))
	f.Add([]byte(line+"Content-Length: 3\n\nab\n\n"+line+"\r\n\r\n"), uint8(2))
	f.Add([]byte("\n\n"+strings.ReplaceAll(line, "\n", "\r\n")+"\r\n>>From \r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, file []byte, which uint8) {
		v := []mbox.Variant{mbox.RD, mbox.O, mbox.CL, mbox.CL2}[which%4]
		_, _, _ = mbox.Detect(bytes.NewReader(file), int64(len(file)))
		r := mbox.NewReader(bytes.NewReader(file), int64(len(file)), 0, v)
		total := 0
		var rest []string
		for r.Next() == nil {
			b, err := io.ReadAll(iotest.HalfReader(r))
			if err != nil {
				t.Fatal(err)
			}
			if total += len(b); total > len(file) {
				t.Fatal("more octets than the file has")
			}
			rest = append(rest, string(b))
			again := mbox.NewReader(bytes.NewReader(file), int64(len(file)), r.Offset(), v)
			_ = again.Next()
		}
		if n := len(rest); n > 0 {
			list := make([][]byte, n)
			for i, m := range rest {
				list[i] = []byte(m)
			}
			checkRound(t, list, 3)
		}
	})
}
