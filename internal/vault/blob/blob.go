// Package blob keeps immutable objects under random names: packs and, replaced
// by compare-and-swap, the last signed checkpoint of each log. Drivers stand in
// folders below; blobtest has the suite that all of them pass.
package blob

import (
	"context"
	"io"
	"strings"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
)

// Name is the path of an object: parts of lower-case letters, digits, '-' and
// '.', separated by '/', at most 8 of them and 255 octets in all. The first
// part is the tenant.
type Name string

// Check fails with kind Invalid where the name is not one.
func (n Name) Check() error {
	parts := strings.Split(string(n), "/")
	ok := len(n) > 0 && len(n) <= 255 && len(parts) <= 8
	for _, p := range parts {
		ok = ok && p != "" && p[0] != '.' && strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
	}
	if !ok {
		return fault.New(fault.Invalid, "this is not the name of an object")
	}
	return nil
}

// Store keeps objects.
//
// When Put or Swap returns nil the object survives a power cut. Readers may see
// an object late, never torn. All methods may be called from many goroutines.
// A full store is an error of kind Exhausted.
type Store interface {
	// Put stores the size octets of r under n, which must be new: an object that
	// exists is never overwritten, and Put fails with kind Conflict. After any
	// other error the object may be there or not, or a part of it where the store
	// keeps what came before a connection broke: who reads it knows its size.
	Put(ctx context.Context, n Name, r io.Reader, size int64) error
	// Get returns length octets of n from offset, or all that follow offset where
	// length is negative. The caller closes it. It fails with kind NotFound where
	// nothing is there and with kind Damaged where the object is shorter.
	Get(ctx context.Context, n Name, offset, length int64) (io.ReadCloser, error)
	// Size returns the size of n, or fails with kind NotFound.
	Size(ctx context.Context, n Name) (int64, error)
}

// Register is a store of small values that are replaced.
type Register interface {
	// Load returns the value of n, nil where there is none.
	Load(ctx context.Context, n Name) ([]byte, error)
	// Swap replaces the value of n if it is old (nil: if there is none). It fails
	// with kind Conflict where it is another. Durable when it returns nil.
	Swap(ctx context.Context, n Name, old, value []byte) error
}

// Lister finds what is there: for checks and for clearing away.
type Lister interface {
	// List calls f with each object whose name begins with prefix, in no order,
	// until f fails.
	List(ctx context.Context, prefix string, f func(n Name, size int64) error) error
	// Delete removes objects that nothing refers to. A missing one is no error.
	Delete(ctx context.Context, n Name) error
}

// PackName is where a tenant's pack lies (docs/formats/pack.md).
func PackName(tenant mail.TenantID, pack mail.ID) Name {
	s := pack.String()
	return Name(tenant.String() + "/packs/" + s[:2] + "/" + s)
}
