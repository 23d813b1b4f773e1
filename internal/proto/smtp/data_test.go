package smtp_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"siegel/internal/proto/smtp"
)

const unlimited = 1 << 40

// naive reads message data octet by octet, straight from RFC 5321 sections
// 4.1.1.4 and 4.5.2: cut the stream into lines at CRLF, stop at the line ".",
// drop the first period of other lines. It returns the message and what follows.
func naive(in []byte) (msg, rest []byte, ok bool) {
	for {
		i := 0
		for ; ; i++ {
			if i+1 >= len(in) {
				return nil, nil, false
			}
			if in[i] == '\r' && in[i+1] == '\n' {
				break
			}
		}
		line := in[:i+2]
		in = in[i+2:]
		if string(line) == ".\r\n" {
			return msg, in, true
		}
		if line[0] == '.' {
			line = line[1:]
		}
		msg = append(msg, line...)
	}
}

// stuff is the inverse of naive for a message that is empty or ends in CRLF,
// octet by octet.
func stuff(msg []byte) []byte {
	var out []byte
	begin := true
	for i, c := range msg {
		if begin && c == '.' {
			out = append(out, '.')
		}
		begin = c == '\n' && i > 0 && msg[i-1] == '\r'
		out = append(out, c)
	}
	return append(out, ".\r\n"...)
}

func TestDataReader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want, rest string }{
		{"empty", ".\r\nQUIT\r\n", "", "QUIT\r\n"},
		{"one line", "a\r\n.\r\n", "a\r\n", ""},
		{"stuffed period", "..\r\n.\r\n", ".\r\n", ""},
		{"stuffed line", "..a\r\n..\r\n.\r\n", ".a\r\n.\r\n", ""},
		{"period not doubled", ".a\r\n.\r\n", "a\r\n", ""},
		{"pipelined", "a\r\n.\r\n.\r\n", "a\r\n", ".\r\n"},
		// The four traps of go-smtp (size: TestLimit).
		{"CR CR LF, then a stuffed line", "a\r\r\n..b\r\n.\r\n", "a\r\r\n.b\r\n", ""},
		{"ends CR CR LF", "a\r\r\n.\r\nNOOP\r\n", "a\r\r\n", "NOOP\r\n"},
		{"period CR x", ".\rx\r\n.\r\n", "\rx\r\n", ""},
		{"period CR CR LF", ".\r\r\n.\r\n", "\r\r\n", ""},
		// Smuggling: none of these ends the message.
		{"LF . LF", "a\n.\nMAIL\n.\r\n\r\n.\r\n", "a\n.\nMAIL\n.\r\n\r\n", ""},
		{"LF . CRLF", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", ""},
		{"CRLF . LF", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", ""},
		{"CR . CR", "a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", ""},
		{"CR . CRLF", "a\r.\r\nb\r\n.\r\n", "a\r.\r\nb\r\n", ""},
		{"CRLF . CR", "a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", ""},
		{"LF LF . CRLF", "a\n\n.\r\nb\r\n.\r\n", "a\n\n.\r\nb\r\n", ""},
		{"CRLF . NUL CRLF", "a\r\n.\x00\r\nb\r\n.\r\n", "a\r\n\x00\r\nb\r\n", ""},
		{"bare LF first", "\n..\r\n.\r\n", "\n..\r\n", ""},
		{"bare CR first", "\r..\r\n.\r\n", "\r..\r\n", ""},
		{"LF CR LF", "\n\r\n..\r\n.\r\n", "\n\r\n.\r\n", ""},
		{"8 bit and NUL", "\xff\x00\xfe\r\n.\r\n", "\xff\x00\xfe\r\n", ""},
		{"long line", strings.Repeat("x", 100_000) + "\r\n.\r\n", strings.Repeat("x", 100_000) + "\r\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if msg, rest, ok := naive([]byte(c.in)); !ok || string(msg) != c.want || string(rest) != c.rest {
				t.Fatalf("the reference itself is wrong: %q, %q, %v", msg, rest, ok)
			}
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r },
				"bytes": iotest.OneByteReader, "half": iotest.HalfReader, "data and EOF": iotest.DataErrReader,
			} {
				br := bufio.NewReaderSize(wrap(strings.NewReader(c.in)), 16)
				got, err := io.ReadAll(smtp.NewDataReader(br, unlimited))
				rest, _ := io.ReadAll(br)
				if err != nil || string(got) != c.want || string(rest) != c.rest {
					t.Errorf("%s: got %q, rest %q, %v", name, got, rest, err)
				}
			}
		})
	}
}

