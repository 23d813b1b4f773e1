// Package master holds the key of the server itself: it opens the control
// database, the ledger's signing key and the audit payloads, and no mail.
package master

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"siegel/internal/kit/durable"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/seal/stream"
)

// Purposes of keys under the master key (docs/formats/keys.md).
const (
	purposeControl secret.Purpose = "siegel/v1 control database"
	purposeLedger  secret.Purpose = "siegel/v1 ledger key"
	purposeDay     secret.Purpose = "siegel/v1 audit day"
	purposeRetry   secret.Purpose = "siegel/v1 retry"
	purposeSignIn  secret.Purpose = "siegel/v1 sign-in"
	purposeEntry   secret.Purpose = "siegel/v1 ledger entry"
	purposeFence   secret.Purpose = "siegel/v1 fence"
	purposeImport  secret.Purpose = "siegel/v1 import"
	purposeTickets secret.Purpose = "siegel/v1 tickets"
	purposeTicket  secret.Purpose = "siegel/v1 ticket"
	purposeRites   secret.Purpose = "siegel/v1 ceremonies"
	purposeRite    secret.Purpose = "siegel/v1 ceremony"
)

// Key is the master key, in locked memory. Use it from many goroutines.
type Key struct {
	key secret.Key
}

// Create makes a master key in a file of mode 0400, durably. It fails
// where the file exists.
func Create(path string) error {
	k := secret.Random()
	defer k.Wipe()
	var err error
	k.Use(func(b []byte) { err = durable.CreateFile(path, b, 0o400) })
	return err
}

// Open reads the master key and holds it in locked memory. It refuses a
// file that others may read.
func Open(path string, arena *secret.Arena) (*Key, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fault.Error{Kind: fault.NotFound, Public: "the master key file %s is missing: put it back from the copy; without it nothing in this data directory can be used", Args: []any{path}, Cause: err}
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.Newf(fault.Denied, "the master key file has mode %04o, others could read it; run chmod 0400 on it", info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	k, err := secret.From(b)
	if err != nil {
		return nil, fault.Because(fault.Damaged, "the master key file is not a key of 32 octets", err)
	}
	held, _, err := arena.Hold(k)
	if err != nil {
		return nil, err
	}
	return &Key{key: held}, nil
}

// ControlKey is the key of the control database.
func (m *Key) ControlKey() secret.Key { return m.key.Derive(purposeControl, nil) }

// SealLedgerKey seals the seed of the ledger's signing key for its file.
func (m *Key) SealLedgerKey(seed []byte) []byte {
	k := m.key.Derive(purposeLedger, nil)
	defer k.Wipe()
	return stream.Box(k, seed, tuple.Make(string(purposeLedger)))
}

// OpenLedgerKey is the inverse of SealLedgerKey.
func (m *Key) OpenLedgerKey(box []byte) ([]byte, error) {
	k := m.key.Derive(purposeLedger, nil)
	defer k.Wipe()
	return stream.OpenBox("the ledger key", k, box, tuple.Make(string(purposeLedger)))
}

// MAC authenticates octets under the tenant's retry key.
func (m *Key) MAC(tenant mail.TenantID, b []byte) [32]byte {
	return mac(m.key.Derive(purposeRetry, nil, tenant[:]), b)
}

// SealImport seals what is kept of an import under the tenant's key for that: what
// names a field of the job's row. Paths of people's files are in it.
func (m *Key) SealImport(tenant mail.TenantID, job mail.ID, what string, plain []byte) []byte {
	k := m.key.Derive(purposeImport, nil, tenant[:])
	defer k.Wipe()
	return stream.Box(k, plain, importAAD(tenant, job, what))
}

// OpenImport is the inverse of SealImport.
func (m *Key) OpenImport(tenant mail.TenantID, job mail.ID, what string, box []byte) ([]byte, error) {
	k := m.key.Derive(purposeImport, nil, tenant[:])
	defer k.Wipe()
	return stream.OpenBox("an import", k, box, importAAD(tenant, job, what))
}

func importAAD(tenant mail.TenantID, job mail.ID, what string) []byte {
	return tuple.Make(string(purposeImport), tenant[:], job[:], []byte(what))
}

// SignInMAC authenticates octets under the instance's key for what was typed at
// a sign-in: kept instead of it.
func (m *Key) SignInMAC(b []byte) [32]byte { return mac(m.key.Derive(purposeSignIn, nil), b) }

// TicketKey is the key of a ticket: it takes the cookie that a browser has and the
// secret of the nodes. name is the ticket's. Wipe it afterwards.
func (m *Key) TicketKey(cookie secret.Key, name [32]byte) secret.Key {
	salt := m.key.Derive(purposeTickets, nil)
	defer salt.Wipe()
	var k secret.Key
	salt.Use(func(raw []byte) { k = cookie.Derive(purposeTicket, raw, name[:]) })
	return k
}

// CeremonyKey is the key of what a founding ceremony keeps: it takes the code of the
// operator, the kit that was shown to the person, and the secret of the nodes. name is that
// of what is kept. Wipe it afterwards.
func (m *Key) CeremonyKey(code, kit secret.Key, name [32]byte) (k secret.Key) {
	salt := m.key.Derive(purposeRites, nil)
	defer salt.Wipe()
	salt.Use(func(raw []byte) {
		own := code.Derive(purposeRite, raw, name[:])
		defer own.Wipe()
		own.Use(func(raw []byte) { k = kit.Derive(purposeRite, raw, name[:]) })
	})
	return k
}

// EntryMAC authenticates octets under the instance's key for entries of its
// logs: what this instance entered itself has one, what a hand put into the
// database has not.
func (m *Key) EntryMAC(b []byte) [32]byte { return mac(m.key.Derive(purposeEntry, nil), b) }

// FenceMAC authenticates octets under the instance's key for the fence in the
// object store.
func (m *Key) FenceMAC(b []byte) [32]byte { return mac(m.key.Derive(purposeFence, nil), b) }

// mac is HMAC-SHA256; it wipes the key.
func mac(k secret.Key, b []byte) (out [32]byte) {
	defer k.Wipe()
	k.Use(func(raw []byte) {
		h := hmac.New(sha256.New, raw)
		h.Write(b)
		copy(out[:], h.Sum(nil))
	})
	return out
}

// Day numbers a day, in UTC, since 1970.
func Day(t time.Time) int64 { return t.UTC().Unix() / 86400 }

// NewDayKey returns a fresh audit day key and its box: what is sealed under it
// is pruned by deleting the box.
func (m *Key) NewDayKey(tenant mail.TenantID, day int64) (secret.Key, []byte) {
	k := secret.Random()
	box := m.key.Derive(purposeDay, nil)
	defer box.Wipe()
	var out []byte
	k.Use(func(raw []byte) { out = stream.Box(box, raw, dayAAD(tenant, day)) })
	return k, out
}

// OpenDayKey is the inverse of NewDayKey.
func (m *Key) OpenDayKey(tenant mail.TenantID, day int64, box []byte) (secret.Key, error) {
	k := m.key.Derive(purposeDay, nil)
	defer k.Wipe()
	raw, err := stream.OpenBox("an audit day key", k, box, dayAAD(tenant, day))
	if err != nil {
		return secret.Key{}, err
	}
	day32, err := secret.From(raw)
	if err != nil {
		return secret.Key{}, fmt.Errorf("audit day key: %w", err)
	}
	return day32, nil
}

func dayAAD(tenant mail.TenantID, day int64) []byte {
	return tuple.Make(string(purposeDay), tenant[:], tuple.Uint64(uint64(day)))
}
