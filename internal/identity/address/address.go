// Package address knows whose mail is whose: to which holders mail with an address
// is sealed, as the audit log of the tenant has it.
package address

import (
	"context"
	"errors"
	"slices"

	"siegel/internal/flow"
	"siegel/internal/identity/account"
	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
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

// The cast keeps a row that a hand wrote from failing all the others.
const selectAssignment = `SELECT tenant, address, holder, id, salt, CAST(entered AS BIGINT) FROM identity_address WHERE tenant = $1`

func scan(row db.Scanner) (a Assignment, err error) {
	var tenant, holder, id, salt []byte
	if err := row.Scan(&tenant, &a.Address, &holder, &id, &salt, &a.stamp.At); err != nil {
		return a, err
	}
	a.stamp.ScanSalt(salt)
	// What is no id stays zero: such a row stands for nothing.
	a.Holder, _ = mail.IDFrom(holder)
	a.ID, _ = mail.IDFrom(id)
	a.tenant, err = mail.IDFrom(tenant)
	return a, err
}

// Ender enters in the ledger that something holds no longer: seal.Vault.
type Ender interface {
	End(ctx context.Context, tx *db.Tx, id mail.ID) error
}

// Register has the assignments of all tenants. Use it from many goroutines.
type Register struct {
	Book  *standing.Book
	Ender Ender
	Alarm func(mail.TenantID, error) // hears of rows that give nothing
}

// stands reports whether an assignment stands in the ledger. It fails with kind
// Damaged where it does and its row was changed. Of one that was never entered, or
// has ended, it reports false, with an alarm unless it ended after its row was read
// (ADR 5).
func (r *Register) stands(ctx context.Context, t db.Tenant, a Assignment) (bool, error) {
	if ok, err := r.Book.Stands(ctx, a.Row()); ok || err != nil {
		return ok, err
	}
	p, err := r.Book.Log.Newest(ctx, t, seal.AuditLog, a.ID)
	if err != nil {
		return false, err
	}
	rows, err := t.Query(ctx, selectAssignment+` AND id = $2`, a.ID.Bytes())
	if err != nil {
		return false, err
	}
	same, err := db.Collect(rows, scan)
	if err != nil || !slices.Contains(same, a) {
		return false, err
	}
	strays, changed := standing.Sort(same, map[mail.ID]flow.Entered{a.ID: p})
	switch {
	case slices.Contains(changed, a):
		return false, standing.NotHers(a.Row())
	case slices.Contains(strays, a):
		r.Alarm(a.tenant, a.Row().Changed())
		return false, nil
	default:
		return true, nil
	}
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
func (r *Register) All(ctx context.Context, t db.Tenant) ([]Assignment, error) {
	rows, err := t.Query(ctx, selectAssignment)
	if err != nil {
		return nil, err
	}
	found, err := db.Collect(rows, scan)
	if err != nil {
		return nil, err
	}
	return standing.Only(ctx, r.Book, found)
}

// Verify compares the assignments of a tenant's addresses with what stands in the
// audit log. What stands and has no row, or another one, is a problem; rows of
// which nothing stands come apart, as [standing.Sort] has them.
func (r *Register) Verify(ctx context.Context, t db.Tenant, entered map[mail.ID]flow.Entered) (strays []Assignment, problems []error, err error) {
	rows, err := t.Query(ctx, selectAssignment)
	if err != nil {
		return nil, nil, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return nil, nil, err
	}
	found := make(map[mail.ID]bool)
	for _, a := range list {
		found[a.ID] = true
	}
	strays, changed := standing.Sort(list, entered)
	for _, a := range changed {
		problems = append(problems, a.Row().Changed())
	}
	return strays, append(problems, standing.Missing(standing.Holders, found, entered)...), nil
}

// Remove deletes the row of an assignment of which nothing stands. It reports
// false where there is none any more.
func (r *Register) Remove(ctx context.Context, tx *db.Tx, a Assignment) (bool, error) {
	res, err := tx.Exec(ctx, `DELETE FROM identity_address WHERE tenant = $1 AND id = $2 AND address = $3 AND holder = $4`,
		a.ID.Bytes(), a.Address.String(), a.Holder.Bytes())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
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
