// Package brake slows down who guesses passwords at the doors for people
// (requirements AU-06, AU-15): five failures lock an account for 15 minutes, the same
// whether there is such an account or not; a network that fails at many accounts is
// locked as well. A device from which a person signed in before has a count of its
// own, so that failures from elsewhere do not lock her out, and hers nobody else.
//
// What is counted against stands in the database as a MAC, and for 15 minutes only.
package brake

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/netip"
	"time"

	"siegel/internal/kit/canonical"
	"siegel/internal/kit/fault"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
)

// The limits.
const (
	// Failures at one account lock it for [Lock].
	Failures = 5
	// NetworkFailures are those from one network, at whichever accounts.
	NetworkFailures = 30
	// Lock is how long something is locked, and how long failures are counted.
	Lock = 15 * time.Minute
	// deviceFor is how long a device is known after the last sign-in.
	deviceFor  = 180 * 24 * time.Hour
	deviceSize = 32 // octets of a device's cookie
)

// MAC authenticates octets under a key of the instance: master.Key.
type MAC interface {
	SignInMAC(b []byte) [32]byte
}

// Deps is what a brake works with.
type Deps struct {
	DB  *db.DB
	MAC MAC
	Now func() time.Time
}

// Brake counts failures. Use it from many goroutines.
type Brake struct{ Deps }

// New returns a brake.
func New(d Deps) *Brake { return &Brake{d} }

// Try is an attempt to sign in.
type Try struct {
	Email  mail.Address
	Peer   netip.Addr // where it comes from; the zero Addr for the machine itself
	Device string     // the device's cookie, if it has one
}

// Held says that an attempt is not even looked at. It is a fault of kind Exhausted.
type Held struct {
	Until time.Time
	fault error
}

// Error implements error.
func (h *Held) Error() string { return h.fault.Error() }

// Unwrap returns the fault.
func (h *Held) Unwrap() error { return h.fault }

// counter is what attempts are counted against, and how many it bears.
type counter struct {
	name [32]byte
	max  int64
}

func (b *Brake) mac(what string, parts ...[]byte) [32]byte {
	return b.MAC.SignInMAC(tuple.Make("siegel/v1 brake "+what, parts...))
}

// Network is what addresses count as one: those of an IPv6 network of 64 bits belong to
// one customer.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

func (b *Brake) counters(ctx context.Context, t Try) ([]counter, error) {
	account := counter{b.mac("account", []byte(t.Email)), Failures}
	known, err := b.known(ctx, t)
	if err != nil {
		return nil, err
	}
	if known {
		account.name = b.mac("device", []byte(t.Email), []byte(t.Device))
	}
	list := []counter{account}
	if t.Peer.IsValid() {
		list = append(list, counter{b.mac("network", []byte(Network(t.Peer).String())), NetworkFailures})
	}
	return list, nil
}

func (b *Brake) device(t Try) [32]byte {
	return b.mac("known device", []byte(t.Email), []byte(t.Device))
}

// isDevice reports whether a cookie can be a device's.
func isDevice(cookie string) bool {
	if len(cookie) != base64.RawURLEncoding.EncodedLen(deviceSize) {
		return false
	}
	raw, ok := canonical.Base64URL(cookie)
	return ok && len(raw) == deviceSize
}

// known reports whether a person signed in from the device before.
func (b *Brake) known(ctx context.Context, t Try) (bool, error) {
	if !isDevice(t.Device) {
		return false, nil
	}
	var one int
	name := b.device(t)
	err := b.DB.Instance().QueryRow(ctx, `SELECT 1 FROM identity_device WHERE tenant = $1 AND name = $2 AND seen >= $3`,
		name[:], mail.Micros(b.Now().Add(-deviceFor))).Scan(&one)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Begin says whether an attempt may be looked at: nil, or a [Held]. It counts the
// attempt as a failure until [Brake.Succeed] says otherwise, so that who tries many
// passwords at once gets no more tries than who tries one after the other.
func (b *Brake) Begin(ctx context.Context, t Try) error {
	list, err := b.counters(ctx, t)
	if err != nil {
		return err
	}
	now := b.Now()
	var until time.Time
	err = b.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		until = time.Time{}
		for _, c := range list {
			end, err := count(ctx, tx, c, now)
			if err != nil {
				return err
			}
			if end.After(until) {
				until = end
			}
		}
		return nil
	})
	if err != nil || until.IsZero() {
		return err
	}
	minutes := int((until.Sub(now) + time.Minute - 1) / time.Minute)
	return &Held{Until: until, fault: fault.Newf(fault.Exhausted, "too many attempts failed; please try again in %d {minute|minutes}", minutes)}
}

