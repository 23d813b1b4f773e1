package mime_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"siegel/internal/proto/mime"
	"siegel/internal/proto/mime/header"
	"siegel/test/corpus"
)

// repeat yields head, then n times unit, then tail, without holding them.
func repeat(head, unit string, n int, tail string) io.Reader {
	return io.MultiReader(strings.NewReader(head), &repeater{unit: unit, left: n * len(unit)}, strings.NewReader(tail))
}

type repeater struct {
	unit      string
	pos, left int
}

func (r *repeater) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && r.left > 0 {
		k := copy(p[n:min(len(p), n+r.left)], r.unit[r.pos:])
		n, r.left, r.pos = n+k, r.left-k, (r.pos+k)%len(r.unit)
	}
	return n, nil
}

// nested is a message of containers inside each other.
func nested(depth int, unit func(i int) string) string {
	var b strings.Builder
	b.WriteString(unit(-1))
	for i := range depth {
		b.WriteString(unit(i))
	}
	return b.String()
}

// bombs are messages that are made to hurt, as functions because they are read twice.
func bombs() map[string]func() io.Reader {
	const multi = "Content-Type: multipart/mixed; boundary=b\n\n"
	text := func(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }
	return map[string]func() io.Reader{
		"10,000 parts": func() io.Reader {
			return repeat(multi, "--b\nContent-Type: text/plain; name=x\n\nsome words\n", 10_000, "--b--")
		},
		"a million empty parts": func() io.Reader { return repeat(multi, "--b\n", 1_000_000, "") },
		"depth 10,000": text(nested(10_000, func(i int) string {
			if i < 0 {
				return "Content-Type: multipart/mixed; boundary=b0\n\n"
			}
			return fmt.Sprintf("--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i, i+1)
		})),
		"one boundary at all depths": text(nested(10_000, func(int) string { return multi + "--b\n" })),
		"10,000 embedded messages":   func() io.Reader { return repeat("", "Content-Type: message/rfc822\n\n", 10_000, "x") },
		"long boundaries at all depths": text(nested(40, func(i int) string {
			return fmt.Sprintf("--%[1]s%[2]d\nContent-Type: multipart/mixed; boundary=%[1]s%[3]d\n\n", strings.Repeat("a", 7000), i, i+1)
		}) + strings.Repeat("\n--"+strings.Repeat("a", 7000), 2000)),
		"header line of 50 MB":     func() io.Reader { return repeat("Subject: ", "x", 50_000_000, "\n\nbody") },
		"address field of 50 MB":   func() io.Reader { return repeat("To: ", "a@b.test,", 5_500_000, "\n\nbody") },
		"folding of 50 MB":         func() io.Reader { return repeat("Subject: x", "\n\t", 25_000_000, "\n\nbody") },
		"fields without number":    func() io.Reader { return repeat("", "A:\n", 10_000_000, "\nbody") },
		"lines that are no fields": func() io.Reader { return repeat("A: b\n", "x\n", 10_000_000, "\nbody") },
		"field name of 20 MB":      func() io.Reader { return repeat("", "x", 20_000_000, ": y\n\nbody") },
		"type of 20 MB": func() io.Reader {
			return repeat("Content-Type: multipart/mixed; ", "a=b;", 5_000_000, "boundary=b\n\n")
		},
		"blanks behind a delimiter": func() io.Reader { return repeat(multi+"--b", " ", 20_000_000, "\n\nx") },
		"base64 of 20 MB": func() io.Reader {
			return repeat("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n", 540_000, "")
		},
		"attachment of 150 MB": func() io.Reader {
			return repeat(multi+"--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n",
				strings.Repeat("QUJD", 19)+"\r\n", 1_923_000, "--b--")
		},
		"HTML of 50 MB": func() io.Reader { return repeat("Content-Type: text/html\n\n", "<p>a &amp; b<", 4_000_000, "") },
		"HTML with a 20 MB image": func() io.Reader {
			return repeat("Content-Type: text/html\n\n<img src='data:", "QUJD", 5_000_000, "'>behind")
		},
		"soft breaks of 20 MB": func() io.Reader {
			return repeat("Content-Transfer-Encoding: quoted-printable\n\n", "=\n", 10_000_000, "")
		},
		"blanks of 20 MB": func() io.Reader {
			return repeat("Content-Transfer-Encoding: quoted-printable\n\n", " ", 20_000_000, "")
		},
		"NULs":                     func() io.Reader { return repeat("", "\x00", 20_000_000, "") },
		"bytes that are not UTF-8": func() io.Reader { return repeat("A: b\n\n", "\xff\xfe", 10_000_000, "") },
		"line breaks":              func() io.Reader { return repeat(multi, "\r\n", 10_000_000, "") },
		"CR only":                  func() io.Reader { return repeat(multi, "\r", 20_000_000, "") },
		"hyphens":                  func() io.Reader { return repeat(multi, "\n--", 7_000_000, "") },
		"encoded words":            func() io.Reader { return repeat("Subject: ", "=?utf-8?q?a", 1_000_000, "\n\n") },
	}
}

// peak runs f and returns how much the heap grew beyond what it was before, at
// most, and how much time of processors that took: on a busy machine the time of
// the clock says little.
func peak(f func()) (uint64, time.Duration) {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	done, result := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-done:
				result <- most - min(most, before.HeapAlloc)
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	start := processors()
	f()
	took := processors() - start
	close(done)
	return <-result, took
}

// processors is the time that processors worked for this process.
func processors() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestBombs(t *testing.T) {
	const (
		cutterHeap = 8 << 20 // with garbage: the copying buffer and what is held back
		parserHeap = 96 << 20
		longest    = 30 * time.Second // of processors, with the race detector
	)
	for name, bomb := range bombs() {
		t.Run(name, func(t *testing.T) {
			var end int64
			n := 0
			heap, took := peak(func() {
				err := mime.Cut(bomb(), mime.Limits{}, func(r mime.Range) {
					if r.Start != end {
						t.Errorf("range %+v does not follow %d", r, end)
					}
					end = r.End
					n++
				})
				if err != nil {
					t.Error(err)
				}
			})
			if heap > cutterHeap || took > longest || n > 16_384 {
				t.Errorf("cutter: %d KiB, %v, %d ranges", heap>>10, took, n)
			}
			var m *mime.Message
			heap, took = peak(func() {
				var err error
				if m, err = mime.Read(bomb(), mime.Limits{}, nil); err != nil {
					t.Error(err)
				}
			})
			if heap > parserHeap || took > longest {
				t.Errorf("parser: %d KiB, %v", heap>>10, took)
			}
			if m.Size != end || len(m.Parts) == 0 || len(m.Parts) > 10_000 {
				t.Errorf("size %d of %d, %d parts", m.Size, end, len(m.Parts))
			}
			t.Logf("%d ranges, %d parts, parser %d KiB, %v", n, len(m.Parts), heap>>10, took)
			_ = header.Addresses(m.Fields, header.AddressFields()...)
		})
	}
}

// TestBehindTheImage makes sure that big attributes hide no text.
func TestBehindTheImage(t *testing.T) {
	m, err := mime.Read(bombs()["HTML with a 20 MB image"](), mime.Limits{}, nil)
	if err != nil || m.Text() != "behind" || m.Truncated {
		t.Errorf("text %.100q, truncated %v, %v", m.Text(), m.Truncated, err)
	}
}

func FuzzCut(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		whole := cut(mime.Limits{}, b)
		covers(t, whole, len(b))
		var got []mime.Range
		c := mime.NewCutter(mime.Limits{}, nil, func(r mime.Range) { got = append(got, r) })
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			_, _ = c.Write(rest[:n])
			rest = rest[n:]
		}
		_ = c.Close()
		if show(string(b), got) != show(string(b), whole) {
			t.Fatalf("cut depends on pieces of %d", int(size)+1)
		}
	})
}

