package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
	"unicode"

	"siegel/internal/audit"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Message is an opened message: what is known of it and its octets.
type Message struct {
	ID      mail.ID
	Size    int64
	SHA256  entry.Hash // as entered in the ledger on arrival
	Arrived int64      // microseconds since 1970
	Source  string     // where it came from (docs/formats/entry.md); for who holds the archive, else empty

	io.ReadCloser // the octets as received; Read fails at the end where they differ from SHA256
}

// Show opens a message for a session: the opening is entered in the audit log
// before the first octet leaves, and what is known of the message is compared
// with its entry in the message log: kind Damaged where row, opening or entry
// are not those that were committed. Opening what is not one's own takes a reason.
// A message that is not there and one that is somebody else's give the same
// error of kind NotFound. The caller closes the message.
func (a *Archive) Show(ctx context.Context, s Reader, id mail.ID, reason string) (_ *Message, err error) {
	defer fault.Wrap(&err, "show")
	o, err := a.open(ctx, s, id, reason, "message.open")
	if err != nil {
		return nil, err
	}
	defer o.key.Close()
	m, err := a.stream(ctx, s.Tenant(), o)
	if err != nil {
		return nil, err
	}
	m.Source = cameFrom(o)
	return m, nil
}

// opened is a message whose opening is in the audit log.
type opened struct {
	row
	key     *seal.Opened
	entry   entry.Entry
	content entry.Content
}

// open finds a message, opens its key through the session, enters that in the
// audit log, and compares row and opening with the message's entry.
func (a *Archive) open(ctx context.Context, s Reader, id mail.ID, reason, what string) (*opened, error) {
	o := &opened{}
	var err error
	if o.row, err = a.find(ctx, s.Tenant(), id); err != nil {
		return nil, err
	}
	if o.key, err = s.Unlocked().Open(ctx, id, s.Archive()); err != nil {
		return nil, err
	}
	if err := a.record(ctx, s, o, reason, what); err != nil {
		o.key.Close()
		return nil, err
	}
	if err := a.check(ctx, s.Tenant(), o); err != nil {
		o.key.Close()
		return nil, err
	}
	return o, nil
}

// check compares what is shown of a message with its entry in the log, before
// any of its octets is read.
func (a *Archive) check(ctx context.Context, t db.Tenant, o *opened) error {
	e, err := a.entered(ctx, t, o.row)
	if err != nil {
		return err
	}
	if err := a.proven(ctx, t, o.row, e); err != nil {
		return err
	}
	o.entry = e.Entry
	o.content, err = e.content(o)
	return err
}

// record writes the audit event, with the reason sealed to the archive.
func (a *Archive) record(ctx context.Context, s Reader, o *opened, reason, what string) error {
	own, err := s.Unlocked().Has(ctx, o.id, s.Unlocked().Person())
	if err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	// Who was given it in a case has the case's reason.
	if !own && o.key.Holder == s.Archive() && !isReason(reason) {
		return errReason()
	}
	return a.Trail.Record(ctx, s.Tenant(), s.Archive(), audit.Event{
		What: what, Who: s.Person().String(), Object: o.id.String(),
		Detail: map[string]any{"own": own, "holder": o.key.Holder.String()}, Note: reason,
	})
}

// isReason reports whether somebody gave a reason: punctuation is none.
func isReason(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

func errReason() error {
	return fault.At("reason", fault.New(fault.Invalid, "this message is not yours: opening it takes a reason, which is kept in the audit log"))
}

func (a *Archive) find(ctx context.Context, t db.Tenant, id mail.ID) (row, error) {
	r := row{id: id}
	var packID []byte
	var arrived int64
	err := t.QueryRow(ctx, `SELECT leaf, pack, start, length, size, arrived, opening, evidence FROM archive_message
		WHERE tenant = $1 AND id = $2`, id.Bytes()).
		Scan(&r.leaf, &packID, &r.start, &r.length, &r.size, &arrived, &r.opening, &r.evidence)
	if errors.Is(err, db.ErrNoRows) {
		return r, errMissing()
	}
	if err != nil {
		return r, err
	}
	r.arrived = mail.FromMicros(arrived)
	r.pack, err = mail.IDFrom(packID)
	return r, err
}

// stream opens the octets of a message.
func (a *Archive) stream(ctx context.Context, t db.Tenant, o *opened) (*Message, error) {
	m := &Message{ID: o.id, Size: o.size, Arrived: mail.Micros(o.arrived)}
	digest, err := hex.DecodeString(string(o.content.SHA256.Value))
	if err != nil || copy(m.SHA256[:], digest) != len(m.SHA256) {
		return nil, fault.New(fault.Damaged, "the message's opening is malformed")
	}
	sealed, err := a.Store.Get(ctx, blob.PackName(t.ID(), o.pack), o.start, o.length)
	if fault.Of(err) == fault.NotFound {
		return nil, fault.Because(fault.Damaged, "the message's pack is missing from the object store", err)
	}
	if err != nil {
		return nil, err
	}
	plain, err := o.key.Stream(sealed, o.size)
	if err != nil {
		return nil, errors.Join(err, sealed.Close())
	}
	m.ReadCloser = &verified{plain: plain, sealed: sealed, r: plain, want: m.SHA256, hash: sha256.New()}
	return m, nil
}

// verified compares what passes with the hash on arrival (the reader's half of
// EV-01).
type verified struct {
	plain, sealed io.Closer
	r             io.Reader
	want          entry.Hash
	hash          hash.Hash
}

func (v *verified) Read(b []byte) (int, error) {
	n, err := v.r.Read(b)
	v.hash.Write(b[:n])
	if errors.Is(err, io.EOF) && !bytes.Equal(v.hash.Sum(nil), v.want[:]) {
		return n, fault.New(fault.Damaged, "the message is not the one that arrived")
	}
	return n, err
}

func (v *verified) Close() error { return errors.Join(v.plain.Close(), v.sealed.Close()) }
