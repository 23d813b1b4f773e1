package source

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/netip"
	"regexp"
	"slices"

	"siegel/internal/audit"
	"siegel/internal/identity/bound"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// Bounds of what a tenant may register.
const (
	maxSources  = 1000
	maxNetworks = 100
)

// nameForm is what a source may be called: its name is the local part of the name
// that it signs in with.
var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// Registration is what a source is registered with.
type Registration struct {
	Name        string
	Address     mail.Address // in a domain of the tenant
	Networks    []string     // CIDR, or one address
	Certificate []byte       // PEM of the client's certificate; empty for none
	SignIn      bool         // by SMTP AUTH
	Secret      []byte       // for SMTP AUTH; empty to have one made
	Form        mail.Form
}

// Added is a source that was registered, or given a secret.
type Added struct {
	Listed
	Secret string `json:"secret,omitempty"` // that was made; shown this once
	Beside *Pair  `json:"beside,omitempty"` // one that makes another's proof needless; nil for none
}

// Pair are two sources of one address, of which one is asked for less: who is the
// weaker needs nothing of the other.
type Pair struct {
	Weaker   string `json:"weaker"`
	Stronger string `json:"stronger"`
}

// beside returns the first pair that a source makes with one of the same address.
func (v *view) beside(s Source) *Pair {
	for _, o := range v.sources {
		switch mine, its := s.asks(), o.asks(); {
		case o.Address != s.Address || mine == its:
		case mine&its == mine:
			return &Pair{Weaker: s.Name, Stronger: o.Name}
		case mine&its == its:
			return &Pair{Weaker: o.Name, Stronger: s.Name}
		}
	}
	return nil
}

func (s Source) listed(damaged bool) Listed {
	l := Listed{
		ID: s.ID, Name: s.Name, Address: s.Address, Networks: []string{}, Certificate: hex.EncodeToString(s.Certificate),
		User: s.User(), Form: s.Form, Entered: s.Entered(), Damaged: damaged,
	}
	for _, n := range s.Networks {
		l.Networks = append(l.Networks, n.String())
	}
	return l
}

// Add registers a source of a tenant. It fails with kind Invalid where what it is
// told cannot be, and Conflict where there is one of that name; [fault.Field] says which
// field of the registration it is about: name, address, form, networks or certificate.
func (r *Register) Add(ctx context.Context, t db.Tenant, by mail.ID, n Registration) (out Added, err error) {
	s := Source{ID: mail.NewID(), Name: n.Name, Address: n.Address, Form: n.Form, tenant: t.ID(), stamp: r.Book.NewStamp()}
	if err := r.check(ctx, &s, n); err != nil {
		return out, err
	}
	if n.SignIn {
		if out.Secret, err = s.renew(n.Secret); err != nil {
			return out, err
		}
	}
	if len(s.Networks)+len(s.Certificate)+len(s.verifier) == 0 {
		return out, fault.At("networks", fault.New(fault.Invalid, "a source proves itself by a network, a certificate or SMTP AUTH: name one at least"))
	}
	others, err := r.view(ctx, s.tenant)
	if err != nil {
		return out, err
	}
	out.Beside = others.beside(s)
	err = t.Update(ctx, func(tx *db.Tx) error {
		var have int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM identity_source WHERE tenant = $1`).Scan(&have); err != nil {
			return err
		}
		if have >= maxSources {
			return fault.Newf(fault.Exhausted, "a tenant has at most %d sources", maxSources)
		}
		_, err := tx.Exec(ctx, `INSERT INTO identity_source (tenant, id, name, address, networks, certificate, verifier, form, salt, entered)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, s.ID.Bytes(), s.Name, s.Address.String(), join(s.Networks), some(s.Certificate), some(s.verifier),
			string(s.Form), s.stamp.Salt[:], s.stamp.At)
		if fault.Of(err) == fault.Conflict {
			return fault.At("name", fault.Newf(fault.Conflict, "there is a source %q already", s.Name))
		}
		if err != nil {
			return err
		}
		if err := r.Book.Enter(ctx, tx, s.Row()); err != nil {
			return err
		}
		return r.Trail.RecordIn(ctx, tx, audit.Event{What: "source.add", Who: by.String(), Object: s.ID.String(), New: s.Name + " " + s.settings()})
	})
	out.Listed = s.listed(false)
	return out, err
}

