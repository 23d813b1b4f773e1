package identity

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"slices"
	"time"

	"siegel/internal/audit"
	"siegel/internal/flow"
	"siegel/internal/identity/attempt"
	"siegel/internal/identity/recovery"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/entry"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() fs.FS { return migrations }

// Role is what a person may do.
type Role string

// The roles of the archive (requirements EX-06, decision D15).
const (
	Administrator Role = "administrator" // manages, reads nothing
	Keeper        Role = "compliance"    // holds the archive, carries out requests
	Auditor       Role = "auditor"       // reads everything
	Reader        Role = "reader"        // reads what bears an address of her own
)

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case Administrator, Keeper, Auditor, Reader:
		return r, nil
	default:
		return "", fault.Newf(fault.Invalid, "there is no role %q; the roles are administrator, compliance, auditor, reader", s)
	}
}

// holdsArchive reports whether the role comes with the archive's seed.
func (r Role) holdsArchive() bool { return r == Keeper || r == Auditor }

// Times of accounts.
const (
	// invitationFor is how long a code opens an invitation.
	invitationFor = 14 * 24 * time.Hour
	// coolDown is how long an account that somebody made or reset is not served
	// by his requests.
	coolDown = 7 * 24 * time.Hour
)

// Log is the ledger: vault/ledger.
type Log interface {
	seal.Log
	Create(ctx context.Context, tx *db.Tx, name string) error
	// Standing returns the newest entry of every id, but for events.
	Standing(ctx context.Context, t db.Tenant, log string) (map[mail.ID]flow.Entered, error)
}

// Deps is what the room works with.
type Deps struct {
	DB    *db.DB
	Vault *seal.Vault
	Log   Log
	Trail *audit.Trail
	MAC   attempt.MAC
	Now   func() time.Time
	// Alarm hears of assignments that give nothing because they do not stand in
	// the ledger; may be nil.
	Alarm func(mail.TenantID, error)
}

// Identity is the room. Use it from many goroutines.
type Identity struct {
	Deps

	open     *register        // of sessions
	attempts *attempt.Counter // that were refused
	kits     *recovery.Shelf  // recovery kits shown and not yet confirmed
}

// New returns the room.
func New(d Deps) *Identity {
	if d.Alarm == nil {
		d.Alarm = func(mail.TenantID, error) {}
	}
	return &Identity{
		Deps: d, open: newRegister(), kits: recovery.New(d.Vault, d.Now),
		attempts: attempt.New(attempt.Deps{DB: d.DB, Trail: d.Trail, MAC: d.MAC, Now: d.Now}),
	}
}

// Settle enters refused sign-ins in the audit logs of their tenants: those that
// were counted together until ten minutes ago. Call it every few minutes. It
// returns how many there were since at addresses that nobody has.
func (i *Identity) Settle(ctx context.Context) (attempt.Strangers, error) {
	return i.attempts.Settle(ctx)
}

// Tenant is a tenant as the instance knows it.
type Tenant struct {
	ID       mail.TenantID `json:"id"`
	Name     string        `json:"name"`
	Archive  mail.HolderID `json:"-"`
	Recovery mail.HolderID `json:"-"`
	Domains  []mail.Domain `json:"domains"`
}

