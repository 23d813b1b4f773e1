package projection

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"siegel/internal/index/record"
	"siegel/internal/mail"
	"siegel/internal/proto/textfold"
)

// Entry is a record on its way into a projection.
type Entry struct {
	Seq     int64
	Message mail.ID
	Record  record.Record
	Damaged bool // it did not open
	Former  int  // term of the key it is sealed to, where the session does not reach that; 0 where it does

	// Attachments is the second record, and Second its number in the month; 0 where
	// there is none yet.
	Attachments record.Attachments
	Second      int64
}

// What the attachments of a message wait for.
const (
	waitsForNothing = 0
	WaitsForReading = 1 // nobody has read them
	WaitsForHelper  = 2 // somebody has, without a program that one of them needs
)

// waits is what its attachments wait for.
func (e Entry) waits() int {
	switch {
	case !e.sound() || !e.Record.Worth():
		return waitsForNothing
	case e.Second == 0:
		return WaitsForReading
	case e.Attachments.Lacking():
		return WaitsForHelper
	default:
		return waitsForNothing
	}
}

// sent is by when a message is ordered and found, in seconds: as it claims, but not later
// than it arrived, which is a clock that goes wrong or a lie; when it arrived where it
// claims nothing.
func (e Entry) sent() int64 {
	at := e.Record.Date
	if e.Record.Sent != 0 {
		at = min(at, e.Record.Sent)
	}
	return mail.FromMicros(at).Unix()
}

// sound reports whether there is a record.
func (e Entry) sound() bool { return !e.Damaged && e.Former == 0 }

// Add puts records into the projection in one transaction. The caller is catching
// up.
func (f *File) Add(ctx context.Context, list []Entry) (err error) {
	defer f.note(&err)
	tx, err := f.sql.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer rollback(tx, &err)
	w := writer{tx: tx, begins: f.begins(), prepared: make(map[string]*sql.Stmt), texts: make(map[string]*text)}
	// Not from memory: a file whose last session has just ended can be opened again
	// while a batch is still being written.
	// no tenant: a projection is one holder's file
	err = tx.QueryRowContext(ctx, `SELECT `+stateColumns+`, first, newest, late FROM index_state`).Scan(append(w.state.places(), &w.first, &w.newest, &w.late)...)
	if err != nil {
		return err
	}
	if w.state.Seq == 0 && len(list) > 0 {
		w.first = list[0].Seq - 1
	}
	for _, e := range list {
		if err := w.add(ctx, e); err != nil {
			return err
		}
		w.state.Seq = max(w.state.Seq, e.Seq)
	}
	if err := w.count(ctx); err != nil {
		return err
	}
	// no tenant: a projection is one holder's file
	if _, err := tx.ExecContext(ctx, `UPDATE index_state SET seq = $1, messages = $2, damaged = $3, former = $4, waiting = $5, unread = $6, first = $7,
		newest = $8, late = $9`,
		w.state.Seq, w.state.Messages, w.state.Damaged, w.state.Former, w.state.Waiting, w.state.Unread, w.first, w.newest, w.late); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	f.mu.Lock()
	f.state = w.state
	f.mu.Unlock()
	return nil
}

// How many records must have been added at once before the full-text index is put
// together and the WAL is emptied: each costs as much as what was added.
const (
	optimizeFrom = 2000
	truncateFrom = 200
)

// Settle ends catching up, after which so many records are new: what came in many
// batches lies in many places, where each search would look.
func (f *File) Settle(ctx context.Context, added int64) (err error) {
	defer f.note(&err)
	if added >= optimizeFrom {
		// no tenant: a projection is one holder's file
		if _, err := f.sql.Write.ExecContext(ctx, `INSERT INTO index_words (index_words) VALUES ('optimize')`); err != nil {
			return err
		}
		if err := f.vacuum(ctx); err != nil {
			return err
		}
	}
	if added >= truncateFrom {
		var busy, inLog, moved int
		// Where readers are in the way it is done the next time.
		return f.sql.Write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &inLog, &moved)
	}
	return nil
}