func FuzzRead(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte, depth uint8) {
		m := read(t, b, mime.Limits{Depth: int(depth)})
		sound(t, b, m)
	})
}

// seed adds the small messages of the corpus, where there is one.
func seed(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"), uint8(3))
	f.Add([]byte("Content-Transfer-Encoding: quoted-printable\n\n=3D=\r\n"), uint8(0))
	if testing.Short() {
		return
	}
	if _, ok := corpus.Find(f); !ok {
		return // the two above will do
	}
	messages := corpus.Messages(f)
	for _, name := range slices.Sorted(maps.Keys(messages)) {
		if b := messages[name]; len(b) < 8<<10 {
			f.Add(b, uint8(len(b)))
		}
	}
}

// mails are the messages that throughput is measured with.
func mails() map[string][]byte {
	const multi = "From: a@b.test\r\nTo: c@d.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	part := "--b\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	line := strings.Repeat("QUJD", 19) + "\r\n"
	small := multi + "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + strings.Repeat("Some words of a usual length, für alle.\r\n", 40) +
		"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + strings.Repeat("<p class=\"x\">Some words of a usual length, für alle.</p>\r\n", 40) + "--b--\r\n"
	return map[string][]byte{
		"attachment": []byte(multi + part + strings.Repeat(line, 100_000) + "--b--\r\n"),
		"text":       []byte("Subject: x\r\n\r\n" + strings.Repeat("Some words of a usual length, für alle.\r\n", 50_000)),
		"html":       []byte("Content-Type: text/html\r\n\r\n" + strings.Repeat("<p class=\"x\">Some words of a usual length, für alle.</p>\r\n", 50_000)),
		"qp": []byte(multi + "--b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
			strings.Repeat("Some words of a usual length, f=C3=BCr alle=\r\n", 50_000) + "--b--\r\n"),
		"small": []byte(small),
	}
}

func BenchmarkCut(b *testing.B) {
	for name, mail := range mails() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(mail)))
			b.ReportAllocs()
			for b.Loop() {
				_ = mime.Cut(bytes.NewReader(mail), mime.Limits{}, func(mime.Range) {})
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for name, mail := range mails() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(mail)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = mime.Read(bytes.NewReader(mail), mime.Limits{}, nil)
			}
		})
	}
}
