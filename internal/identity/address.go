package identity

import (
	"context"
	"errors"

	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

func addOwner(owners []mail.Owner, holder mail.HolderID, a mail.Address) []mail.Owner {
	for k := range owners {
		if owners[k].Holder == holder {
			owners[k].Addresses = append(owners[k].Addresses, a)
			return owners
		}
	}
	return append(owners, mail.Owner{Holder: holder, Addresses: []mail.Address{a}})
}

// assigned returns the holders of an address after their assignment was found
// in the ledger.
func (i *Identity) assigned(ctx context.Context, t db.Tenant, a mail.Address) (holders []mail.HolderID, err error) {
	rows, err := t.Query(ctx, selectAssignment+` AND address = $2`, a.String())
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scanAssignment)
	if err != nil {
		return nil, err
	}
	for _, one := range list {
		if ok, err := i.verifyAssignment(ctx, t, one); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		holders = append(holders, one.holder)
	}
	return holders, nil
}

// assignment says that mail with an address is sealed to a holder.
type assignment struct {
	id      mail.ID
	holder  mail.HolderID
	address mail.Address
	salt    entry.Hash
	created int64
	leaf    int64
}

const selectAssignment = `SELECT address, holder, id, salt, leaf, created FROM identity_address WHERE tenant = $1`

func scanAssignment(row db.Scanner) (a assignment, err error) {
	var holder, id, salt []byte
	if err := row.Scan(&a.address, &holder, &id, &salt, &a.leaf, &a.created); err != nil {
		return a, err
	}
	var errs [2]error
	a.holder, errs[0] = mail.IDFrom(holder)
	a.id, errs[1] = mail.IDFrom(id)
	if len(salt) != copy(a.salt[:], salt) || len(salt) != entry.SaltSize {
		return a, fault.New(fault.Damaged, "the assignment of an address is malformed")
	}
	return a, errors.Join(errs[:]...)
}

// verifyAssignment fails with kind Damaged where the assignment does not stand
// in the ledger: never entered, or ended since. It reports false where it ended
// after its row was read, which is no damage.
func (i *Identity) verifyAssignment(ctx context.Context, t db.Tenant, a assignment) (bool, error) {
	text, err := a.text()
	if err != nil {
		return false, err
	}
	p, err := i.Log.Newest(ctx, t, seal.AuditLog, a.id)
	if err != nil && fault.Of(err) != fault.Damaged {
		return false, err
	}
	if err == nil && a.is(p, text) {
		return true, nil
	}
	if err == nil {
		err = errors.New("its entry is not the newest of its id")
	}
	var one int
	again := t.QueryRow(ctx, `SELECT 1 FROM identity_address WHERE tenant = $1 AND address = $2 AND id = $3`, a.address.String(), a.id.Bytes()).Scan(&one)
	if errors.Is(again, db.ErrNoRows) {
		return false, nil
	}
	return false, fault.Because(fault.Damaged, "the assignment of an address is not in the ledger: somebody changed the database", err)
}

// is reports whether an assignment is what stands in the log.
func (a assignment) is(p flow.Entered, text []byte) bool {
	return p.Index == a.leaf && p.Data == entry.LeafData(text, entry.Nothing())
}

// verifyAddresses compares the assignments of a tenant's addresses with what
// stands in the audit log. Problems name ids and no addresses.
func (i *Identity) verifyAddresses(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) (problems []error, err error) {
	rows, err := t.Query(ctx, selectAssignment)
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scanAssignment)
	if err != nil {
		return nil, err
	}
	found := make(map[mail.ID]bool)
	for _, a := range list {
		found[a.id] = true
		text, err := a.text()
		if err != nil {
			return nil, err
		}
		if !a.is(entered[a.id], text) {
			problems = append(problems, fault.Newf(fault.Damaged, "the address %s of holder %s does not stand in the ledger", a.id, a.holder))
		}
	}
	return append(problems, standing.Missing("holders", found, entered)...), nil
}