// vacuum gives back the pages that nothing is in any more.
func (f *File) vacuum(ctx context.Context) (err error) {
	rows, err := f.sql.Write.QueryContext(ctx, `PRAGMA incremental_vacuum`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() { // each step frees a page
	}
	return rows.Err()
}

// writer writes a batch of records.
type writer struct {
	tx     *sql.Tx
	state  State
	first  int64 // less than each sequence number
	newest int64 // date of the message that arrived last, behind the beginning of the month
	late   int64 // how much earlier than one of a lower place a message can have arrived
	begins int64 // the month, in microseconds

	prepared map[string]*sql.Stmt // the transaction closes them
	texts    map[string]*text     // that were seen in this batch
}

// text is a text of index_text, with uses that are not written yet.
type text struct{ id, uses int64 }

// prepare returns a statement, which is read once in a batch.
func (w *writer) prepare(ctx context.Context, statement string) (s *sql.Stmt, err error) {
	if s = w.prepared[statement]; s == nil {
		if s, err = w.tx.PrepareContext(ctx, statement); err == nil {
			w.prepared[statement] = s
		}
	}
	return s, err
}

func (w *writer) exec(ctx context.Context, statement string, args ...any) error {
	s, err := w.prepare(ctx, statement) //nolint:sqlclosecheck // the transaction closes it
	if err == nil {
		_, err = s.ExecContext(ctx, args...)
	}
	return err
}

// row scans the one row that a statement returns.
func (w *writer) row(ctx context.Context, statement string, args []any, to ...any) error {
	s, err := w.prepare(ctx, statement) //nolint:sqlclosecheck // the transaction closes it
	if err == nil {
		err = s.QueryRowContext(ctx, args...).Scan(to...)
	}
	return err
}

func (w *writer) add(ctx context.Context, e Entry) error {
	again, err := w.forget(ctx, e.Message)
	if err != nil {
		return err
	}
	r := e.Record
	waits, unread := e.waits(), truth(e.Attachments.Unread())
	var subject, sender int64
	var links Links
	if e.sound() {
		links = linksTo(r)
		w.arrives(e, again)
		if subject, sender, err = w.head(ctx, r); err != nil {
			return err
		}
	}
	// no tenant: a projection is one holder's file
	err = w.exec(ctx, `INSERT INTO index_doc (place, message, date, sent, size, attachment, opaque, damaged, former, second, waits, unread, subject, sender, links)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`, e.Seq-w.first, e.Message.Bytes(), r.Date-w.begins, e.sent(), r.Size,
		truth(r.HasAttachment()), truth(r.Opaque), truth(e.Damaged), e.Former, e.Second, waits, unread, subject, sender, links.octets())
	if err != nil {
		return err
	}
	w.state.Waiting += int64(truth(waits > 0))
	w.state.Unread += int64(unread)
	w.state.Messages++
	w.state.Damaged += int64(truth(e.Damaged))
	w.state.Former += int64(truth(e.Former > 0))
	if !e.sound() {
		return nil
	}
	if err := w.words(ctx, e); err != nil {
		return err
	}
	for _, hash := range links.shared() {
		// no tenant: a projection is one holder's file
		if err := w.exec(ctx, `INSERT OR IGNORE INTO index_link (hash, place) VALUES ($1, $2)`, brief(hash), e.Seq-w.first); err != nil {
			return err
		}
	}
	// no tenant: a projection is one holder's file
	return w.exec(ctx, `INSERT INTO index_day (day, messages, octets) VALUES ($1, 1, $2)
		ON CONFLICT (day) DO UPDATE SET messages = messages + 1, octets = octets + excluded.octets`, day(r.Date), r.Size)
}

// span is longer than any month, in microseconds.
const span = 32 * secondsOfDay * 1_000_000

// spot is where a message stood: its place and its date. The zero value is nowhere.
type spot struct{ place, date int64 }

// arrives notes whether a message arrived before others that stand before it. again is where
// it stood until now.
func (w *writer) arrives(e Entry, again spot) {
	now := spot{e.Seq - w.first, e.Record.Date - w.begins}
	switch {
	case now == again:
		return
	case e.Seq <= w.state.Seq: // between others, of which nothing is known
		w.late = span
	case w.state.Messages > 0:
		w.late = max(w.late, w.newest-now.date)
	}
	w.newest = max(w.newest, now.date)
}

// head returns the numbers of the texts that lists show of a message.
func (w *writer) head(ctx context.Context, r record.Record) (subject, sender int64, err error) {
	from := ""
	if len(r.From) > 0 {
		from = r.From[0]
	}
	if subject, err = w.text(ctx, r.Subject); err != nil {
		return 0, 0, err
	}
	sender, err = w.text(ctx, from)
	return subject, sender, err
}

// short is the hash by which a text is looked for: texts with the same one are compared.
func short(text string) int64 { return hash(text) & (1<<31 - 1) }

// text returns the number of a text that one message more has.
func (w *writer) text(ctx context.Context, t string) (int64, error) {
	known := w.texts[t]
	if known == nil {
		known = new(text)
		// no tenant: a projection is one holder's file
		err := w.row(ctx, `SELECT id FROM index_text WHERE hash = $1 AND text = $2`, []any{short(t), t}, &known.id)
		if errors.Is(err, sql.ErrNoRows) {
			known.id, err = w.insert(ctx, t)
		}
		if err != nil {
			return 0, err
		}
		w.texts[t] = known
	}
	known.uses++
	return known.id, nil
}

func (w *writer) insert(ctx context.Context, t string) (int64, error) {
	// no tenant: a projection is one holder's file
	s, err := w.prepare(ctx, `INSERT INTO index_text (hash, uses, text) VALUES ($1, 0, $2)`) //nolint:sqlclosecheck // the transaction closes it
	if err != nil {
		return 0, err
	}
	done, err := s.ExecContext(ctx, short(t), t)
	if err != nil {
		return 0, err
	}
	return done.LastInsertId()
}

// count writes the uses of texts that are not written yet.
func (w *writer) count(ctx context.Context) error {
	for _, t := range w.texts {
		// no tenant: a projection is one holder's file
		if err := w.exec(ctx, `UPDATE index_text SET uses = uses + $1 WHERE id = $2`, t.uses, t.id); err != nil {
			return err
		}
	}
	clear(w.texts)
	return nil
}

// release forgets a text that no message has any more.
func (w *writer) release(ctx context.Context, id int64) error {
	if err := w.count(ctx); err != nil {
		return err
	}
	// no tenant: a projection is one holder's file
	if err := w.exec(ctx, `UPDATE index_text SET uses = uses - 1 WHERE id = $1`, id); err != nil {
		return err
	}
	// no tenant: a projection is one holder's file
	return w.exec(ctx, `DELETE FROM index_text WHERE id = $1 AND uses = 0`, id)
}

// words puts the folded texts of a record into the full-text table.
func (w *writer) words(ctx context.Context, e Entry) error {
	r := e.Record
	copies := r.Cc
	if r.Version == 1 {
		copies = r.To // which has both
	}
	attached := strings.TrimLeft(r.Attached+"\n\n"+e.Attachments.Text(), "\n")
	args := []any{e.Seq - w.first}
	for _, text := range []string{
		r.Subject, strings.Join(r.From, "\n"), strings.Join(r.To, "\n"), strings.Join(copies, "\n"), r.Body, attached, strings.Join(r.Names(), "\n"),
	} {
		args = append(args, textfold.Spellings(text))
	}
	// no tenant: a projection is one holder's file
	return w.exec(ctx, `INSERT INTO index_words (rowid, subject, sender, recipient, copy, body, attached, filename)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, args...)
}

// forget deletes a message: what was re-granted has another sequence number than
// before. It returns where it stood, if it had a record.
func (w *writer) forget(ctx context.Context, message mail.ID) (was spot, err error) {
	var place, date, size, damaged, former, waits, unread, subject, sender int64
	var linked []byte
	// no tenant: a projection is one holder's file
	err = w.row(ctx, `SELECT place FROM index_doc WHERE substr(message, 1, 3) = substr($1, 1, 3) AND message = $1`, []any{message.Bytes()}, &place)
	if errors.Is(err, sql.ErrNoRows) {
		return was, nil
	}
	if err != nil {
		return was, err
	}
	// By its number: for a statement that could delete several rows SQLite sets a savepoint,
	// for which FTS5 writes out what it has gathered.
	// no tenant: a projection is one holder's file
	if err := w.row(ctx, `DELETE FROM index_doc WHERE place = $1
		RETURNING date, size, damaged, former > 0, waits > 0, unread, subject, sender, links`, []any{place},
		&date, &size, &damaged, &former, &waits, &unread, &subject, &sender, &linked); err != nil {
		return was, err
	}
	w.state.Messages--
	w.state.Damaged -= damaged
	w.state.Former -= former
	w.state.Waiting -= waits
	w.state.Unread -= unread
	if damaged+former > 0 {
		return was, nil
	}
	if err := errors.Join(w.release(ctx, subject), w.release(ctx, sender)); err != nil {
		return was, err
	}
	for _, hash := range linksOf(linked).shared() {
		// no tenant: a projection is one holder's file
		if err := w.exec(ctx, `DELETE FROM index_link WHERE hash = $1 AND place = $2`, brief(hash), place); err != nil {
			return was, err
		}
	}
	// no tenant: a projection is one holder's file
	if err := w.exec(ctx, `UPDATE index_day SET messages = messages - 1, octets = octets - $1 WHERE day = $2`, size, day(date+w.begins)); err != nil {
		return was, err
	}
	// no tenant: a projection is one holder's file
	return spot{place, date}, w.exec(ctx, `DELETE FROM index_words WHERE rowid = $1`, place)
}
