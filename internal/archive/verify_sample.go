package archive

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"math"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/blob"
	"siegel/internal/vault/db"
)

// Sample is what a cheap look at packs found.
type Sample struct {
	Looked  int       // packs that were looked for
	Missing []mail.ID // of them those that are not there, or too short for a message in them
}

// Sample looks whether packs are in the object store: the newest and some that it
// picks, n of each at most. It opens none: [Archive.VerifySealed] does. What it found
// until an error, such as that ctx is done, is returned with it.
func (a *Archive) Sample(ctx context.Context, t db.Tenant, n int) (s Sample, err error) {
	defer fault.Wrap(&err, "sample")
	seen := make(map[mail.ID]bool)
	look := func(pack mail.ID, end int64) error {
		if seen[pack] {
			return nil
		}
		seen[pack] = true
		size, err := a.Store.Size(ctx, blob.PackName(t.ID(), pack))
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		s.Looked++
		if err != nil || size < end {
			s.Missing = append(s.Missing, pack)
		}
		return nil
	}
	leaf, pack := int64(math.MaxInt64), mail.ID{}
	newest := int64(-1)
	for range n {
		// The messages of a pack follow each other: the next one before is another's.
		var id []byte
		var end int64
		err := t.QueryRow(ctx, `SELECT leaf, pack, start + length FROM archive_message WHERE tenant = $1 AND leaf < $2 AND pack <> $3
			ORDER BY leaf DESC LIMIT 1`, leaf, pack[:]).Scan(&leaf, &id, &end)
		if errors.Is(err, db.ErrNoRows) {
			break
		}
		if err != nil {
			return s, err
		}
		newest = max(newest, leaf)
		if pack, err = mail.IDFrom(id); err != nil {
			return s, err
		}
		if err := look(pack, end); err != nil {
			return s, err
		}
	}
	for range n {
		if newest < 0 {
			break
		}
		var id []byte
		var end int64
		if err := t.QueryRow(ctx, `SELECT pack, start + length FROM archive_message WHERE tenant = $1 AND leaf >= $2 ORDER BY leaf LIMIT 1`,
			anyOf(newest+1)).Scan(&id, &end); err != nil {
			return s, err
		}
		pack, err := mail.IDFrom(id)
		if err != nil {
			return s, err
		}
		if err := look(pack, end); err != nil {
			return s, err
		}
	}
	return s, nil
}

// anyOf returns a number from 0 to n-1 that nobody can guess.
func anyOf(n int64) int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return int64(binary.BigEndian.Uint64(b[:]) % uint64(n))
}