// count counts one attempt, and returns until when it is locked; zero where it is not.
func count(ctx context.Context, tx *db.Tx, c counter, now time.Time) (time.Time, error) {
	var failures, until, locked int64
	err := tx.QueryRow(ctx, `INSERT INTO identity_brake (tenant, name, failures, until, locked) VALUES ($1, $2, 0, $3, 0)
		ON CONFLICT (tenant, name) DO UPDATE SET
			failures = CASE WHEN identity_brake.until <= $4 THEN 0 ELSE identity_brake.failures END,
			locked = CASE WHEN identity_brake.until <= $4 THEN 0 ELSE identity_brake.locked END,
			until = CASE WHEN identity_brake.until <= $4 THEN excluded.until ELSE identity_brake.until END
		RETURNING failures, until, locked`, c.name[:], mail.Micros(now.Add(Lock)), mail.Micros(now)).Scan(&failures, &until, &locked)
	if err != nil || locked == 1 {
		return mail.FromMicros(until), err
	}
	if failures++; failures < c.max {
		until = mail.Micros(now.Add(Lock)) // forgotten when nothing has failed for as long
		_, err = tx.Exec(ctx, `UPDATE identity_brake SET tenant = $1, failures = $2, until = $3 WHERE tenant = $1 AND name = $4`, failures, until, c.name[:])
		return time.Time{}, err
	}
	// This one is looked at, and is the last.
	_, err = tx.Exec(ctx, `UPDATE identity_brake SET tenant = $1, failures = $2, until = $3, locked = 1 WHERE tenant = $1 AND name = $4`,
		failures, mail.Micros(now.Add(Lock)), c.name[:])
	return time.Time{}, err
}

// Succeed forgets what was counted against an account, or its device, and that this
// attempt was counted against its network. It returns the cookie by which the device is known from
// now on: the one it has, or a new one.
func (b *Brake) Succeed(ctx context.Context, t Try) (device string, err error) {
	list, err := b.counters(ctx, t)
	if err != nil {
		return "", err
	}
	if !isDevice(t.Device) {
		fresh := make([]byte, deviceSize)
		_, _ = rand.Read(fresh) // it never fails (crypto/rand)
		t.Device = base64.RawURLEncoding.EncodeToString(fresh)
	}
	name := b.device(t)
	return t.Device, b.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_brake WHERE tenant = $1 AND name = $2`, list[0].name[:]); err != nil {
			return err
		}
		for _, c := range list[1:] {
			if _, err := tx.Exec(ctx, `UPDATE identity_brake SET tenant = $1, failures = failures - 1, locked = 0 WHERE tenant = $1 AND name = $2 AND failures > 0`, c.name[:]); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO identity_device (tenant, name, seen) VALUES ($1, $2, $3)
			ON CONFLICT (tenant, name) DO UPDATE SET seen = excluded.seen`, name[:], mail.Micros(b.Now()))
		return err
	})
}

// Expire deletes what has been forgotten. Call it now and then.
func (b *Brake) Expire(ctx context.Context) error {
	now := b.Now()
	return b.DB.Instance().Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM identity_brake WHERE tenant = $1 AND until <= $2`, mail.Micros(now)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM identity_device WHERE tenant = $1 AND seen < $2`, mail.Micros(now.Add(-deviceFor)))
		return err
	})
}
