package mail

import "slices"

// Refusal is why something was refused, as it is counted. The words are part of the
// formats (docs/formats/entry.md).
type Refusal string

// The reasons, and what a sender is told.
const (
	RefusedAuth      Refusal = "auth"      // a secret that is wrong (535), or missing (530)
	RefusedRecipient Refusal = "recipient" // nobody's address, or no source of it (550)
	RefusedPolicy    Refusal = "policy"    // the message is not accepted (5xx)
	RefusedSize      Refusal = "size"      // too large (552)
	RefusedRoom      Refusal = "room"      // no memory or disk for it now (452)
	RefusedLater     Refusal = "later"     // to be tried again (451)
)

// Refusals lists the reasons in the order in which they are written.
func Refusals() []Refusal {
	return []Refusal{RefusedAuth, RefusedRecipient, RefusedPolicy, RefusedSize, RefusedRoom, RefusedLater}
}

// Index returns where a reason stands in that order, -1 where it is none.
func (r Refusal) Index() int { return slices.Index(Refusals(), r) }
