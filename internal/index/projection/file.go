package projection

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db/sqlite"
)

// version of the files' tables and of the folding. A file of another version is
// made again.
const version = 5

// The tables. index_doc has a row for each message. Its place is the message's sequence number
// less one that all have in common, and its date the time of arrival behind the beginning of
// the month: smaller numbers take fewer octets, here and in the full-text index. Subjects and senders, which come again
// and again, are kept once for all messages that have them (index_text). Messages are looked
// for by the first octets of their ids, and those of a conversation by 23 bits of their
// identifiers' hashes (index_link); who looks compares the rest. What a message claims of when
// it was sent is in seconds, as it is in mail. A batch of records becomes one segment of the
// full-text index, and segments are merged less often than is usual, since [File.Settle] merges
// them all. The body is the first column, whose places need no column number in front: that is
// a third of the file. A page of the full-text index fits into one of the file, of which the
// cipher takes 32 octets and SQLite some; larger ones waste less. index_state.late is how much
// earlier than one of a lower place a message can have arrived: mostly milliseconds.
const schema = `
CREATE TABLE index_state (version INTEGER NOT NULL, seq INTEGER NOT NULL, messages INTEGER NOT NULL, damaged INTEGER NOT NULL, former INTEGER NOT NULL,
  second INTEGER NOT NULL, waiting INTEGER NOT NULL, unread INTEGER NOT NULL, first INTEGER NOT NULL,
  newest INTEGER NOT NULL, late INTEGER NOT NULL);
CREATE TABLE index_doc (place INTEGER PRIMARY KEY, message BLOB NOT NULL, date INTEGER NOT NULL, sent INTEGER NOT NULL,
  size INTEGER NOT NULL, attachment INTEGER NOT NULL, opaque INTEGER NOT NULL, damaged INTEGER NOT NULL, former INTEGER NOT NULL,
  second INTEGER NOT NULL, waits INTEGER NOT NULL, unread INTEGER NOT NULL, subject INTEGER NOT NULL, sender INTEGER NOT NULL, links BLOB NOT NULL);
CREATE INDEX index_doc_message ON index_doc (substr(message, 1, 3));
CREATE INDEX index_doc_sent ON index_doc (sent);
CREATE INDEX index_doc_waits ON index_doc (waits, place) WHERE waits > 0;
CREATE INDEX index_doc_former ON index_doc (former, place) WHERE former > 0;
CREATE TABLE index_text (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, uses INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX index_text_hash ON index_text (hash);
CREATE TABLE index_link (hash INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (hash, place)) WITHOUT ROWID;
CREATE TABLE index_day (day INTEGER PRIMARY KEY, messages INTEGER NOT NULL, octets INTEGER NOT NULL);
CREATE VIRTUAL TABLE index_words USING fts5(body, subject, sender, recipient, copy, attached, filename,
  content='', contentless_delete=1, tokenize='spellings');
INSERT INTO index_words (index_words, rank) VALUES ('hashsize', 33554432);
INSERT INTO index_words (index_words, rank) VALUES ('automerge', 8);
INSERT INTO index_words (index_words, rank) VALUES ('pgsz', 16292);
`

// first is what all sequence numbers have in common. A reader asks for it in the statement
// that needs it, since the first batch sets it.
const first = `(SELECT first FROM index_state)`

// File is an open projection. Use it from many goroutines.
type File struct {
	key  Key
	term int
	salt []byte
	path string
	made os.FileInfo // of the file, when it was opened
	sql  *sqlite.Projection

	shelf    *Shelf
	slot     *slot
	users    int           // guarded by Shelf.mu
	used     time.Time     // last; guarded by Shelf.mu
	sessions map[Keys]bool // that have used it and are open; guarded by Shelf.mu

	broken atomic.Bool // it turned out to be damaged

	catching chan struct{} // has a token while nobody catches up

	mu    sync.Mutex
	state State // guarded by mu
}

// State is how far a projection is.
type State struct {
	Seq      int64 // of the newest message in it
	Messages int64
	Damaged  int64 // of those, whose record did not open
	Former   int64 // of those, sealed to keys that the session did not reach
	Second   int64 // number, in its month, of the newest second record in it
	Waiting  int64 // of the messages, whose attachments wait to be read
	Unread   int64 // of the messages, with an attachment that could not be read
}

// stateColumns are those of index_state behind the version, and places are where a row
// of it is scanned to.
const stateColumns = `seq, messages, damaged, former, second, waiting, unread`

