package index

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/textfold"
	"siegel/internal/vault/db"
	"siegel/internal/vault/db/sqlite"
	"siegel/internal/vault/seal"
)

// version of the projections' tables and of the folding. A file of another
// version is made again.
const version = 2

const schema = `
CREATE TABLE index_state (version INTEGER NOT NULL, seq INTEGER NOT NULL);
CREATE TABLE index_doc (seq INTEGER PRIMARY KEY, message BLOB NOT NULL UNIQUE, date INTEGER NOT NULL, sent INTEGER NOT NULL,
  size INTEGER NOT NULL, subject TEXT NOT NULL, sender TEXT NOT NULL, opaque INTEGER NOT NULL,
  damaged INTEGER NOT NULL, former INTEGER NOT NULL);
CREATE INDEX index_doc_sent ON index_doc (sent);
CREATE VIRTUAL TABLE index_words USING fts5(subject, sender, recipient, body, filename,
  subject_alt, sender_alt, recipient_alt, body_alt, filename_alt,
  content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 0');
`

// projection is an open file of one holder and month. Who has it holds its
// lock.
type projection struct {
	key    projectionKey
	sql    *sql.DB
	seq    int64 // of the newest message in it
	unlock func()
}

// Close closes the file: its key leaves the memory.
func (p *projection) Close() error {
	defer p.unlock()
	return p.sql.Close()
}

// open opens the projection of a month through a session, or begins it anew
// where it is missing, of another version, unreadable, or under a key that the
// session does not reach. Each node has a file of its own; all are under the salt of
// the one row.
func (x *Index) open(ctx context.Context, s Session, month int) (_ *projection, err error) {
	k := projectionKey{s.Tenant().ID(), holder(s), month}
	unlock := x.lock(k)
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	term, salt, err := x.row(ctx, s.Tenant(), k)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return nil, err
	}
	if err == nil {
		p, err := x.openFile(ctx, s, k, term, salt)
		if err == nil {
			p.unlock = unlock
			return p, nil
		}
		if kind := fault.Of(err); kind == fault.Exhausted || kind == fault.Busy || kind == fault.Locked {
			return nil, err
		}
	}
	if !slices.Contains(s.Unlocked().Terms(k.holder), term) || len(salt) != saltSize {
		if term, salt, err = x.salt(ctx, s, k); err != nil {
			return nil, err
		}
	}
	p, err := x.begin(ctx, s, k, term, salt)
	if err != nil {
		return nil, err
	}
	p.unlock = unlock
	return p, nil
}

func (x *Index) row(ctx context.Context, t db.Tenant, k projectionKey) (term int, salt []byte, err error) {
	err = t.QueryRow(ctx, `SELECT term, salt FROM index_projection WHERE tenant = $1 AND holder = $2 AND month = $3`,
		k.holder.Bytes(), k.month).Scan(&term, &salt)
	return term, salt, err
}

// file is where a projection lies. The salt is in its name, so a new one never
// meets the old file.
func (x *Index) file(k projectionKey, salt []byte) string {
	return filepath.Join(x.Dir, k.tenant.String(), k.holder.String(), fmt.Sprintf("%06d-%s.db", k.month, hex.EncodeToString(salt[:8])))
}

func (x *Index) openFile(ctx context.Context, s Session, k projectionKey, term int, salt []byte) (*projection, error) {
	if len(salt) != saltSize {
		return nil, errors.New("index: a malformed salt")
	}
	path := x.file(k, salt)
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	key, err := s.Unlocked().ProjectionKey(k.holder, term, salt)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	c, err := sqlite.OpenProjection(ctx, path, key)
	if err != nil {
		return nil, err
	}
	p := &projection{key: k, sql: c}
	var v int
	// no tenant: a projection is one holder's file
	if err := c.QueryRowContext(ctx, `SELECT version, seq FROM index_state`).Scan(&v, &p.seq); err != nil || v != version {
		return nil, errors.Join(err, fmt.Errorf("index: version %d", v), c.Close())
	}
	return p, nil
}

// saltSize is that of a projection's salt, in octets.
const saltSize = 32

