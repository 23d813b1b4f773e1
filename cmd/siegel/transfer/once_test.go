package transfer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"siegel/cmd/siegel/cli"
	"siegel/cmd/siegel/transfer/dir"
	"siegel/internal/proto/mbox"
)

// What is refused is so once, although a Maildir is gone over again; what happens to
// a message of one in later rounds is still said. Rounds end when nothing has changed.
func TestRefusedOnce(t *testing.T) {
	base := plant(t, "M/new/", "M/cur/1.h", "M/odd", "odd")
	if err := os.Symlink("odd", filepath.Join(base, "M/link")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * clockTick) // so that nothing has changed since the second round began
	l := new(listed)
	r := &run{CLI: new(cli.CLI), ctx: t.Context(), since: time.Now().Add(-time.Hour).UnixNano(), paths: []string{base, filepath.Join(base, "missing")}}
	r.JSON = true
	if err := r.walk(l); err != nil {
		t.Fatal(err)
	}
	const odd, link, missing = "refused: it is no message by its name (.eml) and no mbox", "refused: it is a link; name what it leads to", "refused: it is not there, or vanished while the import ran"
	// Everything has changed since: the second round sees it again, and the third nothing.
	if want := []string{"M/cur/1.h", link, odd, odd, missing, "M/cur/1.h"}; !slices.Equal(l.found, want) {
		t.Errorf("%q, want\n%q", l.found, want)
	}
	l = new(listed)
	for _, m := range []message{{file: file{spot: spot{Round: 1}}}, {file: file{spot: spot{Round: 1}, home: new(dir.Dir)}}} {
		if err := (once{l}).refuse(m, "why"); err != nil {
			t.Error(err)
		}
	}
	if len(l.found) != 1 {
		t.Errorf("%q", l.found)
	}
}

// faulty is a file that cannot be read from an offset on.
type faulty struct {
	*bytes.Reader
	from int64
}

func (f faulty) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > f.from {
		n, err := f.Reader.ReadAt(b[:max(0, f.from-at)], at)
		return n, errors.Join(err, errors.New("a bad block"))
	}
	return f.Reader.ReadAt(b, at)
}

// An mbox that cannot be read to its end is refused once, and nothing comes behind it.
func TestBrokenMailbox(t *testing.T) {
	const line = "From a@example.com Thu Nov 26 09:30:00 2026\n"
	text := line + "one\n\n" + line + string(bytes.Repeat([]byte("two\n"), 1<<18)) + "\n" + line + "three\n"
	l := new(listed)
	src := faulty{bytes.NewReader([]byte(text)), 1 << 19}
	if err := (&reader{to: l}).mailbox(file{size: int64(len(text))}, src, mbox.RD); err != nil {
		t.Fatal(err)
	}
	if want := []string{"one\n", "broke off: it cannot be read from here on"}; !slices.Equal(l.found, want) {
		t.Errorf("%.100q", l.found)
	}
	if at := (&entry{broken: true}).behind(); at != done {
		t.Errorf("it goes on at %d", at)
	}
}
