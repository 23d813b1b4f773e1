package seal

import (
	"context"
	"encoding/base64"
	"errors"

	"siegel/internal/kit/fault"
	"siegel/internal/kit/secret"
	"siegel/internal/kit/tuple"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal/derive"
	"siegel/internal/vault/seal/stream"
)

// LockKind says what a person has that opens a lock.
type LockKind = derive.Kind

// The kinds of locks that are used so far (docs/formats/keys.md).
const (
	ByPassword   = derive.Password
	ByInvitation = derive.Invitation
	ByRecovery   = derive.Recovery
)

const (
	purposeLockKey  secret.Purpose = "siegel/v1 lock key"
	purposeVerifier secret.Purpose = "siegel/v1 lock verifier"

	// CodeSize is the length of an invitation code in octets.
	CodeSize = derive.CodeSize
)

type lockRow struct {
	id, holder mail.ID
	term       int
	kind       LockKind
	parameters string
	verifier   string
	box        []byte
}

// kek is the key that the seed lies under. It is bound to whom the lock is for.
func (l lockRow) kek(tenant mail.TenantID, root secret.Key) secret.Key {
	return root.Derive(purposeLockKey, nil, tenant[:], l.holder[:], l.id[:])
}

// proof is what the verifier is the bcrypt hash of. It is bound to the lock
// alone, which is known before its holder is: hashing takes long, and must have
// been done when the transaction begins.
func (l lockRow) proof(root secret.Key) []byte {
	return base64.StdEncoding.AppendEncode(nil, root.Expand(purposeVerifier, secret.Size, nil, l.id[:]))
}

func (l lockRow) aad(tenant mail.TenantID) []byte {
	return tuple.Make("siegel/v1 lock", tenant[:], l.holder[:], number(l.term), l.id[:], []byte(l.kind), []byte(l.parameters))
}

// Lock is a lock that was derived and waits for its transaction: deriving takes
// long, and a transaction must not.
type Lock struct {
	row  lockRow
	root secret.Key
}

// PrepareLock derives a new lock from a password or a code: all of the slow
// work, so call it before the transaction that calls Put.
func (v *Vault) PrepareLock(ctx context.Context, kind LockKind, given []byte) (Lock, error) {
	l := lockRow{id: mail.NewID(), kind: kind}
	l.parameters = v.derive.Parameters(kind)
	root, err := v.derive.Root(ctx, kind, given, l.parameters)
	if err != nil {
		return Lock{}, err
	}
	// AU-04: what is stored is a hash of derived octets, 44 of them, so bcrypt's limit
	// of 72 never cuts.
	if l.verifier, err = v.derive.Hash(l.proof(root)); err != nil {
		return Lock{}, err
	}
	return Lock{row: l, root: root}, nil
}

// Put locks a seed and removes the person's other locks of the same kind. It
// fails with kind Conflict where the holder has a newer term: who still has the
// old seed must not make it the one that a lock opens.
func (v *Vault) Put(ctx context.Context, tx *db.Tx, l Lock, seed Seed) (err error) {
	defer fault.Wrap(&err, "lock")
	var term int
	err = tx.QueryRow(ctx, `SELECT term FROM seal_holder WHERE tenant = $1 AND id = $2`, seed.Holder.Bytes()).Scan(&term)
	if err != nil {
		return err
	}
	if term != seed.Term {
		return fault.New(fault.Conflict, "your account has changed meanwhile, please sign in again")
	}
	l.row.holder, l.row.term = seed.Holder, seed.Term
	kek := l.row.kek(tx.ID(), l.root)
	defer kek.Wipe()
	seed.key.Use(func(b []byte) { l.row.box = stream.Box(kek, b, l.row.aad(tx.ID())) })
	if err := v.RemoveLocks(ctx, tx, seed.Holder, l.row.kind); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO seal_lock (tenant, id, holder, term, kind, parameters, verifier, box, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, l.row.id.Bytes(), l.row.holder.Bytes(), l.row.term, string(l.row.kind),
		l.row.parameters, l.row.verifier, l.row.box, mail.Micros(v.now()))
	return err
}

// RemoveLocks deletes a person's locks of one kind.
func (v *Vault) RemoveLocks(ctx context.Context, tx *db.Tx, holder mail.HolderID, kind LockKind) error {
	_, err := tx.Exec(ctx, `DELETE FROM seal_lock WHERE tenant = $1 AND holder = $2 AND kind = $3`, holder.Bytes(), string(kind))
	return err
}

// unlock returns the seed behind a lock of that kind. A person who does not
// exist costs the same time as a wrong password (AU-01).
func (v *Vault) unlock(ctx context.Context, t db.Tenant, holder mail.HolderID, kind LockKind, given []byte) (Seed, error) {
	l := lockRow{holder: holder, kind: kind}
	var id []byte
	err := t.QueryRow(ctx, `SELECT id, term, parameters, verifier, box FROM seal_lock WHERE tenant = $1 AND holder = $2 AND kind = $3`,
		holder.Bytes(), string(kind)).Scan(&id, &l.term, &l.parameters, &l.verifier, &l.box)
	missing := errors.Is(err, db.ErrNoRows)
	if missing {
		l.parameters = v.derive.Parameters(kind)
		l.verifier = v.derive.Nobody()
	} else if err != nil {
		return Seed{}, err
	} else if l.id, err = mail.IDFrom(id); err != nil {
		return Seed{}, err
	}
	root, err := v.derive.Root(ctx, kind, given, l.parameters)
	if err != nil {
		return Seed{}, err
	}
	defer root.Wipe()
	kek := l.kek(t.ID(), root)
	defer kek.Wipe()
	if !derive.Proves(l.proof(root), l.verifier) || missing {
		return Seed{}, derive.ErrSecret()
	}
	plain, err := stream.OpenBox("a lock", kek, l.box, l.aad(t.ID()))
	if err != nil {
		return Seed{}, err
	}
	key, err := secret.From(plain)
	if err != nil {
		return Seed{}, stream.ErrDamaged("a lock")
	}
	return Seed{Holder: holder, Term: l.term, key: key}, nil
}