// salt gives a projection a fresh salt and the holder's newest key: earlier files,
// of all nodes, open no more.
func (x *Index) salt(ctx context.Context, s Session, k projectionKey) (term int, salt []byte, err error) {
	terms := s.Unlocked().Terms(k.holder)
	if len(terms) == 0 {
		return 0, nil, fault.New(fault.Locked, "the session has ended, please sign in again")
	}
	term = slices.Max(terms)
	fresh := seal.NewSalt()
	err = s.Tenant().Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO index_projection (tenant, holder, month, term, salt) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant, holder, month) DO UPDATE SET term = excluded.term, salt = excluded.salt`,
			k.holder.Bytes(), k.month, term, fresh[:])
		return err
	})
	return term, fresh[:], err
}

// begin makes an empty projection, and deletes files that were there before.
func (x *Index) begin(ctx context.Context, s Session, k projectionKey, term int, salt []byte) (_ *projection, err error) {
	path := x.file(k, salt)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	x.removeFiles(k)
	key, err := s.Unlocked().ProjectionKey(k.holder, term, salt)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	c, err := sqlite.OpenProjection(ctx, path, key)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if _, err := c.ExecContext(ctx, schema+fmt.Sprintf("INSERT INTO index_state (version, seq) VALUES (%d, 0);", version)); err != nil {
		return nil, err
	}
	return &projection{key: k, sql: c}, nil
}

// removeFiles deletes this node's files of a projection. What cannot be deleted
// now goes the next time, and is unreadable where its salt is gone.
func (x *Index) removeFiles(k projectionKey) {
	dir := filepath.Join(x.Dir, k.tenant.String(), k.holder.String())
	files, err := os.ReadDir(dir) // no pattern: the data directory may have [ in its name
	if err != nil {
		return
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), fmt.Sprintf("%06d-", k.month)) {
			_ = os.Remove(filepath.Join(dir, f.Name()))
		}
	}
}

// add puts records into the projection in one transaction.
func (p *projection) add(ctx context.Context, list []entry) (err error) {
	tx, err := p.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	for _, e := range list {
		if err := insert(ctx, tx, e); err != nil {
			return err
		}
		p.seq = max(p.seq, e.seq)
	}
	// no tenant: a projection is one holder's file
	if _, err := tx.ExecContext(ctx, `UPDATE index_state SET seq = $1`, p.seq); err != nil {
		return err
	}
	return tx.Commit()
}

// entry is a record on its way into a projection.
type entry struct {
	seq     int64
	message mail.ID
	record  record
	damaged bool
	former  int // term of the key it is sealed to, where the session does not reach that; 0 where it does
}

// again forgets how far the projection is where records are pending that were
// sealed to keys that the session did not reach then, and reaches now.
func (p *projection) again(ctx context.Context, terms []int) error {
	for _, term := range terms {
		var first int64
		// no tenant: a projection is one holder's file
		err := p.sql.QueryRowContext(ctx, `SELECT COALESCE(MIN(seq), 0) FROM index_doc WHERE former = $1`, term).Scan(&first)
		if err != nil {
			return err
		}
		if first > 0 {
			p.seq = min(p.seq, first-1)
		}
	}
	return nil
}

// forget deletes a message from the projection: what was re-granted has another
// sequence number than before.
func forget(ctx context.Context, tx *sql.Tx, message mail.ID) error {
	var seq int64
	// no tenant: a projection is one holder's file
	err := tx.QueryRowContext(ctx, `DELETE FROM index_doc WHERE message = $1 RETURNING seq`, message.Bytes()).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	// no tenant: a projection is one holder's file
	_, err = tx.ExecContext(ctx, `DELETE FROM index_words WHERE rowid = $1`, seq)
	return err
}

func insert(ctx context.Context, tx *sql.Tx, e entry) error {
	r := e.record
	sent := r.Sent
	if sent == 0 {
		sent = r.Date
	}
	sender := ""
	if len(r.From) > 0 {
		sender = r.From[0]
	}
	if err := forget(ctx, tx, e.message); err != nil {
		return err
	}
	// no tenant: a projection is one holder's file
	_, err := tx.ExecContext(ctx, `INSERT INTO index_doc (seq, message, date, sent, size, subject, sender, opaque, damaged, former)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, e.seq, e.message.Bytes(), r.Date, sent, r.Size, r.Subject, sender,
		truth(r.Opaque), truth(e.damaged), e.former)
	if err != nil {
		return err
	}
	args := []any{e.seq}
	var alts []any
	for _, text := range []string{r.Subject, strings.Join(r.From, "\n"), strings.Join(r.To, "\n"), r.Body, strings.Join(r.Files, "\n")} {
		main, alt := textfold.Words(text)
		args, alts = append(args, main), append(alts, alt)
	}
	// no tenant: a projection is one holder's file
	_, err = tx.ExecContext(ctx, `INSERT INTO index_words (rowid, subject, sender, recipient, body, filename,
		subject_alt, sender_alt, recipient_alt, body_alt, filename_alt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		append(args, alts...)...)
	return err
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// parseRecord reads an opened index record.
func parseRecord(plain []byte) (record, error) {
	var r record
	if err := json.Unmarshal(plain, &r); err != nil || r.Version != 1 {
		return r, fault.Because(fault.Damaged, "an index record is malformed", fmt.Errorf("version %d: %w", r.Version, err))
	}
	return r, nil
}
