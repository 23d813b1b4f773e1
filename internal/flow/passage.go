package flow

import (
	"io"
	"time"

	"siegel/internal/mail"
	"siegel/internal/proto/mime"
)

// Passage is one message on its way through the house for one tenant. A
// transaction with recipients of several tenants makes several passages that
// share a body. A passage belongs to one goroutine at a time.
type Passage struct {
	ID       mail.ID       // of the message in the archive; random, made by New
	Tenant   mail.TenantID // whose message it is
	Envelope mail.Envelope // with the recipients of this tenant only
	Source   mail.Source   // through which door it came
	Arrived  time.Time     // when the last octet was read; UTC, whole microseconds
	Body     Body          // the octets as received
	// Once says that the message is not kept again where the tenant has the same
	// octets for all recipients of the envelope, through whatever door they came.
	Once bool

	// Report is what surrounded the message in a journal report, as the entry
	// commits to it (docs/formats/journal.md); nil where it came in none. unwrap sets
	// it, and Body and Envelope with it.
	Report []byte

	// Parsed is what archive found in the message; the rooms behind it read it.
	Parsed *mime.Message
	// Sealer seals what belongs to the message under its key; archive sets it.
	Sealer Sealer

	// Units are what the rooms want kept. Rooms append in their Prepare; commit
	// makes all of them true together or none.
	Units []Unit

	// Receipt is set by commit.
	Receipt Receipt
}

// Sealer seals a message's index record.
type Sealer interface {
	SealIndex(plain []byte) []byte
}

// Receipt says what became of a passage.
type Receipt struct {
	Message mail.ID // the message in the archive: an earlier one for a retry
	// Duplicate says that nothing was kept: a retry of an accepted transaction was
	// recognised and counted, or of a passage that is kept once the octets are there.
	Duplicate bool
}

// Body is the octets of a message as received: after unstuffing, before any
// change. It may be read several times and from several goroutines, each with
// a reader of its own.
type Body interface {
	// Open returns a reader from the first octet.
	Open() (io.ReadCloser, error)
	// Size is the number of octets.
	Size() int64
	// SHA256 is the hash of the octets.
	SHA256() [32]byte
}

// Spool makes bodies out of what a door reads. Small ones stay in memory, large
// ones go to a temporary file that is encrypted with a key that lives only in
// memory (requirement CR-08).
type Spool interface {
	// New returns an empty sheet.
	New() Sheet
}

// Sheet takes one message's octets while they arrive. It is used by one
// goroutine.
type Sheet interface {
	io.Writer
	// Body ends the writing. The sheet must stay open as long as the body is
	// read.
	Body() (Body, error)
	// Close gives memory and file back. It may be called at any time, and again.
	Close() error
}