// Tenants returns all tenants, by name.
func (i *Identity) Tenants(ctx context.Context) (list []Tenant, err error) {
	rows, err := i.DB.Instance().Query(ctx, `SELECT id, name, archive, recovery FROM identity_tenant WHERE tenant = $1 ORDER BY name`)
	if err != nil {
		return nil, err
	}
	if list, err = db.Collect(rows, scanTenant); err != nil {
		return nil, err
	}
	for k := range list {
		if list[k].Domains, err = i.domains(ctx, list[k].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func scanTenant(row db.Scanner) (t Tenant, err error) {
	var id, archive, recovery []byte
	if err := row.Scan(&id, &t.Name, &archive, &recovery); err != nil {
		return t, err
	}
	var errs [3]error
	t.ID, errs[0] = mail.IDFrom(id)
	t.Archive, errs[1] = mail.IDFrom(archive)
	t.Recovery, errs[2] = mail.IDFrom(recovery)
	return t, errors.Join(errs[:]...)
}

func (i *Identity) tenant(ctx context.Context, id mail.TenantID) (Tenant, error) {
	row := i.DB.Instance().QueryRow(ctx, `SELECT id, name, archive, recovery FROM identity_tenant WHERE tenant = $1 AND id = $2`, id.Bytes())
	t, err := scanTenant(row)
	if errors.Is(err, db.ErrNoRows) {
		return t, fault.New(fault.NotFound, "there is no such tenant")
	}
	return t, err
}

// Named returns the tenant of that name, or the only one for the empty name.
func (i *Identity) Named(ctx context.Context, name string) (Tenant, error) {
	list, err := i.Tenants(ctx)
	if err != nil {
		return Tenant{}, err
	}
	for _, t := range list {
		if t.Name == name || (name == "" && len(list) == 1) {
			return t, nil
		}
	}
	if name == "" && len(list) > 1 {
		return Tenant{}, fault.New(fault.Invalid, "there are several tenants; name one")
	}
	return Tenant{}, fault.New(fault.NotFound, "there is no such tenant")
}

func (i *Identity) domains(ctx context.Context, owner mail.TenantID) (list []mail.Domain, err error) {
	rows, err := i.DB.Instance().Query(ctx, `SELECT domain FROM identity_domain WHERE tenant = $1 AND owner = $2 ORDER BY domain`, owner.Bytes())
	if err != nil {
		return nil, err
	}
	return db.Collect(rows, func(row db.Scanner) (d mail.Domain, err error) { return d, row.Scan(&d) })
}

// Tenant returns the tenant that takes mail for a domain. It fails with kind
// NotFound where nobody does. It implements the router of the room receive.
func (i *Identity) Tenant(ctx context.Context, d mail.Domain) (mail.TenantID, error) {
	var owner []byte
	err := i.DB.Instance().QueryRow(ctx, `SELECT owner FROM identity_domain WHERE tenant = $1 AND domain = $2`, d.String()).Scan(&owner)
	if errors.Is(err, db.ErrNoRows) {
		return mail.TenantID{}, fault.New(fault.NotFound, "nobody here takes mail for this domain")
	}
	if err != nil {
		return mail.TenantID{}, err
	}
	return mail.IDFrom(owner)
}

// Sealing returns the tenant's archive holder and who owns any of the
// addresses. A row that a hand put into the database must not add a reader: where
// nothing of its id stands in the ledger it is left out, with an alarm, since it
// must not keep the mail of others out either. One that stands and was changed is
// an error of kind Damaged: its reader would miss the mail.
func (i *Identity) Sealing(ctx context.Context, t db.Tenant, addresses []mail.Address) (mail.HolderID, []mail.Owner, error) {
	tenant, err := i.tenant(ctx, t.ID())
	if err != nil {
		return mail.HolderID{}, nil, err
	}
	own, err := i.domains(ctx, t.ID())
	if err != nil {
		return mail.HolderID{}, nil, err
	}
	local := make(map[mail.Domain]bool, len(own))
	for _, d := range own {
		local[d] = true
	}
	seen := make(map[mail.Address]bool)
	var owners []mail.Owner
	for _, a := range addresses {
		if seen[a] || !local[a.Domain()] {
			continue
		}
		seen[a] = true
		holders, err := i.holdersOf(ctx, t, a)
		if err != nil {
			return mail.HolderID{}, nil, err
		}
		for _, h := range holders {
			owners = addOwner(owners, h, a)
		}
	}
	return tenant.Archive, owners, nil
}

func addOwner(owners []mail.Owner, holder mail.HolderID, a mail.Address) []mail.Owner {
	for k := range owners {
		if owners[k].Holder == holder {
			owners[k].Addresses = append(owners[k].Addresses, a)
			return owners
		}
	}
	return append(owners, mail.Owner{Holder: holder, Addresses: []mail.Address{a}})
}

// holdersOf returns the holders of an address after their assignment was found
// in the ledger.
func (i *Identity) holdersOf(ctx context.Context, t db.Tenant, a mail.Address) (holders []mail.HolderID, err error) {
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

// The casts keep a row that a hand wrote from failing all the others.
const selectAssignment = `SELECT address, holder, id, salt, CAST(leaf AS BIGINT), CAST(created AS BIGINT) FROM identity_address WHERE tenant = $1`

func scanAssignment(row db.Scanner) (a assignment, err error) {
	var holder, id, salt []byte
	if err := row.Scan(&a.address, &holder, &id, &salt, &a.leaf, &a.created); err != nil {
		return a, err
	}
	// What is no id stays zero: such a row stands for nothing.
	a.holder, _ = mail.IDFrom(holder)
	a.id, _ = mail.IDFrom(id)
	if len(salt) != copy(a.salt[:], salt) || len(salt) != entry.SaltSize {
		a.leaf = -1 // nothing stands there
	}
	return a, nil
}

// verifyAssignment reports whether mail is to be sealed to whom the assignment
// names. It fails with kind Damaged where the row was changed. Of one that was
// never entered, or has ended, it reports false, with an alarm unless it ended
// after its row was read.
func (i *Identity) verifyAssignment(ctx context.Context, t db.Tenant, a assignment) (bool, error) {
	text, err := a.text()
	if err != nil {
		return false, err
	}
	p, err := i.Log.Newest(ctx, t, seal.AuditLog, a.id)
	if err != nil || a.is(p, text) {
		return err == nil, err
	}
	rows, err := t.Query(ctx, selectAssignment+` AND id = $2`, a.id.Bytes())
	if err != nil {
		return false, err
	}
	same, err := db.Collect(rows, scanAssignment)
	if err != nil || !slices.Contains(same, a) {
		return false, err
	}
	strays, _, err := sorted(same, map[mail.ID]flow.Entered{a.id: p})
	if err != nil {
		return false, err
	}
	if !slices.Contains(strays, a) {
		return false, fault.New(fault.Damaged, "the assignment of an address is not in the ledger: somebody changed the database")
	}
	i.Alarm(t.ID(), a.bad())
	return false, nil
}

// sorted returns the rows that give nothing, since nothing of their id stands or
// another row is what stands, and those that were changed.
func sorted(list []assignment, standing map[mail.ID]flow.Entered) (strays, changed []assignment, err error) {
	right := make(map[mail.ID]bool)
	var wrong []assignment
	for _, a := range list {
		text, err := a.text()
		if err != nil {
			return nil, nil, err
		}
		if a.is(standing[a.id], text) {
			right[a.id] = true
		} else {
			wrong = append(wrong, a)
		}
	}
	for _, a := range wrong {
		if standing[a.id].Kind == assigned && !right[a.id] {
			changed = append(changed, a)
		} else {
			strays = append(strays, a)
		}
	}
	return strays, changed, nil
}

// assigned is the kind of entries that assign an address.
const assigned = "holders"

// bad is what is wrong with an assignment that does not stand.
func (a assignment) bad() error {
	return fault.Newf(fault.Damaged, "the address %s of holder %s does not stand in the ledger", a.id, a.holder)
}

// is reports whether an assignment is what stands in the log.
func (a assignment) is(p flow.Entered, text []byte) bool {
	return p.Index == a.leaf && p.Data == entry.LeafData(text, entry.Nothing())
}

// VerifyRows compares the assignments of a tenant's addresses with what stands
// in the audit log: the newest entry of each id. It needs no key. What differs
// comes back as problems of kind Damaged, which name ids and no addresses.
func (i *Identity) VerifyRows(ctx context.Context, t db.Tenant, standing map[mail.ID]flow.Entered) ([]error, error) {
	strays, problems, err := i.verifyAddresses(ctx, t, standing)
	for _, a := range strays {
		problems = append(problems, a.bad())
	}
	return problems, err
}

// verifyAddresses does what VerifyRows does, and lists apart the rows of which
// nothing stands: they give nothing.
func (i *Identity) verifyAddresses(ctx context.Context, t db.Tenant, standing map[mail.ID]flow.Entered) (strays []assignment, problems []error, err error) {
	rows, err := t.Query(ctx, selectAssignment)
	if err != nil {
		return nil, nil, err
	}
	list, err := db.Collect(rows, scanAssignment)
	if err != nil {
		return nil, nil, err
	}
	strays, changed, err := sorted(list, standing)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range changed {
		problems = append(problems, a.bad())
	}
	found := make(map[mail.ID]bool)
	for _, a := range list {
		found[a.id] = true
	}
	for id, p := range standing {
		if p.Kind == assigned && !found[id] {
			problems = append(problems, fault.Newf(fault.Damaged, "entry %d of the audit log (%s %s) has no row in the database", p.Index, fault.Word(p.Kind), id))
		}
	}
	return strays, problems, nil
}

// text is the entry that says to whom mail with an address is sealed.
func (a assignment) text() ([]byte, error) {
	o := entry.Opening{Salt: a.salt, Value: []byte(a.holder.String() + " " + a.address.String())}
	return entry.Entry{
		Kind: assigned, ID: a.id, Time: mail.FromMicros(a.created),
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
	var b []byte
	err = tx.QueryRow(ctx, `DELETE FROM identity_address WHERE tenant = $1 AND address = $2 AND person = $3 RETURNING id`,
		a.String(), p.ID.Bytes()).Scan(&b)
	if errors.Is(err, db.ErrNoRows) {
		return id, fault.Newf(fault.NotFound, "%s is not an address of this person", a)
	}
	if err != nil {
		return id, err
	}
	if id, err = mail.IDFrom(b); err != nil {
		return id, err
	}
	return id, i.Vault.End(ctx, tx, id)
}
