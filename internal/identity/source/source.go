// Package source knows who may hand in mail by the journal door: the sources that
// a tenant has registered (decision D17), each as the audit log of the tenant has
// it. A source is found by the journal address that it delivers to and proves
// itself by its network, a client certificate, SMTP AUTH (RFC 4954), or several of
// them; what a message says of itself is never asked.
package source

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"

	"siegel/internal/identity/standing"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// Source is a registered one.
type Source struct {
	ID      mail.ID
	Name    string
	Address mail.Address // where it delivers to
	// How it proves itself; all that is there must hold.
	Networks    []netip.Prefix
	Certificate []byte // SHA-256 of its SubjectPublicKeyInfo; empty for none
	Form        mail.Form

	verifier []byte // of its secret; empty for none
	tenant   mail.TenantID
	stamp    standing.Stamp
}

// User is the name that the source signs in with: its own, in the domain of its
// journal address, which tells whose it is. It is empty where the source does not
// sign in.
func (s Source) User() string {
	if len(s.verifier) == 0 {
		return ""
	}
	return s.Name + "@" + s.Address.Domain().String()
}

// Entered is when the source was registered, or given its last secret.
func (s Source) Entered() time.Time { return mail.FromMicros(s.stamp.At) }

// Row implements [standing.Rower].
func (s Source) Row() standing.Row {
	return standing.Row{
		Stamp: s.stamp, Tenant: s.tenant, Kind: standing.Source, ID: s.ID,
		Value: tuple.Make("siegel/v1 source", []byte(s.Name), []byte(s.Address), []byte(join(s.Networks)), s.Certificate, s.verifier, []byte(s.Form)),
	}
}

func join(networks []netip.Prefix) string {
	words := make([]string, len(networks))
	for i, n := range networks {
		words[i] = n.String()
	}
	return strings.Join(words, " ")
}

// settings says in one line how the source is registered, for the audit log. It
// has no secret.
func (s Source) settings() string {
	words := []string{s.Address.String(), "form=" + string(s.Form)}
	if len(s.Networks) > 0 {
		words = append(words, "networks="+strings.ReplaceAll(join(s.Networks), " ", ","))
	}
	if len(s.Certificate) > 0 {
		words = append(words, "certificate="+hex.EncodeToString(s.Certificate))
	}
	if len(s.verifier) > 0 {
		words = append(words, "user="+s.User())
	}
	return strings.Join(words, " ")
}

const selectSource = `SELECT tenant, id, name, address, networks, certificate, verifier, form, salt, CAST(entered AS BIGINT) FROM identity_source WHERE tenant = $1`

func scan(row db.Scanner) (s Source, err error) {
	var tenant, id, salt []byte
	var networks string
	if err := row.Scan(&tenant, &id, &s.Name, &s.Address, &networks, &s.Certificate, &s.verifier, &s.Form, &salt, &s.stamp.At); err != nil {
		return s, err
	}
	s.stamp.ScanSalt(salt)
	s.ID, _ = mail.IDFrom(id) // what is no id stays zero: such a row stands for nothing
	for _, word := range strings.Fields(networks) {
		// What is no network is left out, and the row does not stand.
		if p, err := netip.ParsePrefix(word); err == nil {
			s.Networks = append(s.Networks, p)
		}
	}
	s.tenant, err = mail.IDFrom(tenant)
	return s, err
}

// Proof is what a client has shown of itself.
type Proof struct {
	Peer        netip.Addr
	Certificate []byte  // SHA-256 of the SubjectPublicKeyInfo of his certificate; empty for none
	Source      mail.ID // as which he signed in; zero if he did not
}

// proven says what a proof is for a source.
type proven int

const (
	wrong   proven = iota // network or certificate are not the source's
	unnamed               // they are, and it has to sign in as well
	right
)

// asks says by what the source proves itself, a bit for each.
func (s Source) asks() (bits uint8) {
	for i, n := range []int{len(s.Networks), len(s.Certificate), len(s.verifier)} {
		if n > 0 {
			bits |= 1 << i
		}
	}
	return bits
}

// try compares a proof with what a source proves itself by.
func (s Source) try(p Proof) proven {
	inside := func(n netip.Prefix) bool { return n.Contains(p.Peer.Unmap()) }
	switch {
	case len(s.Networks)+len(s.Certificate)+len(s.verifier) == 0:
		return wrong
	case len(s.Networks) > 0 && !slices.ContainsFunc(s.Networks, inside):
		return wrong
	case len(s.Certificate) > 0 && !bytes.Equal(s.Certificate, p.Certificate):
		return wrong
	case len(s.verifier) == 0 || p.Source == s.ID:
		return right
	case len(s.Networks)+len(s.Certificate) > 0:
		return unnamed
	default:
		return wrong // who has shown nothing at all learns nothing
	}
}

// MinSecret is the least length of a secret that somebody chose, in octets, and
// maxSecret the greatest of any.
const (
	MinSecret = 32
	maxSecret = 255
)

// verify derives what is kept of a secret (docs/formats/entry.md).
func verify(tenant mail.TenantID, id mail.ID, secret []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, string(tuple.Make("siegel/v1 source secret", tenant[:], id[:])), sha256.Size)
}

// checkSecret fails with kind Invalid where a chosen secret is none. It is one line
// of ASCII, so that every mail server can be told it.
func checkSecret(secret []byte) error {
	if len(secret) < MinSecret || len(secret) > maxSecret || slices.ContainsFunc(secret, func(b byte) bool { return b <= ' ' || b > '~' }) {
		return fault.Newf(fault.Invalid, "a secret has %d to %d ASCII characters without blanks; without a file Siegel makes one", MinSecret, maxSecret)
	}
	return nil
}
