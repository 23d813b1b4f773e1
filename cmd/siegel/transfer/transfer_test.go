package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"siegel/cmd/siegel/cli"
	"siegel/internal/proto/aezip"
)

func english(sentence string, args ...any) string { return fmt.Sprintf(sentence, args...) }

// plant makes a tree of files, from paths; what ends with a slash is a folder.
func plant(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// walked returns the files that a walk finds behind a cursor, and their spots.
func walked(t *testing.T, dir string, batch int, cursor *spot) (names []string, spots []spot) {
	t.Helper()
	w := &walker{say: english, batch: batch, cursor: cursor, found: func(f file) error {
		rel, err := filepath.Rel(dir, f.path)
		if f.folder != "" || f.flags != "" {
			rel += fmt.Sprintf(" (%s %s)", f.folder, f.flags)
		}
		if f.refused != "" {
			rel += ": " + f.refused
		}
		names, spots = append(names, rel), append(spots, f.spot)
		return err
	}}
	if err := w.argument(0, dir, 0); err != nil {
		t.Fatal(err)
	}
	return names, spots
}

// A walk has one order, whatever the number of names that it holds at once, and goes on
// behind every file of it.
func TestWalk(t *testing.T) {
	dir := plant(
		t, "b.eml", "a/1.eml", "a/2.EML", "a/b/c/3.eml", "a-b.eml", "a.eml", "z.mbox", ".hidden", ".hidden.eml", "empty/",
		"M/new/2.h", "M/new/1.h", "M/cur/0.h:2,S", "M/cur/9.h:2,", "M/tmp/5.h", "M/.Sent/new/", "M/.Sent/cur/4.h:2,RS", "M/.Work.2026/new/6.h", "M/.Work.2026/cur/",
		"M/.nothing/x", "M/subscriptions", "M/cur/.x", "n/new/not a Maildir",
	)
	if err := os.Symlink("b.eml", filepath.Join(dir, "l.eml")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		".hidden", ".hidden.eml",
		"M/new/1.h", "M/new/2.h", "M/cur/0.h:2,S ( S)", "M/cur/9.h:2,", "M/.Sent/cur/4.h:2,RS (Sent RS)", "M/.Work.2026/new/6.h (Work/2026 )", "M/.nothing/x",
		"a/1.eml", "a/2.EML", "a/b/c/3.eml", "a-b.eml", "a.eml", "b.eml", "l.eml: it is a link; name what it leads to", "n/new/not a Maildir", "z.mbox",
	}
	for _, batch := range []int{1, 2, 3, 1000} {
		names, spots := walked(t, dir, batch, nil)
		if !slices.Equal(names, want) {
			t.Fatalf("batch %d:\n%q, want\n%q", batch, names, want)
		}
		for i, s := range spots {
			s.Offset = done
			if rest, _ := walked(t, dir, batch, &s); !slices.Equal(rest, want[i+1:]) {
				t.Errorf("batch %d, behind %s:\n%q, want\n%q", batch, want[i], rest, want[i+1:])
			}
			s.Offset = 7 // within a file
			rest, again := walked(t, dir, batch, &s)
			if !slices.Equal(rest, want[i:]) || again[0].Offset != 7 {
				t.Errorf("batch %d, within %s: %q, offset %d", batch, want[i], rest, again[0].Offset)
			}
		}
	}
	// What the cursor stands behind has gone meanwhile.
	_, spots := walked(t, dir, 2, nil)
	if err := os.RemoveAll(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	s := spots[10]
	s.Offset = done
	if rest, _ := walked(t, dir, 2, &s); !slices.Equal(rest, want[12:]) {
		t.Errorf("%q", rest)
	}
}

// A file that was named itself, and one that is not there.
func TestNamedFile(t *testing.T) {
	dir := plant(t, "letter")
	path := filepath.Join(dir, "letter")
	names, spots := walked(t, path, 1, nil)
	if len(names) != 1 || len(spots[0].Names) != 0 {
		t.Errorf("%q %+v", names, spots)
	}
	if names, _ := walked(t, path, 1, &spot{Offset: done}); len(names) != 0 {
		t.Errorf("%q again", names)
	}
	if names, _ := walked(t, path+"x", 1, nil); len(names) != 1 || !strings.Contains(names[0], "not there") {
		t.Errorf("%q", names)
	}
}

// A password has 160 bits and is another one each time.
func TestSecret(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		s := aezip.Password()
		if seen[s] || len(strings.ReplaceAll(s, "-", "")) != 32 || len(s) < leastSecret {
			t.Fatalf("%q", s)
		}
		seen[s] = true
	}
}

// A cursor comes back as it was, with names that are no text.
func TestCursor(t *testing.T) {
	want := spot{Path: 3, Round: 1, Names: [][]byte{{0xff, 0xfe}, []byte("a b")}, Offset: done, Octets: 1 << 40, Since: 1}
	var got spot
	if err := json.Unmarshal(cursorOf(want), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// listed takes what is in files.
type listed struct {
	found   []string
	offsets []int64
}

func (l *listed) take(_ message, octets io.Reader, behind func() int64) error {
	b, err := io.ReadAll(octets)
	if err != nil {
		l.found = append(l.found, "broke off: "+broke(err))
		return nil
	}
	l.found, l.offsets = append(l.found, string(b)), append(l.offsets, behind())
	return nil
}

func (l *listed) refuse(_ message, why string, _ ...any) error {
	l.found = append(l.found, "refused: "+why)
	return nil
}

// An mbox goes on from every offset that a message ended at; where it is another file
// meanwhile, it is read from its beginning.
func TestMailboxGoesOn(t *testing.T) {
	const line = "From a@example.com Thu Nov 26 09:30:00 2026\n"
	path := filepath.Join(t.TempDir(), "x.mbox")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(offset int64) *listed {
		l := new(listed)
		r := &reader{to: l}
		found, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.file(file{path: path, spot: spot{Offset: offset}, found: found}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	write(line + "one\n\n" + line + "two\n\n" + line + "three")
	all := read(0)
	if !slices.Equal(all.found, []string{"one\n", "two\n", "three"}) {
		t.Fatalf("%q", all.found)
	}
	for i, at := range all.offsets {
		if got := read(at).found; !slices.Equal(got, all.found[i+1:]) {
			t.Errorf("behind %d: %q", at, got)
		}
	}
	write(line + "another\n")
	for _, at := range all.offsets {
		if got := read(at).found; !slices.Equal(got, []string{"another\n"}) {
			t.Errorf("another file, behind %d: %q", at, got)
		}
	}
	write("")
	if got := read(all.offsets[1]).found; len(got) != 0 {
		t.Errorf("an empty file: %q", got)
	}
	write("no mbox any more")
	if got := read(all.offsets[1]).found; len(got) != 1 || !strings.HasPrefix(got[0], "refused: ") {
		t.Errorf("%q", got)
	}
}

// What was named itself is a message where its name or its first line says so, an mbox
// where that is a From_ line, and otherwise nothing: what is sealed stays sealed.
func TestNamedIsLookedAt(t *testing.T) {
	const (
		from   = "From a@example.com Thu Nov 26 09:30:00 2026\nSubject: x\n\none\n"
		letter = "Received: from x\n\tby y\n\none\n"
		noMbox = "refused: its first line is no From_ line, so it is no mbox"
		noMail = "refused: it does not begin like a message, and its first line is no From_ line of an mbox"
	)
	noise := strings.Repeat("\x8f\x00:\xff\n", 1000)
	for _, c := range []struct{ name, octets, want string }{
		{"mail.pst", noise, noMail},
		{"x.pdf", "-----BEGIN CERTIFICATE-----\nMIIB\n", noMail},
		{"hello", "hello world: one\n", noMail},
		{"colon", ": x\n", noMail},
		{"line", strings.Repeat("x", 998) + ": y\n", noMail},
		{"notmbox.mbox", "hello world\n", noMbox},
		{"bad.MBOX", "garbage\nmore\n" + strings.Repeat(from+"\n", 5), noMbox},
		{"header.mbx", letter, noMbox},
		{"mbox", letter, noMbox},
		{"good.mbox", from, "Subject: x\n\none\n"},
		{"good", from, "Subject: x\n\none\n"},
		{"letter", letter, letter},
		{"any.eml", noise, noise},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.octets), 0o600); err != nil {
			t.Fatal(err)
		}
		l := new(listed)
		w := &walker{say: english, batch: 1, found: (&reader{to: l}).file}
		if err := w.argument(0, path, 0); err != nil || !slices.Equal(l.found, []string{c.want}) {
			t.Errorf("%s: %.100q, %v", c.name, l.found, err)
		}
	}
}

// A message that changes while it is read is refused.
func TestSteady(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.eml")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int64]string{4: "changed", 5: "", 6: "changed"} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(&steady{file: f, size: size})
		if (want == "") != (err == nil) || err != nil && !errors.Is(err, errChanged) || want == "" && string(b) != "12345" {
			t.Errorf("announced %d: %q, %v", size, b, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The rate of an import that goes on is that of this run, also in the middle of an
// mbox.
func TestMeasureGoesOn(t *testing.T) {
	r := &run{CLI: new(cli.CLI), ctx: t.Context(), paths: []string{t.TempDir()}, base: 1000, cursor: &spot{Offset: 500}}
	if r.measure(); r.bar.Before != 1500 {
		t.Errorf("octets of an earlier run: %d", r.bar.Before)
	}
	r.cursor.Offset = done
	if r.measure(); r.bar.Before != 1000 {
		t.Errorf("octets of an earlier run, between files: %d", r.bar.Before)
	}
}
