package seal

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strconv"
	"strings"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/hybrid"
	"siegel/internal/vault/seal/stream"
)

// Opened is a message's key as one holder got it.
type Opened struct {
	Data
	// Holder is the one through whom the message was opened.
	Holder mail.HolderID
	// Own is the extra of a person's wrap: his own envelope openings.
	Own []byte
}

// Open returns the key of a message through any holder the session reaches. It
// prefers archive, who has the evidence key too; pass the zero id where there
// is none. It fails with kind NotFound where no wrap is for the session, whether
// the message exists or not.
func (s *Session) Open(ctx context.Context, message mail.ID, archive mail.HolderID) (*Opened, error) {
	rows, err := s.tenant.Query(ctx, `SELECT w.holder, w.term, w.batch, w.wrap, w.seq FROM seal_wrap w WHERE w.tenant = $1 AND w.message = $2`,
		message.Bytes())
	if err != nil {
		return nil, err
	}
	wraps, err := collectWraps(rows, message)
	if err != nil {
		return nil, err
	}
	var best *Wrap
	for i := range wraps {
		if err := s.reaches(wraps[i].Holder, wraps[i].Term); err == nil && (best == nil || wraps[i].Holder == archive) {
			best = &wraps[i]
		}
	}
	if best == nil {
		if err := s.reaches(s.person, 0); fault.Of(err) == fault.Locked {
			return nil, err
		}
		return nil, fault.New(fault.NotFound, "there is no such message for you")
	}
	return s.OpenWrap(ctx, *best, best.Holder == archive)
}

// Wrap is a message's key as it is kept for one holder.
type Wrap struct {
	Holder  mail.HolderID
	Seq     int64 // in the holder's sequence
	Message mail.ID
	Month   int
	Term    int // of the holder, whose key it is under

	batch mail.ID
	wrap  []byte
}

// OpenWrap opens a wrap. archive says that the wrap is the archive holder's.
func (s *Session) OpenWrap(ctx context.Context, w Wrap, archive bool) (*Opened, error) {
	b := batch{id: w.batch, holder: w.Holder, term: w.Term}
	k, err := s.wrapping(ctx, w, b)
	if err != nil {
		return nil, err
	}
	defer k.Wipe()
	plain, err := stream.OpenAs(w.wrap[0], "a key of the message", k, w.wrap, wrapAAD(w.wrap[0], s.tenant.ID(), b, w.Message))
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if len(plain) < secret.Size || (archive && len(plain) != 2*secret.Size) {
		return nil, stream.ErrDamaged("a key of the message")
	}
	o := &Opened{Data: Data{vault: s.vault, tenant: s.tenant.ID(), message: w.Message}, Holder: w.Holder}
	if archive {
		if o.evidence, err = secret.From(plain[secret.Size:]); err != nil {
			return nil, err
		}
	} else {
		o.Own = append([]byte(nil), plain[secret.Size:]...)
	}
	o.dek, err = secret.From(plain[:secret.Size])
	return o, err
}

// wrapping returns a copy of the key that a wrap was made with; the caller
// wipes it.
func (s *Session) wrapping(ctx context.Context, w Wrap, b batch) (k secret.Key, err error) {
	id := s.tenant.ID()
	switch {
	case len(w.wrap) == 0:
		return k, stream.ErrDamaged("a key of the message")
	case w.wrap[0] == localWrap:
		err = s.lend(w.Holder, w.Term, func(seed secret.Key) error {
			k = seed.Derive(purposeLocal, nil, id[:], w.Holder[:], number(w.Term))
			return nil
		})
		return k, err
	case w.wrap[0] != batchWrap:
		return k, stream.ErrDamaged("a key of the message")
	}
	if k, ok := s.remembered(b); ok {
		return k, nil
	}
	if err := s.reaches(w.Holder, w.Term); err != nil {
		return k, err
	}
	var sealed []byte
	err = s.tenant.QueryRow(ctx, `SELECT sealed FROM seal_batch WHERE tenant = $1 AND id = $2 AND holder = $3`,
		b.id.Bytes(), b.holder.Bytes()).Scan(&sealed)
	if errors.Is(err, db.ErrNoRows) {
		return k, stream.ErrDamaged("a batch key")
	}
	if err != nil {
		return k, err
	}
	err = s.lend(w.Holder, w.Term, func(seed secret.Key) error {
		plain, err := hybrid.Open(seed, "a batch key", batchInfo(id, b), sealed)
		if err != nil {
			return err
		}
		if k, err = secret.From(plain); err != nil {
			return stream.ErrDamaged("a batch key")
		}
		return nil
	})
	if err != nil {
		return k, err
	}
	s.rememberBatch(b, k)
	return k, nil
}

