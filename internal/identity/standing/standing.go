// Package standing compares rows that say who may do what with the audit log of
// their tenant. Each such row has an entry whose id is the row's and which
// commits to its values; the row counts only where the newest entry of the id is
// just that one (docs/formats/entry.md). So who can write the database and has no
// key of the instance makes nobody a keeper, and an older copy of a row gives
// nothing.
package standing

import (
	"context"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Log is the ledger: vault/ledger.
type Log interface {
	Append(ctx context.Context, tx *db.Tx, log string, leaves []flow.Leaf) (int64, error)
	// Newest returns where the newest entry of an id stands in the log as
	// committed.
	Newest(ctx context.Context, t db.Tenant, log string, id mail.ID) (flow.Entered, error)
}

// Book is where rows are entered and looked up. Use it from many goroutines.
type Book struct {
	DB  *db.DB
	Log Log
	Now func() time.Time
}

// Stamp is what a row has of its entry: the salt of the commitment, fresh each
// time the row is entered, and when that was.
type Stamp struct {
	Salt entry.Hash
	At   int64 // microseconds since 1970
}

// NewStamp returns the stamp of a row that is about to be written.
func (b *Book) NewStamp() Stamp { return Stamp{Salt: seal.NewSalt(), At: mail.Micros(b.Now())} }

// ScanSalt reads the salt of a row. Octets that are none make a salt that no
// entry has: the row does not stand.
func (s *Stamp) ScanSalt(salt []byte) {
	s.Salt = entry.Hash{}
	if len(salt) == entry.SaltSize {
		s.Salt = entry.Hash(salt)
	}
}

// Row is a row with what commits to it.
type Row struct {
	Stamp

	Tenant mail.TenantID // in whose audit log its entry stands
	Kind   string        // of the entry, and the name of its field
	ID     mail.ID
	Value  []byte
}

// Rower is something that was read from a row.
type Rower interface{ Row() Row }

func (r Row) text() ([]byte, error) {
	o := entry.Opening{Salt: r.Salt, Value: r.Value}
	return entry.Entry{
		Kind: r.Kind, ID: r.ID, Time: mail.FromMicros(r.At),
		Fields: []entry.Field{{Name: r.Kind, Commitment: o.Commit()}},
	}.Text()
}

// is reports whether a row is what an entry commits to. The salt is fresh for
// each entry, so no two have the same leaf data, wherever they stand.
func (r Row) is(p flow.Entered) bool {
	text, err := r.text()
	// A time that has no spelling was never entered.
	return err == nil && p.Index >= 0 && p.Data == entry.LeafData(text, entry.Nothing())
}

// Enter enters a row as it is written by the same transaction. It takes the
// audit log's lock.
func (b *Book) Enter(ctx context.Context, tx *db.Tx, rows ...Row) error {
	var leaves []flow.Leaf
	for _, r := range rows {
		text, err := r.text()
		if err != nil {
			return err
		}
		leaves = append(leaves, flow.Leaf{Log: seal.AuditLog, Entry: text, Sealed: entry.Nothing()})
	}
	_, err := b.Log.Append(ctx, tx, seal.AuditLog, leaves)
	return err
}

// Stands reports whether a row is what the newest entry of its id commits to.
func (b *Book) Stands(ctx context.Context, r Row) (bool, error) {
	p, err := b.Log.Newest(ctx, b.DB.Tenant(r.Tenant), seal.AuditLog, r.ID)
	if fault.Of(err) == fault.NotFound {
		return false, nil // there is no such tenant
	}
	return err == nil && r.is(p), err
}

// Only returns those of some rows that stand, in their order.
func Only[T Rower](ctx context.Context, b *Book, rows []T) (list []T, err error) {
	for _, one := range rows {
		ok, err := b.Stands(ctx, one.Row())
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, one)
		}
	}
	return list, nil
}

// Read reads a row that stands: again where it was changed between the reading
// of the row and that of the log. It fails with kind Damaged where the row does
// not stand, and then returns it all the same. Within a transaction read what the
// transaction itself has not changed: the log is asked for what was committed.
func Read[T Rower](ctx context.Context, b *Book, read func() (T, error)) (one T, err error) {
	one, err = read()
	for err == nil {
		r := one.Row()
		ok, err := b.Stands(ctx, r)
		if ok || err != nil {
			return one, err
		}
		again, err := read()
		if err != nil {
			return again, err
		}
		if again.Row().Salt == r.Salt {
			return again, errRow(r)
		}
		one = again
	}
	return one, err
}

// errRow says that a row does not stand. It names no address.
func errRow(r Row) error {
	switch r.Kind {
	case Account:
		return fault.Newf(fault.Damaged, "the account %s is not as it was entered in the ledger: somebody changed the database; verify the ledger", r.ID)
	case Request:
		return fault.Newf(fault.Damaged, "the request %s is not as it was entered in the ledger: somebody changed the database; verify the ledger", r.ID)
	case Holders:
		return NotHers(r)
	default:
		return fault.Newf(fault.Damaged, "the tenant %s is not as it was entered in the ledger: somebody changed the database; verify the ledger", r.Tenant)
	}
}

// NotHers says that the assignment of an address is not a person's.
func NotHers(r Row) error {
	return fault.Newf(fault.Damaged, "the assignment %s of an address is not as it was entered in the ledger: somebody changed the database; verify the ledger", r.ID)
}

// Kinds of entries. They are part of the formats.
const (
	Account = "account"
	Request = "request"
	Tenant  = "tenant"
	Domain  = "domain"
	Holders = "holders" // whose mail is whose
	Source  = "source"  // who may hand in mail
)

// Compare compares all rows of a kind with what stands in the log. It returns
// those that do not stand, and the entries that stand and have no row.
func Compare(kind string, rows []Row, standing map[mail.ID]flow.Entered) (changed, missing []error) {
	found := make(map[mail.ID]bool)
	for _, r := range rows {
		found[r.ID] = true
		if p, ok := standing[r.ID]; !ok || !r.is(p) {
			changed = append(changed, r.Changed())
		}
	}
	return changed, Missing(kind, found, standing)
}

// Sort returns the rows of which nothing stands, so that they give nothing: the
// id was never entered as such, has ended, or another row of the list is what
// stands. Changed are those whose id stands otherwise.
func Sort[T Rower](list []T, entered map[mail.ID]flow.Entered) (strays, changed []T) {
	right := make(map[mail.ID]bool)
	for _, one := range list {
		if r := one.Row(); r.is(entered[r.ID]) {
			right[r.ID] = true
		}
	}
	for _, one := range list {
		switch r := one.Row(); {
		case r.is(entered[r.ID]):
		case entered[r.ID].Kind == r.Kind && !right[r.ID]:
			changed = append(changed, one)
		default:
			strays = append(strays, one)
		}
	}
	return strays, changed
}

// Changed is what is wrong with a row that does not stand.
func (r Row) Changed() error {
	return fault.Newf(fault.Damaged, "the row %s (%s) does not stand in the ledger", r.ID, fault.Word(r.Kind))
}

// Missing returns the entries of a kind that stand and have no row.
func Missing(kind string, found map[mail.ID]bool, standing map[mail.ID]flow.Entered) (problems []error) {
	for id, p := range standing {
		if p.Kind == kind && !found[id] {
			problems = append(problems, fault.Newf(fault.Damaged, "entry %d of the audit log (%s %s) has no row in the database", p.Index, fault.Word(p.Kind), id))
		}
	}
	return problems
}