func TestDataUnfinished(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "a", "a\r", "a\r\n", "a\r\n.", "a\r\n.\r", ".", ".\r", "..", "a\r\n.\n", "a\n.\n"} {
		d := smtp.NewDataReader(bufio.NewReader(strings.NewReader(in)), unlimited)
		for range 2 {
			if _, err := io.Copy(io.Discard, d); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q: %v", in, err)
			}
		}
		if err := d.Drain(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: drain: %v", in, err)
		}
	}
	broken := errors.New("broken")
	in := io.MultiReader(strings.NewReader("a\r\nb"), iotest.ErrReader(broken))
	if _, err := io.ReadAll(smtp.NewDataReader(bufio.NewReader(in), unlimited)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestLimit: a message of exactly the limit is in order, one octet more is
// refused, and in both cases the next command is read as such.
func TestLimit(t *testing.T) {
	t.Parallel()
	for size := 2; size < 70; size++ {
		msg := bytes.Repeat([]byte(".\r\n"), size)[:size]
		msg[size-2], msg[size-1] = '\r', '\n'
		for _, limit := range []int64{0, int64(size) - 1, int64(size), int64(size) + 1} {
			wantErr := int64(size) > limit
			check := func(how string, got []byte, err error, br *bufio.Reader) {
				t.Helper()
				if errors.Is(err, smtp.ErrTooLarge) != wantErr || !wantErr && !bytes.Equal(got, msg) {
					t.Errorf("%s: size %d, limit %d: %q, %v", how, size, limit, got, err)
				}
				if c, err := smtp.ReadCommand(br); err != nil || c.Verb != smtp.Noop {
					t.Errorf("%s: size %d, limit %d: out of step: %v, %v", how, size, limit, c, err)
				}
			}
			br := bufio.NewReaderSize(strings.NewReader(string(stuff(msg))+"NOOP\r\n"), 16)
			got, err := io.ReadAll(smtp.NewDataReader(br, limit))
			check("DATA", got, err, br)

			half := size / 2
			br = bufio.NewReaderSize(strings.NewReader(string(msg)+"NOOP\r\n"), 16)
			c := smtp.NewChunkReader(br, limit)
			var all []byte
			err = c.Next(int64(half))
			for _, next := range []int64{int64(size - half), 0} {
				if err == nil {
					var got []byte
					got, err = io.ReadAll(c)
					all = append(all, got...)
				}
				if err2 := c.Next(next); err2 != nil {
					t.Fatal(err2)
				}
			}
			if err == nil {
				_, err = io.ReadAll(c)
			}
			check("BDAT", all, err, br)
		}
	}
}

func TestChunkReader(t *testing.T) {
	t.Parallel()
	br := bufio.NewReader(strings.NewReader("\r\n.\r\nab.\rrest"))
	c := smtp.NewChunkReader(br, 9)
	for _, want := range []string{"\r\n.\r\n", "", "ab.\r"} {
		if err := c.Next(int64(len(want))); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if err := c.Next(10); err != nil {
		t.Fatal(err)
	}
	// Ten octets are announced and four come: that is what counts, not the limit.
	if _, err := io.ReadAll(c); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut chunk: %v", err)
	}
	c = smtp.NewChunkReader(bufio.NewReader(strings.NewReader("abc")), 9)
	_ = c.Next(4)
	if _, err := io.ReadAll(c); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut chunk: %v", err)
	}
	if err := c.Next(1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after a cut chunk: %v", err)
	}
	// The greatest size that BDAT can name, twice: no overflow.
	c = smtp.NewChunkReader(bufio.NewReader(strings.NewReader("abc")), 9)
	if err := c.Next(1<<63 - 1); err != nil {
		t.Fatal(err)
	}
	if err := c.Next(1<<63 - 1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("endless chunk: %v", err)
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	br := bufio.NewReaderSize(strings.NewReader("abc\r\n"+strings.Repeat("..\r\n", 99)+".\r\nNOOP\r\n"), 16)
	d := smtp.NewDataReader(br, 50)
	if _, err := io.ReadFull(d, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Drain(); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := smtp.ReadCommand(br); err != nil || c.Verb != smtp.Noop {
		t.Errorf("out of step: %v, %v", c, err)
	}
}

// shortWriter fails after n octets.
type shortWriter struct{ n int }

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(w.n, len(p))
	if w.n -= n; n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

func TestWriteToFails(t *testing.T) {
	t.Parallel()
	const in = "abc\r\n..def\r\n.\r\nNOOP\r\n"
	for n := range 11 {
		br := bufio.NewReaderSize(strings.NewReader(in), 16)
		d := smtp.NewDataReader(br, unlimited)
		if m, err := d.WriteTo(&shortWriter{n}); !errors.Is(err, io.ErrClosedPipe) && n < 11 || m != int64(n) {
			t.Errorf("%d: %d, %v", n, m, err)
		}
		if err := d.Drain(); err != nil {
			t.Errorf("%d: %v", n, err)
		}
		if c, err := smtp.ReadCommand(br); err != nil || c.Verb != smtp.Noop {
			t.Errorf("%d: out of step: %v, %v", n, c, err)
		}
	}
}

// cuts gives the octets of a stream in pieces of the given sizes.
type cuts struct {
	in    []byte
	sizes []int
	i     int
}

func (c *cuts) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	size := 1
	if len(c.sizes) > 0 {
		size = c.sizes[c.i%len(c.sizes)]
		c.i++
	}
	n := copy(p[:min(len(p), size)], c.in)
	c.in = c.in[n:]
	return n, nil
}

// octets draws messages that are rich in what matters.
func octets() *rapid.Generator[[]byte] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"\r\n", "\r", "\n", ".", "\r\n.", "\r\n.\r\n", "\r\r\n", "x", "\x00", "\xff", "QUIT"}),
		rapid.StringN(0, 40, 200),
	)
	return rapid.Custom(func(t *rapid.T) []byte {
		return []byte(strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces"), ""))
	})
}