func (s *State) places() []any {
	return []any{&s.Seq, &s.Messages, &s.Damaged, &s.Former, &s.Second, &s.Waiting, &s.Unread}
}

// Month is the month of arrival, year * 100 + month, UTC.
func (f *File) Month() int { return f.key.Month }

// begins is when the month begins, in microseconds.
func (f *File) begins() int64 {
	return mail.Micros(time.Date(f.key.Month/100, time.Month(f.key.Month%100), 1, 0, 0, 0, 0, time.UTC))
}

// State returns how far the projection is.
func (f *File) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// there reports whether the file that was opened still lies in its place.
func (f *File) there() bool {
	if f.broken.Load() {
		return false
	}
	now, err := os.Stat(f.path)
	return err == nil && os.SameFile(now, f.made)
}

func (f *File) close() error { return f.sql.Close() }

// ErrBroken means that the file turned out to be damaged, or is gone. It is made again
// when it is taken the next time.
var ErrBroken = errors.New("projection: the file is damaged or gone")

// note notes damage.
func (f *File) note(err *error) {
	if *err != nil && (fault.Of(*err) == fault.Damaged || !f.there()) {
		f.broken.Store(true)
		*err = errors.Join(ErrBroken, *err)
	}
}

func (h *Shelf) openFile(ctx context.Context, s Keys, k Key, row Row) (_ *File, err error) {
	path := h.path(k, row.Salt)
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	f, err := connect(ctx, s, k, row, path)
	if err != nil {
		return nil, err
	}
	var v int
	// no tenant: a projection is one holder's file
	err = f.sql.Write.QueryRowContext(ctx, `SELECT version, `+stateColumns+` FROM index_state`).Scan(append([]any{&v}, f.state.places()...)...)
	if err != nil || v != version {
		return nil, errors.Join(err, fmt.Errorf("projection: version %d", v), f.close())
	}
	return f, nil
}

func connect(ctx context.Context, s Keys, k Key, row Row, path string) (*File, error) {
	key, err := s.ProjectionKey(k.Holder, row.Term, row.Salt)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	c, err := sqlite.OpenProjection(ctx, path, key)
	if err != nil {
		return nil, err
	}
	made, err := os.Stat(path)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	f := &File{
		key: k, term: row.Term, salt: slices.Clone(row.Salt), path: path, made: made, sql: c,
		sessions: make(map[Keys]bool), catching: make(chan struct{}, 1),
	}
	f.catching <- struct{}{}
	return f, nil
}

// begin makes an empty projection, and deletes files that were there before.
func (h *Shelf) begin(ctx context.Context, s Keys, k Key, row Row) (_ *File, err error) {
	path := h.path(k, row.Salt)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	h.remove(k)
	f, err := connect(ctx, s, k, row, path)
	if err != nil {
		return nil, err
	}
	_, err = f.sql.Write.ExecContext(ctx, schema+fmt.Sprintf("INSERT INTO index_state (version, "+stateColumns+", first, newest, late) VALUES (%d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);", version))
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// CatchUp calls f while nobody else catches the projection up. It waits for who
// does until ctx is done, and reports false where that comes first.
func (f *File) CatchUp(ctx context.Context, catch func() error) (bool, error) {
	select {
	case <-f.catching: // also where ctx is done: nobody has to be waited for
	default:
		select {
		case <-f.catching:
		case <-ctx.Done():
			return false, nil
		}
	}
	defer func() { f.catching <- struct{}{} }()
	return true, catch()
}

// Again forgets how far the projection is where records are pending that were
// sealed to keys that the session did not reach then, and reaches now. The caller
// is catching up.
func (f *File) Again(ctx context.Context, terms []int) (err error) {
	defer f.note(&err)
	if f.State().Former == 0 {
		return nil
	}
	for _, term := range terms {
		var lowest, common int64
		// no tenant: a projection is one holder's file
		err := f.sql.Read.QueryRowContext(ctx, `SELECT COALESCE(MIN(place), 0), `+first+` FROM index_doc WHERE former > 0 AND former = $1`, term).Scan(&lowest, &common)
		if err != nil {
			return err
		}
		if lowest > 0 {
			f.mu.Lock()
			f.state.Seq = min(f.state.Seq, common+lowest-1)
			f.mu.Unlock()
		}
	}
	return nil
}

// placeholders returns n placeholders from the number from on, with commas.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", from+i)
	}
	return b.String()
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rollback undoes a transaction that failed.
func rollback(tx *sql.Tx, err *error) {
	if *err != nil {
		*err = errors.Join(*err, tx.Rollback())
	}
}
