package projection

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"siegel/internal/index/query"
	"siegel/internal/index/record"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// person is a session that holds one key.
type person struct {
	key secret.Key

	mu     sync.Mutex
	ended  []func() // guarded by mu
	closed bool     // guarded by mu
}

func (p *person) Terms(mail.HolderID) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	return []int{1}
}

func (p *person) ProjectionKey(mail.HolderID, int, []byte) (secret.Key, error) {
	return p.key.Copy(), nil
}

func (p *person) AtClose(f func()) {
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.ended = append(p.ended, f)
	}
	p.mu.Unlock()
	if closed {
		f()
	}
}

func (p *person) close() {
	p.mu.Lock()
	p.closed = true
	ended := p.ended
	p.mu.Unlock()
	for _, f := range ended {
		f()
	}
}

// bench is a shelf with one holder's rows.
type bench struct {
	*testing.T
	*Shelf
	key    secret.Key
	holder mail.ID
	row    Row
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, Shelf: NewShelf(t.TempDir()), key: secret.Random(), holder: mail.NewID(), row: Row{1, bytes.Repeat([]byte{7}, saltSize)}}
	t.Cleanup(func() {
		if err := b.Shelf.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) person() *person { return &person{key: b.key} }

func (b *bench) take(s *person) *File {
	b.Helper()
	f, err := b.Take(b.Context(), db.Tenant{}, s, 202601, b.holder, b.row)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// open reports whether a file can still be asked.
func open(f *File) bool {
	_, err := f.Count(context.Background(), mustParse("word"))
	return err == nil
}

func mustParse(text string) *query.Query {
	q, err := query.Parse(text)
	if err != nil {
		panic(err)
	}
	return q
}

func entry(seq int64, subject, body string) Entry {
	at := time.Date(2026, 1, int(seq), 0, 0, 0, 0, time.UTC).UnixMicro()
	return Entry{Seq: seq, Message: mail.ID{byte(seq)}, Record: record.Record{Version: 2, Date: at, Size: 10, Subject: subject, Body: body}}
}

// A file stays open while a session that has used it is open, and no longer; who has
// it in hand finishes.
func TestShelfFollowsSessions(t *testing.T) {
	b := newBench(t)
	anna, bert := b.person(), b.person()
	f := b.take(anna)
	f.Give()
	if again := b.take(bert); again != f {
		t.Error("the file was opened twice")
	}
	anna.close()
	if !open(f) {
		t.Error("it was closed while another session is open")
	}
	bert.close()
	if !open(f) {
		t.Error("it was closed in somebody's hands")
	}
	f.Give()
	if open(f) {
		t.Error("no session is open, and the file is")
	}
	// A session that ends while it opens leaves nothing open.
	carl := b.person()
	f = b.take(carl)
	carl.close()
	f.Give()
	if open(f) {
		t.Error("it stayed open for a session that has ended")
	}
}

// A file under another salt, one that was deleted and one that was damaged are made
// again; others finish with the old one.
func TestShelfMakesAgain(t *testing.T) {
	b := newBench(t)
	s := b.person()
	defer s.close()
	fill := func(f *File) {
		t.Helper()
		if err := f.Add(t.Context(), []Entry{entry(1, "word", "")}); err != nil || f.State().Messages != 1 {
			t.Fatalf("%+v, %v", f.State(), err)
		}
	}
	f := b.take(s)
	fill(f)
	if !open(f) {
		t.Error("it does not open")
	}
	b.row.Salt = bytes.Repeat([]byte{8}, saltSize)
	other := b.take(s)
	if other == f || other.State().Messages != 0 || !open(f) {
		t.Error("another salt")
	}
	f.Give()
	if open(f) {
		t.Error("the file under the old salt stays open")
	}
	fill(other)
	if err := os.Remove(other.path); err != nil {
		t.Fatal(err)
	}
	other.Give()
	if f = b.take(s); f == other || f.State().Messages != 0 {
		t.Error("a deleted file")
	}
	fill(f)
	f.broken.Store(true) // what a damaged page does
	f.Give()
	again := b.take(s)
	if again == f || open(f) || again.State().Messages != 1 {
		t.Error("a file that was damaged in use")
	}
	again.Give()
	if err := os.Remove(again.path); err != nil {
		t.Fatal(err)
	}
	err := errors.New("x")
	if again.note(&err); !errors.Is(err, ErrBroken) {
		t.Errorf("gone: %v", err)
	}
	err = fault.New(fault.Damaged, "x")
	again.note(&err)
	if !errors.Is(err, ErrBroken) || fault.Of(err) != fault.Damaged || again.there() {
		t.Errorf("damage: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(b.dir, "*", "*", "*.db")); len(files) != 0 {
		t.Errorf("files: %q", files)
	}
}

// Who catches up is alone; others wait for him as long as they want to, and search
// meanwhile.
func TestCatchUpAlone(t *testing.T) {
	b := newBench(t)
	s := b.person()
	defer s.close()
	f := b.take(s)
	defer f.Give()
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := f.CatchUp(context.Background(), func() error {
			close(began)
			<-end
			return f.Add(context.Background(), []Entry{entry(1, "word", "")})
		})
		done <- err
	}()
	<-began
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got, err := f.CatchUp(short, func() error { return errors.New("not alone") }); got || err != nil {
		t.Errorf("impatient: %v, %v", got, err)
	}
	if !open(f) {
		t.Error("nobody can search meanwhile")
	}
	close(end)
	if got, err := f.CatchUp(t.Context(), func() error { return nil }); !got || err != nil {
		t.Errorf("patient: %v, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n, err := f.Count(t.Context(), mustParse("word")); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// What comes again under another number takes the place of what was there, also in
// the counts, whether it was readable or not.
func TestAddAgain(t *testing.T) {
	b := newBench(t)
	s := b.person()
	defer s.close()
	f := b.take(s)
	defer f.Give()
	first, damaged, former := entry(1, "one", "x"), entry(2, "", ""), entry(3, "", "")
	damaged.Damaged, former.Former = true, 4
	first.Record.ID = "a@x"
	if err := f.Add(t.Context(), []Entry{first, damaged, former}); err != nil {
		t.Fatal(err)
	}
	if got := f.State(); got != (State{Seq: 3, Messages: 3, Damaged: 1, Former: 1}) {
		t.Errorf("%+v", got)
	}
	if err := f.Again(t.Context(), []int{1, 4}); err != nil || f.State().Seq != 2 {
		t.Errorf("%+v, %v", f.State(), err)
	}
	moved, mended := first, entry(5, "three", "y")
	moved.Seq, mended.Message = 4, former.Message
	if err := f.Add(t.Context(), []Entry{moved, mended}); err != nil {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context(), optimizeFrom); err != nil {
		t.Fatal(err)
	}
	if got := f.State(); got != (State{Seq: 5, Messages: 3, Damaged: 1, Former: 0}) {
		t.Errorf("%+v", got)
	}
	for text, want := range map[string][]int64{"one": {4}, "three": {5}, "-one": {5}, "smaller:11": {5, 4}} {
		docs, err := f.Find(t.Context(), Ask{Query: mustParse(text), Match: mustParse(text).Match, Limit: 10})
		var got []int64
		for _, d := range docs {
			got = append(got, d.Seq)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	linked, err := f.With(t.Context(), linksTo(first.Record), 10)
	if err != nil || len(linked) != 1 || linked[0].Seq != 4 {
		t.Errorf("%+v, %v", linked, err)
	}
	messages, octets, err := f.Total(t.Context())
	if err != nil || messages != 2 || octets != 20 {
		t.Errorf("%d messages, %d octets, %v", messages, octets, err)
	}
}

// A subject or sender is kept once, and no longer than a message has it.
func TestTexts(t *testing.T) {
	b := newBench(t)
	s := b.person()
	defer s.close()
	f := b.take(s)
	defer f.Give()
	texts := func(want int) {
		t.Helper()
		var n, uses int
		if err := f.sql.Read.QueryRowContext(t.Context(), `SELECT COUNT(*), COALESCE(SUM(uses), 0) FROM index_text`).Scan(&n, &uses); err != nil || n != want || uses != 6 {
			t.Errorf("%d texts, used %d times, %v; want %d", n, uses, err, want)
		}
	}
	one, two, three := entry(1, "same", "x"), entry(2, "same", "y"), entry(3, "other", "z")
	three.Record.From = []string{"same"}
	for _, list := range [][]Entry{{one}, {two, three}} {
		if err := f.Add(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	texts(3) // same, other, and that there is no sender
	again := three
	again.Seq, again.Record.Subject, again.Record.From = 4, "fresh", nil
	if err := f.Add(t.Context(), []Entry{again, two}); err != nil {
		t.Fatal(err)
	}
	texts(3) // other has gone
	for seq, want := range map[int64]string{1: "same", 2: "same", 4: "fresh"} {
		if subject, sender, err := f.Head(t.Context(), seq); err != nil || subject != want || sender != "" {
			t.Errorf("%d: %q, %q, %v", seq, subject, sender, err)
		}
	}
}