// some returns octets that are not NULL in a row.
func some(b []byte) []byte { return append([]byte{}, b...) }

// check reads what a source is told.
func (r *Register) check(ctx context.Context, s *Source, n Registration) (err error) {
	if !nameForm.MatchString(n.Name) {
		return fault.At("name", fault.New(fault.Invalid, "a source's name has 1 to 64 characters of a to z, 0 to 9, and . - _ in between"))
	}
	if mail.DoorName(n.Name) {
		return fault.At("name", fault.Newf(fault.Invalid, "%q is a way in that is always there: choose another name", n.Name))
	}
	if err := bound.Address(n.Address); err != nil {
		return fault.At("address", err)
	}
	switch own, err := r.Routes.Owns(ctx, s.tenant, n.Address.Domain()); {
	case err != nil:
		return err
	case !own:
		return fault.At("address", bound.Foreign(n.Address))
	}
	if !slices.Contains([]mail.Form{mail.Reports, mail.Copies, mail.CopiesFields}, n.Form) {
		return fault.At("form", fault.New(fault.Invalid, "a source hands in reports, copies or copies+fields"))
	}
	if s.Networks, err = networks(n.Networks); err != nil {
		return fault.At("networks", err)
	}
	if len(n.Certificate) > 0 {
		s.Certificate, err = fingerprint(n.Certificate)
	}
	return fault.At("certificate", err)
}

// networks reads CIDR prefixes and addresses.
func networks(words []string) (list []netip.Prefix, err error) {
	if len(words) > maxNetworks {
		return nil, fault.Newf(fault.Invalid, "a source has at most %d networks", maxNetworks)
	}
	for _, w := range words {
		p, err := netip.ParsePrefix(w)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(w); err == nil {
				p, err = a.WithZone("").Prefix(a.BitLen())
			}
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fault.Newf(fault.Invalid, "%q is no network: write 192.0.2.0/24 or 2001:db8::/48", w)
		}
		if p.Bits() == 0 {
			return nil, fault.Newf(fault.Invalid, "%q is everybody and proves nothing", w)
		}
		list = append(list, p.Masked())
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return slices.Compact(list), nil
}

