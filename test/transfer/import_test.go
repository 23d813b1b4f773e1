package transfer_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"siegel/internal/proto/mbox"
	"siegel/test/stand"
)

// heap is files for an import, and what is in them.
type heap struct {
	*testing.T
	dir      string
	distinct map[[32]byte]bool
	messages int64
}

func newHeap(t *testing.T) *heap {
	return &heap{T: t, dir: t.TempDir(), distinct: make(map[[32]byte]bool)}
}

func (p *heap) write(name string, octets []byte) {
	p.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(path, octets, 0o644); err != nil {
		p.Fatal(err)
	}
}

func (p *heap) has(octets []byte) []byte {
	p.distinct[sha256.Sum256(octets)] = true
	p.messages++
	return octets
}

// mbox writes messages as an mbox.
func (p *heap) mbox(name string, list ...[]byte) {
	p.Helper()
	var b bytes.Buffer
	w := mbox.NewWriter(&b)
	for _, m := range list {
		if err := w.Begin(time.Now()); err != nil {
			p.Fatal(err)
		}
		if _, err := w.Write(p.has(m)); err != nil {
			p.Fatal(err)
		}
		if exact, err := w.End(); err != nil || !exact {
			p.Fatal(err, exact)
		}
	}
	if err := w.Flush(); err != nil {
		p.Fatal(err)
	}
	p.write(name, b.Bytes())
}

// some returns fresh messages; every tenth is larger than what stays in memory.
func some(n int) (list [][]byte) {
	for i := range n {
		size := 500 + stand.Random(3000)
		if i%100 == 99 {
			size = 2 << 20
		}
		list = append(list, stand.NewMail(size).Octets)
	}
	return list
}

// many returns fresh messages that are small.
func many(n int) (list [][]byte) {
	for range n {
		list = append(list, stand.NewMail(600).Octets)
	}
	return list
}

// everything fills a heap with all kinds of sources, and some messages twice.
func everything(t *testing.T, n int) *heap {
	p := newHeap(t)
	list := some(n)
	p.mbox("a.mbox", append(append([][]byte{}, list...), list[:n/10]...)...)
	for i, m := range some(n / 2) {
		p.write(fmt.Sprintf("eml/%02d/%05d.eml", i%7, i), p.has(m))
	}
	for i, m := range some(n / 2) {
		name := fmt.Sprintf("Maildir/cur/%d.host:2,S", i)
		if i%3 == 0 {
			name = fmt.Sprintf("Maildir/.Sent.%d/new/%d.host", i%2, i)
		}
		p.write(name, p.has(m))
		if err := os.MkdirAll(filepath.Join(p.dir, filepath.Dir(filepath.Dir(name)), "new"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(p.dir, filepath.Dir(filepath.Dir(name)), "cur"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(p.dir, "Maildir/new"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		p.write(fmt.Sprintf("eml/03/note%d.txt", i), []byte("no message"))
	}
	return p
}

// An import whose command and whose server are killed at random moments, again and
// again, ends with every message once, each counted once, and every double counted as
// that.
func TestKilled(t *testing.T) {
	h := newHouse(t)
	h.serve()
	size, most := 1000, 12
	if testing.Short() {
		size, most = 500, 5
	}
	p := everything(t, size)
	rounds, kills := 0, 0
	for {
		if rounds++; rounds > 200 {
			t.Fatal("the import does not come to its end")
		}
		r := h.try("import", p.dir, "--json")
		// Signing in takes a while; the whole import takes a few seconds.
		wait := time.Duration(350+stand.Random(500)) * time.Millisecond
		if kills >= most {
			wait = 5 * time.Minute
		}
		select {
		case <-r.done: //nolint:errcheck // what it printed says whether it ended well
			if strings.Contains(r.out.String(), `"accepted"`) {
				h.settled(p, r.out.String())
				t.Logf("%d kills", kills)
				if kills < most/4 {
					t.Errorf("only %d kills before the end: the test proves little", kills)
				}
				return
			}
		case <-time.After(wait):
			kills++
			h.harm(r)
		}
		if h.server == nil {
			h.serve()
		}
	}
}

// settled compares what an import said with what is there.
func (h *house) settled(p *heap, out string) {
	h.Helper()
	want := fmt.Sprintf(`"accepted":%d,"there":%d,"refused":5`, len(p.distinct), p.messages-int64(len(p.distinct)))
	if !strings.Contains(out, want) {
		h.Errorf("%s, want %s", out, want)
	}
	h.stop()
	list, references := h.kept()
	for hash := range p.distinct {
		if list[hash] != 1 {
			h.Errorf("a message is there %d times", list[hash])
		}
	}
	if len(list) != len(p.distinct) {
		h.Errorf("%d messages are there, %d came", len(list), len(p.distinct))
	}
	if want := p.messages - int64(len(p.distinct)); references != want {
		h.Errorf("%d references were counted, want %d", references, want)
	}
}
