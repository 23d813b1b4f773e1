// Package address knows whose mail is whose: to which holders mail with an address
// is sealed, as the audit log of the tenant has it.
package address

import (
	"context"
	"errors"

	"siegel/internal/flow"
	"siegel/internal/identity/account"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Assignment says that mail with an address is sealed to a holder.
type Assignment struct {
	ID      mail.ID
	Holder  mail.HolderID
	Address mail.Address

	tenant mail.TenantID
	stamp  standing.Stamp
}

// Row implements [standing.Rower].
func (a Assignment) Row() standing.Row {
	return standing.Row{
		Stamp: a.stamp, Tenant: a.tenant, Kind: standing.Holders, ID: a.ID,
		Value: []byte(a.Holder.String() + " " + a.Address.String()),
	}
}

const selectAssignment = `SELECT tenant, address, holder, id, salt, entered FROM identity_address WHERE tenant = $1`

func scan(row db.Scanner) (a Assignment, err error) {
	var tenant, holder, id, salt []byte
	if err := row.Scan(&tenant, &a.Address, &holder, &id, &salt, &a.stamp.At); err != nil {
		return a, err
	}
	a.stamp.ScanSalt(salt)
	var errs [3]error
	a.tenant, errs[0] = mail.IDFrom(tenant)
	a.Holder, errs[1] = mail.IDFrom(holder)
	a.ID, errs[2] = mail.IDFrom(id)
	return a, errors.Join(errs[:]...)
}

// Ender enters in the ledger that something holds no longer: seal.Vault.
type Ender interface {
	End(ctx context.Context, tx *db.Tx, id mail.ID) error
}

// Register has the assignments of all tenants. Use it from many goroutines.
type Register struct {
	Book  *standing.Book
	Ender Ender
}

// stands fails with kind Damaged where an assignment does not stand in the
// ledger: never entered, or ended since. It reports false where it ended after
// its row was read, which is no damage.
func (r *Register) stands(ctx context.Context, q account.Rower, a Assignment) (bool, error) {
	if ok, err := r.Book.Stands(ctx, a.Row()); ok || err != nil {
		return ok, err
	}
	_, err := standing.Read(ctx, r.Book, func() (Assignment, error) {
		// Of two rows with one id, the one that was asked for.
		return scan(q.QueryRow(ctx, selectAssignment+` AND address = $2 AND id = $3 AND holder = $4`, a.Address.String(), a.ID.Bytes(), a.Holder.Bytes()))
	})
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// At returns the holders of an address. It fails with kind Damaged where one was
// not entered in the ledger.
func (r *Register) At(ctx context.Context, t db.Tenant, a mail.Address) (holders []mail.HolderID, err error) {
	rows, err := t.Query(ctx, selectAssignment+` AND address = $2`, a.String())
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	for _, one := range list {
		if ok, err := r.stands(ctx, t, one); err != nil {
			return nil, err
		} else if ok {
			holders = append(holders, one.Holder)
		}
	}
	return holders, nil
}

// Of returns whose mail is sealed to a person. It fails with kind Damaged where a
// row does not stand in the ledger, or makes another's address hers.
func (r *Register) Of(ctx context.Context, t db.Tenant, p account.Person) (list []mail.Address, err error) {
	rows, err := t.Query(ctx, selectAssignment+` AND person = $2 ORDER BY address`, p.ID.Bytes())
	if err != nil {
		return nil, err
	}
	found, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		ok, err := r.stands(ctx, t, a)
		if err == nil && a.Holder != p.Holder {
			err = standing.NotHers(a.Row())
		}
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, a.Address)
		}
	}
	return list, nil
}

// All returns the assignments of a tenant that stand.
func (r *Register) All(ctx context.Context, t db.Tenant) (list []Assignment, err error) {
	rows, err := t.Query(ctx, selectAssignment)
	if err != nil {
		return nil, err
	}
	found, err := db.Collect(rows, scan)
	for _, a := range found {
		ok, err := r.Book.Stands(ctx, a.Row())
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, a)
		}
	}
	return list, err
}

// Verify compares the assignments of a tenant's addresses with what stands in the
// audit log.
func (r *Register) Verify(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) ([]error, error) {
	rows, err := t.Query(ctx, selectAssignment)
	if err != nil {
		return nil, err
	}
	list, err := db.Collect(rows, func(row db.Scanner) (standing.Row, error) {
		a, err := scan(row)
		return a.Row(), err
	})
	changed, missing := standing.Compare(standing.Holders, list, entered)
	return append(changed, missing...), err
}

// Assign begins sealing mail with an address to a person and returns the
// assignment's id.
func (r *Register) Assign(ctx context.Context, tx *db.Tx, p account.Person, a mail.Address) (mail.ID, error) {
	one := Assignment{ID: mail.NewID(), Holder: p.Holder, Address: a, tenant: tx.ID(), stamp: r.Book.NewStamp()}
	_, err := tx.Exec(ctx, `INSERT INTO identity_address (tenant, address, person, holder, id, salt, entered)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, a.String(), p.ID.Bytes(), p.Holder.Bytes(), one.ID.Bytes(), one.stamp.Salt[:], one.stamp.At)
	if fault.Of(err) == fault.Conflict {
		return one.ID, fault.Newf(fault.Conflict, "%s is an address of this person already", a)
	}
	if err != nil {
		return one.ID, err
	}
	return one.ID, r.Book.Enter(ctx, tx, one.Row())
}

// Unassign ends it and returns the assignment's id. What was sealed to the person
// stays so.
func (r *Register) Unassign(ctx context.Context, tx *db.Tx, p account.Person, a mail.Address) (id mail.ID, err error) {
	none := func(err error) error {
		if errors.Is(err, db.ErrNoRows) {
			return fault.Newf(fault.NotFound, "%s is not an address of this person", a)
		}
		return err
	}
	// A row that a hand put there might have the id of something else, which must
	// not end.
	one, err := standing.Read(ctx, r.Book, func() (Assignment, error) {
		one, err := scan(tx.QueryRow(ctx, selectAssignment+` AND address = $2 AND person = $3`, a.String(), p.ID.Bytes()))
		return one, none(err)
	})
	if err != nil {
		return id, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM identity_address WHERE tenant = $1 AND address = $2 AND person = $3`, a.String(), p.ID.Bytes())
	if err != nil {
		return id, err
	}
	return one.ID, r.Ender.End(ctx, tx, one.ID)
}

// Names returns the addresses that the rows give a person, in order.
func (r *Register) Names(ctx context.Context, tx *db.Tx, person mail.ID) ([]mail.Address, error) {
	rows, err := tx.Query(ctx, `SELECT address FROM identity_address WHERE tenant = $1 AND person = $2 ORDER BY address`, person.Bytes())
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(row db.Scanner) (a mail.Address, err error) { return a, row.Scan(&a) })
}