// text is the entry that says to whom mail with an address is sealed.
func (a assignment) text() ([]byte, error) {
	o := entry.Opening{Salt: a.salt, Value: []byte(a.holder.String() + " " + a.address.String())}
	return entry.Entry{
		Kind: "holders", ID: a.id, Time: mail.FromMicros(a.created),
		Fields: []entry.Field{{Name: "holders", Commitment: o.Commit()}},
	}.Text()
}

// assign begins sealing mail with an address to a person and returns the
// assignment's id.
func (i *Identity) assign(ctx context.Context, tx *db.Tx, p Person, a mail.Address) (mail.ID, error) {
	one := assignment{id: mail.NewID(), holder: p.Holder, address: a, salt: seal.NewSalt(), created: mail.Micros(i.Now())}
	text, err := one.text()
	if err != nil {
		return one.id, err
	}
	leaf, err := i.Log.Append(ctx, tx, seal.AuditLog, []flow.Leaf{{Log: seal.AuditLog, Entry: text, Sealed: entry.Nothing()}})
	if err != nil {
		return one.id, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO identity_address (tenant, address, person, holder, id, salt, leaf, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, a.String(), p.ID.Bytes(), p.Holder.Bytes(), one.id.Bytes(), one.salt[:], leaf, one.created)
	return one.id, err
}

// unassign ends it and returns the assignment's id. What was sealed to the person
// stays so.
func (i *Identity) unassign(ctx context.Context, tx *db.Tx, p Person, a mail.Address) (id mail.ID, err error) {
	one, err := scanAssignment(tx.QueryRow(ctx, selectAssignment+` AND address = $2 AND person = $3`, a.String(), p.ID.Bytes()))
	if errors.Is(err, db.ErrNoRows) {
		return id, fault.Newf(fault.NotFound, "%s is not an address of this person", a)
	}
	if err != nil {
		return id, err
	}
	// A row that a hand put there might have the id of something else, which must
	// not end.
	if ok, err := i.verifyAssignment(ctx, tx.Committed(), one); err != nil {
		return id, err
	} else if !ok {
		return id, errMeanwhile()
	}
	_, err = tx.Exec(ctx, `DELETE FROM identity_address WHERE tenant = $1 AND address = $2 AND person = $3`, a.String(), p.ID.Bytes())
	if err != nil {
		return id, err
	}
	return one.id, i.Vault.End(ctx, tx, one.id)
}

// addresses returns whose mail is sealed to a person. It fails with kind Damaged
// where a row does not stand in the ledger, or makes another's address hers.
func (i *Identity) addresses(ctx context.Context, t db.Tenant, p Person) (list []mail.Address, err error) {
	rows, err := t.Query(ctx, selectAssignment+` AND person = $2 ORDER BY address`, p.ID.Bytes())
	if err != nil {
		return nil, err
	}
	found, err := db.Collect(rows, scanAssignment)
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		ok, err := i.verifyAssignment(ctx, t, a)
		if err == nil && a.holder != p.Holder {
			err = fault.New(fault.Damaged, "the assignment of an address is not in the ledger: somebody changed the database")
		}
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, a.address)
		}
	}
	return list, nil
}

// unassignAll ends that mail is sealed to a person and returns which addresses
// she had. Each end is an event.
func (i *Identity) unassignAll(ctx context.Context, tx *db.Tx, p Person, by mail.ID) ([]mail.Address, error) {
	rows, err := tx.Query(ctx, `SELECT address FROM identity_address WHERE tenant = $1 AND person = $2 ORDER BY address`, p.ID.Bytes())
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, func(row db.Scanner) (a mail.Address, err error) { return a, row.Scan(&a) })
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if err := i.removeAddress(ctx, tx, p, a, by); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// removeAddress ends that mail with one address is sealed to a person.
func (i *Identity) removeAddress(ctx context.Context, tx *db.Tx, p Person, a mail.Address, by mail.ID) error {
	id, err := i.unassign(ctx, tx, p, a)
	if err != nil {
		return err
	}
	return i.Trail.RecordIn(ctx, tx, audit.Event{
		What: "person.address.remove", Who: by.String(), Object: p.ID.String(), Detail: map[string]any{"assignment": id.String()},
	})
}