// pipe draws a way in which the network and the buffer cut the stream.
func pipe(t *rapid.T, in []byte) *bufio.Reader {
	sizes := rapid.SliceOfN(rapid.IntRange(1, 50), 0, 5).Draw(t, "cuts")
	return bufio.NewReaderSize(&cuts{in: in, sizes: sizes}, rapid.SampledFrom([]int{16, 17, 64, 4096}).Draw(t, "buffer"))
}

// readIn reads r with buffers of drawn sizes.
func readIn(t *rapid.T, r io.Reader) ([]byte, error) {
	if rapid.Bool().Draw(t, "WriteTo") {
		var b bytes.Buffer
		_, err := io.Copy(&b, r)
		return b.Bytes(), err
	}
	size := rapid.IntRange(1, 40).Draw(t, "read")
	var b bytes.Buffer
	_, err := io.CopyBuffer(&b, struct{ io.Reader }{r}, make([]byte, size))
	return b.Bytes(), err
}

// TestStuffUnstuff: what a client stuffs, the reader gives back, however the
// stream is cut, and what follows is untouched.
func TestStuffUnstuff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		msg := octets().Draw(t, "message")
		want := msg
		if len(msg) > 0 && !bytes.HasSuffix(msg, []byte("\r\n")) {
			want = append(bytes.Clone(msg), "\r\n"...) // DATA has no other form
		}
		var wire bytes.Buffer
		bw := bufio.NewWriter(&wire)
		d := smtp.NewDotWriter(bw)
		for in := msg; len(in) > 0; {
			n := rapid.IntRange(1, len(in)).Draw(t, "write")
			if m, err := d.Write(in[:n]); m != n || err != nil {
				t.Fatalf("write: %d, %v", m, err)
			}
			in = in[n:]
		}
		if err := errors.Join(d.Close(), bw.Flush()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(wire.Bytes(), stuff(want)) {
			t.Fatalf("stuffed %q, want %q", wire.Bytes(), stuff(want))
		}
		br := pipe(t, append(wire.Bytes(), ".\r\nQUIT"...))
		limit := int64(len(want)) + rapid.Int64Range(0, 2).Draw(t, "room")
		got, err := readIn(t, smtp.NewDataReader(br, limit))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
		if rest, _ := io.ReadAll(br); string(rest) != ".\r\nQUIT" {
			t.Fatalf("left %q", rest)
		}
	})
}

// TestDataAgainstNaive: any stream of octets is cut as the reference cuts it.
func TestDataAgainstNaive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := append(octets().Draw(t, "stream"), rapid.SampledFrom([]string{"", "\r\n.\r\nNOOP"}).Draw(t, "end")...)
		limit := rapid.SampledFrom([]int64{0, 5, 40, unlimited}).Draw(t, "limit")
		want, wantRest, ok := naive(in)
		br := pipe(t, in)
		got, err := readIn(t, smtp.NewDataReader(br, limit))
		switch {
		case !ok:
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("unfinished: %q, %v", got, err)
			}
			return
		case int64(len(want)) > limit:
			if !errors.Is(err, smtp.ErrTooLarge) || int64(len(got)) > limit {
				t.Fatalf("too large: %q, %v", got, err)
			}
		case err != nil || !bytes.Equal(got, want):
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
		if rest, _ := io.ReadAll(br); !bytes.Equal(rest, wantRest) {
			t.Fatalf("left %q, want %q", rest, wantRest)
		}
	})
}