// fingerprint returns the SHA-256 of the SubjectPublicKeyInfo of a certificate. A
// renewed certificate with the same key is the same source.
func fingerprint(file []byte) ([]byte, error) {
	block, rest := pem.Decode(file)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fault.New(fault.Invalid, "the file with the certificate is no PEM file of one")
	}
	if another, _ := pem.Decode(rest); another != nil {
		return nil, fault.New(fault.Invalid, "the file has several certificates: name one with the client's own alone")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fault.Because(fault.Invalid, "the file with the certificate is no PEM file of one", err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return sum[:], nil
}

// renew gives a source a secret and returns it where it was made.
func (s *Source) renew(chosen []byte) (made string, err error) {
	if len(chosen) > 0 {
		if err := checkSecret(chosen); err != nil {
			return "", err
		}
	} else {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // never fails
		made = base64.RawURLEncoding.EncodeToString(raw)
		chosen = []byte(made)
	}
	s.verifier, err = verify(s.tenant, s.ID, chosen)
	return made, err
}

// named returns a source of which its row stands.
func (r *Register) named(ctx context.Context, tx *db.Tx, name string) (Source, bool, error) {
	s, err := scan(tx.QueryRow(ctx, selectSource+` AND name = $2`, name))
	if errors.Is(err, db.ErrNoRows) {
		return s, false, fault.Newf(fault.NotFound, "there is no source %q", name)
	}
	if err != nil {
		return s, false, err
	}
	ok, err := r.Book.Stands(ctx, s.Row())
	return s, ok, err
}

// Renew gives a source that signs in a new secret. It fails with kind Conflict for
// one that does not, which would be refused until its mail server signs in, and with
// kind Damaged where its row does not stand.
func (r *Register) Renew(ctx context.Context, t db.Tenant, by mail.ID, name string, chosen []byte) (out Added, err error) {
	err = t.Update(ctx, func(tx *db.Tx) error {
		s, ok, err := r.named(ctx, tx, name)
		if err != nil {
			return err
		}
		if !ok {
			return s.Row().Changed()
		}
		if len(s.verifier) == 0 {
			return fault.Newf(fault.Conflict, "the source %q does not sign in: to have it sign in, remove it and add it again as one that does", name)
		}
		was := s.settings() + " of " + s.Entered().Format("2006-01-02T15:04:05Z")
		if out.Secret, err = s.renew(chosen); err != nil {
			return err
		}
		s.stamp = r.Book.NewStamp()
		_, err = tx.Exec(ctx, `UPDATE identity_source SET tenant = $1, verifier = $2, salt = $3, entered = $4 WHERE tenant = $1 AND id = $5`,
			s.verifier, s.stamp.Salt[:], s.stamp.At, s.ID.Bytes())
		if err != nil {
			return err
		}
		if err := r.Book.Enter(ctx, tx, s.Row()); err != nil {
			return err
		}
		out.Listed = s.listed(false)
		return r.Trail.RecordIn(ctx, tx, audit.Event{
			What: "source.secret", Who: by.String(), Object: s.ID.String(), Old: was,
			New: s.settings() + " of " + s.Entered().Format("2006-01-02T15:04:05Z"),
		})
	})
	return out, err
}

// Remove ends a source: what it hands in is refused from then on. A row that does
// not stand is removed too, and takes nothing with it that does.
func (r *Register) Remove(ctx context.Context, t db.Tenant, by mail.ID, name string) error {
	return t.Update(ctx, func(tx *db.Tx) error {
		s, ok, err := r.named(ctx, tx, name)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM identity_source WHERE tenant = $1 AND id = $2 AND name = $3`, s.ID.Bytes(), name); err != nil {
			return err
		}
		e := audit.Event{What: "source.remove", Who: by.String(), Object: s.ID.String(), Old: s.Name + " " + s.settings()}
		if ok {
			if err := r.Ender.End(ctx, tx, s.ID); err != nil {
				return err
			}
			if err := s.remember(ctx, tx); err != nil {
				return err
			}
			return r.Trail.RecordIn(ctx, tx, e)
		}
		// A row that a hand put there might have the id of something else, which
		// must not end.
		e.Detail = map[string]any{"stray": true}
		p, err := r.Book.Log.Newest(ctx, tx.Committed(), seal.AuditLog, s.ID)
		if err != nil {
			return err
		}
		if p.Kind == "source" {
			return s.Row().Changed() // one stands by that id, and this is not its row
		}
		return r.Trail.RecordIn(ctx, tx, e)
	})
}

// RemoveStrays removes the rows of which nothing stands in the ledger, each with an
// event, and returns how many there were.
func (r *Register) RemoveStrays(ctx context.Context, tx *db.Tx, by mail.ID) (n int, err error) {
	t := tx.Committed()
	rows, err := t.Query(ctx, selectSource)
	if err != nil {
		return 0, err
	}
	list, err := db.Collect(rows, scan)
	if err != nil {
		return 0, err
	}
	entered, err := r.Log.Standing(ctx, t, seal.AuditLog)
	if err != nil {
		return 0, err
	}
	strays, _, _ := compare(list, entered)
	for _, s := range strays {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_source WHERE tenant = $1 AND id = $2 AND name = $3`, s.ID.Bytes(), s.Name); err != nil {
			return n, err
		}
		err := r.Trail.RecordIn(ctx, tx, audit.Event{
			What: "access.repair", Who: by.String(), Object: s.ID.String(), Detail: map[string]any{"source": s.ID.String()},
		})
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