// batchTerm names a batch key: of which holder, too, so that a row that names
// another's batch finds nothing.
type batchTerm struct {
	batch mail.ID
	holderTerm
}

// remembered returns a copy of a batch key that was opened before.
func (s *Session) remembered(b batch) (secret.Key, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, ok := s.batches[batchTerm{b.id, holderTerm{b.holder, b.term}}]
	if !ok {
		return secret.Key{}, false
	}
	return k.Copy(), true
}

func (s *Session) rememberBatch(b batch, k secret.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := batchTerm{b.id, holderTerm{b.holder, b.term}}
	if _, ok := s.batches[at]; ok || s.closed {
		return
	}
	if len(s.batches) >= maxBatches {
		for _, old := range s.batches {
			old.Wipe()
		}
		clear(s.batches)
	}
	s.batches[at] = k.Copy()
}

func collectWraps(rows interface {
	Next() bool
	Scan(...any) error
	Err() error
	Close() error
}, message mail.ID,
) (wraps []Wrap, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		w := Wrap{Message: message}
		var holder, batch []byte
		if err := rows.Scan(&holder, &w.Term, &batch, &w.wrap, &w.Seq); err != nil {
			return nil, err
		}
		if w.Holder, err = mail.IDFrom(holder); err != nil {
			return nil, err
		}
		if w.batch, err = mail.IDFrom(batch); err != nil {
			return nil, err
		}
		wraps = append(wraps, w)
	}
	return wraps, rows.Err()
}

// Wraps returns a holder's wraps of one month with sequence numbers above
// after, in order, at most limit of them.
func (s *Session) Wraps(ctx context.Context, holder mail.HolderID, month int, after int64, limit int) ([]Wrap, error) {
	rows, err := s.tenant.Query(ctx, `SELECT message, month, term, batch, wrap, seq FROM seal_wrap
		WHERE tenant = $1 AND holder = $2 AND month = $3 AND seq > $4 ORDER BY seq LIMIT $5`,
		holder.Bytes(), month, after, limit)
	if err != nil {
		return nil, err
	}
	return wrapsOf(rows, holder)
}

// wrapsOf collects the wraps of a holder.
func wrapsOf(rows *sql.Rows, holder mail.HolderID) (wraps []Wrap, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		w := Wrap{Holder: holder}
		var message, batch []byte
		if err := rows.Scan(&message, &w.Month, &w.Term, &batch, &w.wrap, &w.Seq); err != nil {
			return nil, err
		}
		if w.Message, err = mail.IDFrom(message); err != nil {
			return nil, err
		}
		if w.batch, err = mail.IDFrom(batch); err != nil {
			return nil, err
		}
		wraps = append(wraps, w)
	}
	return wraps, rows.Err()
}