// TestDataAndChunksAgree: the same message comes out of DATA and of BDAT.
func TestDataAndChunksAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		msg := append(octets().Draw(t, "message"), "\r\n"...)
		data, err := readIn(t, smtp.NewDataReader(pipe(t, stuff(msg)), int64(len(msg))))
		if err != nil {
			t.Fatal(err)
		}
		br := pipe(t, append(bytes.Clone(msg), "NOOP"...))
		c := smtp.NewChunkReader(br, int64(len(msg)))
		var chunks []byte
		for n := 0; n < len(msg); {
			size := rapid.IntRange(0, len(msg)-n).Draw(t, "chunk")
			if err := c.Next(int64(size)); err != nil {
				t.Fatal(err)
			}
			got, err := readIn(t, c)
			if err != nil || len(got) != size {
				t.Fatalf("chunk of %d: %q, %v", size, got, err)
			}
			chunks = append(chunks, got...)
			n += size
		}
		if rest, _ := io.ReadAll(br); !bytes.Equal(data, chunks) || !bytes.Equal(data, msg) || string(rest) != "NOOP" {
			t.Fatalf("DATA %q, BDAT %q, want %q, rest %q", data, chunks, msg, rest)
		}
	})
}

// TestDataAllocs: reading a message allocates nothing per line.
func TestDataAllocs(t *testing.T) {
	wire := stuff(bytes.Repeat([]byte(".line\r\n"), 10_000))
	src := bytes.NewReader(wire)
	br := bufio.NewReaderSize(src, 32<<10)
	n := testing.AllocsPerRun(10, func() {
		src.Reset(wire)
		br.Reset(src)
		if _, err := smtp.NewDataReader(br, unlimited).WriteTo(io.Discard); err != nil {
			t.Error(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations for 10000 lines", n)
	}
}

func FuzzData(f *testing.F) {
	for _, s := range []string{
		".\r\n", "a\r\n.\r\nQUIT\r\n", "a\r\r\n..b\r\n.\r\n", "a\r\r\n.\r\n", ".\rx\r\n.\r\n", "a\n.\nb\r\n.\r\n",
		"a\r\n.\nb\r\n.\r\n", "a\r.\r\n\r\n.\r\n", "..\r\n.\r\n", "a\r\n.",
	} {
		f.Add([]byte(s), uint8(3), uint16(1000))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8, limit uint16) {
		br := bufio.NewReaderSize(&cuts{in: in, sizes: []int{int(step)%40 + 1}}, 16)
		got, err := io.ReadAll(smtp.NewDataReader(br, int64(limit)))
		rest, _ := io.ReadAll(br)
		want, wantRest, ok := naive(in)
		switch {
		case !ok && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Fatalf("unfinished %q: %q, %v", in, got, err)
		case !ok:
		case len(want) > int(limit) && !errors.Is(err, smtp.ErrTooLarge):
			t.Fatalf("%q over the limit: %v", in, err)
		case len(want) <= int(limit) && (err != nil || !bytes.Equal(got, want)):
			t.Fatalf("%q: %q, %v, want %q", in, got, err, want)
		case !bytes.Equal(rest, wantRest):
			t.Fatalf("%q: left %q, want %q", in, rest, wantRest)
		}
	})
}

func BenchmarkData(b *testing.B) {
	line := strings.Repeat("0123456789abcdef", 5)[:76] + "\r\n"
	for _, c := range []struct{ name, line string }{
		{"base64", line}, {"periods", ".\r\n"}, {"long", strings.Repeat("x", 100_000) + "\r\n"}, {"bareCR", strings.Repeat("\r", 76) + "\r\n"},
	} {
		wire := stuff([]byte(strings.Repeat(c.line, 4<<20/len(c.line))))
		for _, size := range []int{4, 32} {
			b.Run(c.name+"/"+strconv.Itoa(size)+"KiB", func(b *testing.B) {
				src := bytes.NewReader(nil)
				br := bufio.NewReaderSize(src, size<<10)
				b.SetBytes(int64(len(wire)))
				b.ReportAllocs()
				for b.Loop() {
					src.Reset(wire)
					br.Reset(src)
					if _, err := smtp.NewDataReader(br, unlimited).WriteTo(io.Discard); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
