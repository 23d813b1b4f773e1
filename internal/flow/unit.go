package flow

import (
	"io"

	"siegel/internal/mail"
)

// Unit is what one room wants kept of one message: objects for the pack, keys
// to be wrapped for the group, leaves for the ledger, rows. It is prepared
// while the sender waits and before the group is known, and holds nothing that
// would be wrong if the commit never comes.
type Unit struct {
	Objects []Object
	Keys    []Key
	Leaves  []Leaf

	// Rows returns the room's rows once it is known where its parts lie. The commit
	// writes them in its transaction, rows of several messages with one statement. It
	// may be asked again, where a transaction is tried again. It may be nil.
	Rows func(at Place) []Row

	// Release gives back what Prepare took; commit calls it exactly once,
	// whatever the outcome. It may be nil.
	Release func()
}

// ObjectKind says what an object in a pack is. It is part of the pack format.
type ObjectKind byte

// The kinds of objects (docs/formats/pack.md).
const (
	ObjectMessage ObjectKind = 1 // a sealed message
	ObjectIndex   ObjectKind = 2 // the index record of a message
)

// Object is sealed octets on their way into a pack.
type Object struct {
	ID     mail.ID // of the message
	Kind   ObjectKind
	Size   int64    // octets that Open yields
	SHA256 [32]byte // of these octets
	Open   func() (io.ReadCloser, error)
}

// Key is a data key that waits to be wrapped for its holders once the group is
// known. Only vault/seal makes and understands it.
type Key interface {
	// Object is the id of what the key opens.
	Object() mail.ID
}

// Leaf is an entry on its way into one of the tenant's logs.
type Leaf struct {
	Log   string // "message" or "audit"
	Entry []byte // the entry text (docs/formats/entry.md)
	// Sealed is the SHA-256 of the sealed octets that the entry speaks of, of no
	// octets where there are none.
	Sealed [32]byte
}

// Entered is a leaf as it stands in a log.
type Entered struct {
	Index int64    // -1 where there is none
	Data  [32]byte // its leaf data
	Kind  string   // the kind of its entry
}

// Place says where a unit's parts came to lie.
type Place struct {
	Group   mail.ID
	Pack    mail.ID
	Objects []Extent // one per object, in order
	Leaves  []int64  // index of each leaf in its log, in order
}

// Extent is where an object lies in its pack.
type Extent struct {
	Offset, Length int64
}

// Row is a row that a transaction inserts.
type Row struct {
	// Query inserts one: "INSERT INTO … VALUES ($1, $2, …)", where $1 is the tenant,
	// and perhaps what to do ON CONFLICT, without placeholders of its own.
	Query  string
	Values []any // from $2 on
}

// Counted is what a transaction makes true of one source.
type Counted struct {
	Source      string // key of [mail.Source]
	Accepted    int64  // messages
	References  int64  // retries that were recognised
	Octets      int64  // of the messages
	Stored      int64  // of their sealed objects
	Reports     int64  // of the messages, in journal reports
	Undecodable int64  // reports that were kept as they came
	From, To    int64  // first and last entry of the group in the message log; -1 where it has none
}
