// Package file seals what a room makes for one holder, such as the parts of an export:
// each is a stream under a data key of its own, which is sealed to the holder as a note
// is (docs/formats/seal.md). It is part of seal: the key does not leave it.
package file

import (
	"context"
	"io"

	"siegel/internal/kit/secret"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
	"siegel/internal/vault/seal/stream"
)

// kind names the notes that hold data keys, and object tells the streams of files from
// those of messages.
const (
	kind   = "file key"
	object = "file"
)

// Key is the data key of one file. Close it. It belongs to one goroutine.
type Key struct {
	vault  *seal.Vault
	tenant mail.TenantID
	id     mail.ID
	dek    secret.Key
}

// New makes the data key of a new file and seals it to a holder. id is random and never
// used again.
func New(ctx context.Context, v *seal.Vault, t db.Tenant, holder mail.HolderID, id mail.ID) (*Key, seal.Note, error) {
	k := &Key{vault: v, tenant: t.ID(), id: id, dek: secret.Random()}
	var note seal.Note
	var err error
	k.dek.Use(func(b []byte) { note, err = v.SealNote(ctx, t, holder, kind, id, b) })
	if err != nil {
		k.Close()
		return nil, note, err
	}
	return k, note, nil
}

// Open returns the data key of a file for a session that reaches its holder. It fails as
// [seal.Session.OpenNote] does.
func Open(v *seal.Vault, tenant mail.TenantID, s *seal.Session, n seal.Note, id mail.ID) (*Key, error) {
	plain, err := s.OpenNote(n, kind, id)
	if err != nil {
		return nil, err
	}
	dek, err := secret.From(plain) // wipes it
	if err != nil {
		return nil, stream.ErrDamaged("the file")
	}
	return &Key{vault: v, tenant: tenant, id: id, dek: dek}, nil
}

// Writer seals the file onto w. It is called once.
func (k *Key) Writer(w io.Writer) (*stream.Writer, error) {
	return k.vault.NewWriter(w, k.dek, k.context()...)
}

// Reader opens the sealed octets of the file, which has size octets, as
// [stream.Codec.NewReader] does.
func (k *Key) Reader(sealed io.Reader, size int64) (io.ReadCloser, error) {
	return k.vault.NewReader(sealed, k.dek, size, k.context()...)
}

func (k *Key) context() [][]byte { return [][]byte{k.tenant[:], k.id[:], []byte(object)} }

// Close wipes the key. What was opened with it goes on.
func (k *Key) Close() { k.dek.Wipe() }