// Regrant wraps messages that the session opens for another holder, with the
// holder's own extra each. It is one group of its own. Messages that the holder
// has under the current term are left out; a wrap for an earlier term, which an
// account that was reset opens no more, gives way to the new one. then, which may be
// nil, ends the transaction: it is told how many were wrapped, and where it fails none is.
func (s *Session) Regrant(ctx context.Context, to mail.HolderID, opened map[*Opened]Regranted, then func(tx *db.Tx, n int) error) (int, error) {
	var keys []flow.Key
	for o, r := range opened {
		p := &Pending{vault: s.vault, tenant: s.tenant.ID(), message: o.message, month: r.Month, dek: o.dek, evidence: o.evidence}
		p.For(Recipient{Holder: to, Extra: r.Extra})
		keys = append(keys, p)
	}
	n := 0
	err := s.tenant.Update(ctx, func(tx *db.Tx) error {
		n = 0
		var missing []flow.Key
		for _, k := range keys {
			has, err := hasNow(ctx, tx, k.Object(), to)
			if err != nil {
				return err
			}
			if !has {
				missing = append(missing, k)
			}
		}
		w, err := s.vault.Wrap(ctx, s.tenant, missing)
		if err != nil {
			return err
		}
		n = len(missing)
		if err := w.Write(ctx, tx, nil); err != nil || then == nil {
			return err
		}
		return then(tx, n)
	})
	return n, err
}

// hasNow reports whether a message is wrapped for the current term of a holder,
// and deletes the wrap for another term. [Wrapped.Write] fails, and nothing is
// deleted, where the row does not have the term that the ledger has.
func hasNow(ctx context.Context, tx *db.Tx, message mail.ID, holder mail.HolderID) (bool, error) {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM seal_wrap w JOIN seal_holder h ON h.tenant = w.tenant AND h.id = w.holder
		WHERE w.tenant = $1 AND w.message = $2 AND w.holder = $3 AND w.term = h.term`, message.Bytes(), holder.Bytes()).Scan(&one)
	if !errors.Is(err, db.ErrNoRows) {
		return err == nil, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM seal_wrap WHERE tenant = $1 AND message = $2 AND holder = $3`, message.Bytes(), holder.Bytes())
	return false, err
}

// Regranted is what [Session.Regrant] needs to know of a message.
type Regranted struct {
	Month int
	Extra []byte
}

// Stream opens the sealed octets of the message, which has size octets of
// plaintext.
func (d Data) Stream(sealed io.Reader, size int64) (io.ReadCloser, error) {
	return d.vault.NewReader(sealed, d.dek, size, d.context(flow.ObjectMessage)...)
}

// Seal returns the sealed octets of a small message.
func (d Data) Seal(plain []byte) ([]byte, error) {
	return d.vault.Codec.Seal(d.dek, plain, d.context(flow.ObjectMessage)...)
}

// Writer seals a large message onto w.
func (d Data) Writer(w io.Writer) (*stream.Writer, error) {
	return d.vault.NewWriter(w, d.dek, d.context(flow.ObjectMessage)...)
}

// Has reports whether a message is wrapped for a holder.
func (s *Session) Has(ctx context.Context, message mail.ID, holder mail.HolderID) (bool, error) {
	var one int
	err := s.tenant.QueryRow(ctx, `SELECT 1 FROM seal_wrap WHERE tenant = $1 AND message = $2 AND holder = $3`,
		message.Bytes(), holder.Bytes()).Scan(&one)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// WrapsAt returns a holder's wraps that have some of the sequence numbers, in order.
func (s *Session) WrapsAt(ctx context.Context, holder mail.HolderID, seqs []int64) ([]Wrap, error) {
	if len(seqs) == 0 {
		return nil, nil
	}
	var in strings.Builder
	args := []any{holder.Bytes()}
	for i, seq := range seqs {
		if i > 0 {
			in.WriteString(", ")
		}
		in.WriteString("$" + strconv.Itoa(i+3))
		args = append(args, seq)
	}
	rows, err := s.tenant.Query(ctx, `SELECT message, month, term, batch, wrap, seq FROM seal_wrap WHERE tenant = $1 AND holder = $2 AND seq IN (`+in.String()+`) ORDER BY seq`, args...)
	if err != nil {
		return nil, err
	}
	return wrapsOf(rows, holder)
}
