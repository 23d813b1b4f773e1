package archive

import (
	"context"

	"siegel/internal/kit/fault"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
)

// entered is what the message log says of a message.
type entered struct {
	entry.Entry
	text   []byte // nil where the log has no such entry
	sealed entry.Hash
}

// entered reads a message's entry and compares the row with it: that both speak
// of one message, its size and when it arrived. It fails with kind Damaged, and
// then returns what it has. It needs no key, and does not prove that the entry is
// the log's: see [entered.proven].
func (a *Archive) entered(ctx context.Context, t db.Tenant, r row) (e entered, err error) {
	if e.text, e.sealed, err = a.Entries.Entry(ctx, t, "message", r.leaf); err != nil {
		e.text = nil
		return e, damage(err, fault.Because(fault.Damaged, "the message's row is there, its entry is not in the log", err))
	}
	if e.Entry, err = entry.Parse(e.text); err != nil {
		return e, fault.Because(fault.Damaged, "the message's entry is malformed", err)
	}
	switch {
	case e.Kind != "message" || e.ID != r.id:
		return e, fault.New(fault.Damaged, "row and entry speak of different messages")
	case e.Size != r.size:
		return e, fault.New(fault.Damaged, "the message's size is not the one that was entered")
	case !e.Time.Equal(r.arrived):
		return e, fault.New(fault.Damaged, "the message's time of arrival is not the one that was entered")
	default:
		return e, nil
	}
}

// proven fails with kind Damaged where the entry is not the one that the log
// commits to.
func (a *Archive) proven(ctx context.Context, t db.Tenant, r row, e entered) error {
	err := a.Entries.Has(ctx, t, "message", r.leaf, entry.LeafData(e.text, e.sealed))
	return damage(err, fault.Because(fault.Damaged, "the message's entry is not the one that stands in the log", err))
}

// content opens what its readers may know of a message, and compares the hash
// in it with the entry. That the parts are those of the octets is found by who
// reads them all: verify, and the reader of a bundle.
func (e entered) content(o *opened) (entry.Content, error) {
	plain, err := o.key.OpenOpening(o.opening)
	if err != nil {
		return entry.Content{}, damage(err, fault.Because(fault.Damaged, "the message's opening does not open", err))
	}
	c, err := entry.DecodeContent(plain)
	if err != nil {
		return c, fault.Because(fault.Damaged, "the message's opening is malformed", err)
	}
	return c, fault.Because(fault.Damaged, "the message's opening is not the one that was entered", e.Check("sha256", c.SHA256))
}

// errNoRow is what a message is whose row is gone.
func errNoRow() error {
	return fault.New(fault.Damaged, "the entry is in the log, the message's row is missing")
}

// damage returns said in place of an error that says damage; others stay what
// they are.
func damage(err, said error) error {
	if err == nil {
		return nil
	}
	switch fault.Of(err) {
	case fault.Damaged, fault.NotFound:
		return said
	default:
		return err
	}
}
